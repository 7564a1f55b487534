import copy
import json
import pickle
import threading
from typing import Any

import pytest
from llama_index.core import SummaryIndex, VectorStoreIndex
from llama_index.core.base.llms.types import CompletionResponse, LLMMetadata
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.llms import CustomLLM, MockLLM
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import (
    Document,
    ImageDocument,
    ImageNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.tools import RetrieverTool
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers import BaseEventHandler
from llama_index_instrumentation.span_handlers import SimpleSpanHandler

from adapter_contract import (
    PRUNED,
    QUERY,
    TEXTS,
    AdapterContract,
    BrokenScorer,
    JsonContract,
    RecordingScorer,
    highlighter,
    run_python,
)
from semantic_highlight import Threshold, TokenBudget, TopK, track_savings
from semantic_highlight.llama_index import SemanticHighlightEvent, SemanticHighlightPostprocessor
from semantic_highlight.testing import KeywordScorer

KEY = "semantic_highlight"


class RecordingLLM(CustomLLM):
    """Answers every prompt the same and remembers it."""

    prompts: list[str] = []  # noqa: RUF012 - pydantic copies it for every instance

    @property
    def metadata(self):
        return LLMMetadata()

    @llm_completion_callback()
    def complete(self, prompt, formatted=False, **kwargs):
        self.prompts.append(prompt)
        return CompletionResponse(text="Ten hours.")

    @llm_completion_callback()
    def stream_complete(self, prompt, formatted=False, **kwargs):
        self.prompts.append(prompt)
        yield CompletionResponse(text="Ten hours.", delta="Ten hours.")


class HeldRetriever(BaseRetriever):
    """Gives out the very nodes it holds, as BM25Retriever does."""

    def __init__(self, nodes):
        super().__init__()
        self.nodes = nodes

    def _retrieve(self, query_bundle):
        return [NodeWithScore(node=node, score=0.5) for node in self.nodes]


def text_nodes(texts=TEXTS):
    return [
        TextNode(
            text=text,
            id_=f"id-{n}",
            metadata={"source": {"page": n}},
            excluded_llm_metadata_keys=["source"],
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="book")},
            embedding=[0.1, 0.2],
            start_char_idx=100 * n,
            end_char_idx=100 * n + len(text),
        )
        for n, text in enumerate(texts)
    ]


def scored(nodes):
    return [NodeWithScore(node=node, score=0.9 - n / 10) for n, node in enumerate(nodes)]


def postprocessor(scorer=None, **options):
    return SemanticHighlightPostprocessor(highlighter=highlighter(scorer), **options)


def pruned(*nodes, using=None, query=QUERY):
    return (using or postprocessor()).postprocess_nodes(scored(nodes), query_str=query)


class TestPostprocessor(AdapterContract, JsonContract):
    def make(self, **options):
        return SemanticHighlightPostprocessor(**options)

    def documents(self, texts):
        return scored(text_nodes(texts))

    def prune(self, adapter, query, documents):
        return adapter.postprocess_nodes(documents, query_bundle=QueryBundle(query))

    async def aprune(self, adapter, query, documents):
        return await adapter.apostprocess_nodes(documents, query_bundle=QueryBundle(query))

    def text(self, document):
        return document.get_content(MetadataMode.NONE)

    def metadata(self, document):
        return document.node.metadata

    def record(self, document):
        return document.node.metadata.get(KEY)

    def identity(self, document):
        node = document.node
        return (
            type(node),
            node.node_id,
            document.score,
            node.relationships,
            node.embedding,
            {**node.metadata, KEY: None},
        )


