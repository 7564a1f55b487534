"""Examples for training: a mixture of sources, made harder on the fly, the same at every repetition.

The stream is a pure function of the configuration: the examples of pool ``n`` depend on the seed and
``n`` alone, so a run resumes at any point without having kept anything of the data.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semantic_highlight.errors import InputError
from semantic_highlight.records import Record, labelled_spans
from semantic_highlight.train.config import Evaluation, Source, TrainConfig
from semantic_highlight.train.passages import read_source
from semantic_highlight.train.paths import located
from semantic_highlight.types import Span

logger = logging.getLogger(__name__)

IGNORED = -1
"""Label of a sentence that counts for nothing: it may answer although its source does not say so."""

SEPARATORS = ("\n\n", "\n\n", "\n", " ")
MIN_LEAK = 2
"""An answer string of at least this many characters found in a negative paragraph makes it doubtful."""


@dataclass(frozen=True, slots=True)
class Example:
    """A query and a document whose every span is labelled 1, 0 or ``IGNORED``.

    ``relevance`` is how relevant a teacher found the document, in [0, 1], or None where none was asked.
    """

    query: str
    context: str
    spans: tuple[Span, ...]
    labels: tuple[int, ...]
    relevance: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A record and its labelled sentences."""

    record: Record
    spans: tuple[Span, ...]
    labels: tuple[int, ...]


