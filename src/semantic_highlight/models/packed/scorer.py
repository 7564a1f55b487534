"""From texts to sentence scores with a model of token relevance."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from semantic_highlight.models.packed.checkpoint import ModelConfig, read_config
from semantic_highlight.models.packed.pairs import PairTokenizer, Window
from semantic_highlight.scoring import merge_windows, sentence_means
from semantic_highlight.types import DocumentScores, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Engine(Protocol):
    """What runs a model: windows in, the logits of their context tokens out."""

    def logits(self, windows: Sequence[Window]) -> list[NDArray[np.float32]]:
        """Return the logits of the context tokens of each window, in the order of the windows."""


class TokenScorer:
    """Scores sentences by the mean probability of their tokens.

    Every token is scored; one that stands in several windows counts by its mean logit. The weights load
    at the first score, once for all threads, and are left out when the scorer is pickled.

    Args:
        folder: The model folder.
        engine: Makes the engine that runs it.

    Raises:
        CheckpointError: If the configuration cannot be read.
    """

    def __init__(self, folder: Path, engine: Callable[[Path], Engine]) -> None:
        self._folder = folder
        self._make_engine = engine
        self.config: ModelConfig = read_config(folder)
        self._lock = threading.Lock()
        self._loaded: tuple[PairTokenizer, Engine] | None = None

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.config.name

    @property
    def default_threshold(self) -> float:
        """The score above which a sentence is kept, chosen on dev data."""
        return self.config.default_threshold

    def load(self) -> tuple[PairTokenizer, Engine]:
        """Load tokenizer and weights if that is still to do; ``score`` does it by itself.

        Raises:
            CheckpointError: If a file is missing or cannot be used.
        """
        with self._lock:
            if self._loaded is None:
                config = self.config
                tokenizer = PairTokenizer.from_folder(
                    self._folder,
                    max_length=config.max_length,
                    query_tokens=config.query_tokens,
                    block_tokens=config.block_tokens,
                    overlap=config.overlap,
                )
                self._loaded = tokenizer, self._make_engine(self._folder)
            return self._loaded

    def score(
        self, query: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> list[DocumentScores]:
        """Score every span of every text; the relevance of a text is its best sentence's score."""
        tokenizer, engine = self.load()
        pairs = [tokenizer.pair(query, text, some) for text, some in zip(texts, spans, strict=True)]
        logits = iter(engine.logits([window for _, windows in pairs for window in windows]))
        scores = []
        for (text, of_text), some in zip(pairs, spans, strict=True):
            merged = merge_windows([(window.tokens, next(logits)) for window in of_text], len(text.ids))
            means = sentence_means(self.probabilities(merged), text.offsets, [(s.start, s.end) for s in some])
            sentences = tuple(float(mean) for mean in means)
            scores.append(DocumentScores(sentences, max(sentences, default=0.0)))
        return scores

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated probabilities of logits."""
        z = (logits - self.config.shift) / self.config.temperature
        return 1.0 / (1.0 + np.exp(-np.clip(z, -60.0, 60.0)))

    def __getstate__(self) -> dict[str, Any]:
        return {"_folder": self._folder, "_make_engine": self._make_engine}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["_folder"], state["_make_engine"])  # type: ignore[misc]
