"""The demo's LangChain half."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.embeddings import Embeddings
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

from semantic_highlight.cli.demo.words import embed
from semantic_highlight.highlighter import Highlighter
from semantic_highlight.langchain import SemanticHighlightCompressor, format_docs

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

PROMPT = PromptTemplate.from_template(
    "Answer the question from the context.\n\nContext:\n{context}\n\nQuestion: {question}"
)


class WordEmbeddings(Embeddings):
    """Embeds texts by their words."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for every text."""
        return [embed(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        return embed(text)


def prompts(question: str, texts: list[str], highlighter: Highlighter, *, top_k: int) -> tuple[str, str]:
    """Return the prompts that a chain makes without pruning and with it.

    Args:
        question: What is asked.
        texts: The documents to retrieve from.
        highlighter: What prunes.
        top_k: How many documents the retriever returns.
    """
    store = InMemoryVectorStore.from_texts(texts, WordEmbeddings())
    retriever = store.as_retriever(search_kwargs={"k": top_k})
    pruning = ContextualCompressionRetriever(
        base_compressor=SemanticHighlightCompressor(highlighter=highlighter, on_error="raise"),
        base_retriever=retriever,
    )
    return _prompt(question, retriever), _prompt(question, pruning)


def _prompt(question: str, retriever: BaseRetriever) -> str:
    chain = {"context": retriever | format_docs, "question": RunnablePassthrough()} | PROMPT
    return chain.invoke(question).to_string()
