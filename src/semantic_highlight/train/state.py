"""Files of a run that are whole or absent: written beside, synced, renamed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def write_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Write a folder in one step: ``fill`` gets an empty folder, which replaces ``target`` when all is on disk.

    A process killed at any moment leaves the old folder or the new one, never a mixture; if it dies
    between the two renames, the old one is left as ``target`` + ``.old`` and :func:`find_folder` takes it.
    """
    new, old = target.with_name(target.name + ".new"), target.with_name(target.name + ".old")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    fill(new)
    for path in [*new.rglob("*"), new]:
        _sync(path)
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    _sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


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


def save_state(folder: Path, *, progress: dict[str, Any], **parts: Any) -> None:
    """Save the state of a run: ``progress`` as JSON, and each part's ``state_dict`` in its own file."""

    def fill(new: Path) -> None:
        (new / "progress.json").write_text(json.dumps(progress, indent=2), encoding="utf-8")
        for name, part in parts.items():
            torch.save(part.state_dict(), new / f"{name}.pt")
        torch.save(torch.get_rng_state(), new / "rng.pt")

    write_folder(folder, fill)


def load_state(folder: Path, **parts: Any) -> dict[str, Any] | None:
    """Load what :func:`save_state` saved into the parts and return the progress, or None when there is none."""
    found = find_folder(folder)
    if found is None:
        return None
    for name, part in parts.items():
        part.load_state_dict(torch.load(found / f"{name}.pt", map_location="cpu", weights_only=True))
    torch.set_rng_state(torch.load(found / "rng.pt", weights_only=True))
    progress: dict[str, Any] = json.loads((found / "progress.json").read_text(encoding="utf-8"))
    return progress
