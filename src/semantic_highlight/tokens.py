"""Token counters: tiktoken's own count without network where its file is at hand, else an estimate.

``tiktoken.get_encoding`` downloads, without a timeout, and deletes a cached file whose hash is wrong.
Here the file is looked for, checked and parsed directly; nothing waits on a host and ``os.environ`` is
left alone.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.util
import logging
import os
import re
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from semantic_highlight.errors import InputError
from semantic_highlight.types import TokenCounter

if TYPE_CHECKING:
    import tiktoken

logger = logging.getLogger(__name__)

_HOST = "https://openaipublic.blob.core.windows.net/encodings/"
_DOWNLOAD_TIMEOUT_S = 10.0

# Ordinary packages that carry the encoding files: the module and the folder below it.
_CARRIERS = (
    ("llama_index.core", "_static/tiktoken_cache"),
    ("litellm", "litellm_core_utils/tokenizers"),
)

# Chinese, Japanese and Korean characters with their punctuation and full-width forms.
_CJK = re.compile(
    r"[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    r"\U00020000-\U0003ffff]"
)


@dataclass(frozen=True, slots=True)
class EncodingSpec:
    """What is known of an encoding before its file is found.

    Attributes:
        file: The file's name on OpenAI's host, which names the cached file too.
        sha256: The file's hash, from ``tiktoken_ext/openai_public.py``.
        pattern: The regular expression that cuts text before byte pairs are merged; same source.
        tokens_per_cjk: Mean tokens of a Chinese character, for the estimate.
        tokens_per_other: Mean tokens of any other character. Both were fitted by paragraph on 1.13
            million characters of the Debian handbook in English and Chinese: median error 6.6 %,
            95th percentile 23 %. (Characters divided by four: median 31 %, and 59 to 70 % too low on
            Chinese.)
    """

    file: str
    sha256: str
    pattern: str
    tokens_per_cjk: float
    tokens_per_other: float = 0.203

    @property
    def cache_name(self) -> str:
        """The name under which tiktoken caches the file: the SHA-1 of its address."""
        return hashlib.sha1((_HOST + self.file).encode(), usedforsecurity=False).hexdigest()


_O200K = EncodingSpec(
    file="o200k_base.tiktoken",
    sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    pattern="|".join(
        [
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        ]
    ),
    tokens_per_cjk=0.750,
)

ENCODINGS = {
    "cl100k_base": EncodingSpec(
        file="cl100k_base.tiktoken",
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        pattern=(
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
            r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
        ),
        tokens_per_cjk=1.075,
    ),
    "o200k_base": _O200K,
    # The same pairs with other special tokens, which are never counted here.
    "o200k_harmony": _O200K,
}
"""The encodings that can be named. Any other is passed as an object or a function."""


class TiktokenCounter:
    """Counts as tiktoken does; where the encoding's file cannot be found, estimates and says so.

    The encoding is found once, at the first use: loaded in tiktoken already; in the folder that
    TIKTOKEN_CACHE_DIR or DATA_GYM_CACHE_DIR names, or in tiktoken's folder for temporary files; in an
    installed llama-index-core or litellm. A file is used only if its SHA-256 is right.

    Special tokens in the text, such as ``<|endoftext|>``, are counted as the plain text they are.

    Args:
        encoding: ``o200k_base`` (GPT-4o and later), ``cl100k_base`` (GPT-4, GPT-3.5), ``o200k_harmony``.
        allow_download: Fetch the file from OpenAI's host where it is not found, with a timeout of 10 s.

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
        self._lock = threading.Lock()
        self._resolved: TokenCounter | None = None

    @property
    def name(self) -> str:
        """The encoding, or ``estimate:<encoding>``."""
        return self._counter().name

    @property
    def exact(self) -> bool:
        """Whether counts are tiktoken's own."""
        return self._counter().exact

    def count(self, text: str) -> int:
        """Return the number of tokens of ``text``."""
        return self._counter().count(text)

    def _counter(self) -> TokenCounter:
        if self._resolved is None:
            with self._lock:
                if self._resolved is None:
                    self._resolved = _resolve(self._encoding, allow_download=self._allow_download)
        return self._resolved

    def __reduce__(self) -> tuple[Any, ...]:
        return _counter_from, (self._encoding, self._allow_download)

    def __repr__(self) -> str:
        download = ", allow_download=True" if self._allow_download else ""
        return f"TiktokenCounter({self._encoding!r}{download})"


def _counter_from(encoding: str, allow_download: bool) -> TiktokenCounter:  # noqa: FBT001 - called by pickle
    return TiktokenCounter(encoding, allow_download=allow_download)


class EncodingCounter:
    """Counts with a loaded tiktoken encoding.

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
        """Return the number of tokens of ``text``."""
        return len(self._encoding.encode_ordinary(text))


@dataclass(frozen=True, slots=True)
class EstimatedCounter:
    """Estimates tokens from the number of Chinese and other characters.

    Attributes:
        encoding: A known encoding; its :class:`EncodingSpec` holds the coefficients and their source.
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
        other = len(_CJK.sub("", text))
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
            InputError: If that is no whole number of at least 0.
        """
        tokens = self.function(text)
        # A Hugging Face tokenizer is callable too, and its result has a length that counts no tokens.
        if not isinstance(tokens, int) or tokens < 0:
            msg = (
                f"the counter {self.name} returned {type(tokens).__name__}: it must return the number of "
                "tokens, for example: lambda text: len(tokenizer.encode(text))"
            )
            raise InputError(msg)
        return tokens


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
            loaded = _loaded_in_tiktoken(encoding) or _load(encoding, allow_download=allow_download)
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


def _loaded_in_tiktoken(encoding: str) -> tiktoken.Encoding | None:
    from tiktoken import registry

    return registry.ENCODINGS.get(encoding)


def _load(encoding: str, *, allow_download: bool) -> tiktoken.Encoding | None:
    import tiktoken

    spec = ENCODINGS[encoding]
    content = _file_at_hand(spec) or (_download(spec) if allow_download else None)
    if content is None:
        return None
    return tiktoken.Encoding(
        encoding, pat_str=spec.pattern, mergeable_ranks=_parse(content), special_tokens={}
    )


def _file_at_hand(spec: EncodingSpec) -> bytes | None:
    for folder in _folders():
        path = folder / spec.cache_name
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if hashlib.sha256(content).hexdigest() == spec.sha256:
            return content
        logger.warning("%s is not used: its SHA-256 is not that of %s", path, spec.file)
    return None


def _folders() -> Iterator[Path]:
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if folder := os.environ.get(variable):
            yield Path(folder)
    yield Path(tempfile.gettempdir()) / "data-gym-cache"
    for module, below in _CARRIERS:
        try:
            # Finds the package without importing it: 0.5 ms against a second and more.
            found = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            continue
        for location in (found.submodule_search_locations or []) if found else []:
            yield Path(location) / below


def _download(spec: EncodingSpec) -> bytes | None:
    try:
        with urllib.request.urlopen(_HOST + spec.file, timeout=_DOWNLOAD_TIMEOUT_S) as response:  # noqa: S310 - a constant https address
            content: bytes = response.read()
    except OSError as error:  # URLError and timeouts are OSErrors
        logger.warning("the download of %s failed: %s", spec.file, error)
        return None
    return content if hashlib.sha256(content).hexdigest() == spec.sha256 else None


def _parse(content: bytes) -> dict[bytes, int]:
    """Read lines of ``<token in base 64> <rank>``."""
    pairs = (line.split() for line in content.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}
