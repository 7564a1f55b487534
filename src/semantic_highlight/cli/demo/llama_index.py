"""The demo's LlamaIndex half."""

from __future__ import annotations

from llama_index.core import VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.schema import TextNode

from semantic_highlight.cli.demo.words import embed
from semantic_highlight.highlighter import Highlighter
from semantic_highlight.llama_index import SemanticHighlightPostprocessor


class WordEmbedding(BaseEmbedding):
    """Embeds texts by their words."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return embed(text)

    def _get_query_embedding(self, query: str) -> list[float]:
        return embed(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return embed(query)


def prompts(question: str, texts: list[str], highlighter: Highlighter, *, top_k: int) -> tuple[str, str]:
    """Return the prompts that a query engine sends without pruning and with it.

    Args:
        question: What is asked.
        texts: The documents to retrieve from.
        highlighter: What prunes.
        top_k: How many documents the retriever returns.
    """
    index = VectorStoreIndex([TextNode(text=text) for text in texts], embed_model=WordEmbedding())
    pruning = SemanticHighlightPostprocessor(highlighter=highlighter, on_error="raise")
    # MockLLM answers with the prompt it got.
    plain, pruned = (
        index.as_query_engine(llm=MockLLM(), similarity_top_k=top_k, node_postprocessors=postprocessors)
        for postprocessors in ([], [pruning])
    )
    return str(plain.query(question)), str(pruned.query(question))
