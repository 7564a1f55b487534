"""LlamaIndex: prune retrieved nodes before they reach the prompt.

::

    from semantic_highlight.llama_index import SemanticHighlightPostprocessor

    index.as_query_engine(node_postprocessors=[SemanticHighlightPostprocessor()])
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

from semantic_highlight.adapter import KeepAllIfEmpty, OnError, Outcome, Pruner, copied_values, totals
from semantic_highlight.calibration import Calibration, as_calibration
from semantic_highlight.errors import MissingExtraError
from semantic_highlight.record import KEY
from semantic_highlight.selection import MinKept, Selector
from semantic_highlight.tool_calls import plain_query

try:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.schema import (
        BaseNode,
        ImageNode,
        IndexNode,
        MetadataMode,
        Node,
        NodeWithScore,
        QueryBundle,
        TextNode,
    )
    from llama_index_instrumentation import get_dispatcher
    from llama_index_instrumentation.base import BaseEvent
    from pydantic import ConfigDict, model_validator

    from semantic_highlight.adapter_fields import HighlighterField, SelectorField
except ModuleNotFoundError as error:
    raise MissingExtraError("llama_index.core", "llama-index") from error

__all__ = ["SemanticHighlightEvent", "SemanticHighlightPostprocessor"]

dispatcher = get_dispatcher(__name__)

_WRAPPERS: dict[str, Callable[[Selector], Selector] | None] = {
    "keep_best": MinKept,
    "keep_all": KeepAllIfEmpty,
    "drop": None,
}


class SemanticHighlightEvent(BaseEvent):
    """What one call saved, sent to LlamaIndex's instrumentation."""

    documents: int
    """Nodes that had a text to prune."""

    documents_emptied: int
    """Those of which nothing was kept."""

    tokens_before: int
    """Tokens of their texts before this call."""

    tokens_after: int
    """Tokens of their texts after it."""

    tokens_saved: int
    """Tokens removed."""

    compression_rate: float
    """Share of tokens removed, 0.0 to 1.0."""

    token_counter: str
    """The name of what counted, for example ``o200k_base``."""

    exact: bool
    """False when the counts are estimates."""

    model: str | None
    """The name of the scorer; None where nothing was scored."""

    selector: str | None
    """A readable form of the selection policy; None where nothing was scored."""

    error: str | None
    """Why the nodes were passed on unpruned; None where they were not."""

    @classmethod
    def class_name(cls) -> str:
        """The name under which handlers know the event."""
        return "SemanticHighlightEvent"


class SemanticHighlightPostprocessor(BaseNodePostprocessor):
    """Keeps the sentences of retrieved nodes that answer the query, and drops the rest.

    Nodes are copied, never edited; ids, scores, relationships, metadata and order stay. Nodes of which
    nothing is kept are left out. Images, index nodes and nodes without text are passed through.

    The savings stand in the metadata under ``semantic_highlight``, where neither the LLM nor the embedder
    sees them. Where a text became shorter, ``start_char_idx`` and ``end_char_idx`` no longer describe it:
    the node has None, and the record has what they were.

    Raises:
        ValidationError: If an option is not known or cannot be used; pydantic's, a ValueError.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    highlighter: HighlighterField = None
    """What scores and prunes; the bundled model where None. ``to_dict`` can only describe one: pass it
    again, ``from_dict(data, highlighter=...)``."""

    selector: SelectorField = None
    """Which sentences to keep, for example ``TokenBudget(800)``; the highlighter's own where None."""

    calibration: Calibration | str | Path | None = None
    """A threshold fitted to your own examples, or the path of its file, instead of a selector."""

    on_empty: Literal["keep_best", "keep_all", "drop"] = "keep_best"
    """What is returned where nothing is kept of any node: the best sentence, all of them, or no nodes.
    With no nodes a query engine answers "Empty Response" and never asks the LLM."""

    include_sentences: bool = False
    """Whether the metadata lists every sentence with its offsets and score."""

    min_tokens: int = 0
    """Nodes of fewer tokens are passed through, unscored and outside any token budget."""

    on_error: OnError = "pass_through"
    """Whether a failure returns the nodes as they came, with ``error`` in the record, or raises."""

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises it."""
        return "SemanticHighlightPostprocessor"

    @model_validator(mode="before")
    @classmethod
    def _without_class_name(cls, data: Any) -> Any:
        # LlamaIndex writes it into every JSON, and only its from_dict takes it out again.
        if isinstance(data, dict) and data.get("class_name") == cls.class_name():
            return {name: value for name, value in data.items() if name != "class_name"}
        return data

    def model_post_init(self, context: Any, /) -> None:
        """Check the options that pydantic cannot."""
        super().model_post_init(context)
        if self.calibration is not None:
            self.calibration = as_calibration(self.calibration)
        self._pruner()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickle.

        Raises:
            PicklingError: If the highlighter or the selector cannot be pickled. LlamaIndex would leave it
                out with a warning, and the copy would go on with another.
        """
        state: dict[str, Any] = super().__getstate__()
        if lost := {"highlighter", "selector"} - state["__dict__"].keys():
            raise pickle.PicklingError(f"the {' and the '.join(sorted(lost))} cannot be pickled")
        return state

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            return nodes
        texts = {i: text for i, node in enumerate(nodes) if (text := _text(node.node))}
        outcomes = self._pruner().prune(
            plain_query(query_bundle.query_str),
            list(texts.values()),
            [nodes[i].metadata.get(KEY) for i in texts],
        )
        if outcomes:
            dispatcher.event(SemanticHighlightEvent(**totals(outcomes)))
        by_index = dict(zip(texts, outcomes, strict=True))
        return [
            _copied(node, by_index[i]) if i in by_index else node
            for i, node in enumerate(nodes)
            if i not in by_index or not by_index[i].emptied
        ]

    def _pruner(self) -> Pruner:
        return Pruner(
            highlighter=self.highlighter,
            selector=self.selector,
            calibration=None if self.calibration is None else as_calibration(self.calibration),
            include_sentences=self.include_sentences,
            min_tokens=self.min_tokens,
            wrapper=_WRAPPERS[self.on_empty],
            on_error=self.on_error,
        )


