"""What the line breaks inside a paragraph mean: a wrapped sentence goes on; a title or a log line ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_NEWLINE = re.compile(r"\r\n?|\n")
_QUOTE_MARK = re.compile(r"[ \t]*(?:>[ \t]?)+")
_FINAL = re.compile(r"[.!?。！？…．][\"'”’」』)）\]】*_]*$")

# What begins an entry of its own: a time, a speaker, a number, a bullet, a prompt.
_LABEL = re.compile(
    r"""
      [\[【][^\]】]{1,40}[\]】]                                    # [12:03], [reply], 【注】
    | (?:[\w.-]{1,20}\s)?(?:\d{1,2}[-/.]\d{1,2}\ )?\(?\d{1,2}:\d{2}\b    # Tue 10:15, 老陶 20:08
    | \d{4}[-/.年]\d{1,2} | \d{4}(?:年|\s{2}|\u3000)               # 2024-01-02, 1919年
    | \*\*[^*]{1,60}\*\* | \#{1,6}\s | \#\d+                       # **Term**
    | [(（](?:\d{1,3}|[a-zA-Z]|[ivx]{1,5}|[一二三四五六七八九十]{1,3})[)）]
    | (?:\d{1,3}\.)+\d{1,3}\s | \d{1,3}[.)、．](?=\D) | [一二三四五六七八九十]{1,3}、
    | 第[\d一二三四五六七八九十百千零〇]{1,6}[条章节款项页]
    | [①-⑳•·▪◦●○■□►▸→↑←↳※★☆|] | [-*+–—]\s | [-=_*#~]{2,}
    | [$]\s | [\w.-]{1,30}@[\w.-]{1,60}:\S{0,60}[$\#]\s            # a shell prompt
    | (?!https?:)[\w@][\w .'’·-]{0,30}(?:[(（][^)）]{1,20}[)）])?[:：](?=\s|[^\x00-\x7f])   # Alice: 用户：
    """,
    re.VERBOSE,
)

_NUMBER = re.compile(r"(?:\d{1,2}\.)+\d{0,2}\s|\d{1,2}[)）、]|第[\d一二三四五六七八九十百]{1,5}[条章节]")

# A line that ends like this cannot be the end of anything.
_UNFINISHED = re.compile(
    r"(?:[\w)\]][,，、]|[(（\[“「‘]|\w-|(?:^|[\s(])(?:an?|and|are|as|at|be|but|by|for|from|in|is|not|of|on|or|that|the|to|"
    r"was|were|which|with)|[的和与或及])$"
)
_COLUMNS = re.compile(r"\S(?:[ ]{2,}|[ ]?[\t|]|\u3000{2,})")
"""Lines laid out in columns: rows of a table that lost its rules, not prose."""

_NARROWEST, _WIDEST = 30, 140
"""Columns between which a text may have been wrapped; outside them line breaks are meant."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text: where it begins, where its content stops, where the next line begins."""

    start: int
    stop: int
    end: int


def line_table(text: str) -> list[Line]:
    r"""Return the lines of ``text``; only ``\n``, ``\r`` and ``\r\n`` end one, as in CommonMark."""
    lines = []
    start = 0
    for match in _NEWLINE.finditer(text):
        lines.append(Line(start, match.start(), match.end()))
        start = match.end()
    if start < len(text):
        lines.append(Line(start, len(text), len(text)))
    return lines


def logical_lines(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Join the lines of one paragraph that were broken only because they were full.

    Args:
        lines: The lines, without line breaks and quote marks.

    Yields:
        ``(first, last)``, half-open ranges of indices that tile ``lines`` in order.
    """
    joined = _joins(lines)
    first = 0
    for i in range(1, len(lines)):
        if not joined[i - 1]:
            yield first, i
            first = i
    if lines:
        yield first, len(lines)


def is_labelled(line: str) -> bool:
    """Whether a line begins as an entry of its own: with a time, a speaker, a number, a bullet."""
    return _LABEL.match(line) is not None


def is_numbered(line: str) -> bool:
    """Whether a line begins with the number of a clause: ``12. The courts``, ``8.2 单台``."""
    return _NUMBER.match(line) is not None


def ends_like_sentence(line: str) -> bool:
    """Whether a line ends with a stop, quotes and brackets after it allowed."""
    return _FINAL.search(line[-12:]) is not None


def without_quote_marks(line: str) -> str:
    """Return a line with the ``>`` of a block quote blanked out, every character in its place."""
    mark = _QUOTE_MARK.match(line)
    return " " * mark.end() + line[mark.end() :] if mark else line


def width(line: str) -> int:
    """Return the columns a line takes, East Asian characters counting two, to within a few per cent."""
    return (len(line) + len(line.encode("utf-8", "surrogatepass"))) // 2


def _joins(lines: Sequence[str]) -> list[bool]:
    """Return for every line but the last whether the next one goes on with it."""
    contents = [line.strip() for line in lines]
    pairs = list(pairwise(contents))
    widest = max(map(width, contents), default=0)
    fill = [_fill(before, after) / widest if before and after else 0.0 for before, after in pairs]
    if not _NARROWEST <= widest <= _WIDEST:
        fill = [0.0] * len(pairs)
    labels = [is_labelled(content) for content in contents]
    wrapped = sum(f >= 0.9 for f in fill) * 2 >= len(pairs)
    joins = []
    for i, (before, after) in enumerate(pairs):
        # One "2.5 cm of rain" at the start of a line, after a full one, is a wrapped number; several are
        # a list.
        entry = labels[i + 1] and (sum(labels[i : i + 3]) > 1 or fill[i] < 0.9)
        if entry or not (before and after):
            joins.append(False)
            continue
        deeper = _indent(lines[i + 1]) - _indent(lines[i])
        if labels[i] and deeper >= 2:
            joins.append(True)
        elif abs(deeper) >= 4:
            joins.append(False)
        else:
            joins.append(_goes_on(before, after, fill[i], wrapped=wrapped))
    return joins


def _goes_on(line: str, following: str, fill: float, *, wrapped: bool) -> bool:
    """Whether ``following`` goes on with what ``line`` began.

    Args:
        line: A line that is not blank.
        following: The line after it, neither blank nor an entry of its own.
        fill: The width that ``line`` and the first word of ``following`` would take together, as a share
            of the widest line; 0.0 where nobody can have wrapped it. The surer the words themselves are,
            the lower it may be. The bounds were set on the documents this project trains on.
        wrapped: Whether most lines around are full.
    """
    if ends_like_sentence(line):
        return line[-1] == "." and fill >= 0.9
    if _UNFINISHED.search(line[-12:]) or following[0] in ",，。、）)；;":
        return fill >= 0.4
    columns = [_COLUMNS.search(line) is not None, _COLUMNS.search(following) is not None]
    if following[0].islower():
        return fill >= 0.6 and not all(columns)
    return wrapped and fill >= 0.9 and not any(columns)


def _fill(line: str, following: str) -> int:
    """Return the columns that a line would take with the first word of the following one."""
    word = following[:40].split(None, 1)[0]
    return width(line) + (1 + width(word) if word.isascii() else 2)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
