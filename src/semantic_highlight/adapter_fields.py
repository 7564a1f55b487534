"""Fields that the pydantic models of frameworks share, with what they are in JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from semantic_highlight.highlighter import Highlighter
from semantic_highlight.selection import Selector
from semantic_highlight.selection.plain import from_plain, to_plain


def _describe_highlighter(highlighter: Highlighter | None) -> str | None:
    return None if highlighter is None else highlighter.scorer.name


def _refuse_description(value: object) -> object:
    if isinstance(value, str):
        msg = f"the highlighter {value} was described, not saved: pass it again, highlighter=..."
        raise ValueError(msg)  # noqa: TRY004 - pydantic reports a ValueError with its field
    return value


def _selector_to_plain(selector: Selector | None) -> dict[str, Any] | str | None:
    return None if selector is None else to_plain(selector)


def _selector_from_plain(value: Any) -> Any:
    return from_plain(value) if isinstance(value, dict | str) else value


HighlighterField = Annotated[
    Highlighter | None, BeforeValidator(_refuse_description), PlainSerializer(_describe_highlighter)
]
"""A highlighter; in JSON the name of its scorer, from which it cannot be made again."""

SelectorField = Annotated[
    Selector | None, BeforeValidator(_selector_from_plain), PlainSerializer(_selector_to_plain)
]
"""A selector; in JSON its type and its fields."""
