import json
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ClearToolUsesEdit, ContextEditingMiddleware
from langchain.tools.tool_node import ToolCallRequest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.tools import tool
from langgraph.types import Command

from adapter_contract import QUERY, TEXTS, AdapterContract, BrokenScorer, RecordingScorer, highlighter
from semantic_highlight import track_savings
from semantic_highlight.errors import InputError
from semantic_highlight.langchain_agents import SemanticHighlightEdit, SemanticHighlightMiddleware
from semantic_highlight.testing import KeywordScorer

KEY = "semantic_highlight"


class Model(GenericFakeChatModel):
    """Says what it is told to and remembers what it read."""

    read: list[Any] = []  # noqa: RUF012 - pydantic copies it for every instance

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, *args, **kwargs):
        self.read.append(messages)
        return super()._generate(messages, *args, **kwargs)


def calling(*calls):
    return AIMessage("", tool_calls=[{"name": n, "args": a, "id": i} for n, a, i in calls])


@tool
def search(query: str) -> str:
    """Search."""
    return TEXTS[0]


@tool(response_format="content_and_artifact")
def blocks(query: str) -> Any:
    """Return content blocks, as MCP tools do."""
    image = {"type": "image", "url": "https://example.org/a.png"}
    texts = [{"type": "text", "text": text, "id": f"b{n}"} for n, text in enumerate([*TEXTS[:2], ""])]
    return [texts[0], image, *texts[1:]], {"raw": 1}


@tool
def table(query: str) -> dict:
    """Return something structured."""
    return {"results": [{"content": TEXTS[0]}]}


@tool
def command(query: str) -> Command:
    """Return a command."""
    return Command(update={"messages": [ToolMessage(TEXTS[0], tool_call_id="1")]})


TOOLS = [search, blocks, table, command]
CALL = ("search", {"query": "how long does the battery last"}, "1")


def middleware(scorer=None, **options):
    return SemanticHighlightMiddleware(**{"highlighter": highlighter(scorer), "min_tokens": 0, **options})


def edit(scorer=None, **options):
    return SemanticHighlightEdit(**{"highlighter": highlighter(scorer), "min_tokens": 0, **options})


def agent(*replies, using, tools=TOOLS):
    model = Model(messages=iter([*replies, AIMessage("done")]))
    return create_agent(model, tools, middleware=[using]), model


def tool_messages(messages):
    return [message for message in messages if isinstance(message, ToolMessage)]


async def run(built, question=QUERY, *, mode="invoke", **config):
    state = {"messages": [HumanMessage(question)]}
    result = built.invoke(state, config) if mode == "invoke" else await built.ainvoke(state, config)
    return result["messages"]


class MessageContract(AdapterContract):
    """Tool messages are the documents; each answers a call of its own."""

    unpruned_have_records = False

    def documents(self, texts):
        return [
            ToolMessage(
                text,
                tool_call_id=str(n),
                id=f"message-{n}",
                name="search",
                artifact={"raw": [n]},
                response_metadata={"from": {"host": n}},
            )
            for n, text in enumerate(texts)
        ]

    def call(self, message):
        return {"name": "search", "args": {"query": QUERY}, "id": message.tool_call_id, "type": "tool_call"}

    def text(self, document):
        return document.content

    def metadata(self, document):
        return document.response_metadata

    def record(self, document):
        return document.response_metadata.get(KEY, [None])[0]

    def identity(self, document):
        metadata = {**document.response_metadata, KEY: None, "context_editing": None}
        return document.id, document.tool_call_id, document.name, document.artifact, metadata


class TestMiddleware(MessageContract):
    def make(self, **options):
        return SemanticHighlightMiddleware(**{"min_tokens": 0, **options})

    def request(self, message):
        return ToolCallRequest(self.call(message), tool=None, state={"messages": []}, runtime=None)

    def prune(self, adapter, query, documents):
        return [adapter.wrap_tool_call(self.request(one), lambda _, one=one: one) for one in documents]

    async def aprune(self, adapter, query, documents):
        async def handler(request):
            return documents[int(request.tool_call["id"])]

        return [await adapter.awrap_tool_call(self.request(one), handler) for one in documents]


class TestName:
    def test_an_agent_takes_several_for_different_tools(self):
        several = [middleware(include_tools=["search"]), middleware(include_tools=["blocks", "table"])]
        create_agent(Model(messages=iter([])), TOOLS, middleware=several)
        assert [one.name for one in several] == [
            "SemanticHighlightMiddleware[search]",
            "SemanticHighlightMiddleware[blocks, table]",
        ]

    def test_says_what_is_left_out(self):
        assert middleware().name == "SemanticHighlightMiddleware"
        assert middleware(exclude_tools=["table"]).name == "SemanticHighlightMiddleware[-table]"


