"""Selectors as plain JSON values, for configurations that are written down and read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from semantic_highlight import selection
from semantic_highlight.errors import InputError
from semantic_highlight.selection.base import Policy, Selector


def to_plain(selector: Selector) -> dict[str, Any] | str:
    """Return ``{"type": its class, **its fields}``, or its ``repr`` where that could not be read again.

    The latter are selectors of others, and a ``MustKeep`` with a function or a compiled expression.
    """
    plain = _plain(selector)
    return plain if isinstance(plain, dict) and _complete(plain) else repr(selector)


def _plain(value: Any) -> Any:
    if not isinstance(value, Policy) or getattr(selection, type(value).__name__, None) is not type(value):
        return value
    values = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}  # type: ignore[arg-type]
    return {"type": type(value).__name__, **values}


def _complete(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_complete, value.values()))
    return isinstance(value, str | int | float | None)


def from_plain(plain: Mapping[str, Any] | str) -> Selector:
    """Make a selector again from what :func:`to_plain` returned.

    Raises:
        InputError: If it is only a ``repr``, is of no selector of this package, or has other fields.
    """
    if isinstance(plain, str):
        raise InputError(f"the selector {plain} was described, not saved: pass it again")
    known = [name for name in selection.__all__ if name != "Selector"]
    if plain.get("type") not in known:
        raise InputError(f"the selector's type is {plain.get('type')!r}: use one of {', '.join(known)}")
    values = {
        name: from_plain(value) if isinstance(value, Mapping) else value
        for name, value in plain.items()
        if name != "type"
    }
    try:
        made: Selector = getattr(selection, plain["type"])(**values)
    except TypeError as error:
        msg = f"the selector {dict(plain)} cannot be made: {error}"
        raise InputError(msg) from error
    return made
