from __future__ import annotations

import json

import numpy as np
import pytest

from semantic_highlight.errors import InputError
from semantic_highlight.models.packed.checkpoint import read_config
from semantic_highlight.models.packed.scorer import TokenScorer
from semantic_highlight.models.packed.weights import load_network
from semantic_highlight.train import run_training
from semantic_highlight.train.calibrate import (
    CalibrateConfig,
    Calibration,
    calibrate,
    choose_threshold,
    fit_temperature,
)

optimize = pytest.importorskip("scipy.optimize")


def sentences(count, *, temperature, shift, seed=0):
    """Logits and labels of sentences whose score, at this temperature and shift, is their probability."""
    rng = np.random.default_rng(seed)
    logits = [rng.normal(rng.normal(shift, 3), 1, rng.integers(1, 9)) for _ in range(count)]
    right = Calibration(temperature, shift)
    labels = [int(rng.random() < right.probabilities(some).mean()) for some in logits]
    return logits, labels


def test_what_made_the_labels_is_found_again():
    found = fit_temperature(*sentences(20_000, temperature=2.0, shift=-1.0))
    assert found.temperature == pytest.approx(2.0, rel=0.1)
    assert found.shift == pytest.approx(-1.0, abs=0.1)


def test_it_is_the_minimum_that_another_method_finds():
    logits, labels = sentences(300, temperature=0.7, shift=0.5)
    weights = np.linspace(0.5, 2, 300)

    def loss(values):
        calibration = Calibration(float(np.exp(values[0])), values[1])
        scores = np.array([calibration.probabilities(some).mean() for some in logits])
        return -np.average(np.log(np.where(labels, scores, 1 - scores)), weights=weights)

    expected = optimize.minimize(
        loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-12}
    )
    found = fit_temperature(logits, labels, weights=weights)
    assert (np.log(found.temperature), found.shift) == pytest.approx(tuple(expected.x), abs=1e-3)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_one_label_alone_is_refused(labels):
    with pytest.raises(InputError, match="sentences that answer and others that do not"):
        fit_temperature([[1.0], [2.0]], labels)


def test_separable_sentences_keep_a_finite_temperature():
    found = fit_temperature([[-5.0], [-4.0], [4.0], [5.0]], [0, 0, 1, 1])
    assert 0.01 < found.temperature < 60


def test_the_threshold_has_the_best_mean_f1():
    # The first set is all right from 0.30 (kept is above) to below 0.60, the second from 0.50 to below 0.80.
    first = ([0, 1, 1], [0.3, 0.6, 0.7])
    second = ([0, 1], [0.5, 0.8])
    assert choose_threshold([first]) == 0.3
    assert choose_threshold([first, second]) == 0.5


def test_a_missed_answer_weighs_more_than_a_sentence_too_many():
    # Above 0.60 one of two answers and nothing else: F1 2/3, F2 5/9. Above 0.20 both and three more: F1 4/7,
    # F2 10/13. Below that both and five others: F2 10/15.
    labels, scores = [1, 0, 0, 0, 1, 0, 0], [0.9, 0.6, 0.6, 0.5, 0.4, 0.2, 0.2]
    assert choose_threshold([(labels, scores)]) == 0.2


def test_a_model_is_calibrated(toy_config, toy_files, tmp_path):
    model = run_training(toy_config(tokens=8000, optimisation={"learning_rate": 3e-3}))
    config = CalibrateConfig(
        model=str(model),
        data_dir=str(toy_files),
        out=str(tmp_path / "out"),
        evaluation=[{"path": "dev.jsonl.gz"}],
    )
    folder = calibrate(config)
    before, after = read_config(model), read_config(folder)
    assert (before.temperature, before.shift) == (1.0, 0.0)
    assert after.temperature != 1.0
    report = json.loads((folder / "calibration.json").read_text())
    assert report["default_threshold"] == after.default_threshold
    figures = report["dev"]["dev.jsonl.gz"]
    # The same figures by the way that users go: the scorer, sentence by sentence.
    labels, scores = score_all(folder, toy_files / "dev.jsonl.gz")
    assert figures["sentences"] == len(labels)
    kept = scores > after.default_threshold
    assert figures["f1"] == pytest.approx(2 * (kept & labels).sum() / (kept.sum() + labels.sum()))


def score_all(folder, path):
    from semantic_highlight.records import labelled_spans, read_records
    from semantic_highlight.splitting import split
    from semantic_highlight.train.measure import window_logits

    class TorchEngine:
        def __init__(self, folder):
            self.model = load_network(folder).eval()

        def logits(self, windows):
            return [window_logits(self.model, window) for window in windows]

    scorer = TokenScorer(folder, TorchEngine)
    labels, scores = [], []
    for record in read_records(path):
        spans, some = labelled_spans(record, split)
        scores += scorer.score(record.query, [record.context], [spans])[0].sentences
        labels += some
    return np.array(labels, dtype=bool), np.array(scores)
