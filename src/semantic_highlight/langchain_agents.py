"""LangChain agents: prune long tool results against what the agent asked.

Two ways, with the same options. The middleware prunes a result once, when the tool returns, so the state
of the agent holds the pruned text::

    create_agent(model, tools, middleware=[SemanticHighlightMiddleware()])

The edit prunes what the model is about to read, so the state keeps the full text::

    create_agent(model, tools, middleware=[ContextEditingMiddleware(edits=[SemanticHighlightEdit()])])
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_highlight.adapter import OnError, Pruner, copied_values, default_highlighter
from semantic_highlight.calibration import Calibration, as_calibration
from semantic_highlight.errors import InputError, MissingExtraError
from semantic_highlight.highlighter import Highlighter
from semantic_highlight.langchain import dispatch_savings
from semantic_highlight.record import KEY
from semantic_highlight.selection import MinKept, Selector
from semantic_highlight.tool_calls import RememberingScorer, is_json, query_of_call

try:
    from langchain.agents.middleware import AgentMiddleware, ToolCallRequest
    from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
    from langchain_core.runnables import run_in_executor
except ModuleNotFoundError as error:
    raise MissingExtraError("langchain", "agents") from error

if TYPE_CHECKING:
    from langgraph.types import Command


@dataclass(kw_only=True, eq=False)
class ToolResultPruning:
    """The options that the middleware and the edit share.

    The text of a result is pruned, or each text block of one; at least the best sentence of each is kept,
    because providers refuse empty text. Everything else passes untouched: errors, other blocks, JSON.

    The savings stand under ``response_metadata["semantic_highlight"]``, one record for every text that
    was looked at. LangChain's own edits leave their marks in ``response_metadata``; no integration sends
    it to a model, whereas ``additional_kwargs`` may be sent and ``artifact`` belongs to the tool.

    Args:
        highlighter: What scores and prunes; the bundled model where None.
        selector: Which sentences to keep, for every result by itself; the highlighter's own where None.
        calibration: A threshold fitted to your own examples, or the path of its file, instead of a selector.
        include_tools: The names of the tools whose results are pruned; all where None.
        exclude_tools: The names of the tools whose results are not.
        min_tokens: Results of fewer tokens pass untouched. The default is about a paragraph or two.
        include_sentences: Whether records list every sentence with its offsets and score.
        on_error: Whether a failure leaves the result as it is, with ``error`` in the record, or raises.

    Raises:
        InputError: If an option cannot be used.
    """

    highlighter: Highlighter | None = None
    selector: Selector | None = None
    calibration: Calibration | str | Path | None = None
    include_tools: Collection[str] | None = None
    exclude_tools: Collection[str] = ()
    min_tokens: int = 200
    include_sentences: bool = False
    on_error: OnError = "pass_through"

    def __post_init__(self) -> None:
        for names in (self.include_tools, self.exclude_tools):
            if isinstance(names, str):
                raise InputError(f"the tools are {names!r}: pass a list of names")
        if self.calibration is not None:
            self.calibration = as_calibration(self.calibration)
        self._pruner()

    def _pruner(self) -> Pruner:
        return Pruner(
            highlighter=self.highlighter,
            selector=self.selector,
            calibration=None if self.calibration is None else as_calibration(self.calibration),
            include_sentences=self.include_sentences,
            min_tokens=self.min_tokens,
            together=True,
            wrapper=partial(MinKept, per_document=1, per_query=0),
            on_error=self.on_error,
        )

    def _prune(self, message: ToolMessage, call: Mapping[str, Any], question: str) -> ToolMessage:
        """Return a copy of a tool's message with less text, or the message itself.

        Args:
            message: What the tool returned.
            call: The call that it answers.
            question: What the agent was asked last.
        """
        if message.status == "error" or not self._includes(message.name or call["name"]):
            return message
        content = message.content
        blocks: list[str | dict[Any, Any]] = [content] if isinstance(content, str) else [*content]
        texts = {index: text for index, block in enumerate(blocks) if (text := _text(block))}
        previous = message.response_metadata.get(KEY)
        if not isinstance(previous, list) or len(previous) != len(texts):
            previous = [None] * len(texts)
        query = query_of_call(call["args"], question)
        outcomes = self._pruner().prune(query, list(texts.values()), previous)
        if all("skipped" in outcome.record for outcome in outcomes):
            return message
        dispatch_savings(outcomes)
        for index, outcome in zip(texts, outcomes, strict=True):
            block = blocks[index]
            blocks[index] = outcome.text if isinstance(block, str) else {**block, "text": outcome.text}
        records = [outcome.record for outcome in outcomes]
        metadata = {**copied_values(message.response_metadata), KEY: records}
        pruned = blocks[0] if isinstance(content, str) else blocks
        return message.model_copy(update={"content": pruned, "response_metadata": metadata})

    def _includes(self, tool: str) -> bool:
        included = self.include_tools is None or tool in self.include_tools
        return included and tool not in self.exclude_tools


class SemanticHighlightMiddleware(ToolResultPruning, AgentMiddleware[Any, Any, Any]):
    """Prunes a tool's result against what the agent asked, before it enters the state of the agent.

    Options and what passes untouched: see :class:`ToolResultPruning`; a ``Command`` does too.
    """

    @property
    def name(self) -> str:
        """The class with the tools it is for: an agent refuses two middleware of one name."""
        excluded = [f"-{tool}" for tool in sorted(self.exclude_tools)]
        tools = [*sorted(self.include_tools or ()), *excluded]
        return f"{type(self).__name__}[{', '.join(tools)}]" if tools else type(self).__name__

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Run the tool and prune what it returns."""
        return self._answer(request, handler(request))

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """Run the tool and prune what it returns in a thread, so that the event loop goes on."""
        return await run_in_executor(None, self._answer, request, await handler(request))

    def _answer(
        self, request: ToolCallRequest, result: ToolMessage | Command[Any]
    ) -> ToolMessage | Command[Any]:
        if not isinstance(result, ToolMessage):
            return result
        return self._prune(result, request.tool_call, _question(request.state))


