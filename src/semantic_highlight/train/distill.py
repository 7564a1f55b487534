"""Teachers: scorers whose scores a network learns to give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.errors import ScoringError
from semantic_highlight.train.data import Example
from semantic_highlight.types import Scorer

if TYPE_CHECKING:
    from numpy.typing import NDArray


def teacher_scores(teachers: Sequence[Scorer], example: Example) -> NDArray[np.float64]:
    """Return the mean of the teachers' scores of every span of an example, in [0, 1].

    Scores of sentences and not of tokens, so that a teacher of any tokenizer can teach; each token of a
    sentence learns the sentence's score.

    Raises:
        ScoringError: If a teacher does not give one score in [0, 1] for every span.
    """
    scores = []
    for teacher in teachers:
        (document,) = teacher.score(example.query, [example.context], [example.spans])
        found = np.array(document.sentences, dtype=np.float64)
        if len(found) != len(example.spans) or not ((found >= 0) & (found <= 1)).all():
            raise ScoringError(f"the teacher {teacher.name} gave no score in [0, 1] for every sentence")
        scores.append(found)
    mean: NDArray[np.float64] = np.mean(scores, axis=0)
    return mean
