"""Token counters: tiktoken's own count where its file is at hand, else an estimate that says so."""

from __future__ import annotations

import functools
import logging
import operator
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from semantic_highlight import encodings
from semantic_highlight.encodings import ENCODINGS
from semantic_highlight.errors import InputError
from semantic_highlight.types import TokenCounter

if TYPE_CHECKING:
    import tiktoken

logger = logging.getLogger(__name__)

# Chinese, Japanese and Korean characters with their punctuation and full-width forms. Left to the cache of
# ``re``: compiling it takes longer than importing the rest of this module.
_CJK = (
    r"[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    r"\U00020000-\U0003ffff]"
)


class TiktokenCounter:
    """Counts as tiktoken does; where the encoding's file cannot be found, estimates and says so.

    The encoding is found once, at the first use, without network unless asked:
    :func:`semantic_highlight.encodings.load` says where. Special tokens in the text, such as
    ``<|endoftext|>``, count as the plain text they are.

    Args:
        encoding: ``o200k_base`` (GPT-4o and later), ``cl100k_base`` (GPT-4, GPT-3.5), ``o200k_harmony``.
        allow_download: Fetch the file from OpenAI's host where it is not at hand.

    Raises:
        InputError: If the encoding is not a known name.
    """

    def __init__(self, encoding: str = "o200k_base", *, allow_download: bool = False) -> None:
        if encoding not in ENCODINGS:
            known = ", ".join(sorted(ENCODINGS))
            msg = (
                f"the encoding {encoding!r} is not known: use one of {known}, a tiktoken Encoding, "
                "or a function from text to its number of tokens"
            )
            raise InputError(msg)
        self._encoding = encoding
        self._allow_download = allow_download

    @property
    def name(self) -> str:
        """The encoding, or ``estimate:<encoding>``."""
        return self._counter.name

    @property
    def exact(self) -> bool:
        """Whether counts are tiktoken's own."""
        return self._counter.exact

    def count(self, text: str) -> int:
        """Return the number of tokens of ``text``."""
        return self._counter.count(text)

    @functools.cached_property
    def _counter(self) -> TokenCounter:
        return _resolve(self._encoding, allow_download=self._allow_download)

    def __reduce__(self) -> tuple[Any, ...]:
        return _counter_from, (self._encoding, self._allow_download)

    def __repr__(self) -> str:
        download = ", allow_download=True" if self._allow_download else ""
        return f"TiktokenCounter({self._encoding!r}{download})"


def _counter_from(encoding: str, allow_download: bool) -> TiktokenCounter:  # noqa: FBT001 - called by pickle
    return TiktokenCounter(encoding, allow_download=allow_download)


_SLICE = 100_000
"""Characters that tiktoken is given at once of a text that is too much for it as a whole."""

# No piece that an encoding's pattern cuts off has a space after a character that is none, so that cutting
# there changes no count.
_CUT = re.compile(r".*\S(?= )", re.DOTALL)


class EncodingCounter:
    """Counts with a loaded tiktoken encoding.

    tiktoken cannot take some long texts, such as a million spaces in a row. They are counted in slices,
    each of which may be a token off where it has no space to be cut at.

    Args:
        encoding: A ``tiktoken.Encoding``.
    """

    exact = True

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        self._encoding = encoding

    @property
    def name(self) -> str:
        """The name of the encoding."""
        return self._encoding.name

    def count(self, text: str) -> int:
        """Return the number of tokens of ``text``.

        Raises:
            InputError: If tiktoken cannot count it, not even in slices.
        """
        tokens = self._count(text)
        return sum(map(self._count_slice, _slices(text))) if tokens is None else tokens

    def _count_slice(self, text: str) -> int:
        tokens = self._count(text)
        if tokens is None:
            raise InputError(f"tiktoken cannot count the tokens of {text[:50]!r}...: use another counter")
        return tokens

    def _count(self, text: str) -> int | None:
        """Return the number of tokens, None where tiktoken panics."""
        try:
            return len(self._encoding.encode_ordinary(text))
        except BaseException as error:
            # pyo3's PanicException derives from BaseException and cannot be imported; interrupts must pass.
            if type(error).__name__ != "PanicException":
                raise
            return None


