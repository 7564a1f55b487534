from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import semantic_highlight
from semantic_highlight.errors import CheckpointError, InputError, ScoringError
from semantic_highlight.models import load_scorer
from semantic_highlight.models.packed.checkpoint import read_config
from semantic_highlight.models.packed.weights import load_network
from semantic_highlight.splitting import split
from semantic_highlight.testing import KeywordScorer
from semantic_highlight.train import run_training
from semantic_highlight.train.loop import Trainer
from semantic_highlight.train.state import find_folder
from semantic_highlight.types import DocumentScores

SOURCE = Path(semantic_highlight.__file__).parents[1]


# peft asks Transformers for a name that it has deprecated.
lora = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


def weights(folder):
    return load_file(folder / "model.safetensors")


def assert_same(some, others):
    assert some.keys() == others.keys()
    assert [name for name in some if not torch.equal(some[name], others[name])] == []


def logged(out, key="loss"):
    entries = [json.loads(line) for line in (Path(out) / "log.jsonl").read_text().splitlines()]
    return [(entry["step"], entry[key]) for entry in entries if key in entry]


class InterruptedRunError(Exception):
    pass


def interrupt(config, step):
    """Run a configuration until a step and leave it there, as a machine that goes away does."""

    class Interrupting(Trainer):
        def after_step(self):
            super().after_step()
            if self.progress.step == step:
                raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        Interrupting(config, split).run()


def test_a_run_learns_and_writes_a_model_that_loads(toy_config):
    config = toy_config(tokens=12_000, optimisation={"learning_rate": 3e-3})
    folder = run_training(config)
    losses = [loss for _, loss in logged(config.out)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}
    settings = read_config(folder)
    assert (settings.name, settings.max_length, settings.query_tokens) == ("semantic-highlight", 64, 16)
    assert_same(load_network(folder).state_dict(), weights(folder))


def test_the_same_seed_gives_the_same_model_and_another_does_not(toy_config, tmp_path):
    first = weights(run_training(toy_config(out=str(tmp_path / "a"))))
    second = weights(run_training(toy_config(out=str(tmp_path / "b"))))
    assert_same(first, second)
    other = weights(run_training(toy_config(out=str(tmp_path / "c"), seed=14)))
    assert any(not torch.equal(first[name], other[name]) for name in first)


# A pool here is 6 to 8 batches, so that step 3 is inside the first one, and 9 inside the second.
@pytest.mark.parametrize("step", [1, 4, 10])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_interrupted_run_gives_the_weights_of_an_unbroken_one(toy_config, tmp_path, step, accumulate):
    options = {"tokens": 4000 * accumulate, "optimisation": {"accumulate": accumulate}}
    unbroken = toy_config(out=str(tmp_path / "unbroken"), **options)
    expected = weights(run_training(unbroken))
    broken = toy_config(out=str(tmp_path / "broken"), **options)
    interrupt(broken, step)
    assert_same(weights(run_training(broken)), expected)
    assert logged(broken.out) == logged(unbroken.out)


def test_a_killed_process_goes_on_exactly(toy_config, tmp_path):
    expected = weights(run_training(toy_config(out=str(tmp_path / "unbroken"), tokens=6000, save_every=1)))
    config = toy_config(out=str(tmp_path / "killed"), tokens=6000, save_every=1)
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from semantic_highlight.train import TrainConfig, run_training\n"
        "run_training(TrainConfig.model_validate_json(sys.argv[1]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    process = subprocess.Popen(
        [sys.executable, "-c", code, config.model_dump_json()], env=environment, stderr=subprocess.DEVNULL
    )
    log = tmp_path / "killed" / "log.jsonl"
    deadline = time.monotonic() + 90
    while process.poll() is None and time.monotonic() < deadline:
        if log.is_file() and log.read_text().count("\n") >= 5:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.001)
    assert process.wait() == -signal.SIGKILL
    state = find_folder(tmp_path / "killed" / "state")
    progress = json.loads((state / "progress.json").read_text())
    assert 0 < progress["tokens"] < 6000
    assert not (tmp_path / "killed" / "model").exists()
    assert_same(weights(run_training(config)), expected)


def test_a_finished_run_is_left_as_it_is(toy_config):
    config = toy_config()
    expected = weights(run_training(config))
    assert_same(weights(run_training(config)), expected)


