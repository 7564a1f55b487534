"""From the probabilities of tokens to the scores of sentences, without a loop over tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def sentence_means(
    probabilities: ArrayLike, token_spans: ArrayLike, sentence_spans: ArrayLike
) -> NDArray[np.float64]:
    """Return the mean probability of the tokens of every sentence, in [0, 1].

    The mean over a sentence's tokens is how Provence and Open Provence score a sentence. It is the
    difference of two prefix sums. A token belongs to the sentence in which it begins, so one that
    straddles a border counts once. A sentence in which no token begins scores 0.0.

    Args:
        probabilities: One for every token, in [0, 1].
        token_spans: ``(start, end)`` of every token in the text, by ascending start. Special tokens,
            which have no place in the text, are left out; so is the space before a word, where a
            tokenizer counts it as part of the token.
        sentence_spans: ``(start, end)`` of every sentence in the same text.
    """
    token_starts = np.reshape(token_spans, (-1, 2))[:, 0]
    sentences = np.reshape(sentence_spans, (-1, 2))
    ranges = np.searchsorted(token_starts, sentences)
    # The difference of two rounded sums can leave the range by a rounding error.
    return range_means(probabilities, ranges).clip(0.0, 1.0)


def range_means(values: ArrayLike, ranges: ArrayLike) -> NDArray[np.float64]:
    """Return the mean of the values in each half-open range, 0.0 for an empty one.

    Args:
        values: One for every token.
        ranges: ``(first, last)`` of every sentence, in tokens.
    """
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    first, last = np.reshape(np.asarray(ranges, dtype=np.int64), (-1, 2)).T
    means: NDArray[np.float64] = (sums[last] - sums[first]) / np.maximum(last - first, 1)
    return means


def merge_windows(windows: Sequence[tuple[tuple[int, int], ArrayLike]], tokens: int) -> NDArray[np.float64]:
    """Return one value for every token of a document that was scored in windows.

    A token that several windows hold gets the mean of what they say; one that none holds gets 0.0.

    Args:
        windows: For every window its range ``(first, last)`` in the tokens of the document, and one
            value for each of them.
        tokens: The number of tokens of the document.
    """
    sums = np.zeros(tokens)
    seen = np.zeros(tokens)
    for (first, last), values in windows:
        sums[first:last] += np.asarray(values, dtype=np.float64)
        seen[first:last] += 1
    merged: NDArray[np.float64] = sums / np.maximum(seen, 1)
    return merged
