import json
import pickle
from uuid import UUID

import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.load import dumps
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from pydantic import ValidationError

from adapter_contract import (
    QUERY,
    TEXTS,
    AdapterContract,
    BrokenScorer,
    JsonContract,
    highlighter,
    run_python,
)
from semantic_highlight import TokenBudget
from semantic_highlight.langchain import SemanticHighlightCompressor, format_docs
from semantic_highlight.testing import KeywordScorer

OFF_TOPIC = Document("The moon is far. It is made of rock.", id="moon")


class HeldRetriever(BaseRetriever):
    """Gives out the very documents it holds, as BM25Retriever does."""

    held: list[Document]

    def _get_relevant_documents(self, query, *, run_manager):
        return list(self.held)


class Events(BaseCallbackHandler):
    def __init__(self):
        self.seen = []

    def on_custom_event(self, name, data, *, run_id, **kwargs):
        self.seen.append((name, data, run_id))


class AsyncEvents(AsyncCallbackHandler):
    def __init__(self):
        self.seen = []

    async def on_custom_event(self, name, data, *, run_id, **kwargs):
        self.seen.append((name, data, run_id))


def compressor(**options):
    return SemanticHighlightCompressor(highlighter=highlighter(), **options)


def documents(texts=TEXTS):
    return [
        Document(text, id=f"id-{n}", metadata={"source": {"page": n}, "tags": ["a", n]})
        for n, text in enumerate(texts)
    ]


def retriever(**options):
    return ContextualCompressionRetriever(
        base_compressor=compressor(**options), base_retriever=HeldRetriever(held=documents())
    )


class TestCompressor(AdapterContract, JsonContract):
    def make(self, **options):
        return SemanticHighlightCompressor(**options)

    def documents(self, texts):
        return documents(texts)

    def prune(self, adapter, query, documents):
        return adapter.compress_documents(documents, query)

    async def aprune(self, adapter, query, documents):
        return await adapter.acompress_documents(documents, query)

    def text(self, document):
        return document.page_content

    def metadata(self, document):
        return document.metadata

    def record(self, document):
        return document.metadata.get("semantic_highlight")

    def identity(self, document):
        return type(document), document.id, {**document.metadata, "semantic_highlight": None}


class TestInItsFramework:
    def test_contextual_compression_retriever(self):
        held = retriever()
        first = held.invoke(QUERY)
        assert [document.page_content for document in first] == [
            "The battery lasts ten hours. ",
            "Charge the battery for two hours. ",
            "The battery is sealed. ",
        ]
        assert held.base_retriever.held == documents()
        assert held.invoke(QUERY) == first

    async def test_contextual_compression_retriever_async_and_batch(self):
        held = retriever()
        expected = held.invoke(QUERY)
        assert await held.ainvoke(QUERY) == expected
        assert held.batch([QUERY] * 3) == [expected] * 3
        assert await held.abatch([QUERY] * 3) == [expected] * 3

    async def test_pipeline_adds_up(self):
        narrow = SemanticHighlightCompressor(highlighter=highlighter(KeywordScorer(["ten", "plug"])))
        wide = SemanticHighlightCompressor(
            highlighter=highlighter(KeywordScorer(["battery", "plug", "kilo"]))
        )
        pipeline = DocumentCompressorPipeline(transformers=[wide, narrow])
        pruned = pipeline.compress_documents(documents(), QUERY)
        assert [document.page_content for document in pruned] == [
            "The battery lasts ten hours. ",
            "The plug is included.",
        ]
        record = pruned[0].metadata["semantic_highlight"]
        assert (record["tokens_before"], record["tokens_after"], len(record["passes"])) == (13, 5, 2)
        assert await pipeline.acompress_documents(documents(), QUERY) == pruned

    def test_result_can_be_serialised(self):
        for document in compressor(include_sentences=True).compress_documents(documents(), QUERY):
            assert json.loads(json.dumps(document.model_dump()))["id"] == document.id
            assert "not_implemented" not in dumps(document)

    def test_subclass_of_document_survives(self):
        class Page(Document):
            number: int = 7

        (pruned,) = compressor().compress_documents([Page(TEXTS[0], number=9)], QUERY)
        assert (type(pruned), pruned.number) == (Page, 9)

    def test_pickle(self):
        again = pickle.loads(pickle.dumps(compressor(selector=TokenBudget(5), top_n=2)))
        expected = compressor(selector=TokenBudget(5), top_n=2).compress_documents(documents(), QUERY)
        assert again.compress_documents(documents(), QUERY) == expected