def _slices(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + _SLICE
        if end < len(text) and (found := _CUT.match(text, start, end)):
            end = found.end()
        yield text[start:end]
        start = end


@dataclass(frozen=True, slots=True)
class EstimatedCounter:
    """Estimates tokens from the number of Chinese and other characters.

    Attributes:
        encoding: A known encoding. The coefficients and their source stand in
            :class:`~semantic_highlight.encodings.EncodingSpec`.
    """

    encoding: str = "o200k_base"

    @property
    def name(self) -> str:
        """``estimate:<encoding>``."""
        return f"estimate:{self.encoding}"

    @property
    def exact(self) -> bool:
        """Never."""
        return False

    def count(self, text: str) -> int:
        """Return the estimated tokens of ``text``, at least 1 unless it is empty."""
        spec = ENCODINGS[self.encoding]
        other = len(re.sub(_CJK, "", text))
        tokens = spec.tokens_per_other * other + spec.tokens_per_cjk * (len(text) - other)
        return max(round(tokens), 1) if text else 0


@dataclass(frozen=True, slots=True)
class FunctionCounter:
    """Counts with a function of the caller's.

    Attributes:
        function: From a text to its number of tokens.
    """

    function: Callable[[str], int]

    @property
    def name(self) -> str:
        """The name of the function."""
        return getattr(self.function, "__qualname__", type(self.function).__qualname__)

    @property
    def exact(self) -> bool:
        """Always: the count is what the caller says it is."""
        return True

    def count(self, text: str) -> int:
        """Return what the function says.

        Raises:
            InputError: If that is no whole number.
        """
        tokens = self.function(text)
        try:
            return operator.index(tokens)  # numpy's whole numbers too
        except TypeError as error:
            # A Hugging Face tokenizer is callable, and what it returns has a length that counts no tokens.
            msg = (
                f"the counter {self.name} returned {type(tokens).__name__}: it must return the number of "
                "tokens, for example: lambda text: len(tokenizer.encode(text))"
            )
            raise InputError(msg) from error


def as_counter(counter: str | Callable[[str], int] | TokenCounter | tiktoken.Encoding) -> TokenCounter:
    """Return a token counter for the name of an encoding, a function, a counter or a tiktoken encoding.

    Raises:
        InputError: If it is none of these.
    """
    if isinstance(counter, str):
        return TiktokenCounter(counter)
    if callable(counter):
        return FunctionCounter(counter)
    # Not by isinstance of a runtime protocol: on Python 3.11 that reads ``name``, which loads the encoding.
    if hasattr(counter, "count"):
        return cast("TokenCounter", counter)
    if hasattr(counter, "encode_ordinary"):
        return EncodingCounter(counter)
    msg = f"the counter is {counter!r}: use the name of an encoding, a function of a text, or a TokenCounter"
    raise InputError(msg)


_loaded: dict[str, EncodingCounter] = {}
_loading = threading.Lock()


def _resolve(encoding: str, *, allow_download: bool) -> TokenCounter:
    with _loading:
        if encoding not in _loaded:
            loaded = encodings.load(encoding, allow_download=allow_download)
            if loaded is None:
                _warn_of_estimates(encoding)
                return EstimatedCounter(encoding)
            _loaded[encoding] = EncodingCounter(loaded)
        return _loaded[encoding]


@functools.cache  # once for the process, not for every highlighter
def _warn_of_estimates(encoding: str) -> None:
    logger.warning(
        "no file of the encoding %s was found, so tokens are estimated; set TIKTOKEN_CACHE_DIR to a folder "
        "that has it, install llama-index-core, which carries it, or pass "
        "TiktokenCounter(%r, allow_download=True)",
        encoding,
        encoding,
    )
