"""Measure a network on labelled rows: mean token probability of every sentence against its label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from semantic_highlight.evaluate.metrics import average_precision, best_f1
from semantic_highlight.models.packed.network import PruningModel
from semantic_highlight.models.packed.pairs import PairTokenizer, Window, span_ranges
from semantic_highlight.train.data import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray


def row_scores(model: PruningModel, tokenizer: PairTokenizer, row: Row) -> NDArray[np.float64]:
    """Return the score of every sentence of a row; a token in several windows counts by its mean."""
    text, windows = tokenizer.pair(row.record.query, row.record.context, row.spans)
    total, seen = np.zeros(len(text.ids)), np.zeros(len(text.ids))
    for window in windows:
        first, last = window.tokens
        total[first:last] += 1 / (1 + np.exp(-window_logits(model, window)))
        seen[first:last] += 1
    running = np.concatenate([[0.0], np.cumsum(total / np.maximum(seen, 1))])
    ranges = span_ranges(text.offsets, row.spans)
    return np.array([(running[b] - running[a]) / max(b - a, 1) for a, b in ranges])


@torch.inference_mode()
def window_logits(model: PruningModel, window: Window) -> NDArray[np.float64]:
    """Return the logits of the context tokens of a window."""
    device = next(model.parameters()).device
    arrays = (window.ids, window.types, window.positions, window.blocks, window.lexical)
    logits, _ = model(*(torch.from_numpy(array)[None].to(device) for array in arrays))
    found: NDArray[np.float64] = logits[0].double().cpu().numpy()[window.places]
    return found


def measure(model: PruningModel, tokenizer: PairTokenizer, rows: Sequence[Row]) -> dict[str, float]:
    """Return average precision and best F1 with its threshold, pooled over the sentences of all rows."""
    was_training = model.training
    model.eval()
    scores = np.concatenate([row_scores(model, tokenizer, row) for row in rows])
    model.train(was_training)
    labels = np.concatenate([row.labels for row in rows])
    f1, threshold = best_f1(labels, scores)
    return {"ap": average_precision(labels, scores), "f1": f1, "threshold": threshold}