@dataclass(kw_only=True, eq=False)
class SemanticHighlightEdit(ToolResultPruning):
    """Prunes the tool results that the model is about to read; the state of the agent keeps the full text.

    A ``ContextEdit`` for LangChain's ``ContextEditingMiddleware``. Every model call reads the results
    again, so what was scored is remembered. Results that another edit cleared are left alone. An edit has
    no async form in LangChain: under ``ainvoke`` the event loop waits while a new result is scored.

    Args:
        trigger: Prune only where the conversation has more tokens than this, by the middleware's own
            count; always where 0.
    """

    trigger: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.highlighter = copy(self.highlighter or default_highlighter())
        self.highlighter.scorer = RememberingScorer(self.highlighter.scorer)

    def apply(
        self, messages: list[AnyMessage], *, count_tokens: Callable[[Sequence[BaseMessage]], int]
    ) -> None:
        """Replace the tool messages in the list by pruned ones."""
        if self.trigger and count_tokens(messages) <= self.trigger:
            return
        question = ""
        calls: dict[str | None, Mapping[str, Any]] = {}
        for index, message in enumerate(messages):
            if isinstance(message, HumanMessage):
                question = message.text
            elif isinstance(message, AIMessage):
                calls.update({call["id"]: {**call} for call in message.tool_calls})
            elif isinstance(message, ToolMessage) and message.tool_call_id in calls:
                messages[index] = self._edited(message, calls[message.tool_call_id], question)

    def _edited(self, message: ToolMessage, call: Mapping[str, Any], question: str) -> ToolMessage:
        if message.response_metadata.get("context_editing", {}).get("cleared"):
            return message
        pruned = self._prune(message, call, question)
        if pruned is message:
            return message
        mark = {"context_editing": {"pruned": True, "strategy": KEY}}
        return pruned.model_copy(update={"response_metadata": {**pruned.response_metadata, **mark}})


def _text(block: str | dict[str, Any]) -> str | None:
    """Return the prose of a content block, None where it has none."""
    text = block if isinstance(block, str) else block.get("text") if block.get("type") == "text" else None
    return text if isinstance(text, str) and not is_json(text) else None


def _question(state: Any) -> str:
    messages = state.get("messages", []) if isinstance(state, Mapping) else getattr(state, "messages", [])
    return next((m.text for m in reversed(messages) if isinstance(m, HumanMessage)), "")
