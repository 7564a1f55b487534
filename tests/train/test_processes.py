"""Two processes on the CPU, as ``accelerate launch`` would start them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import semantic_highlight
from semantic_highlight.errors import InputError
from semantic_highlight.train import run_training

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SOURCE = Path(semantic_highlight.__file__).parents[1]
CODE = """
import os, sys, torch
torch.set_num_threads(1)
from semantic_highlight.train import TrainConfig, run_training
from semantic_highlight.train.loop import Trainer

after_step = Trainer.after_step

def leave(self):
    after_step(self)
    if self.progress.step == int(sys.argv[2]):
        os._exit(0)

Trainer.after_step = leave
run_training(TrainConfig.model_validate_json(sys.argv[1]))
torch.distributed.destroy_process_group()
"""


def free_port():
    # Found by another process: the tests of this one may not open sockets.
    code = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


def run_two(config, *, leave_at=-1):
    shared = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "ACCELERATE_USE_CPU": "true",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": free_port(),
        "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, config.model_dump_json(), str(leave_at)],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=200)
            assert process.returncode == 0, errors[-2000:]
    finally:
        for process in processes:
            process.kill()
    model = Path(config.out) / "model" / "model.safetensors"
    return load_file(model) if leave_at < 0 else None


def test_two_processes_take_the_steps_of_one_that_accumulates(toy_config, tmp_path):
    # Both see batches 2n and 2n + 1 in step n, and average their gradients.
    alone = toy_config(
        out=str(tmp_path / "one"), tokens=4000, pool=64, optimisation={"accumulate": 2, "warmup": 0.5}
    )
    expected = load_file(run_training(alone) / "model.safetensors")
    together = toy_config(out=str(tmp_path / "two"), tokens=4000, pool=64, optimisation={"warmup": 0.5})
    found = run_two(together)
    start = load_file(Path(alone.base) / "model.safetensors")
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], atol=2e-5, rtol=1e-3)
    name = "embeddings.word_embeddings.weight"
    assert (found[f"encoder.{name}"] - start[name]).abs().max() > 1e-3
    # The state says how many processes there were: another number would see other batches.
    with pytest.raises(InputError, match=r"processes \(was 2, is 1\)"):
        run_training(together)


def test_two_processes_go_on_exactly_and_keep_the_best(toy_config, tmp_path):
    options = {
        "patience": 3,
        "evaluation": [{"path": "dev.jsonl.gz"}],
        "evaluate_every": 2,
        "lora_rank": 2,
    }
    unbroken = run_two(toy_config(out=str(tmp_path / "unbroken"), tokens=3000, **options))
    broken = toy_config(out=str(tmp_path / "broken"), tokens=3000, **options)
    run_two(broken, leave_at=5)
    assert not (tmp_path / "broken" / "model").exists()
    found = run_two(broken)
    for name in unbroken:
        assert torch.equal(found[name], unbroken[name]), name
