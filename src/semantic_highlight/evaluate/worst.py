"""The documents of which a model loses most, to look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semantic_highlight.evaluate.evaluation import Run
from semantic_highlight.evaluate.scored import LabelledSentences, highlighted
from semantic_highlight.records import Record
from semantic_highlight.render import Mark


@dataclass(frozen=True, slots=True)
class Example:
    """A record and what became of it.

    Attributes:
        record: The record.
        marks: Its sentences, kept and dropped, as :mod:`semantic_highlight.render` shows them.
        answers: Indices of the sentences that answer.
    """

    record: Record
    marks: tuple[Mark, ...]
    answers: tuple[int, ...]

    @property
    def lost(self) -> list[tuple[str, float]]:
        """The sentences that answer and are dropped, with their scores."""
        found = (self.marks[index] for index in self.answers)
        return [(self.record.context[start:end], score) for start, end, score, kept in found if not kept]

    @property
    def in_vain(self) -> int:
        """How many sentences are kept that do not answer."""
        return sum(mark[3] for index, mark in enumerate(self.marks) if index not in self.answers)


def worst_examples(sentences: LabelledSentences, run: Run, *, most: int = 20) -> list[Example]:
    """Return the records that the first policy of a run does worst on, the worst first.

    First those that lose the largest share of their answer, of these those that keep most in vain, of
    these those whose best answering sentence scores lowest. A record that loses nothing and keeps nothing
    in vain is never among them.

    Args:
        sentences: The labelled sentences.
        run: What a model made of them.
        most: How many to return.
    """
    bounds = np.searchsorted(sentences.records, np.arange(len(sentences.documents) + 1))
    delivered = run.decisions[0].delivered
    examples = []
    for index, document in enumerate(highlighted(sentences, run.scored)):
        part = slice(bounds[index], bounds[index + 1])
        marks = [
            (span.start, span.end, score, bool(kept))
            for span, score, kept in zip(document.spans, document.scores, delivered[part], strict=True)
        ]
        answers = np.flatnonzero(sentences.labels[part]).tolist()
        examples.append(Example(sentences.documents[index], tuple(marks), tuple(answers)))
    bad = (example for example in examples if example.lost or example.in_vain)
    return sorted(bad, key=_badness, reverse=True)[:most]


def _badness(example: Example) -> tuple[float, int, float]:
    best = max((example.marks[index][2] for index in example.answers), default=0.0)
    return len(example.lost) / max(1, len(example.answers)), example.in_vain, -best
