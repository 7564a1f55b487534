"""Marks in text, HTML and terminal. Works on plain data, so that the result types can call it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator

Mark = tuple[int, int, float, bool]
"""``(start, end, score, kept)``: code points of the text, a score in [0, 1], and whether it is kept."""

# A carriage return alone would let the text overwrite its line; before a line feed it is a line break.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_KEPT, _DROPPED, _RESET = "\x1b[1;32m", "\x1b[2;9m", "\x1b[0m"  # bold green; faint and struck through


def to_html(text: str, marks: Iterable[Mark], *, caption: str = "") -> str:
    """Return ``text`` as an HTML fragment: kept ranges shaded by score, dropped ones struck and faint.

    Colours are translucent and the text keeps the page's own colour, so that it reads in light and dark
    notebooks. Everything that comes from ``text`` or ``caption`` is escaped.

    Args:
        text: The document.
        marks: Ranges in order, without overlap.
        caption: One line under the text.
    """
    body = "".join(_painted(text, marks, plain=html.escape, marked=_html_mark))
    note = f'<div style="opacity:.7;font-size:.85em">{html.escape(caption)}</div>' if caption else ""
    return f'<div style="white-space:pre-wrap;line-height:1.5">{body}</div>{note}'


def to_terminal(text: str, marks: Iterable[Mark]) -> str:
    r"""Return ``text`` with ANSI colours: kept ranges bold green, dropped ones faint and struck through.

    Control characters of the text, which could drive the terminal, show as ``\x1b`` and the like; line
    breaks and tabs stay.

    Args:
        text: The document.
        marks: Ranges in order, without overlap.
    """
    return "".join(_painted(text, marks, plain=_harmless, marked=_terminal_mark))


def to_marked_text(text: str, marks: Iterable[Mark], *, opening: str = "**", closing: str = "**") -> str:
    """Return the whole of ``text`` with ``opening`` and ``closing`` around every kept range.

    White space at the ends of a range stays outside the marks, as Markdown asks.

    Args:
        text: The document.
        marks: Ranges in order, without overlap.
        opening: What goes before a kept range.
        closing: What goes after it.
    """

    def marked(piece: str, _score: float, kept: bool) -> str:  # noqa: FBT001 - the painter's signature
        core = piece.strip()
        if not kept or not core:
            return piece
        before, after = piece.split(core, 1)
        return f"{before}{opening}{core}{closing}{after}"

    return "".join(_painted(text, marks, plain=str, marked=marked))


def _painted(
    text: str,
    marks: Iterable[Mark],
    *,
    plain: Callable[[str], str],
    marked: Callable[[str, float, bool], str],
) -> Iterator[str]:
    at = 0
    for start, end, score, kept in marks:
        yield plain(text[at:start])
        yield marked(text[start:end], score, kept)
        at = end
    yield plain(text[at:])


def _html_mark(piece: str, score: float, kept: bool) -> str:  # noqa: FBT001 - the painter's signature
    escaped = html.escape(piece)
    if not piece.strip():
        return escaped
    if not kept:
        return f'<del title="{score:.2f}" style="opacity:.55">{escaped}</del>'
    shade = 0.12 + 0.48 * score
    style = f"color:inherit;background:rgba(255,180,0,{shade:.2f})"
    return f'<mark title="{score:.2f}" style="{style}">{escaped}</mark>'


def _terminal_mark(piece: str, _score: float, kept: bool) -> str:  # noqa: FBT001 - the painter's signature
    style = _KEPT if kept else _DROPPED
    return "".join(
        f"{style}{_harmless(line)}{_RESET}" if line.strip() else _harmless(line)
        for line in re.split(r"(\r?\n)", piece)
    )


def _harmless(text: str) -> str:
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)