class TestNodes:
    def test_neither_the_llm_nor_the_embedder_sees_the_record(self):
        for node in pruned(*text_nodes()):
            for mode in (MetadataMode.LLM, MetadataMode.EMBED):
                assert KEY not in node.get_content(mode)
            assert node.node.excluded_llm_metadata_keys == ["source", KEY]
            assert node.node.excluded_embed_metadata_keys == [KEY]

    def test_lists_that_nodes_share_are_not_added_to(self):
        shared = ["source"]
        nodes = text_nodes()
        for node in nodes:
            object.__setattr__(node, "excluded_llm_metadata_keys", shared)
        pruned(*nodes)
        assert shared == ["source"]

    def test_the_key_is_excluded_once_however_often_it_is_pruned(self):
        (node,) = pruned(pruned(text_nodes()[0])[0].node)
        assert node.node.excluded_llm_metadata_keys == ["source", KEY]

    def test_offsets_go_where_the_text_became_shorter(self):
        whole = "The battery lasts."
        short, kept = pruned(*text_nodes((TEXTS[0], whole)))
        assert (short.node.start_char_idx, short.node.end_char_idx) == (None, None)
        record = short.node.metadata[KEY]
        assert (record["start_char_idx"], record["end_char_idx"]) == (0, len(TEXTS[0]))
        assert (kept.node.start_char_idx, kept.node.end_char_idx) == (100, 100 + len(whole))
        assert "start_char_idx" not in kept.node.metadata[KEY]

    @pytest.mark.parametrize("shorter_again", [True, False])
    def test_the_first_offsets_stay_in_the_record_of_a_second_pass(self, shorter_again):
        text = "The moon. The battery lasts. The battery."
        given = TextNode(text=text, start_char_idx=100, end_char_idx=141)
        (first,) = pruned(given)
        (second,) = pruned(first.node, using=postprocessor(selector=TopK(1) if shorter_again else None))
        assert second.get_content() == "The battery lasts. " + ("" if shorter_again else "The battery.")
        assert (second.node.start_char_idx, second.node.end_char_idx) == (None, None)
        record = second.node.metadata[KEY]
        assert (record["start_char_idx"], record["end_char_idx"]) == (100, 141)

    def test_metadata_of_related_nodes_that_cannot_be_copied_is_shared(self):
        lock = threading.Lock()
        related = RelatedNodeInfo(node_id="book", metadata={"lock": lock})
        given = TextNode(
            text=TEXTS[0], relationships={NodeRelationship.SOURCE: related, NodeRelationship.CHILD: [related]}
        )
        (node,) = pruned(given)
        assert node.get_content() == PRUNED[0]
        copied = node.node.relationships[NodeRelationship.SOURCE]
        assert copied.metadata == {"lock": lock}
        assert copied.metadata is not related.metadata

    @pytest.mark.parametrize(
        "node",
        [
            ImageNode(text=TEXTS[0], image_url="https://example.org/a.png"),
            ImageDocument(text=TEXTS[0], image="aGVsbG8="),
            IndexNode(text=TEXTS[0], index_id="other", obj=TextNode(text="behind")),
            Node(image_resource=MediaResource(data=b"aGVsbG8=", mimetype="image/png")),
            Node(text_resource=MediaResource(text=TEXTS[0]), audio_resource=MediaResource(data=b"aGVsbG8=")),
            TextNode(text=" \n"),
            Document(text=""),
        ],
        ids=["image", "image document", "index", "image only", "with audio", "blank", "empty"],
    )
    def test_other_nodes_pass_through(self, node):
        before = copy.deepcopy(node)
        first, second = pruned(node, text_nodes()[0])
        assert first.node is node
        assert node == before
        assert second.get_content() == PRUNED[0]

    def test_documents_and_nodes_keep_the_rest_of_their_text_resource(self):
        resource = MediaResource(text=TEXTS[0], mimetype="text/markdown", embeddings={"dense": [0.1]})
        for node in (Node(text_resource=resource), Document(text_resource=resource)):
            (after,) = pruned(node)
            assert type(after.node) is type(node)
            assert after.get_content() == PRUNED[0]
            assert after.node.text_resource.mimetype == "text/markdown"
            assert after.node.text_resource.embeddings == {"dense": [0.1]}
            assert node.text_resource == resource
            assert resource.text == TEXTS[0]

    def test_the_text_of_a_node_is_read_without_its_metadata(self):
        scorer = RecordingScorer(["battery"])
        pruned(*text_nodes(), using=postprocessor(scorer))
        assert [text for _, text in scorer.seen] == list(TEXTS)


class TestOptions:
    rock = "It is made of rock. The moon is far."

    @pytest.mark.parametrize(
        ("on_empty", "left"),
        [("keep_best", ["The moon is far."]), ("keep_all", [rock, "Rock."]), ("drop", [])],
    )
    def test_nothing_answers(self, on_empty, left):
        scorer = KeywordScorer(["moon", "battery", "stars"])  # the moon scores 1/3
        using = postprocessor(scorer, selector=Threshold(0.5), on_empty=on_empty)
        with track_savings() as total:
            result = pruned(*text_nodes((self.rock, "Rock.")), using=using)
        assert [node.get_content() for node in result] == left
        assert total.tokens_after == sum(len(text.split()) for text in left)

    @pytest.mark.parametrize("on_empty", ["keep_best", "keep_all", "drop"])
    def test_nodes_with_nothing_kept_are_left_out_where_another_answers(self, on_empty):
        result = pruned(*text_nodes((self.rock, TEXTS[0])), using=postprocessor(on_empty=on_empty))
        assert [(node.node_id, node.score) for node in result] == [("id-1", 0.8)]

    def test_without_a_query_nothing_changes(self):
        nodes = scored(text_nodes())
        assert postprocessor(on_error="raise").postprocess_nodes(nodes) == nodes
        assert all(KEY not in node.metadata for node in nodes)

    def test_blank_query_fails_open(self):
        result = pruned(*text_nodes(), query=" ")
        assert [node.get_content() for node in result] == list(TEXTS)
        assert "query" in result[0].metadata[KEY]["error"]

    def test_no_nodes(self):
        assert pruned() == []

    def test_assignment_of_a_callback_manager_as_chat_engines_do(self):
        from llama_index.core.callbacks import CallbackManager

        using = postprocessor()
        using.callback_manager = CallbackManager([])
        assert pruned(*text_nodes(), using=using)[0].get_content() == PRUNED[0]