class TestEdit(MessageContract):
    def make(self, **options):
        return SemanticHighlightEdit(**{"min_tokens": 0, **options})

    def prune(self, adapter, query, documents):
        messages = [
            HumanMessage(query),
            AIMessage("", tool_calls=[self.call(one) for one in documents]),
            *documents,
        ]
        adapter.apply(messages, count_tokens=count_tokens_approximately)
        return messages[2:]

    async def aprune(self, adapter, query, documents):
        return self.prune(adapter, query, documents)  # LangChain has no async form of an edit


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
class TestMiddlewareInAnAgent:
    async def test_the_state_and_the_model_get_the_pruned_result(self, mode):
        built, model = agent(calling(CALL), using=middleware())
        (message,) = tool_messages(await run(built, mode=mode))
        assert message.content == "The battery lasts ten hours. "
        assert message.response_metadata[KEY][0]["tokens_saved"] == 8
        assert (message.tool_call_id, message.name, message.status) == ("1", "search", "success")
        (read,) = tool_messages(model.read[-1])
        assert read.content == message.content

    async def test_text_blocks_are_pruned_one_by_one(self, mode):
        built, _ = agent(calling(("blocks", CALL[1], "1")), using=middleware())
        (message,) = tool_messages(await run(built, mode=mode))
        assert message.content == [
            {"type": "text", "text": "The battery lasts ten hours. ", "id": "b0"},
            {"type": "image", "url": "https://example.org/a.png"},
            {"type": "text", "text": "Charge the battery for two hours. ", "id": "b1"},
            {"type": "text", "text": "", "id": "b2"},
        ]
        assert message.artifact == {"raw": 1}
        assert [record["tokens_saved"] for record in message.response_metadata[KEY]] == [8, 4]

    async def test_what_passes_untouched(self, mode):
        for name in ("table", "command"):
            plain, _ = agent(calling((name, CALL[1], "1")), using=middleware(exclude_tools=[name]))
            built, _ = agent(calling((name, CALL[1], "1")), using=middleware())
            (expected,) = tool_messages(await run(plain, mode=mode))
            (message,) = tool_messages(await run(built, mode=mode))
            assert message.content == expected.content
            assert KEY not in message.response_metadata


class TestMiddlewareAlone:
    def answer(self, result, using=None, **call):
        call = {"name": "search", "args": CALL[1], "id": "1", **call}
        request = ToolCallRequest(call, None, {"messages": [HumanMessage(QUERY)]}, None)
        return (using or middleware()).wrap_tool_call(request, lambda _: result)

    def test_errors_pass_untouched(self):
        message = ToolMessage(TEXTS[0], tool_call_id="1", status="error")
        assert self.answer(message) is message

    def test_json_passes_untouched(self):
        message = ToolMessage(json.dumps({"results": [TEXTS[0]]}), tool_call_id="1")
        assert self.answer(message) is message

    @pytest.mark.parametrize("text", ["[1] The battery. Rock.", "{x} Rock. The battery.", "[" * 100_000])
    def test_brackets_alone_are_no_json(self, text):
        assert self.answer(ToolMessage(text, tool_call_id="1")).response_metadata[KEY]

    def test_the_best_sentence_stays_where_nothing_answers(self):
        message = ToolMessage([{"type": "text", "text": "Rock. Moon."}, TEXTS[0]], tool_call_id="1")
        pruned = self.answer(message)
        assert pruned.content == [{"type": "text", "text": "Rock. "}, "The battery lasts ten hours. "]

    def test_blocks_are_small_only_together(self):
        message = ToolMessage([{"type": "text", "text": text} for text in TEXTS[:2]], tool_call_id="1")
        assert self.answer(message, middleware(min_tokens=24)) is message
        assert self.answer(message, middleware(min_tokens=23)).content[1]["text"].startswith("Charge")

    @pytest.mark.parametrize(
        ("options", "pruned"),
        [
            ({}, True),
            ({"include_tools": ["search"]}, True),
            ({"include_tools": ["other"]}, False),
            ({"exclude_tools": ["search"]}, False),
            ({"include_tools": ["search"], "exclude_tools": ["search"]}, False),
        ],
    )
    def test_tools_can_be_chosen(self, options, pruned):
        message = ToolMessage(TEXTS[0], tool_call_id="1")
        assert (self.answer(message, middleware(**options)) is not message) is pruned

    @pytest.mark.parametrize("option", ["include_tools", "exclude_tools"])
    def test_one_name_is_no_list_of_names(self, option):
        with pytest.raises(InputError, match="list of names"):
            middleware(**{option: "search"})

    @pytest.mark.parametrize(
        ("arguments", "query"),
        [
            ({"query": "battery life of the X1", "limit": 3}, "battery life of the X1"),
            ({"q": "电池"}, "电池"),
            ({"url": "https://example.org/x1"}, QUERY),
            ({"name": "X1"}, f"X1\n{QUERY}"),
            ({}, QUERY),
        ],
    )
    def test_the_query_is_what_the_agent_asked(self, arguments, query):
        scorer = RecordingScorer(["battery"])
        self.answer(ToolMessage(TEXTS[0], tool_call_id="1"), middleware(scorer), args=arguments)
        assert scorer.seen == [(query, TEXTS[0])]

    def test_without_any_query_it_fails_open(self):
        request = ToolCallRequest({"name": "search", "args": {}, "id": "1"}, None, [], None)
        pruned = middleware().wrap_tool_call(request, lambda _: ToolMessage(TEXTS[0], tool_call_id="1"))
        assert pruned.content == TEXTS[0]
        assert "query" in pruned.response_metadata[KEY][0]["error"]

    @pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
    @pytest.mark.parametrize("using", [middleware(), ContextEditingMiddleware(edits=[edit()])])
    async def test_savings_go_to_tracers(self, mode, using):
        class Events(BaseCallbackHandler):
            def on_custom_event(self, name, data, **kwargs):
                seen.append((name, data["tokens_saved"]))

        seen: list[Any] = []
        built, _ = agent(calling(CALL), using=using)
        await run(built, mode=mode, callbacks=[Events()])
        assert seen == [(KEY, 8)]

    def test_parallel_calls_keep_their_places(self):
        built, _ = agent(calling(CALL, ("blocks", CALL[1], "2")), using=middleware())
        result = built.invoke({"messages": [HumanMessage(QUERY)]})
        assert [message.tool_call_id for message in tool_messages(result["messages"])] == ["1", "2"]


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
class TestEditInAnAgent:
    async def test_the_model_reads_the_pruned_result_and_the_state_keeps_the_full_one(self, mode):
        built, model = agent(calling(CALL), using=ContextEditingMiddleware(edits=[edit()]))
        (kept,) = tool_messages(await run(built, mode=mode))
        (read,) = tool_messages(model.read[-1])
        assert kept.content == TEXTS[0]
        assert kept.response_metadata == {}
        assert read.content == "The battery lasts ten hours. "
        assert read.response_metadata["context_editing"] == {"pruned": True, "strategy": KEY}
        assert read.response_metadata[KEY][0]["tokens_saved"] == 8

    async def test_every_result_is_scored_once_and_saves_at_every_model_call(self, mode):
        scorer = RecordingScorer(["battery"])
        second = ("blocks", {"query": "how heavy is the battery"}, "2")
        built, model = agent(
            calling(CALL), calling(second), using=ContextEditingMiddleware(edits=[edit(scorer)])
        )
        with track_savings() as total:
            await run(built, mode=mode)
        assert [len(tool_messages(messages)) for messages in model.read] == [0, 1, 2]
        assert [text for _, text in scorer.seen] == [TEXTS[0], TEXTS[0], TEXTS[1]]
        assert [query for query, _ in scorer.seen] == [CALL[1]["query"], *[second[1]["query"]] * 2]
        assert total.tokens_saved == 8 + (8 + 8 + 4)


