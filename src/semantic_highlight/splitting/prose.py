"""Where the sentences of running text end, English and Chinese.

The engine is `sentencex` (MIT, Wikimedia): fast, and it knows the abbreviations. Measured with 1.0.32, it
panics on some strings, refuses lone surrogates, looks for the other half of every quotation mark (quadratic
when there is none) and misses some stops. So it gets small windows of cleaned text in which every character
keeps its place and no quotation mark or bracket is left; quotations are ours, and so are the repairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import sentencex

from semantic_highlight.splitting.stops import NOTE_MARK, is_end

_WINDOW = 2048
"""Code points the engine sees at once. Longer sentences are cut afterwards anyway."""

# Controls, surrogates, spaces other than " ", and the "!" of a Markdown image.
_UNSAFE = re.compile(
    r"[^\S ]|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]|!(?=\[)"
)
_MASK = str.maketrans(dict.fromkeys('“”„「」『』（）()[]"', " "))
_FALLBACK = re.compile(r"[.!?。！？．]+(?=\s|$|[\"'”’」』)）\]】])|[。！？]+")

# Stops that the engine does not see: a CJK stop before a Latin small letter, an ellipsis sign or "?!" before
# a capital, and the stop of "40 g. The", which it takes for an initial.
_MISSED = re.compile(
    r"[。！？]+|(?:…|[!?]{2})(?=[\"”’)\]]*\s+[\"“‘(\[]*[A-Z])|(?<=\d)\s?[a-zµ°]{1,2}\.(?=\s[A-Z][a-z])"
)

# Stops inside a short quotation, bracket, address or piece of code do not end the sentence around it. The
# lengths are bounded so that a stray mark protects little and the search stays linear.
_WHOLE = re.compile(
    r"""“[^“”]{1,200}” | 「[^「」]{1,200}」 | 『[^『』]{1,200}』 | 《[^《》]{1,80}》
      | （[^（）]{1,200}） | \([^()]{1,200}\) | \[[^\[\]]{1,200}\] | `[^`]{1,200}`(?:\s*\w)?
      | (?<![^\s(（\[：:，,。])"(?=\S)[^"]{1,200}(?<=\S)"(?!\w)
      | (?:https?://|www\.)[^\s\u3000-\u9fff\uff00-\uffef]{1,500}(?<![.!?])""",
    re.VERBOSE,
)

_LOOSE = frozenset("“”„‘’「」『』（）()[]【】《》〈〉\"'*_")
_CLOSED = re.compile(
    rf"((?:{NOTE_MARK}|[)\]）】”’」』]|[\"'*_]+(?=[\s\[\u3000-\u9fff]|$)|</\w{{1,10}}>)*)\s*"
)


def sentence_ends(text: str) -> list[int]:
    """Return where the sentences of ``text`` end, ascending, the last one being ``len(text)``.

    White space after a sentence belongs to it. The empty string has no sentence.
    """
    ends: list[int] = []
    start = 0
    while start < len(text):
        window = text[start : start + _WINDOW]
        inner = _inner_ends(window)
        ends += [start + end for end in inner]
        # The next window begins with the sentence that this one may have broken off, unless that is half a
        # window long: then it is cut anyway, and going back would cost more than it gains.
        start += inner[-1] if inner and inner[-1] > _WINDOW // 2 and len(window) == _WINDOW else _WINDOW
    return [*ends, len(text)] if text else []


def _inner_ends(text: str) -> list[int]:
    """Return the sentence ends inside a short text, its own end left out."""
    candidates = {*_engine_ends(text), *(match.end() for match in _MISSED.finditer(text))}
    whole = [match.span() for match in _WHOLE.finditer(text)]
    whole.reverse()
    ends: list[int] = []
    start = 0
    for closed, end in sorted({_settle(text, candidate) for candidate in candidates}):
        while whole and whole[-1][1] <= end:
            whole.pop()
        inside = bool(whole) and whole[-1][0] < end
        if start < closed and end < len(text) and not inside and is_end(text, start, closed, end):
            ends.append(end)
            start = end
    return ends


def _engine_ends(text: str) -> Iterator[int]:
    """Yield the ends that `sentencex` finds, or those of a plain rule where it fails."""
    safe = _UNSAFE.sub(" ", text).translate(_MASK)
    try:
        sentences = sentencex.segment("en", safe)
    except BaseException as error:
        # pyo3's PanicException derives from BaseException and cannot be imported; interrupts must pass.
        if type(error).__name__ != "PanicException":
            raise
        sentences = []
    if sum(map(len, sentences)) != len(text):
        yield from (match.end() for match in _FALLBACK.finditer(text))
        return
    end = 0
    for sentence in sentences:
        end += len(sentence)
        yield end


def _settle(text: str, end: int) -> tuple[int, int]:
    """Return where the marks that close the sentence at ``end`` end, and the white space after them."""
    while end and (text[end - 1].isspace() or text[end - 1] in _LOOSE or text.startswith("![", end - 1)):
        end -= 1
    match = _CLOSED.match(text, end)
    return (match.end(1), match.end()) if match else (end, end)