class TestSerialisation:
    def test_round_trip(self):
        selector = TokenBudget(800, among=Threshold(0.3))
        given = SemanticHighlightPostprocessor(selector=selector, on_empty="drop")
        data = json.loads(given.to_json())
        assert data == given.to_dict()
        assert data["class_name"] == "SemanticHighlightPostprocessor"
        again = SemanticHighlightPostprocessor.from_dict(data)
        assert (again.selector, again.on_empty) == (selector, "drop")
        assert data == json.loads(again.to_json())

    def test_the_highlighter_can_be_passed_beside_what_was_written(self):
        given = postprocessor()
        again = SemanticHighlightPostprocessor.from_dict(given.to_dict(), highlighter=given.highlighter)
        assert again.highlighter is given.highlighter

    def test_pickle(self):
        given = postprocessor(selector=TokenBudget(5), on_empty="drop")
        again = pickle.loads(pickle.dumps(given))
        assert (again.selector, again.on_empty) == (TokenBudget(5), "drop")
        assert pruned(*text_nodes(), using=again) == pruned(*text_nodes(), using=given)

    @pytest.mark.filterwarnings("ignore")
    def test_what_cannot_be_pickled_is_not_lost_silently(self):
        lost = SemanticHighlightPostprocessor(highlighter=highlighter(counter=lambda _: 1))
        with pytest.raises(pickle.PicklingError, match="highlighter"):
            pickle.dumps(lost)


class Events(BaseEventHandler):
    seen: list[Any] = []  # noqa: RUF012 - pydantic copies it for every instance

    def handle(self, event, **kwargs):
        self.seen.append(event)


class TestInstrumentation:
    @pytest.fixture
    def events(self):
        root = get_dispatcher()
        events, spans = Events(), SimpleSpanHandler()
        root.add_event_handler(events)
        root.add_span_handler(spans)
        yield events.seen, spans
        root.event_handlers.remove(events)
        root.span_handlers.remove(spans)

    async def test_an_event_says_what_was_saved(self, events):
        seen, spans = events
        given = scored([TextNode(text="The moon is far."), *text_nodes()])
        postprocessor().postprocess_nodes(given, query_str=QUERY)
        await postprocessor().apostprocess_nodes(given, query_str=QUERY)
        first, second = (event for event in seen if isinstance(event, SemanticHighlightEvent))
        data = json.loads(first.model_dump_json())
        assert {key: data[key] for key in data.keys() - {"timestamp", "id_", "span_id", "tags"}} == {
            "documents": 4,
            "documents_emptied": 1,
            "tokens_before": 32,  # 4 + 13 + 10 + 5 words
            "tokens_after": 15,  # 0 + 5 + 6 + 4
            "tokens_saved": 17,
            "compression_rate": 0.5312,
            "token_counter": "words",
            "exact": True,
            "model": "keywords",
            "selector": "MinKept(inner=Threshold(value=0.0), per_document=0, per_query=1)",
            "error": None,
        }
        assert first.class_name() == "SemanticHighlightEvent"
        assert second.tokens_saved == 17
        names = [span.id_.rpartition("-")[0] for span in spans.completed_spans]
        assert any(
            "SemanticHighlightPostprocessor._postprocess_nodes" in span.id_ for span in spans.completed_spans
        ), names
        assert first.span_id is not None

    def test_a_failure_is_named(self, events):
        pruned(*text_nodes(), using=postprocessor(BrokenScorer()))
        (event,) = (event for event in events[0] if isinstance(event, SemanticHighlightEvent))
        assert "no memory" in event.error
        assert (event.model, event.tokens_saved) == (None, 0)


def vector_index():
    return VectorStoreIndex(text_nodes(), embed_model=MockEmbedding(embed_dim=2))


def engine(llm, **options):
    return vector_index().as_query_engine(llm=llm, similarity_top_k=3, **options)


