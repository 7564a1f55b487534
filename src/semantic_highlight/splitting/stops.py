"""Which stops end a sentence: not those of ``Dr. Li``, ``No. 5``, ``Steps: 1. Open`` or ``self.Value``."""

from __future__ import annotations

import re

_CONTEXT = 32
"""Code points before a stop that tell what it is: bounded, so that many stops in a row stay cheap."""

NOTE_MARK = r"(?:[¹²³⁰-⁹]|\[(?:\d{1,3}|[a-z]{1,2}|[a-z]{1,4}\ \d{1,2})\])"
"""A mark that sends the reader to a note, after the stop: ``[3]``, ``[a]``, ``[n 1]``, ``¹``."""

_TAIL = re.compile(rf"(?:{NOTE_MARK}|</\w{{1,10}}>|[“”‘’「」『』（）()\[\]\"'*_])+$")
"""What may stand between a stop and the white space after its sentence."""

_NOTED = re.compile(rf"[.!?…][\"”’]?{NOTE_MARK}+$")
_NEVER_FIRST = frozenset(",;:，、；：。．.!?！？)]）】”’」』》〉%—–·/|")
_PARTICLES = frozenset("的地得了着过等和与及")
"""Chinese words that go on with a phrase whose quotation mark has just closed."""

_TITLE = re.compile(
    r"(?:^|[^A-Za-z])(?:Dr|Mrs?|Ms|Prof|St|Gen|Col|Capt|Lt|Sgt|Rev|Hon|Gov|Sen|vs|cf|[Ee]\.g|[Ii]\.e)\.$"
)
"""Abbreviations that never end a sentence. The engine knows them, but not after a Chinese character."""

_ABBREVIATION = re.compile(
    r"(?:^|[^A-Za-z])(?:[b-df-hj-np-tv-xz]{1,5}|[a-z]|nos?|figs?|eqs?|secs?|vols?|arts?|tel|ext|"
    r"approx|ca|refs?|tab|app|par|rev|ver|min|max|typ|incl|excl|ed|esp|lib|avg|temp|spec|signif|prelim|orig|jan|"
    r"feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.$",
    re.IGNORECASE,
)
"""What does not end a sentence before a number or a small letter: these, and words without a vowel."""

_ITEM = re.compile(r"(?:[:;,]\s|[：；，、(（])\d{1,2}\.$")
"""The number of an item in a row of items: ``Steps: 1. Open it.``"""

_NO_SENTENCE = re.compile(r"\W*(?:(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5})[.)、．])?\W*")
"""Marks without a word, or the number of the sentence that follows."""

_STARTER = re.compile(
    r"(?:The|This|That|These|Those|There|It|He|She|We|You|They|In|On|At|If|An?|And|But|For|However|When|While|"
    r"After|As|To|Then|What|How|Why|Please|No|Yes|I)[ ’']"
)
"""Words that show a missing space in ``ends here.The next``, where ``self.Value`` is one word."""


def is_end(text: str, start: int, closed: int, end: int) -> bool:
    """Whether the sentence that begins at ``start`` ends at ``end``.

    Args:
        text: The text.
        start: Where the sentence begins.
        closed: A place behind a stop and the marks that close it, after ``start``.
        end: Where the white space after ``closed`` ends, inside ``text``.
    """
    sentence = text[max(start, closed - _CONTEXT) : closed]
    tail = _TAIL.search(sentence)
    core = sentence[: tail.start()] if tail else sentence
    following = text[end]
    image = text.startswith("![", end)
    if not core or core[-1].isalnum() or (following in _NEVER_FIRST and not image):
        return False
    if closed - start < _CONTEXT and _NO_SENTENCE.fullmatch(sentence):
        return False
    if tail:
        return _ends_closed(sentence, core, following, opening=text[start])
    if closed == end:
        return _ends_without_space(core, text, end)
    return not _is_abbreviation(core, following)


def _is_abbreviation(core: str, following: str) -> bool:
    """Whether the stop at the end of ``core`` belongs to its last word or number."""
    if following.islower() and core[-2:-1].isdecimal():
        return True  # 2. eggs
    if (following.isdecimal() or following.islower()) and _ABBREVIATION.search(core[-9:]):
        return True
    return bool(_TITLE.search(core[-6:]) or _ITEM.search(core[-6:]))


def _ends_closed(sentence: str, core: str, following: str, *, opening: str) -> bool:
    """Whether a stop inside quotation marks or brackets ends the sentence around them, too."""
    if following in _PARTICLES or "a" <= following <= "z":
        return False
    if sentence[-1] in ")）]】" and core[-1] != "。":
        return opening in "(（[【" or _NOTED.search(sentence) is not None
    return True


def _ends_without_space(core: str, text: str, end: int) -> bool:
    """Whether a stop with no space after it ends a sentence: in ``好.走`` it does, in ``self.Value`` not."""
    before, following = core[-2:-1], text[end]
    if core[-1] not in ".!?":
        return True
    if following.isascii() and (following.isalnum() or following in "-_/\\=&#@~+<"):
        return (before.islower() or before > "\u2e80") and _STARTER.match(text, end) is not None
    return not (core[-1] == "." and before.isdigit())
