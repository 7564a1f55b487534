"""The files that configurations name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from semantic_highlight.errors import InputError, MissingExtraError

PACKAGE = "package:"


def located(path: str, folder: Path = Path()) -> Path:
    """Resolve a path of a configuration: relative to a folder, or ``package:name/path/inside``.

    The package is found without importing it.

    Raises:
        InputError: If ``package:`` is followed by no name.
        MissingExtraError: If that package is not installed.
    """
    if not path.startswith(PACKAGE):
        return folder / path
    name, _, inside = path.removeprefix(PACKAGE).partition("/")
    if not name.isidentifier():
        raise InputError(f"{path!r} names no package: write 'package:name/path/inside'")
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise MissingExtraError(name, "train")
    return Path(spec.origin).parent / inside
