"""What every run shares: optimizer steps, a log, a saved state, and going on from it exactly."""

from __future__ import annotations

import json
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from semantic_highlight.errors import InputError
from semantic_highlight.train.config import RunConfig
from semantic_highlight.train.optimise import build_optimizer, rate_at
from semantic_highlight.train.state import check_identity, load_state, save_state

logger = logging.getLogger(__name__)

MAY_CHANGE = {"tokens", "log_every", "save_every", "base", "data_dir", "out"}
"""Fields that a resumed run may change: how long and how often, and where its files lie on this machine."""


@dataclass
class Progress:
    """Where a run stands; with the configuration, all that is needed to go on with the same batches."""

    step: int = 0
    tokens: int = 0
    pool: int = 0
    batch: int = 0
    best: float = 0.0
    stale: int = 0
    evaluated: int = 0
    """The step after which the evaluation files were last measured."""


class Counted(Protocol):
    """A batch that knows how many tokens it shows, padding not counted."""

    @property
    def tokens(self) -> int:
        """How many."""


AnyBatch = TypeVar("AnyBatch", bound=Counted)
AnyConfig = TypeVar("AnyConfig", bound=RunConfig)
Network = TypeVar("Network", bound=torch.nn.Module)


class Runner(ABC, Generic[AnyConfig, Network, AnyBatch]):
    """Runs one configuration; made again over the same ``out`` folder it goes on where it stopped.

    A subclass says what the batches are and what their loss is.

    Args:
        config: The run.
        model: The network to train, new; a saved state overwrites its weights.
        files: Name -> digest of every file that the run depends on.

    Raises:
        InputError: If ``out`` holds the state of a run with other settings or files.
    """

    def __init__(self, config: AnyConfig, model: Network, *, files: Mapping[str, Any]) -> None:
        self.config = config
        self.out = Path(config.out)
        # bfloat16 needs no scaling of the loss, so autocast alone does it and the network stays bare.
        self.accelerator = Accelerator(mixed_precision="no")
        self.identity = {
            **config.model_dump(exclude=MAY_CHANGE),
            "files": dict(files),
            "processes": self.accelerator.num_processes,
        }
        check_identity(self.out / "state", self.identity)
        self.progress = Progress()
        optimizer = build_optimizer(model, config.optimisation)
        saved = load_state(self.out / "state", model=model, optimizer=optimizer)
        if saved is not None:
            self.progress = Progress(**saved)
            logger.info("going on at step %d, %d tokens", self.progress.step, self.progress.tokens)
        if self.accelerator.is_main_process:
            self._trim_log()
        self.network = model
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)

    @abstractmethod
    def groups(self, pool: int) -> list[Any]:
        """Return the batches of a pool, not yet padded; the same number gives the same batches."""

    @abstractmethod
    def collate(self, group: Any) -> AnyBatch:
        """Pad what :meth:`groups` returned."""

    @abstractmethod
    def loss(self, batch: AnyBatch) -> torch.Tensor:
        """Return the loss of a batch."""

    def after_step(self) -> None:
        """Do what is due beside the log and the state."""

    def stopped(self) -> bool:
        """Whether to stop before the budget is used."""
        return False

    def batches(self) -> Iterator[AnyBatch]:
        """Yield this process's batches from the present position on, moving it."""
        shards, shard = self.accelerator.num_processes, self.accelerator.process_index
        while True:
            groups = self.groups(self.progress.pool)
            # Every process takes the same number of batches, or the gradient exchange would hang.
            usable = len(groups) - len(groups) % shards
            if not usable:
                raise InputError(f"{len(groups)} batches of a pool for {shards} processes: raise 'pool'")
            for position in range(self.progress.batch, usable, shards):
                self.progress.batch = position + shards
                yield self.collate(groups[position + shard])
            self.progress.pool, self.progress.batch = self.progress.pool + 1, 0

    def step(self, batches: Iterator[AnyBatch]) -> float:
        """Take one optimizer step over ``accumulate`` batches and return the mean loss."""
        options = self.config.optimisation
        device = self.accelerator.device
        total, seen = 0.0, 0
        for number in range(options.accumulate):
            batch = next(batches)
            last = number == options.accumulate - 1
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                with torch.autocast(device.type, torch.bfloat16, enabled=self.config.bf16):
                    loss = self.loss(batch) / options.accumulate
                self.accelerator.backward(loss)
            total += float(loss.detach())
            seen += batch.tokens
        self.accelerator.clip_grad_norm_(self.model.parameters(), options.clip_norm)
        rate = rate_at(self.progress.tokens / self.config.tokens, options)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        counted = self.accelerator.reduce(torch.tensor([seen], device=device), "sum")
        self.progress.tokens += int(counted)
        self.progress.step += 1
        return total

    def run(self) -> Network:
        """Train to the end of the budget, or until early stop, and return the network."""
        config, batches = self.config, self.batches()
        quiet = None if self.accelerator.is_main_process else True
        bar = tqdm(
            total=config.tokens,
            initial=self.progress.tokens,
            unit="tok",
            unit_scale=True,
            desc="train",
            disable=quiet,
        )
        losses: list[float] = []
        while self.progress.tokens < config.tokens and not self.stopped():
            before = self.progress.tokens
            losses.append(self.step(batches))
            bar.update(self.progress.tokens - before)
            if self.progress.step % config.log_every == 0:
                self.log(loss=sum(losses) / len(losses))
                losses.clear()
            self.after_step()
            if self.progress.step % config.save_every == 0:
                self.save()
        bar.close()
        self.save()
        return self.network

    def save(self) -> None:
        """Save the state from which the run can go on, in one step."""
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            save_state(
                self.out / "state",
                progress=asdict(self.progress),
                identity=self.identity,
                model=self.network,
                optimizer=self.optimizer,
            )

    def log(self, **values: Any) -> None:
        """Append an entry to ``log.jsonl`` of the run."""
        if not self.accelerator.is_main_process:
            return
        step, tokens = self.progress.step, self.progress.tokens
        entry = {"time": round(time.time()), "step": step, "tokens": tokens, **values}
        self.out.mkdir(parents=True, exist_ok=True)
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")

    def _trim_log(self) -> None:
        """Drop what was logged after the saved state: those steps are taken again."""
        path = self.out / "log.jsonl"
        if not path.is_file():
            return
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the process was killed while it wrote
            if entry["step"] <= self.progress.step:
                kept.append(line + "\n")
        new = path.with_suffix(".new")
        new.write_text("".join(kept), encoding="utf-8")
        new.replace(path)
