"""The encodings of tiktoken, found without network.

``tiktoken.get_encoding`` downloads, without a timeout, and deletes a cached file whose hash is wrong.
Here the file is looked for, checked and parsed directly; nothing waits on a host unless asked to, and
``os.environ`` is left alone.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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


def load(encoding: str, *, allow_download: bool) -> tiktoken.Encoding | None:
    """Return an encoding, or None where its file cannot be found.

    Looked for in this order: loaded in tiktoken already; the folders that TIKTOKEN_CACHE_DIR and
    DATA_GYM_CACHE_DIR name; tiktoken's folder for temporary files; an installed llama-index-core or
    litellm; OpenAI's host. A file counts only if its SHA-256 is right.

    Args:
        encoding: A key of :data:`ENCODINGS`.
        allow_download: Whether to ask the host, for 10 seconds at most between two bytes.
    """
    import tiktoken
    from tiktoken import registry

    if encoding in registry.ENCODINGS:
        return registry.ENCODINGS[encoding]
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
    # Late: with what they bring they take longer to import than this module.
    import importlib.util
    import tempfile

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
    # Late: 50 ms that only this pays.
    import http.client
    import urllib.request

    try:
        with urllib.request.urlopen(_HOST + spec.file, timeout=_DOWNLOAD_TIMEOUT_S) as response:  # noqa: S310 - a constant https address
            content: bytes = response.read()
    except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
        logger.warning("the download of %s failed: %s", spec.file, error)
        return None
    return content if hashlib.sha256(content).hexdigest() == spec.sha256 else None


def _parse(content: bytes) -> dict[bytes, int]:
    """Read lines of ``<token in base 64> <rank>``."""
    pairs = (line.split() for line in content.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}