def test_accumulated_gradients_are_the_mean_of_their_batches(toy_config, monkeypatch):
    options = {"accumulate": 2, "clip_norm": 1e9}
    trainer = Trainer(toy_config(optimisation=options), split)
    losses, expected = [], {}
    for group in trainer.groups(0)[:2]:
        loss = trainer.loss(trainer.collate(group))
        losses.append(loss.item())
        loss.backward()
    for name, parameter in trainer.network.named_parameters():
        expected[name] = parameter.grad / 2
    trainer.optimizer.zero_grad()
    found = {}

    def keep():
        found.update({n: p.grad.clone() for n, p in trainer.network.named_parameters()})

    monkeypatch.setattr(trainer.optimizer, "step", keep)
    assert trainer.step(trainer.batches()) == pytest.approx(np.mean(losses))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 14}, r"seed \(was 13, is 14\)"),
        (
            {"optimisation": {"learning_rate": 1e-3}},
            r"optimisation\.learning_rate \(was 0\.0003, is 0\.001\)",
        ),
        ({"sources": [{"path": "toy.jsonl.gz", "weight": 2}]}, r"sources\.0\.join .*sources\.0\.weight"),
    ],
)
def test_another_run_is_not_gone_on_with(toy_config, changes, named):
    interrupt(toy_config(), 3)
    interrupt(toy_config(), 6)
    with pytest.raises(InputError, match=named):
        run_training(toy_config(**changes))


def test_changed_data_are_named(toy_config, toy_files, tmp_path):
    records = tmp_path / "toy.jsonl.gz"
    records.write_bytes((toy_files / "toy.jsonl.gz").read_bytes())
    interrupt(toy_config(data_dir=str(tmp_path)), 4)
    records.write_bytes((toy_files / "dev.jsonl.gz").read_bytes())
    with pytest.raises(InputError, match=r"files\.toy\.jsonl\.gz"):
        run_training(toy_config(data_dir=str(tmp_path)))


def test_a_run_may_grow_longer_and_save_less_often(toy_config):
    interrupt(toy_config(), 4)
    run_training(toy_config(tokens=3000, save_every=50, log_every=2))


def test_early_stop_keeps_the_best(toy_config, tmp_path, monkeypatch):
    found = iter([0.2, 0.5, 0.4, 0.3, 0.9])
    monkeypatch.setattr("semantic_highlight.train.loop.measure", lambda *_: {"ap": next(found)})
    options = {"tokens": 10**6, "patience": 2, "evaluate_every": 2, "evaluation": [{"path": "dev.jsonl.gz"}]}
    config = toy_config(**options)
    stopped = weights(run_training(config))
    assert logged(config.out, "mean_ap") == [(2, 0.2), (4, 0.5), (6, 0.4), (8, 0.3)]
    at_four = toy_config(**options, out=str(tmp_path / "four"))
    found = iter([0.2, 0.5])
    interrupt(at_four, 4)
    assert_same(stopped, weights(tmp_path / "four" / "best"))


def test_early_stop_counts_the_same_after_an_interruption(toy_config, tmp_path):
    options = {
        "tokens": 10**6,
        "patience": 2,
        "evaluate_every": 2,
        "evaluation": [{"path": "dev.jsonl.gz"}],
        "optimisation": {"learning_rate": 3e-3},
    }
    unbroken = toy_config(**options, out=str(tmp_path / "unbroken"))
    expected = weights(run_training(unbroken))
    steps = [step for step, _ in logged(unbroken.out, "mean_ap")]
    broken = toy_config(**options, out=str(tmp_path / "broken"))
    for step in (2, steps[-1] - 1):
        interrupt(broken, step)
    assert_same(weights(run_training(broken)), expected)
    assert logged(broken.out, "mean_ap") == logged(unbroken.out, "mean_ap")


def test_a_frozen_encoder_stays(toy_config, toy_files):
    before = weights(toy_files / "base")
    after = weights(run_training(toy_config(freeze_encoder=True)))
    assert_same(before, {n.removeprefix("encoder."): v for n, v in after.items() if n.startswith("encoder.")})
    assert after["pruning_head.linear.weight"].abs().sum() > 0


@lora
def test_lora_is_merged_into_the_encoder(toy_config, toy_files, tmp_path):
    config = toy_config(lora_rank=4, out=str(tmp_path / "unbroken"), optimisation={"learning_rate": 1e-2})
    after = weights(run_training(config))
    before = weights(toy_files / "base")
    assert {name.removeprefix("encoder.") for name in after if name.startswith("encoder.")} == before.keys()
    changed = {n for n in before if not torch.equal(before[n], after[f"encoder.{n}"])}
    assert changed == {n for n in before if n.startswith("encoder.") and before[n].ndim == 2}
    name = "encoder.layer.0.output.dense.weight"
    update = after[f"encoder.{name}"] - before[name]
    assert torch.linalg.matrix_rank(update, rtol=1e-4) == 4
    broken = config.model_copy(update={"out": str(tmp_path / "broken")})
    interrupt(broken, 4)
    assert_same(weights(run_training(broken)), after)