class TestOptions:
    def test_documents_with_nothing_kept_are_dropped(self):
        given = [OFF_TOPIC, *documents()]
        assert [d.id for d in compressor().compress_documents(given, QUERY)] == ["id-0", "id-1", "id-2"]

    def test_documents_with_nothing_kept_can_stay(self):
        first, *_ = compressor(keep_empty=True).compress_documents([OFF_TOPIC, *documents()], QUERY)
        record = first.metadata["semantic_highlight"]
        assert (first.id, first.page_content, record["sentences_kept"]) == ("moon", "", 0)

    @pytest.mark.parametrize("text", ["", " \n "])
    def test_documents_without_text_are_not_dropped(self, text):
        (kept,) = compressor().compress_documents([Document(text)], QUERY)
        assert kept.page_content == text

    def test_ranking(self):
        given = documents(("One ten.", "One battery.", "One ten battery."))
        scorer = KeywordScorer(["one", "ten", "battery", "ten battery"])  # relevance 0.5, 0.5, 1.0

        def ids(**options):
            ranking = SemanticHighlightCompressor(highlighter=highlighter(scorer), **options)
            return [document.id for document in ranking.compress_documents(given, QUERY)]

        assert ids() == ["id-0", "id-1", "id-2"]
        assert ids(reorder=True) == ["id-2", "id-0", "id-1"]
        assert ids(top_n=2) == ["id-0", "id-2"]
        assert ids(top_n=2, reorder=True) == ["id-2", "id-0"]
        assert ids(top_n=9) == ["id-0", "id-1", "id-2"]

    def test_ranking_fails_open(self):
        ranking = SemanticHighlightCompressor(highlighter=highlighter(BrokenScorer()), reorder=True, top_n=1)
        assert [d.id for d in ranking.compress_documents(documents(), QUERY)] == ["id-0", "id-1", "id-2"]

    def test_what_is_not_scored_cannot_be_ranked(self):
        for option in ({"reorder": True}, {"top_n": 3}):
            with pytest.raises(ValidationError, match="cannot be ranked"):
                compressor(min_tokens=10, **option)

    def test_top_n_is_at_least_one(self):
        with pytest.raises(ValidationError, match="top_n"):
            compressor(top_n=0)

    def test_blank_query_fails_open(self):
        pruned = compressor().compress_documents(documents(), " ")
        assert [document.page_content for document in pruned] == list(TEXTS)
        assert "query" in pruned[0].metadata["semantic_highlight"]["error"]

    def test_nothing_in_nothing_out(self):
        assert compressor(on_error="raise").compress_documents([], "") == []

    def test_metadata_key_of_somebody_else_is_no_record(self):
        (pruned,) = compressor().compress_documents(
            [Document(TEXTS[0], metadata={"semantic_highlight": "mine"})], QUERY
        )
        assert pruned.metadata["semantic_highlight"]["tokens_before"] == 13


class TestChain:
    def test_prompt_has_the_kept_sentences_and_no_record(self):
        chain = (
            {"documents": HeldRetriever(held=documents()), "query": RunnablePassthrough()}
            | RunnablePassthrough.assign(context=compressor().as_runnable() | format_docs)
            | ChatPromptTemplate.from_template("{context}\n---\n{query}")
        )
        assert chain.invoke(QUERY).to_messages()[0].content == (
            "The battery lasts ten hours. \n\nCharge the battery for two hours. \n\nThe battery is sealed. "
            f"\n---\n{QUERY}"
        )

    async def test_keys_can_be_named(self):
        runnable = compressor().as_runnable(query_key="question", documents_key="context")
        inputs = {"question": QUERY, "context": documents()}
        expected = compressor().compress_documents(documents(), QUERY)
        assert runnable.invoke(inputs) == expected
        assert await runnable.ainvoke(inputs) == expected
        assert runnable.batch([inputs] * 2) == [expected] * 2

    def test_format_docs(self):
        assert format_docs(documents(("a", "b")), separator=" | ") == "a | b"
        assert (RunnableLambda(format_docs) | StrOutputParser()).invoke(documents(("a", "b"))) == "a\n\nb"


SAVED = {
    "documents": 4,
    "documents_emptied": 1,
    "tokens_before": 37,  # 9 + 13 + 10 + 5 words
    "tokens_after": 15,  # 0 + 5 + 6 + 4
    "tokens_saved": 22,
    "compression_rate": 0.5946,
    "token_counter": "words",
    "exact": True,
    "model": "keywords",
    "selector": "Threshold(value=0.0)",
    "error": None,
}


