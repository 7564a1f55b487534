"""The blocks of a text: what Markdown says of each line, whether or not the text is Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from semantic_highlight.splitting.lines import ends_like_sentence
from semantic_highlight.types import SpanKind

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_LEAVES: dict[str, SpanKind] = {
    "thead_open": "table_header",
    "tr_open": "table_row",
    "heading_open": "heading",
    "fence": "code",
    "hr": "line",
    "paragraph_open": "prose",
}

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^`]*)$")
_FRONT_MATTER = re.compile(r"---[ \t]*$")
_FRONT_MATTER_LINES = 60


@cache
def _markdown() -> MarkdownIt:
    """Return the parser, loaded at the first use because its import takes a third of the package's."""
    from markdown_it import MarkdownIt

    # `code` off: text cut from a PDF is indented without being code. `html_block` and `reference` off: what
    # they would swallow is text to us. Inline Markdown is never looked at.
    parser = MarkdownIt("commonmark").enable("table").disable(["inline", "code", "reference", "html_block"])
    # The first parse fills a cache of rules in two steps; a thread that came between them would miss rules.
    parser.parse("a")
    return parser


@dataclass(frozen=True, slots=True)
class Block:
    """A run of lines ``[first, last)`` that belong together, the blank lines after them included."""

    first: int
    last: int
    kind: SpanKind


def find_blocks(lines: Sequence[str]) -> list[Block]:
    """Return the blocks of a text, tiling its lines in order; ``prose`` where Markdown sees a paragraph.

    Args:
        lines: The lines of the text without their line breaks.
    """
    matter = _front_matter(lines)
    source = ["" if i < matter else line for i, line in enumerate(lines)]
    for stray in _stray_fences(source):
        source[stray] = ""
    leaves = [Block(0, matter, "code"), *_leaves(source)] if matter else list(_leaves(source))
    return _tile(leaves, lines)


def _leaves(source: Sequence[str]) -> Iterator[Block]:
    """Yield what Markdown finds, in order and without overlap; lines that nest too deeply are left out."""
    items: set[int] = set()
    reached = 0
    for token in _markdown().parse("\n".join(source)):
        if token.map is None:
            continue
        first, last = token.map
        if token.type == "list_item_open":
            items.add(first)
        kind = _LEAVES.get(token.type)
        if kind is None or first < reached:
            continue
        if kind == "table_header":
            last += 1  # the |---| row
        if kind == "prose" and first in items:
            kind = "list_item"
        if kind == "heading" and not _is_heading(source[first:last]):
            yield Block(first, last - 1, "prose")
            first, kind = last - 1, "line"
        yield Block(first, last, kind)
        reached = last


def _is_heading(lines: Sequence[str]) -> bool:
    """Whether a heading of Markdown is one to a reader.

    An underlined one must be one line, not a sentence over a rule, and ``--`` signs a mail.
    """
    if len(lines) == 1:
        return True
    return len(lines) == 2 and len(lines[1].strip(" \t>")) > 2 and not lines[0].rstrip().endswith((".", "。"))


def _tile(leaves: Sequence[Block], lines: Sequence[str]) -> list[Block]:
    """Give blank lines to the block before them, and other lines between blocks a block of their own."""
    tiled: list[Block] = []
    at = 0
    for leaf in [*leaves, Block(len(lines), len(lines), "prose")]:
        first = at
        while tiled and first < leaf.first and not lines[first].strip():
            first += 1
        if first > at:
            tiled[-1] = Block(tiled[-1].first, first, tiled[-1].kind)
        if first < leaf.first:
            tiled.append(Block(first, leaf.first, "prose"))
        if leaf.first < leaf.last:
            tiled.append(leaf)
        at = leaf.last
    return tiled


def _front_matter(lines: Sequence[str]) -> int:
    """Return the number of lines of YAML front matter at the top, the ``---`` lines included; 0 if none."""
    if not lines or not _FRONT_MATTER.match(lines[0]):
        return 0
    for i, line in enumerate(lines[1:_FRONT_MATTER_LINES], start=1):
        if _FRONT_MATTER.match(line):
            return i + 1 if i > 1 else 0
        if not line.strip():
            return 0
    return 0


def _stray_fences(lines: Sequence[str]) -> Iterator[int]:
    """Yield the bare fences that close a code block whose beginning was cut off.

    Retrieved chunks often begin inside a code block. Taken as an opening, its closing fence would turn all
    the prose after it into code. A bare fence is taken for a closing one when the next fence names a
    language, or when there is none and sentences follow.
    """
    opened: tuple[int, str, str] | None = None
    for i, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        marks, info = fence.group(1), fence.group(2).strip()
        if opened is None:
            opened = (i, marks, info)
        elif marks[0] == opened[1][0] and len(marks) >= len(opened[1]):
            if not info:
                opened = None
            elif not opened[2]:
                yield opened[0]
                opened = (i, marks, info)
    if opened is not None and not opened[2] and any(map(ends_like_sentence, lines[opened[0] + 1 :][:5])):
        yield opened[0]
