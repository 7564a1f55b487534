"""LangChain: prune retrieved documents before they reach the prompt.

::

    from langchain_classic.retrievers import ContextualCompressionRetriever
    from semantic_highlight.langchain import SemanticHighlightCompressor

    retriever = ContextualCompressionRetriever(
        base_compressor=SemanticHighlightCompressor(), base_retriever=retriever
    )

For agents there are ``SemanticHighlightMiddleware`` and ``SemanticHighlightEdit``, which need the extra
``agents`` and are loaded when they are asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_highlight.adapter import OnError, Outcome, Pruner, best, copied_values, totals
from semantic_highlight.calibration import Calibration, as_calibration
from semantic_highlight.errors import InputError, MissingExtraError
from semantic_highlight.record import KEY

try:
    from langchain_core.callbacks import CallbackManager, Callbacks, dispatch_custom_event
    from langchain_core.documents import BaseDocumentCompressor, Document
    from langchain_core.runnables import Runnable, RunnableLambda
    from pydantic import ConfigDict, Field

    from semantic_highlight.adapter_fields import HighlighterField, SelectorField
except ModuleNotFoundError as error:
    raise MissingExtraError("langchain_core", "langchain") from error

if TYPE_CHECKING:
    from semantic_highlight.langchain_agents import SemanticHighlightEdit, SemanticHighlightMiddleware

__all__ = [
    "SemanticHighlightCompressor",
    "SemanticHighlightEdit",
    "SemanticHighlightMiddleware",
    "format_docs",
]

logger = logging.getLogger(__name__)


class SemanticHighlightCompressor(BaseDocumentCompressor):
    """Keeps the sentences of retrieved documents that answer the query, and drops the rest.

    Documents are copied, never edited; ids, metadata and order stay. The savings stand in the metadata
    under ``semantic_highlight``, and go to tracers as a custom event of that name.

    Raises:
        ValidationError: If an option is not known or cannot be used; pydantic's, a ValueError.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    highlighter: HighlighterField = None
    """What scores and prunes; the bundled model where None. JSON can only describe one: pass it again."""

    selector: SelectorField = None
    """Which sentences to keep, for example ``TokenBudget(800)``; the highlighter's own where None."""

    calibration: Calibration | str | Path | None = None
    """A threshold fitted to your own examples, or the path of its file, instead of a selector."""

    keep_empty: bool = False
    """Whether documents of which nothing is kept stay, with an empty text, instead of being dropped. For a
    context that is never empty pass a selector that sees to it, ``MinKept(Threshold(0.14))``."""

    reorder: bool = False
    """Whether the most relevant document comes first instead of keeping the retriever's order."""

    top_n: int | None = Field(default=None, ge=1)
    """How many documents to return, the most relevant ones; all where None."""

    include_sentences: bool = False
    """Whether the metadata lists every sentence with its offsets and score. Off by default: a chain that
    prints raw documents prints their metadata."""

    min_tokens: int = 0
    """Documents of fewer tokens are passed through, unscored and outside any token budget."""

    on_error: OnError = "pass_through"
    """Whether a failure returns the documents as they came, with ``error`` in the record, or raises."""

    def model_post_init(self, context: Any, /) -> None:
        """Check the options that pydantic cannot."""
        super().model_post_init(context)
        if self.calibration is not None:
            self.calibration = as_calibration(self.calibration)
        self._pruner()
        if self.min_tokens and (self.reorder or self.top_n):
            msg = (
                "min_tokens passes documents through without scoring them, so they cannot be ranked: "
                "use it without reorder and top_n"
            )
            raise InputError(msg)

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Return pruned copies of the documents.

        Args:
            documents: The retrieved documents.
            query: What is asked.
            callbacks: Where the custom event goes; where None, to the run this is called in, if any.

        Raises:
            SemanticHighlightError: Only with ``on_error="raise"``.
        """
        outcomes = self._pruner().prune(
            query,
            [document.page_content for document in documents],
            [document.metadata.get(KEY) for document in documents],
        )
        dispatch_savings(outcomes, callbacks)
        kept = [
            (document, outcome)
            for document, outcome in zip(documents, outcomes, strict=True)
            if self.keep_empty or not outcome.emptied
        ]
        ranking = best([outcome for _, outcome in kept], reorder=self.reorder, top_n=self.top_n)
        return [_copied(*kept[index]) for index in ranking]

    def as_runnable(
        self, *, query_key: str = "query", documents_key: str = "documents"
    ) -> Runnable[dict[str, Any], list[Document]]:
        """Return a runnable for LCEL: a dict with the query and the documents in, documents out.

        ::

            {"query": RunnablePassthrough(), "documents": retriever} | compressor.as_runnable() | format_docs

        Args:
            query_key: The key of the query, for example ``"question"``.
            documents_key: The key of the documents, for example ``"context"``.
        """

        def prune(inputs: dict[str, Any]) -> list[Document]:
            return self.compress_documents(inputs[documents_key], inputs[query_key])

        return RunnableLambda(prune, name=type(self).__name__)

    def _pruner(self) -> Pruner:
        return Pruner(
            highlighter=self.highlighter,
            selector=self.selector,
            calibration=None if self.calibration is None else as_calibration(self.calibration),
            include_sentences=self.include_sentences,
            min_tokens=self.min_tokens,
            on_error=self.on_error,
        )


def _copied(document: Document, outcome: Outcome) -> Document:
    metadata = {**copied_values(document.metadata), KEY: outcome.record}
    return document.model_copy(update={"page_content": outcome.text, "metadata": metadata})


def dispatch_savings(outcomes: Sequence[Outcome], callbacks: Callbacks | None = None) -> None:
    """Send what a call saved to tracers, as a custom event ``semantic_highlight``.

    Args:
        outcomes: The outcomes of the call; none send nothing.
        callbacks: Where it goes; where None, to the run this is called in, if any.
    """
    if not outcomes:
        return
    if isinstance(callbacks, list):
        # A list of handlers belongs to no run, and dispatch_custom_event asks for one.
        CallbackManager.configure(callbacks).on_custom_event(KEY, totals(outcomes))
        return
    try:
        dispatch_custom_event(KEY, totals(outcomes), config={"callbacks": callbacks})
    except RuntimeError as error:
        # langchain-core has no other way to say that there is no run that an event could belong to.
        logger.debug("no event is sent: %s", error)


def format_docs(documents: Iterable[Document], separator: str = "\n\n") -> str:
    """Return the texts of documents for a prompt, and nothing of their metadata.

    A prompt that is given the documents themselves prints their metadata too, with our record in it.

    Args:
        documents: The documents.
        separator: What stands between two texts.
    """
    return separator.join(document.page_content for document in documents)


def __getattr__(name: str) -> Any:
    # Late, because they need `langchain` with langgraph, and a retriever needs only langchain-core.
    if name in {"SemanticHighlightEdit", "SemanticHighlightMiddleware"}:
        from semantic_highlight import langchain_agents

        return getattr(langchain_agents, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
