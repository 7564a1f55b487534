"""From texts to sentence scores with a checkpoint that reads a query and a context as a pair."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from semantic_highlight.models.family import Traits
from semantic_highlight.models.pair_engine import EncodedWindow, PairEngine
from semantic_highlight.models.pair_windows import PairWindow, TokenisedDocument, WindowBuilder
from semantic_highlight.scoring import merge_windows, range_means
from semantic_highlight.selection import MinKept, Selector, Threshold
from semantic_highlight.types import DocumentScores, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class PairModel:
    """All that scoring needs.

    Attributes:
        engine: Runs the network.
        tokenizer: Without truncation and padding.
        traits: How to use them.
    """

    engine: PairEngine
    tokenizer: Tokenizer
    traits: Traits


class PairScorer:
    """Scores sentences with the log-odds of their tokens, pooled as the checkpoint's family does.

    Every token of every text is scored; one that stands in several windows counts by its mean log-odds.
    The score of a sentence is a mean over its tokens, however many windows they stand in. Relevance is the
    best ranking logit of a document's windows as a probability, or without a ranking head its best
    sentence. The model loads when it is first needed, once for all threads, and is left out when the scorer
    is pickled.

    Args:
        load: Makes the model; it is pickled in the model's place.
        progress: Whether scoring that takes more than a second shows a progress bar.
    """

    def __init__(self, load: Callable[[], PairModel], *, progress: bool = False) -> None:
        self._load = load
        self._progress = progress
        self._lock = threading.Lock()
        self._loaded: tuple[PairModel, WindowBuilder] | None = None

    def load(self) -> PairModel:
        """Load the model if that is still to do; ``score`` does it by itself.

        Raises:
            CheckpointError: If a file is missing or cannot be used.
        """
        return self._ready()[0]

    def _ready(self) -> tuple[PairModel, WindowBuilder]:
        with self._lock:
            if self._loaded is None:
                model = self._load()
                self._loaded = model, WindowBuilder(model.tokenizer, model.traits)
            return self._loaded

    @property
    def traits(self) -> Traits:
        """What is known of the checkpoint."""
        return self.load().traits

    @property
    def name(self) -> str:
        """The name of the checkpoint."""
        return self.traits.name

    @property
    def default_threshold(self) -> float:
        """The score above which a sentence is kept, as the checkpoint's publisher does."""
        return self.traits.default_threshold

    @property
    def default_selector(self) -> Selector:
        """The sentences above the threshold and, if the checkpoint backs off, else the best that will do."""
        threshold = Threshold(self.default_threshold)
        if self.traits.backoff is None:
            return threshold
        return MinKept(threshold, per_document=1, per_query=0, floor=self.traits.backoff)

    def score(
        self,
        query: str,
        texts: Sequence[str],
        spans: Sequence[Sequence[Span]],
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[DocumentScores]:
        """Score every span of every text.

        Args:
            query: What is asked. The first tokens of one that would fill a third of a window are read.
            texts: The documents.
            spans: The sentences of each.
            cancelled: Asked between batches, such as ``threading.Event().is_set``.

        Raises:
            CancelledError: If ``cancelled`` said so.
        """
        model, builder = self._ready()
        query_ids = builder.query_ids(query)
        documents = builder.documents(texts, spans)
        windows = [builder.windows(query_ids, document) for document in documents]
        encoded = iter(
            model.engine.encode(
                [window for of_text in windows for window in of_text],
                progress=self._progress,
                cancelled=cancelled,
            )
        )
        return [
            _scores(document, [(window, next(encoded)) for window in of_text], model.traits)
            for document, of_text in zip(documents, windows, strict=True)
        ]

    def __getstate__(self) -> dict[str, Any]:
        return {"_load": self._load, "_progress": self._progress}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["_load"], progress=state["_progress"])  # type: ignore[misc]


def _scores(
    document: TokenisedDocument, windows: Sequence[tuple[PairWindow, EncodedWindow]], traits: Traits
) -> DocumentScores:
    found = [(window.tokens, encoded.log_odds) for window, encoded in windows]
    log_odds = merge_windows(found, len(document.ids))
    if traits.pooling == "probability":
        means = range_means(_sigmoid(log_odds), document.sentences)
    else:
        means = _sigmoid(range_means(log_odds, document.sentences))
    # A sentence without tokens has nothing that speaks for it; the sigmoid of its mean would be 0.5.
    filled = np.array([first < last for first, last in document.sentences], dtype=bool)
    sentences = tuple((means.clip(0.0, 1.0) * filled).tolist())
    ranking = [encoded.ranking for _, encoded in windows if encoded.ranking is not None]
    if ranking:
        return DocumentScores(sentences, float(_sigmoid(np.array(max(ranking)))))
    return DocumentScores(sentences, max(sentences, default=0.0))


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    # Beyond 60 the result is 0 or 1 in floats, and the exponential would overflow.
    values: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0)))
    return values
