"""What a model has to beat: embedding similarity, the first sentences, chance, and not pruning at all.

BM25, the lexical baseline, is :class:`~semantic_highlight.lexical.LexicalScorer`. All honour the contract
of a scorer, so that they can be evaluated, calibrated and put into a chain like a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from semantic_highlight.errors import InputError, MissingExtraError
from semantic_highlight.types import DocumentScores, Scorer, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

EMBEDDING = "embedding:"
"""What the name of the embedding baseline begins with; the model's name or folder follows."""


def baseline(name: str, *, seed: int = 0) -> Scorer | None:
    """Return the baseline of that name, or None where it is the name of none.

    Args:
        name: ``lead``, ``random``, ``none`` or ``embedding:`` with the name or folder of a model.
        seed: Of the random scores.

    Raises:
        InputError: If no model is named after ``embedding:``.
        MissingExtraError: If sentence-transformers is not installed.
    """
    if name.startswith(EMBEDDING):
        return EmbeddingScorer(name.removeprefix(EMBEDDING))
    named: dict[str, Scorer] = {"lead": LeadScorer(), "random": RandomScorer(seed), "none": KeepAllScorer()}
    return named.get(name)


@dataclass(frozen=True, slots=True)
class LeadScorer:
    """Scores a sentence by how early it begins: 1.0 at the beginning of the document, towards 0.0 at its end.

    The first sentences are the classic baseline of summarisation (Nenkova, AAAI 2005). A threshold of ``t``
    keeps the sentences that begin in the first ``1 - t`` of a document's characters.
    """

    @property
    def name(self) -> str:
        """``lead``."""
        return "lead"

    @property
    def default_threshold(self) -> float:
        """Half of the document; there is nothing to learn it from."""
        return 0.5

    def score(
        self,
        query: str,  # noqa: ARG002 - a scorer's
        texts: Sequence[str],
        spans: Sequence[Sequence[Span]],
    ) -> list[DocumentScores]:
        """Score every span of every text; the query does not matter."""
        return [
            _of([1 - span.start / len(text) for span in some])
            for text, some in zip(texts, spans, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class RandomScorer:
    """Scores sentences by chance, the same query and document always alike.

    Attributes:
        seed: Another seed, other scores.
    """

    seed: int = 0

    @property
    def name(self) -> str:
        """``random``."""
        return "random"

    @property
    def default_threshold(self) -> float:
        """Half of the sentences, on average."""
        return 0.5

    def score(
        self, query: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> list[DocumentScores]:
        """Score every span of every text, uniformly in [0, 1)."""
        return [_of(self._draw(query, text, len(some))) for text, some in zip(texts, spans, strict=True)]

    def _draw(self, query: str, text: str, size: int) -> list[float]:
        # Of the content, so that batching and order change nothing, in any process.
        content = "\0".join((str(self.seed), query, text)).encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(content, digest_size=8).digest()
        drawn: list[float] = np.random.default_rng(int.from_bytes(digest)).random(size).tolist()
        return drawn


@dataclass(frozen=True, slots=True)
class KeepAllScorer:
    """Scores every sentence 1.0: no pruning."""

    @property
    def name(self) -> str:
        """``none``."""
        return "none"

    @property
    def default_threshold(self) -> float:
        """Below every score."""
        return 0.0

    def score(
        self,
        query: str,  # noqa: ARG002 - a scorer's
        texts: Sequence[str],
        spans: Sequence[Sequence[Span]],
    ) -> list[DocumentScores]:
        """Score every span of every text 1.0."""
        return [_of([1.0] * len(some)) for _, some in zip(texts, spans, strict=True)]


class EmbeddingScorer:
    """Scores a sentence by the cosine between its embedding and the query's, negative ones as 0.0.

    What LangChain's ``EmbeddingsFilter`` does with documents and LlamaIndex's
    ``SentenceEmbeddingOptimizer`` with sentences, by a model of sentence-transformers.

    Args:
        model: The name or the folder of a model that sentence-transformers loads.

    Raises:
        InputError: If no model is named.
        MissingExtraError: If sentence-transformers is not installed.
    """

    def __init__(self, model: str) -> None:
        if not model.strip():
            raise InputError(
                f"{EMBEDDING!r} names no model: give the name or the folder of one that "
                f"sentence-transformers loads, for example {EMBEDDING}all-MiniLM-L6-v2"
            )
        try:
            import sentence_transformers  # noqa: F401 - found out here, loaded at the first score
        except ModuleNotFoundError as error:
            raise MissingExtraError("sentence-transformers", "embeddings") from error
        self.model = model

    @property
    def name(self) -> str:
        """``embedding:`` and the model."""
        return f"{EMBEDDING}{self.model}"

    @property
    def default_threshold(self) -> float:
        """Half of the range; every embedding model has another scale, so calibrate before you use it."""
        return 0.5

    @cached_property
    def _encoder(self) -> Any:
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(self.model)

    def score(
        self, query: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> list[DocumentScores]:
        """Score every span of every text; the relevance of a text is its best sentence's score."""
        sentences = [span.of(text) for text, some in zip(texts, spans, strict=True) for span in some]
        vectors: NDArray[np.float64] = self._encoder.encode(
            [query, *sentences], normalize_embeddings=True, show_progress_bar=False
        )
        similar = iter(np.clip(vectors[1:] @ vectors[0], 0.0, 1.0).tolist())
        return [_of([next(similar) for _ in some]) for some in spans]


def _of(scores: list[float]) -> DocumentScores:
    return DocumentScores(tuple(scores), max(scores, default=0.0))
