"""What it takes to prune what an agent's tools return, whichever the framework."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from semantic_highlight.types import DocumentScores, Scorer, Span

# What RetrieverTool of LlamaIndex makes of the call ``tool(input="what is x")``: "\ninput is what is x\n".
# Both line breaks are asked for, or a typed "What is x" would lose its first words.
_TOOL_CALL = re.compile(r"\A(?:\n\w+|input) is (.+)\n\Z", re.DOTALL)

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def plain_query(query: str) -> str:
    """Return a query without what LlamaIndex's RetrieverTool puts around it: the argument's name and "is"."""
    found = _TOOL_CALL.match(query)
    return found[1] if found else query


def query_of_call(arguments: Mapping[str, Any], question: str) -> str:
    """Return what an agent wants to know from a tool.

    That is what it wrote in the arguments of the call. Single words, addresses and paths say where to
    look rather than what for; where there is nothing else, the question that the agent was asked follows.

    Args:
        arguments: The arguments of the tool call.
        question: What the agent was asked last; may be empty.
    """
    texts = [plain_query(text).strip() for value in arguments.values() for text in _strings(value)]
    phrases = [text for text in texts if len(text.split()) > 1 or _CJK.search(text)]
    if phrases:
        return "\n".join(phrases)
    words = [text for text in texts if text and "/" not in text]
    return "\n".join([*words, question]).strip()


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [text for text in values if isinstance(text, str)]


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or array, which no longer is one with a sentence taken out."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):  # the latter from a hundred thousand brackets
        return False
    return True


class RememberingScorer:
    """Scores a text once for a query and remembers the result, for callers that see it again and again.

    Args:
        scorer: What scores.
        size: How many texts are remembered; then the oldest is forgotten.
    """

    def __init__(self, scorer: Scorer, size: int = 256) -> None:
        self._scorer = scorer
        self._size = size
        self._lock = threading.Lock()
        self._scores: dict[tuple[str, str, tuple[Span, ...]], DocumentScores] = {}

    @property
    def name(self) -> str:
        """The name of the scorer within."""
        return self._scorer.name

    @property
    def default_threshold(self) -> float:
        """The threshold of the scorer within."""
        return self._scorer.default_threshold

    @property
    def default_selector(self) -> Any:
        """The selector of the scorer within; None where it has none."""
        return getattr(self._scorer, "default_selector", None)

    def score(
        self, query: str, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> list[DocumentScores]:
        """Score every span of every text that is not remembered."""
        keys = [(query, text, tuple(some)) for text, some in zip(texts, spans, strict=True)]
        with self._lock:
            known = {key: self._scores[key] for key in keys if key in self._scores}
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        if missing:
            scored = self._scorer.score(query, [key[1] for key in missing], [key[2] for key in missing])
            known.update(zip(missing, scored, strict=True))
            with self._lock:
                self._scores.update(known)
                for oldest in list(self._scores)[: -self._size]:
                    del self._scores[oldest]
        return [known[key] for key in keys]

    def __reduce__(self) -> tuple[Any, ...]:
        return RememberingScorer, (self._scorer, self._size)
