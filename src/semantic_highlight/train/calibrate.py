"""Make a score mean the same everywhere, and choose the threshold: on dev data, never on held-out files."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.metrics import average_precision, f1_at, f2_at
from semantic_highlight.models.packed.checkpoint import read_config, write_config
from semantic_highlight.models.packed.network import PruningModel
from semantic_highlight.models.packed.pairs import PairTokenizer, span_ranges
from semantic_highlight.models.packed.weights import load_network
from semantic_highlight.scoring import merge_windows
from semantic_highlight.splitting import split
from semantic_highlight.train.config import Evaluation
from semantic_highlight.train.data import Row, evaluation_rows
from semantic_highlight.train.measure import window_logits
from semantic_highlight.train.state import copy_files, write_folder, write_json
from semantic_highlight.train.toml import Section
from semantic_highlight.types import Span

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

logger = logging.getLogger(__name__)

THRESHOLDS = np.arange(1, 100) / 100
"""Thresholds to choose from: hundredths, which a reader can repeat."""
_MOST_LOG = 4.0
"""Temperatures stay within ``exp(-4)`` to ``exp(4)``; separable data would take them to 0."""


class CalibrateConfig(Section):
    """What to calibrate, and on what."""

    model: str
    """Folder of the trained model."""
    data_dir: str
    out: str
    """Folder of the calibrated model."""
    evaluation: list[Evaluation] = Field(min_length=1)
    """Dev files. Each counts the same, however many sentences it has."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A token's probability is ``sigmoid((logit - shift) / temperature)``."""

    temperature: float
    shift: float

    def probabilities(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Return the calibrated probabilities of logits."""
        z = (np.asarray(logits, dtype=np.float64) - self.shift) / self.temperature
        return 1.0 / (1.0 + np.exp(-np.clip(z, -60.0, 60.0)))


@dataclass(frozen=True, slots=True)
class DevSet:
    """The sentences of a dev file.

    Attributes:
        logits: Of each sentence, the logits of its tokens; no sentence is without.
        labels: Of each sentence, 1 where it answers, else 0.
    """

    logits: tuple[NDArray[np.float64], ...]
    labels: NDArray[np.int64]

    def scores(self, calibration: Calibration) -> NDArray[np.float64]:
        """Return the score of every sentence: the mean probability of its tokens."""
        return np.array([calibration.probabilities(some).mean() for some in self.logits])


def fit_temperature(
    logits: Sequence[ArrayLike], labels: ArrayLike, *, weights: ArrayLike | None = None
) -> Calibration:
    """Fit temperature and shift to labels, by the likelihood of the mean token probability.

    Platt scaling (Platt 1999; with the shift fixed it is the temperature of Guo et al. 2017), put inside
    the mean, because what is thresholded is the mean probability and not the probability of a mean logit.

    Args:
        logits: Of each sentence, the logits of its tokens, at least one.
        labels: Of each sentence, 1 where it answers, else 0.
        weights: Of each sentence, how much it counts; 1 each by default.

    Raises:
        InputError: If there is no sentence of either label.
    """
    targets = torch.tensor(np.asarray(labels), dtype=torch.float64)
    if not 0 < targets.sum() < len(targets):
        raise InputError("calibration needs sentences that answer and others that do not: give more dev data")
    counts = torch.tensor([np.size(some) for some in logits])
    owner = torch.repeat_interleave(torch.arange(len(counts)), counts)
    tokens = torch.tensor(np.concatenate([np.ravel(some) for some in logits]), dtype=torch.float64)
    share = torch.tensor(np.ones(len(targets)) if weights is None else np.asarray(weights, dtype=np.float64))

    def loss(temperature: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        probabilities = ((tokens - shift) / temperature).sigmoid()
        means = torch.zeros_like(targets).index_add(0, owner, probabilities) / counts
        # A mean may round past 1, where its logarithm has no value.
        means = means.clamp(1e-12, 1 - 1e-12)
        return functional.binary_cross_entropy(means, targets, weight=share, reduction="sum") / share.sum()

    return _minimise(loss)


def _minimise(loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Calibration:
    log_temperature, shift = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimizer = torch.optim.LBFGS([log_temperature, shift], max_iter=200, line_search_fn="strong_wolfe")

    def temperature() -> torch.Tensor:
        return log_temperature.clamp(-_MOST_LOG, _MOST_LOG).exp()

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(temperature(), shift)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return Calibration(temperature().item(), shift.item())


def choose_threshold(sets: Sequence[tuple[ArrayLike, ArrayLike]]) -> float:
    """Return the threshold with the best mean F2 over dev sets, in hundredths; of equal ones the lowest.

    F2, by which Open Provence measures too, weighs recall twice as much as precision: a sentence too many
    costs tokens, one too few costs the answer. By F1 the threshold rises with every set of facts, and
    drops answers that do not repeat the words of their question.

    Args:
        sets: Of each set, the labels and the scores of its sentences.
    """
    means = [np.mean([f2_at(labels, scores, t) for labels, scores in sets]) for t in THRESHOLDS]
    return float(THRESHOLDS[int(np.argmax(means))])


def dev_set(model: PruningModel, tokenizer: PairTokenizer, rows: Sequence[Row]) -> DevSet:
    """Run a network over the rows of a dev file.

    Sentences without a token are left out: nothing is known of them.
    """
    logits: list[NDArray[np.float64]] = []
    labels: list[int] = []
    for row in rows:
        text, windows = tokenizer.pair(row.record.query, row.record.context, row.spans)
        merged = merge_windows([(w.tokens, window_logits(model, w)) for w in windows], len(text.ids))
        for (first, last), label in zip(span_ranges(text.offsets, row.spans), row.labels, strict=True):
            if last > first:
                logits.append(merged[first:last])
                labels.append(label)
    return DevSet(tuple(logits), np.array(labels))


def calibrate(config: CalibrateConfig, *, splitter: Callable[[str], list[Span]] = split) -> Path:
    """Fit a model's temperature, shift and threshold on dev data, and write the model with them.

    Beside the model, ``calibration.json`` says how each dev file scores.

    Returns:
        The folder ``config.out``.

    Raises:
        InputError: If a dev file cannot be used.
        CheckpointError: If the model cannot be loaded.
    """
    folder = Path(config.model)
    settings, sets = read_config(folder), _dev_sets(config, splitter)
    found = fit_temperature(
        [some for each in sets.values() for some in each.logits],
        np.concatenate([each.labels for each in sets.values()]),
        weights=np.concatenate([np.full(len(each.labels), 1 / len(each.labels)) for each in sets.values()]),
    )
    scored = {path: (each.labels, each.scores(found)) for path, each in sets.items()}
    threshold = choose_threshold(list(scored.values()))
    logger.info("%s, threshold %.2f", found, threshold)
    calibrated = dataclasses.replace(
        settings, temperature=found.temperature, shift=found.shift, default_threshold=threshold
    )
    report = {
        **dataclasses.asdict(found),
        "default_threshold": threshold,
        "dev": _figures(scored, threshold),
    }

    def fill(new: Path) -> None:
        copy_files(folder, new)
        write_config(new, calibrated)
        write_json(new / "calibration.json", report)

    write_folder(Path(config.out), fill)
    return Path(config.out)


def _dev_sets(config: CalibrateConfig, splitter: Callable[[str], list[Span]]) -> dict[str, DevSet]:
    folder = Path(config.model)
    settings = read_config(folder)
    model = load_network(folder).eval()
    tokenizer = PairTokenizer.from_folder(
        folder,
        max_length=settings.max_length,
        query_tokens=settings.query_tokens,
        block_tokens=settings.block_tokens,
        overlap=settings.overlap,
    )
    data_dir = Path(config.data_dir)
    return {
        e.path: dev_set(model, tokenizer, evaluation_rows(e, data_dir, splitter)) for e in config.evaluation
    }


def _figures(
    scored: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]], threshold: float
) -> dict[str, dict[str, float]]:
    return {
        path: {
            "sentences": len(labels),
            "average_precision": average_precision(labels, scores),
            "f1": f1_at(labels, scores, threshold),
        }
        for path, (labels, scores) in scored.items()
    }