class TestEvent:
    @pytest.fixture
    def held(self):
        return ContextualCompressionRetriever(
            base_compressor=compressor(), base_retriever=HeldRetriever(held=[OFF_TOPIC, *documents()])
        )

    def test_from_a_retriever(self, held):
        handler = Events()
        held.invoke(QUERY, config={"callbacks": [handler]})
        ((name, data, run_id),) = handler.seen
        assert (name, data) == ("semantic_highlight", SAVED)
        assert isinstance(run_id, UUID)
        assert json.loads(json.dumps(data)) == data

    @pytest.mark.parametrize("kind", [Events, AsyncEvents])
    async def test_from_an_async_retriever(self, held, kind):
        handler = kind()
        await held.ainvoke(QUERY, config={"callbacks": [handler]})
        assert [(name, data) for name, data, _ in handler.seen] == [("semantic_highlight", SAVED)]

    async def test_from_a_runnable(self):
        inputs = {"query": QUERY, "documents": [OFF_TOPIC, *documents()]}
        for call in ("invoke", "ainvoke"):
            handler = Events()
            result = getattr(compressor().as_runnable(), call)(inputs, config={"callbacks": [handler]})
            if call == "ainvoke":
                await result
            assert [(name, data) for name, data, _ in handler.seen] == [("semantic_highlight", SAVED)]

    async def test_stream_events(self, held):
        events = [e async for e in held.astream_events(QUERY) if e["event"] == "on_custom_event"]
        assert [(event["name"], event["data"]) for event in events] == [("semantic_highlight", SAVED)]

    @pytest.mark.parametrize("kind", [Events, AsyncEvents])
    async def test_to_handlers_that_are_passed_outside_of_any_run(self, kind):
        given = [OFF_TOPIC, *documents()]
        handler = kind()
        compressor().compress_documents(given, QUERY, callbacks=[handler])
        await compressor().acompress_documents(given, QUERY, callbacks=[handler])
        assert [(name, data) for name, data, _ in handler.seen] == [("semantic_highlight", SAVED)] * 2

    def test_to_handlers_that_are_passed_instead_of_the_runs(self):
        run, passed = Events(), Events()
        runnable = RunnableLambda(
            lambda given: compressor().compress_documents(given, QUERY, callbacks=[passed])
        )
        runnable.invoke([OFF_TOPIC, *documents()], config={"callbacks": [run]})
        assert ([data for _, data, _ in passed.seen], run.seen) == ([SAVED], [])

    def test_a_failure_is_named(self):
        handler = Events()
        broken = SemanticHighlightCompressor(highlighter=highlighter(BrokenScorer())).as_runnable()
        broken.invoke({"query": QUERY, "documents": documents()}, config={"callbacks": [handler]})
        assert "no memory" in handler.seen[0][1]["error"]
        assert handler.seen[0][1]["tokens_saved"] == 0


class TestImport:
    def test_does_not_load_the_other_framework_or_the_agents(self):
        run_python(
            "import sys, semantic_highlight.langchain\n"
            "loaded = {name.partition('.')[0] for name in sys.modules}\n"
            "assert 'langchain_core' in loaded\n"
            "assert not loaded & {'llama_index', 'langchain', 'langgraph', 'torch', 'transformers'}, loaded"
        )

    def test_agents_are_loaded_when_asked_for(self):
        from semantic_highlight import langchain, langchain_agents

        assert langchain.SemanticHighlightMiddleware is langchain_agents.SemanticHighlightMiddleware
        assert langchain.SemanticHighlightEdit is langchain_agents.SemanticHighlightEdit
        with pytest.raises(AttributeError, match="Nonsense"):
            _ = langchain.Nonsense

    @pytest.mark.parametrize(
        ("blocked", "name", "extra"),
        [
            ("langchain_core", "SemanticHighlightCompressor", "langchain"),
            ("langchain", "SemanticHighlightMiddleware", "agents"),
        ],
    )
    def test_a_missing_framework_is_named_with_the_pip_line(self, blocked, name, extra):
        out = run_python(
            f"import sys; sys.modules[{blocked!r}] = None\n"
            "from semantic_highlight.errors import MissingExtraError\n"
            "try:\n"
            f"    from semantic_highlight.langchain import {name}\n"
            "except MissingExtraError as error:\n"
            "    print(error)"
        )
        assert out == f"{blocked} is not installed. Run: pip install 'semantic-highlight[{extra}]'\n"