def _text(node: BaseNode) -> str | None:
    """Return the text of a node that can be pruned, None of any other.

    The text of an image node is its caption, and that of an index node names what it points to.
    """
    if isinstance(node, ImageNode | IndexNode):
        return None
    if isinstance(node, Node) and (node.image_resource or node.audio_resource or node.video_resource):
        return None
    text = node.get_content(MetadataMode.NONE)
    return text if text.strip() else None


def _copied(scored: NodeWithScore, outcome: Outcome) -> NodeWithScore:
    original = scored.node
    # The embedding is never edited in place and is most of a node: it is shared.
    memo: dict[int, Any] = {id(original.embedding): original.embedding}
    memo |= {id(metadata): copied_values(metadata) for metadata in _metadata(original)}
    node = deepcopy(original, memo)
    changed = outcome.text != original.get_content(MetadataMode.NONE)
    record = {**outcome.record, **_lost_offsets(original, changed=changed)}
    if changed:
        _set_text(node, outcome.text)
        if isinstance(node, TextNode):
            node.start_char_idx = node.end_char_idx = None
    node.metadata = {**node.metadata, KEY: record}
    # New lists: nodes that were made together may share theirs.
    node.excluded_llm_metadata_keys = [*dict.fromkeys([*node.excluded_llm_metadata_keys, KEY])]
    node.excluded_embed_metadata_keys = [*dict.fromkeys([*node.excluded_embed_metadata_keys, KEY])]
    return scored.model_copy(update={"node": node})


def _metadata(node: BaseNode) -> Iterator[dict[str, Any]]:
    """Yield the metadata of a node and of the relationships, where LlamaIndex's splitters repeat it."""
    yield node.metadata
    for related in node.relationships.values():
        yield from (one.metadata for one in (related if isinstance(related, list) else [related]))


def _lost_offsets(node: BaseNode, *, changed: bool) -> dict[str, Any]:
    """Return the offsets that a node had before it was pruned first, where it no longer has them."""
    if not isinstance(node, TextNode):
        return {}
    own = {"start_char_idx": node.start_char_idx, "end_char_idx": node.end_char_idx}
    if any(value is not None for value in own.values()):
        return own if changed else {}
    previous = node.metadata.get(KEY)
    earlier = {key: previous[key] for key in own if key in previous} if isinstance(previous, Mapping) else {}
    return {**own, **earlier} if changed else earlier


def _set_text(node: BaseNode, text: str) -> None:
    if isinstance(node, Node) and node.text_resource:
        # Node.set_content would lose the mimetype and embeddings of the resource.
        node.text_resource = node.text_resource.model_copy(update={"text": text})
    else:
        node.set_content(text)