@lora
def test_a_lora_network_scores_as_its_merged_copy(toy_config):
    from semantic_highlight.train.build import merged

    trainer = Trainer(toy_config(lora_rank=4, optimisation={"learning_rate": 1e-2}), split)
    model = trainer.run().eval()
    batch = trainer.collate(trainer.groups(0)[0])
    with torch.inference_mode():
        torch.testing.assert_close(
            merged(model)(**batch.inputs)[0], model(**batch.inputs)[0], atol=1e-5, rtol=1e-4
        )


def test_a_finished_model_can_be_trained_on(toy_config, tmp_path):
    first = run_training(toy_config(out=str(tmp_path / "first")))
    config = toy_config(base=str(first), out=str(tmp_path / "second"))
    assert_same(Trainer(config, split).network.state_dict(), weights(first))
    run_training(config)


def test_bf16_computes_lower_and_keeps_fp32(toy_config, tmp_path):
    exact = toy_config(out=str(tmp_path / "exact"))
    lower = toy_config(out=str(tmp_path / "lower"), bf16=True)
    run_training(exact)
    assert all(value.dtype == torch.float32 for value in weights(run_training(lower)).values())
    some, others = ([loss for _, loss in logged(c.out)] for c in (exact, lower))
    assert some != others
    assert some == pytest.approx(others, rel=0.05)


def test_a_missing_base_is_named(toy_config, tmp_path):
    with pytest.raises(CheckpointError, match="give the folder of an encoder"):
        run_training(toy_config(base=str(tmp_path / "nowhere")))


class ShoutingScorer(KeywordScorer):
    """Says of every sentence that it answers."""

    def score(self, query, texts, spans):
        return [DocumentScores((1.0,) * len(some), 1.0) for some in spans]


def test_teachers_pull_towards_their_scores(toy_config, tmp_path):
    def mean_logit(name, **options):
        trainer = Trainer(toy_config(out=str(tmp_path / name), tokens=5000), split, **options)
        model = trainer.run().eval()
        batch = trainer.collate(trainer.groups(0)[0])
        with torch.inference_mode():
            return float(model(**batch.inputs)[0][batch.sentence_index >= 0].mean())

    assert mean_logit("taught", teachers=[ShoutingScorer()]) > mean_logit("alone") + 0.5


def test_soft_targets_are_the_mean_of_the_teachers(toy_config):
    trainer = Trainer(toy_config(), split, teachers=[ShoutingScorer(), KeywordScorer()])
    group = trainer.groups(0)[0]
    soft = trainer.collate(group).soft
    feature = group[0]
    (document,) = KeywordScorer().score(
        feature.example.query, [feature.example.context], [feature.example.spans]
    )
    expected = [(1 + document.sentences[n]) / 2 for n in feature.present]
    assert soft[: len(expected)].tolist() == pytest.approx(expected)


def test_a_checkpoint_teaches(toy_config, tiny_model, tmp_path):
    teacher = load_scorer(tiny_model[0])
    config = toy_config(distill_weight=1.0, tokens=800)
    taught = weights(run_training(config, teachers=[teacher]))
    alone = weights(run_training(toy_config(tokens=800, out=str(tmp_path / "alone"))))
    assert any(not torch.equal(taught[name], alone[name]) for name in taught)
    # A run belongs to its teachers.
    with pytest.raises(InputError, match="teacher 0"):
        run_training(config)


def test_a_teacher_that_breaks_its_contract_is_named(toy_config):
    class Broken(KeywordScorer):
        def score(self, query, texts, spans):
            return [DocumentScores((2.0,) * len(some), 1.0) for some in spans]

    with pytest.raises(ScoringError, match=r"the teacher .* gave no score in \[0, 1\]"):
        run_training(toy_config(), teachers=[Broken()])


def test_ranking_learns_teacher_scores(toy_config, tmp_path):
    from conftest import make_rows, write_rows

    rows = [row | {"teacher_score": 0.9} for row in make_rows(60)]
    write_rows(tmp_path / "scored.jsonl.gz", rows)
    config = toy_config(
        data_dir=str(tmp_path),
        ranking=True,
        ranking_weight=1.0,
        tokens=12_000,
        sources=[{"path": "scored.jsonl.gz", "weight": 1}],
        optimisation={"learning_rate": 1e-3},
    )
    trainer = Trainer(config, split)
    model = trainer.run().eval()
    batch = trainer.collate(trainer.groups(0)[0])
    with torch.inference_mode():
        relevance = model(**batch.inputs)[1].sigmoid()
    assert relevance.mean() == pytest.approx(0.9, abs=0.05)
    assert load_network(trainer.finish()).ranking_head is not None


def test_ranking_without_teacher_scores_is_refused(toy_config):
    with pytest.raises(InputError, match="teacher_score"):
        run_training(toy_config(ranking=True))
