"""End to end: does a language model still find the answer when it reads the pruned document?

A model answers each query from the whole document and from what is left of it, and another says whether the
answer holds what the gold sentences say, as Open Provence does on MLDR (scripts/eval_mldr.py), which asks the
judge alone. Only documents with an answer are asked about; what is pruned to nothing has lost it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from semantic_highlight.errors import EndpointError, InputError
from semantic_highlight.evaluate.chat import Chat, Message, Reply
from semantic_highlight.evaluate.scored import bar
from semantic_highlight.records import Record, labelled_spans

if TYPE_CHECKING:
    from semantic_highlight.highlighter import Highlighter

WHOLE = "no pruning"

ANSWER = (
    "Answer the question from the document alone, in one or two sentences, in the language of the question. "
    "If the document does not answer it, reply: NO ANSWER."
)
JUDGE = (
    "You are given a question, passages that answer it, and a reply to judge. Does the reply answer the "
    "question as the passages do? Wording does not matter; leave out of account what the reply adds. A reply "
    "that says there is no answer does not. Say YES or NO and nothing else."
)

_VERDICT = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one answer.

    Attributes:
        id: Of the record.
        model: What pruned the document, or ``no pruning``.
        answer: What was replied to the query; empty where nothing was left to ask about.
        has_answer: Whether the judge found the gold answer in it.
        prompt_tokens: Tokens read for the answer, as the endpoint counts them; the judge's are not in it.
        completion_tokens: Tokens written for the answer.
    """

    id: str
    model: str
    answer: str
    has_answer: bool
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class AnswerRate:
    """The judgements of one model together.

    Attributes:
        model: What pruned, or ``no pruning``.
        documents: How many were asked about.
        answered: Of how many the judge found the answer.
        prompt_tokens: Tokens read for all answers.
        completion_tokens: Tokens written for all answers.
    """

    model: str
    documents: int
    answered: int
    prompt_tokens: int
    completion_tokens: int

    @property
    def rate(self) -> float:
        """Share of documents whose answer was found, 0.0 to 1.0; 0.0 for no documents."""
        return self.answered / self.documents if self.documents else 0.0

    def cost(self, *, prompt: float, completion: float) -> float:
        """Return what the answers cost.

        Args:
            prompt: Price of a million tokens read.
            completion: Price of a million tokens written, in the same currency.
        """
        return (self.prompt_tokens * prompt + self.completion_tokens * completion) / 1e6


def judge_records(
    models: Mapping[str, Highlighter],
    records: Iterable[Record],
    *,
    answerer: Chat,
    judge: Chat,
    workers: int = 4,
    progress: bool = False,
) -> list[Judgement]:
    """Ask for every answer with and without pruning, and judge it; in the order of records, then of models.

    Args:
        models: What prunes, by the name it goes under; ``no pruning`` is added.
        records: Labelled examples; those without an answer are left out.
        answerer: The model that answers.
        judge: The model that judges.
        workers: How many documents are asked about at once.
        progress: Show a bar on standard error.

    Raises:
        InputError: If no record has an answer.
        EndpointError: If a model cannot be reached, or the judge says neither yes nor no.
    """
    jobs = [(record, gold, name, text) for record in records for name, text, gold in _texts(models, record)]
    if not jobs:
        raise InputError(
            "no record has an answer, so there is nothing to ask: give records with answer_spans"
        )

    def run(job: tuple[Record, str, str, str]) -> Judgement:
        record, gold, name, text = job
        return _judged(record, gold, name, text, answerer=answerer, judge=judge)

    with ThreadPoolExecutor(workers) as pool:
        asked = [pool.submit(run, job) for job in jobs]
        try:
            return [one.result() for one in bar(asked, answerer.name, shown=progress)]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what was not asked yet need not be paid for
            raise


def _texts(models: Mapping[str, Highlighter], record: Record) -> list[tuple[str, str, str]]:
    """Return what each model leaves of a record with an answer, and the gold; nothing of any other."""
    found: list[tuple[str, str, str]] = []
    for name, highlighter in models.items():
        spans, labels = labelled_spans(record, highlighter.splitter)
        gold = [span.of(record.context).strip() for span, label in zip(spans, labels, strict=True) if label]
        if gold:
            if not found:
                found.append((WHOLE, record.context, "\n".join(gold)))
            (pruned,) = highlighter.prune(record.query, [record.context])
            found.append((name, pruned.text, "\n".join(gold)))
    return found


def _judged(record: Record, gold: str, name: str, text: str, *, answerer: Chat, judge: Chat) -> Judgement:
    if not text.strip():
        return Judgement(record.id, name, "", has_answer=False, prompt_tokens=0, completion_tokens=0)
    asked = f"Document:\n{text.strip()}\n\nQuestion: {record.query}"
    answer = answerer.reply([Message("system", ANSWER), Message("user", asked)])
    return Judgement(
        record.id,
        name,
        answer.text,
        has_answer=_verdict(judge, record.query, gold, answer),
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
    )


def _verdict(judge: Chat, query: str, gold: str, answer: Reply) -> bool:
    shown = f"Question: {query}\n\nPassages that answer it:\n{gold}\n\nReply to judge:\n{answer.text.strip()}"
    said = judge.reply([Message("system", JUDGE), Message("user", shown)]).text
    match = _VERDICT.match(said)
    if match is None:
        raise EndpointError(f"the judge {judge.name} said {said[:100]!r}: YES or NO is needed; try another")
    return match[1].lower() == "yes"


def answer_rates(judgements: Sequence[Judgement]) -> list[AnswerRate]:
    """Return what the judgements come to, one a model, in the order of their first."""
    return [
        AnswerRate(
            model,
            len(some),
            sum(one.has_answer for one in some),
            sum(one.prompt_tokens for one in some),
            sum(one.completion_tokens for one in some),
        )
        for model in dict.fromkeys(one.model for one in judgements)
        for some in [[one for one in judgements if one.model == model]]
    ]
