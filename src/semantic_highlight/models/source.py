"""What is read of a checkpoint before its family is chosen: configuration, weights' names, licence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.family import Source
from semantic_highlight.models.files import CONFIG_NAME
from semantic_highlight.models.weights import read_shapes

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*$", re.DOTALL | re.MULTILINE)
_LICENCE = re.compile(r"^license:[ \t]*(?:\n[ \t]*-[ \t]*|\[[ \t]*)?[\"']?([\w.+-]+)", re.MULTILINE)
_NON_COMMERCIAL = re.compile(r"(^|-)nc(-|$)")


def read_source(folder: Path, name: str) -> Source:
    """Read the configuration, the weights' names and the licence of a checkpoint; run nothing of it.

    Args:
        folder: The checkpoint.
        name: How the user calls it.

    Raises:
        CheckpointError: If a file is missing or broken, or the weights are pickled.
    """
    return Source(folder, name, read_json(folder / CONFIG_NAME), read_shapes(folder), _licence(folder))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        CheckpointError: If the file is missing or holds anything else.
    """
    if not path.is_file():
        raise CheckpointError(f"{path.parent} has no {path.name}: give the folder of a checkpoint")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, where a JSON object is needed")
    return content


def number(source: Source, key: str, default: float, *, low: float, high: float = 2**31) -> float:
    """Return a number of ``config.json``, or the default where it is absent or null.

    Raises:
        CheckpointError: If it is no number in ``[low, high]``.
    """
    found = source.config.get(key)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
        raise CheckpointError(
            f"config.json of {source.name!r} has {key} {found!r}; needed is a number of {low:g} to {high:g}"
        )
    return found


def check_licence(name: str, licence: str | None, accepted: str | None) -> None:
    """Refuse weights for non-commercial use unless the user accepts their licence.

    Args:
        name: The checkpoint.
        licence: Its licence, in lower case.
        accepted: A licence id, or the beginning of one up to a hyphen: ``"cc-by-nc"`` accepts
            ``"cc-by-nc-nd-4.0"``. It has to hold the ``nc`` itself: ``"cc-by"`` accepts nothing.

    Raises:
        CheckpointError: If it is non-commercial and not accepted.
    """
    if licence is None or not _NON_COMMERCIAL.search(licence):
        return
    given = (accepted or "").lower()
    if _NON_COMMERCIAL.search(given) and f"{licence}-".startswith(f"{given}-"):
        return
    what = "nothing was accepted" if accepted is None else f"accept_license={accepted!r} does not cover it"
    raise CheckpointError(
        f"the weights of {name!r} are licensed {licence}, which forbids commercial use of them and of what "
        f"they are part of, and {what}. If that suits your use, pass accept_license={licence!r}"
    )


def _licence(folder: Path) -> str | None:
    """Return the ``license`` of the front matter of ``README.md``, as the hub reads it."""
    path = folder / "README.md"
    if not path.is_file():
        return None
    front = _FRONT_MATTER.match(path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n"))
    found = _LICENCE.search(front[1]) if front else None
    return found[1].lower() if found else None
