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

_WINDOW = 2048
"""Code points the engine sees at once. Longer sentences are cut afterwards anyway."""

_UNSAFE = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_MASK = str.maketrans(dict.fromkeys('“”„「」『』（）()"', " "))
_FALLBACK = re.compile(r"[.!?。！？．]+(?=\s|$|[\"'”’」』)）\]】])|[。！？]+")

# Stops that the engine does not see: a CJK stop before a Latin lower-case letter, an ellipsis sign before a
# capital, and the stop of "40 g. The", which it takes for an initial.
_MISSED = re.compile(
    r"[。！？]+|…(?=[\"”’)\]]*\s+[\"“‘(\[]*[A-Z])|(?<=\d)[ \u00a0]?[a-zµ°]{1,2}\.(?=[ \n][A-Z][a-z])"
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
    r"(?:[¹²³⁰-⁹]+|\[\d{1,3}\]|[)\]）】”’」』]|[\"'*_]+(?=[\s\u3000-\u9fff]|$)|</\w{1,10}>)*\s*"
)
_TAIL = re.compile(r"(?:[¹²³⁰-⁹]|\[\d{1,3}\]|</\w{1,10}>|[“”‘’「」『』（）()\[\]\"'*_])+$")
_NEVER_FIRST = frozenset(",;:，、；：。．.!?！？)]）】”’」』》〉%—–·/|")
_PARTICLES = frozenset("的地得了着过等和与及")
_STARTER = re.compile(
    r"(?:The|This|That|These|Those|There|It|He|She|We|You|They|In|On|At|If|An?|And|But|For|However|When|While|"
    r"After|As|To|Then|What|How|Why|Please|No|Yes|I)[ ’']"
)
_TITLE = re.compile(
    r"(?:^|[^A-Za-z])(?:Dr|Mrs?|Ms|Prof|St|Gen|Col|Capt|Lt|Sgt|Rev|Hon|Gov|Sen|vs|cf|[Ee]\.g|[Ii]\.e)\.$"
)
_ABBREVIATION = re.compile(
    r"(?:^|[^A-Za-z])(?:[b-df-hj-np-tv-xz]{1,5}|[A-Z]|nos?|figs?|eqs?|secs?|vols?|arts?|tel|ext|approx|ca|refs?|tab|"
    r"app|par|rev|ver|min|max|typ|incl|excl|ed|esp|lib|avg|temp|spec|signif|prelim|orig|jan|feb|mar|apr|jun|jul|"
    r"aug|sept?|oct|nov|dec)\.$",
    re.IGNORECASE,
)
"""What a stop after it does not end a sentence before a number or a lower-case letter."""

_ENUMERATOR = re.compile(r"\W*(?:(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5})[.)、．])?\W*")


def sentence_ends(text: str) -> list[int]:
    """Return where the sentences of ``text`` end, ascending, the last one being ``len(text)``.

    White space after a sentence belongs to it. The empty string has no sentence.
    """
    ends: list[int] = []
    start = 0
    while start < len(text):
        window = text[start : start + _WINDOW]
        found = [start + end for end in _window_ends(window)]
        if start + len(window) < len(text) and len(found) > 1 and found[-2] - start > _WINDOW // 2:
            found.pop()  # the last sentence of a window may go on in the next one
        ends += found
        start = ends[-1]
    return ends


def _window_ends(text: str) -> list[int]:
    """Return the sentence ends of a short text."""
    candidates = {*_engine_ends(text), *(match.end() for match in _MISSED.finditer(text))}
    whole = [match.span() for match in _WHOLE.finditer(text)]
    whole.reverse()
    ends: list[int] = []
    start = 0
    for candidate in sorted({_settle(text, end) for end in candidates}):
        while whole and whole[-1][1] <= candidate:
            whole.pop()
        inside = bool(whole) and whole[-1][0] < candidate
        if start < candidate < len(text) and not inside and _is_end(text, start, candidate):
            ends.append(candidate)
            start = candidate
    return [*ends, len(text)]


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


def _settle(text: str, end: int) -> int:
    """Move an end to behind the quotes, brackets and white space that close its sentence."""
    while end and (text[end - 1].isspace() or text[end - 1] in _LOOSE):
        end -= 1
    closed = _CLOSED.match(text, end)
    return closed.end() if closed else end


def _is_end(text: str, start: int, end: int) -> bool:
    """Whether the sentence from ``start`` ends at ``end``, white space after it included."""
    sentence = text[start:end].rstrip()
    tail = _TAIL.search(sentence[-24:])
    core = sentence[: -len(tail.group())] if tail else sentence
    following = text[end]
    if not core or core[-1].isalnum() or following in _NEVER_FIRST or _ENUMERATOR.fullmatch(sentence):
        return False
    if len(core) < len(sentence):
        return _is_end_of_closed(sentence, core, following)
    if len(sentence) == end - start:
        return _is_end_without_space(core, text, end)
    if (following.isdigit() or following.islower()) and _ABBREVIATION.search(core[-9:]):
        return False
    return not _TITLE.search(core[-6:])


def _is_end_of_closed(sentence: str, core: str, following: str) -> bool:
    """Whether a stop inside quotes or brackets also ends the sentence around them."""
    if following in _PARTICLES or "a" <= following <= "z":
        return False
    if sentence[-1] in ")）" and core[-1:] != "。":
        return sentence[0] in "(（"
    return True


def _is_end_without_space(core: str, text: str, end: int) -> bool:
    """Whether a stop with no space after it ends a sentence: ``好.走`` does, ``System.Out`` does not."""
    stop, following = core[-1:], text[end]
    if stop not in ".!?":
        return True
    if following.isascii() and (following.isalnum() or following in "-_/\\=&#@~+<"):
        return (core[-2:-1].islower() or core[-2:-1] > "\u2e80") and _STARTER.match(text, end) is not None
    return not (stop == "." and core[-2:-1].isdigit())
