"""What the line breaks inside a paragraph mean: a wrapped sentence goes on; a title or a log line ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_NEWLINE = re.compile(r"\r\n?|\n")
_QUOTE_MARK = re.compile(r"[ \t]*(?:>[ \t]?)+")
_FINAL = re.compile(r"[.!?。！？…．][\"'”’」』)）\]】*_]*$")
_GOES_ON = re.compile(r"[,，、(（\[“「‘/&-]$")
_LABEL = re.compile(
    r"""
      [\[【][^\]】]{1,40}[\]】]                                    # [12:03], [reply], 【注】
    | \(?\d{1,2}:\d{2}\b | \d{4}[-/.年]\d{1,2}                     # 12:03, 2024-01-02, 2024年1月
    | \*\*[^*]{1,60}\*\*                                           # **Term**
    | [(（](?:\d{1,3}|[a-zA-Z]|[ivx]{1,5}|[一二三四五六七八九十]{1,3})[)）]
    | (?:\d{1,3}\.)+\d{1,3}\s | \d{1,3}[.)、．](?=\D) | [一二三四五六七八九十]{1,3}、
    | 第[\d一二三四五六七八九十百千零〇]{1,6}[条章节款项页]
    | [①-⑳•·▪◦●○■□►▸→↑←※★☆|] | [-*+–—]\s | [-=_*#~]{3,}
    | (?!https?:)\w[\w .'’·-]{0,30}(?:[(（][^)）]{1,20}[)）])?[:：](?=\s|[^\x00-\x7f])   # Alice: 用户：
    """,
    re.VERBOSE,
)


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


def logical_lines(contents: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Join the lines of one paragraph that were cut only because they were full.

    Args:
        contents: The lines, stripped.

    Yields:
        ``(first, last)``, half-open ranges of indices that tile ``contents`` in order.
    """
    widest = max(map(width, contents), default=0)
    labels = [is_labelled(content) for content in contents]
    first = 0
    for i in range(1, len(contents)):
        before, after = contents[i - 1], contents[i]
        # One "2.5 cm of rain" at the start of a full line is a wrapped number; several are a list.
        entry = labels[i] and (sum(labels[i - 1 : i + 2]) > 1 or not _is_full(before, after, widest))
        if entry or not _is_wrapped(before, after, widest):
            yield first, i
            first = i
    if contents:
        yield first, len(contents)


def is_labelled(line: str) -> bool:
    """Whether a line begins as an entry of its own: with a time, a speaker, a number, a bullet."""
    return _LABEL.match(line) is not None


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


def _is_full(line: str, following: str, widest: int, ratio: float = 0.9) -> bool:
    """Whether the first word of ``following`` would not have fitted on ``line``.

    Lines under 30 columns are too short to tell, over 140 nobody wraps.
    """
    if not 30 <= widest <= 140:
        return False
    word = following[:40].split(None, 1)[0]
    return width(line) + 1 + (width(word) if word.isascii() else 2) >= ratio * widest


def _is_wrapped(line: str, following: str, widest: int) -> bool:
    """Whether ``following`` goes on with what ``line`` began.

    The surer the words themselves are (a comma before the break, a lower-case letter after it), the less
    full the line has to be. The ratios were set on the training documents of this project.
    """
    if not following or not line:
        return False
    if ends_like_sentence(line):
        return line[-1] == "." and _is_full(line, following, widest)
    if _GOES_ON.search(line[-1:]) or following[0] in ",，。、）)；;":
        return _is_full(line, following, widest, 0.4)
    if following[0].islower():
        return _is_full(line, following, widest, 0.6)
    return _is_full(line, following, widest)