class TestEditAlone:
    def messages(self, **metadata):
        return [
            HumanMessage(QUERY),
            calling(CALL),
            ToolMessage(TEXTS[0], tool_call_id="1", response_metadata=metadata),
            ToolMessage(TEXTS[0], tool_call_id="nobody asked"),
        ]

    def test_only_over_the_trigger(self):
        for trigger, pruned in ((99, False), (98, True)):
            messages = self.messages()
            edit(trigger=trigger).apply(messages, count_tokens=lambda _: 99)
            assert (messages != self.messages()) is pruned

    def test_what_was_cleared_is_left_alone(self):
        messages = self.messages()
        ClearToolUsesEdit(trigger=0, keep=0).apply(messages, count_tokens=lambda _: 1)
        before = [message.model_copy() for message in messages]
        edit().apply(messages, count_tokens=len)
        assert messages == before

    def test_a_result_without_a_call_is_left_alone(self):
        messages = self.messages()
        edit().apply(messages, count_tokens=len)
        assert messages[3].content == TEXTS[0]

    def test_the_question_is_the_one_before_the_call(self):
        scorer = RecordingScorer(["battery"])
        messages = [
            HumanMessage("First?"),
            calling(("search", {}, "1")),
            ToolMessage(TEXTS[0], tool_call_id="1"),
        ]
        edit(scorer).apply([*messages, HumanMessage("Second?")], count_tokens=len)
        assert scorer.seen == [("First?", TEXTS[0])]

    def test_a_failure_is_not_remembered(self):
        class Recovering(KeywordScorer):
            broken = True

            def score(self, *args):
                return BrokenScorer().score(*args) if self.broken else super().score(*args)

        scorer = Recovering(["battery"])
        one = edit(scorer)
        messages = self.messages()
        one.apply(messages, count_tokens=len)
        assert "no memory" in messages[2].response_metadata[KEY][0]["error"]
        scorer.broken = False
        messages = self.messages()
        one.apply(messages, count_tokens=len)
        assert messages[2].content == "The battery lasts ten hours. "

    def test_leaves_the_highlighter_it_was_given(self):
        given = highlighter()
        scorer = given.scorer
        edit(highlighter=given)
        assert given.scorer is scorer
