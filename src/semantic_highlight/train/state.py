"""Files of a run that are whole or absent: written beside, synced, renamed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from semantic_highlight.errors import InputError


def write_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Write a folder in one step: ``fill`` gets an empty one, which replaces ``target`` when all is on disk.

    A process killed at any moment leaves the old folder or the new one, never a mixture; if it dies
    between the two renames, the old one is left as ``target`` + ``.old`` and :func:`find_folder` takes it.
    """
    new, old = target.with_name(target.name + ".new"), target.with_name(target.name + ".old")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    fill(new)
    for path in [*new.rglob("*"), new]:
        _sync(path)
    if target.exists():
        # Only now: without a target, the old folder is the last whole one.
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    new.rename(target)
    _sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def copy_files(source: Path, target: Path) -> None:
    """Copy the files of a folder into another that exists."""
    for path in source.iterdir():
        shutil.copyfile(path, target / path.name)


def find_folder(target: Path) -> Path | None:
    """Return the newest whole version of a folder written by :func:`write_folder`, or None."""
    candidates = (target, target.with_name(target.name + ".old"))
    return next((folder for folder in candidates if folder.is_dir()), None)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save_state(folder: Path, *, progress: dict[str, Any], identity: Mapping[str, Any], **parts: Any) -> None:
    """Save the state of a run in one step.

    Args:
        folder: Where.
        progress: Where the run stands.
        identity: What makes the run what it is; see :func:`check_identity`.
        parts: Each has a ``state_dict``, which gets its own file.
    """

    def fill(new: Path) -> None:
        write_json(new / "progress.json", progress)
        write_json(new / "identity.json", identity)
        for name, part in parts.items():
            torch.save(part.state_dict(), new / f"{name}.pt")
        torch.save(torch.get_rng_state(), new / "rng.pt")

    write_folder(folder, fill)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file; inside :func:`write_folder` it is whole or absent."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_state(folder: Path, **parts: Any) -> dict[str, Any] | None:
    """Load what :func:`save_state` saved into the parts; return the progress, or None where nothing is."""
    found = find_folder(folder)
    if found is None:
        return None
    for name, part in parts.items():
        part.load_state_dict(torch.load(found / f"{name}.pt", map_location="cpu", weights_only=True))
    torch.set_rng_state(torch.load(found / "rng.pt", weights_only=True))
    progress: dict[str, Any] = json.loads((found / "progress.json").read_text(encoding="utf-8"))
    return progress


def check_identity(folder: Path, identity: Mapping[str, Any]) -> None:
    """Refuse to go on with the state of a run that was another one.

    Args:
        folder: See :func:`save_state`.
        identity: Settings, nested as they may be, and digests of files.

    Raises:
        InputError: Names every field that differs, what it was and what it is.
    """
    found = find_folder(folder)
    # A state without the file is from before there was one; its run cannot be compared.
    if found is None or not (found / "identity.json").is_file():
        return
    was = _flat(json.loads((found / "identity.json").read_text(encoding="utf-8")))
    now = _flat(json.loads(json.dumps(identity)))
    changed = [
        f"{name} (was {was.get(name, 'absent')!r}, is {now.get(name, 'absent')!r})"
        for name in sorted(was.keys() | now.keys())
        if was.get(name, "absent") != now.get(name, "absent")
    ]
    if changed:
        raise InputError(
            f"{found} holds a run with other settings: {', '.join(changed)}; set them back to go on with it,"
            " or give another 'out' to begin anew (tokens, log_every and save_every may change)"
        )


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {name: value}
    return {
        key: leaf
        for part, inner in items
        for key, leaf in _flat(inner, f"{name}.{part}" if name else str(part)).items()
    }


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or "missing"."""
    if not path.is_file():
        return "missing"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