class TestInItsFramework:
    async def test_the_prompt_is_shorter_and_has_no_record(self):
        whole, short, again = RecordingLLM(), RecordingLLM(), RecordingLLM()
        engine(whole).query(QUERY)
        response = engine(short, node_postprocessors=[postprocessor()]).query(QUERY)
        assert str(response) == "Ten hours."
        (before,), (after,) = whole.prompts, short.prompts
        for text, kept in zip(TEXTS, PRUNED, strict=True):
            assert text in before
            before = before.replace(text, kept.strip())
        assert after == before
        assert KEY not in after
        saved = {node.node_id: node.metadata[KEY]["tokens_saved"] for node in response.source_nodes}
        assert saved == {"id-0": 8, "id-1": 4, "id-2": 1}
        await engine(again, node_postprocessors=[postprocessor()]).aquery(QUERY)
        assert again.prompts == short.prompts

    def test_the_docstore_stays(self):
        index = vector_index()
        before = copy.deepcopy(index.docstore.docs)
        index.as_query_engine(llm=MockLLM(), similarity_top_k=3, node_postprocessors=[postprocessor()]).query(
            QUERY
        )
        assert index.docstore.docs == before

    def test_a_retriever_that_holds_nodes_is_not_corrupted(self):
        held = HeldRetriever(text_nodes())
        query_engine = RetrieverQueryEngine.from_args(
            held, llm=MockLLM(), node_postprocessors=[postprocessor(include_sentences=True)]
        )
        first = query_engine.query(QUERY)
        assert held.nodes == text_nodes()
        assert query_engine.query(QUERY).source_nodes == first.source_nodes

    @pytest.mark.parametrize("on_empty", ["keep_best", "keep_all", "drop"])
    def test_the_llm_is_asked_unless_told_to_drop(self, on_empty):
        llm = RecordingLLM()
        using = SemanticHighlightPostprocessor(highlighter=highlighter(KeywordScorer([])), on_empty=on_empty)
        response = engine(llm, node_postprocessors=[using]).query(QUERY)
        assert (str(response), len(llm.prompts)) == (
            ("Empty Response", 0) if on_empty == "drop" else ("Ten hours.", 1)
        )

    async def test_chat_engine(self):
        for call in ("chat", "achat"):
            llm = RecordingLLM()
            chat = vector_index().as_chat_engine(
                chat_mode="context",
                llm=llm,
                similarity_top_k=3,
                node_postprocessors=[postprocessor()],
                memory=ChatMemoryBuffer.from_defaults(llm=llm),
            )
            response = getattr(chat, call)(QUERY)
            response = await response if call == "achat" else response
            assert str(response) == "Ten hours."
            assert all(text.strip() in llm.prompts[-1] for text in PRUNED)
            assert "one kilo" not in llm.prompts[-1]
            assert KEY not in llm.prompts[-1]

    async def test_streaming(self):
        llm = RecordingLLM()
        response = engine(llm, streaming=True, node_postprocessors=[postprocessor()]).query(QUERY)
        assert "".join(response.response_gen) == "Ten hours."
        assert "one kilo" not in llm.prompts[-1]

    def test_summary_index(self):
        llm = RecordingLLM()
        SummaryIndex(text_nodes()).as_query_engine(llm=llm, node_postprocessors=[postprocessor()]).query(
            QUERY
        )
        assert "\n\n".join(text.strip() for text in PRUNED) in llm.prompts[0].replace(" \n", "\n")

    async def test_retriever_tool_does_not_ask_for_its_arguments_name(self):
        scorer = RecordingScorer(["battery"])
        tool = RetrieverTool.from_defaults(
            HeldRetriever(text_nodes()), node_postprocessors=[postprocessor(scorer)]
        )
        output = tool.call(input="what is the battery")
        assert output.content == "".join(text + "\n\n" for text in PRUNED)
        await tool.acall(input="what is the battery")
        tool.call("what is the battery")
        assert {query.strip() for query, _ in scorer.seen} == {"what is the battery"}

    @pytest.mark.parametrize("query", ["What is Milvus", "What is Milvus\n", "\nWhat is\nMilvus"])
    def test_other_queries_stay_as_they_are(self, query):
        scorer = RecordingScorer(["battery"])
        pruned(*text_nodes(), using=postprocessor(scorer), query=query)
        assert {asked for asked, _ in scorer.seen} == {query}


class TestImport:
    def test_does_not_load_the_other_framework(self):
        run_python(
            "import sys, semantic_highlight.llama_index\n"
            "loaded = {name.partition('.')[0] for name in sys.modules}\n"
            "assert 'llama_index' in loaded\n"
            "assert not loaded & {'langchain_core', 'langchain', 'langgraph', 'torch'}, loaded"
        )

    def test_a_missing_framework_is_named_with_the_pip_line(self):
        out = run_python(
            "import sys; sys.modules['llama_index'] = None\n"
            "from semantic_highlight.errors import MissingExtraError\n"
            "try:\n"
            "    import semantic_highlight.llama_index\n"
            "except MissingExtraError as error:\n"
            "    print(error)"
        )
        assert out == (
            "llama_index.core is not installed. Run: pip install 'semantic-highlight[llama-index]'\n"
        )
