"""Texts as vectors of word counts: enough to retrieve from a dozen documents without a model."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter

_DIMENSIONS = 2048
_TERMS = re.compile(r"[a-z0-9]{4,}|(?=([\u3400-\u9fff]{2}))")  # words, and every pair of Chinese characters


def embed(text: str) -> list[float]:
    """Return a vector of length 1 in which every word has its place, however the process hashes strings."""
    counts = Counter(
        zlib.crc32((match[1] or match[0]).encode()) % _DIMENSIONS for match in _TERMS.finditer(text.lower())
    )
    vector = [math.sqrt(counts[place]) for place in range(_DIMENSIONS)]
    norm = math.hypot(*vector) or 1.0
    return [value / norm for value in vector]