def held_out(record: Record, share: float) -> bool:
    """Return whether the document of a record is among the ``share`` held out, by a hash of its context."""
    digest = hashlib.sha256(record.context.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def label_row(record: Record, splitter: Callable[[str], list[Span]]) -> Row:
    """Label the sentences of a record: the source's own where it has them, else the splitter's."""
    spans, labels = labelled_spans(record, splitter)
    return Row(record, tuple(spans), tuple(labels))


class SourceStream:
    """Draws examples from one source, in a new order each pass."""

    def __init__(
        self, source: Source, index: int, config: TrainConfig, splitter: Callable[[str], list[Span]]
    ) -> None:
        data_dir = Path(config.data_dir)
        records = list(read_source(located(source.path, data_dir), data_dir))
        records = [r for r in records if not held_out(r, source.hold_out)]
        if source.cap is not None and source.cap < len(records):
            chosen = np.random.default_rng([config.seed, index]).permutation(len(records))[: source.cap]
            records = [records[i] for i in sorted(chosen.tolist())]
        rows = [label_row(record, splitter) for record in records]
        self.rows = [r for r in rows if sum(r.labels) <= source.max_sentence_share * len(r.labels)]
        if not self.rows:
            raise InputError(
                f"{source.path} gives no row to train on: look at hold_out, cap and max_sentence_share"
            )
        self._source, self._seed, self._index = source, config.seed, index
        self._by_title: dict[str, list[int]] = defaultdict(list)
        contexts: dict[str, int] = {}
        for i, row in enumerate(self.rows):
            if contexts.setdefault(row.record.context, i) == i and row.record.title:
                self._by_title[row.record.title].append(i)
        self._paragraphs = list(contexts.values())

    def example(self, draw: int) -> Example:
        """Return the example of the ``draw``-th draw from this source since the beginning."""
        turn, place = divmod(draw, len(self.rows))
        order = np.random.default_rng([self._seed, self._index, turn]).permutation(len(self.rows))
        row = self.rows[order[place]]
        rng = np.random.default_rng([self._seed, self._index, turn, place])
        chance = rng.random()
        if chance < self._source.unanswerable:
            return self._without_answer(row, rng)
        if chance < self._source.unanswerable + self._source.join:
            return self._joined(row, rng)
        return join(row.record.query, [row], "", relevance=row.record.teacher_score)

    def _others(self, row: Row, count: int, rng: np.random.Generator) -> list[Row]:
        """Choose other paragraphs: of the same title first, then any."""
        same = [
            i
            for i in self._by_title.get(row.record.title or "", [])
            if self.rows[i].record.context != row.record.context
        ]
        chosen = rng.permutation(same)[:count].tolist() if same else []
        if len(chosen) < count:
            chosen += rng.choice(self._paragraphs, count - len(chosen)).tolist()
        rows = [self.rows[i] for i in chosen]
        return [r for r in rows if r.record.context != row.record.context]

    def _joined(self, row: Row, rng: np.random.Generator) -> Example:
        others = [as_negative(other, row) for other in self._others(row, int(rng.integers(1, 6)), rng)]
        parts = [row, *others]
        mixed = [parts[i] for i in rng.permutation(len(parts))]
        separator = str(rng.choice(SEPARATORS))
        # A document is as relevant as its best part.
        return join(row.record.query, mixed, separator, relevance=row.record.teacher_score)

    def _without_answer(self, row: Row, rng: np.random.Generator) -> Example:
        others = [as_negative(other, row) for other in self._others(row, int(rng.integers(1, 4)), rng)]
        return join(row.record.query, others or [row], str(rng.choice(SEPARATORS)))


def as_negative(paragraph: Row, asked: Row) -> Row:
    """Return a paragraph as a negative for another row's query; sentences with its answer are ignored."""
    context = asked.record.context
    answers = {context[s:e] for s, e in asked.record.answer_spans if MIN_LEAK <= e - s <= 40}
    text = paragraph.record.context
    labels = tuple(IGNORED if any(a in s.of(text) for a in answers) else 0 for s in paragraph.spans)
    return Row(paragraph.record, paragraph.spans, labels)


def join(query: str, rows: Sequence[Row], separator: str, *, relevance: float | None = None) -> Example:
    """Join paragraphs into one document; a separator belongs to the sentence before it."""
    context = ""
    spans: list[Span] = []
    labels: list[int] = []
    for number, row in enumerate(rows):
        base = len(context)
        context += row.record.context + (separator if number < len(rows) - 1 else "")
        moved = [Span(s.start + base, s.end + base, s.kind) for s in row.spans]
        spans += moved
        labels += row.labels
    return Example(query, context, tuple(spans), tuple(labels), relevance)


class Mixture:
    """All sources together: pool ``n`` is always the same list of examples."""

    def __init__(self, config: TrainConfig, splitter: Callable[[str], list[Span]]) -> None:
        self._streams = [SourceStream(s, i, config, splitter) for i, s in enumerate(config.sources)]
        total = sum(s.weight for s in config.sources)
        self._quotas = [max(1, round(config.pool * s.weight / total)) for s in config.sources]
        for source, stream, quota in zip(config.sources, self._streams, self._quotas, strict=True):
            logger.info("%s: %d rows, %d a pool", source.path, len(stream.rows), quota)

    @property
    def has_teacher_scores(self) -> bool:
        """Whether any row says how relevant a teacher found it."""
        return any(r.record.teacher_score is not None for stream in self._streams for r in stream.rows)

    def pool(self, number: int) -> list[Example]:
        """Return the examples of pool ``number``."""
        return [
            stream.example(number * quota + i)
            for stream, quota in zip(self._streams, self._quotas, strict=True)
            for i in range(quota)
        ]


def evaluation_rows(
    evaluation: Evaluation, data_dir: Path, splitter: Callable[[str], list[Span]]
) -> list[Row]:
    """Read the rows of an evaluation file that are measured, evenly spread over it.

    Raises:
        InputError: If there is none.
    """
    records = list(read_source(located(evaluation.path, data_dir), data_dir))
    if evaluation.hold_out:
        records = [r for r in records if held_out(r, evaluation.hold_out)]
    if not records:
        raise InputError(f"{evaluation.path} gives no row to evaluate on: look at hold_out")
    step = max(len(records) // evaluation.cap, 1)
    return [label_row(record, splitter) for record in records[::step][: evaluation.cap]]
