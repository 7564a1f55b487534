"""The training loop: batches to weights, with evaluation, early stop and exact resume."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from semantic_highlight.models.pairs import PairTokenizer
from semantic_highlight.records import read_records
from semantic_highlight.train.batches import Batch, collate, pool_batches
from semantic_highlight.train.config import Evaluation, Optimisation, TrainConfig
from semantic_highlight.train.data import Mixture, Row, held_out, label_row
from semantic_highlight.train.loss import pruning_loss
from semantic_highlight.train.measure import measure
from semantic_highlight.train.model import PruningModel
from semantic_highlight.train.state import load_state, save_state
from semantic_highlight.types import Span

logger = logging.getLogger(__name__)
Splitter = Callable[[str], list[Span]]


@dataclass
class Progress:
    """Where a run stands; with the configuration, all that is needed to go on with the same batches."""

    step: int = 0
    tokens: int = 0
    pool: int = 0
    batch: int = 0
    best: float = 0.0
    stale: int = 0


def build_model(config: TrainConfig) -> PruningModel:
    """Load the encoder of ``config.base`` and put new heads on it. Dropout is off: data is not repeated much."""
    from transformers import AutoModel

    torch.manual_seed(config.seed)
    encoder = AutoModel.from_pretrained(
        config.base, add_pooling_layer=False, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model = PruningModel(encoder, interaction=config.interaction, ranking=config.ranking)
    if config.freeze_encoder:
        encoder.requires_grad_(requires_grad=False)
    return model


def build_optimizer(model: PruningModel, options: Optimisation) -> torch.optim.AdamW:
    """Return AdamW with its own rates for embeddings and heads; biases and norms do not decay."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = options.head_rate if "head." in name else 1.0
        rate = options.embedding_rate if "embeddings" in name else rate
        decay = options.weight_decay if parameter.ndim > 1 and "embeddings" not in name else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    parameters = [
        {
            "params": group,
            "lr": options.learning_rate * rate,
            "initial_lr": options.learning_rate * rate,
            "weight_decay": decay,
        }
        for (rate, decay), group in groups.items()
    ]
    return torch.optim.AdamW(parameters, lr=options.learning_rate, betas=(0.9, 0.98), fused=True)


def rate_at(share: float, options: Optimisation) -> float:
    """Return the learning rate at a share of the run, relative to its peak: linear warm-up, then a cosine."""
    if share < options.warmup:
        return max(share / options.warmup, 0.01)
    done = min((share - options.warmup) / max(1 - options.warmup, 1e-9), 1.0)
    return options.final_rate + (1 - options.final_rate) * 0.5 * (1 + math.cos(math.pi * done))


class Trainer:
    """Runs one configuration; made again over the same ``out`` folder it goes on where it stopped.

    Args:
        config: The run.
        splitter: Splits contexts whose source labels no sentences.
    """

    def __init__(self, config: TrainConfig, splitter: Splitter) -> None:
        self.config = config
        self.out = Path(config.out)
        self.accelerator = Accelerator(mixed_precision="bf16" if config.bf16 else "no")
        self.tokenizer = PairTokenizer.from_folder(
            Path(config.base), max_length=config.max_length, query_tokens=config.query_tokens
        )
        self.mixture = Mixture(config, splitter)
        self.evaluation = [(e, evaluation_rows(e, config, splitter)) for e in config.evaluation]
        self.progress = Progress()
        model = build_model(config)
        optimizer = build_optimizer(model, config.optimisation)
        saved = load_state(self.out / "state", model=model, optimizer=optimizer)
        if saved is not None:
            self.progress = Progress(**saved)
            logger.info("going on at step %d, %d tokens", self.progress.step, self.progress.tokens)
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)

    def batches(self) -> Iterator[Batch]:
        """Yield this process's batches from the present position on, moving it."""
        shards, shard = self.accelerator.num_processes, self.accelerator.process_index
        while True:
            groups = pool_batches(
                self.mixture.pool(self.progress.pool),
                self.tokenizer,
                budget=self.config.batch_tokens,
                seed=(self.config.seed, self.progress.pool),
            )
            # Every process takes the same number of batches, or the gradient exchange would hang.
            usable = len(groups) - len(groups) % shards
            for position in range(self.progress.batch, usable, shards):
                self.progress.batch = position + shards
                yield collate(groups[position + shard])
            self.progress.pool, self.progress.batch = self.progress.pool + 1, 0

    def step(self, batches: Iterator[Batch]) -> float:
        """Take one optimizer step over ``accumulate`` batches and return the mean loss."""
        options = self.config.optimisation
        total, seen = 0.0, 0
        for number in range(options.accumulate):
            batch = next(batches)
            last = number == options.accumulate - 1
            with self.accelerator.no_sync(self.model) if not last else self.accelerator.autocast():
                loss = self._loss(batch) / options.accumulate
                self.accelerator.backward(loss)
            total += float(loss.detach())
            seen += batch.tokens
        self.accelerator.clip_grad_norm_(self.model.parameters(), options.clip_norm)
        rate = rate_at(self.progress.tokens / self.config.tokens, options)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        counted = self.accelerator.reduce(torch.tensor([seen], device=self.accelerator.device), "sum")
        self.progress.tokens += int(counted)
        self.progress.step += 1
        return total

    def _loss(self, batch: Batch) -> torch.Tensor:
        device = self.accelerator.device
        logits, _ = self.model(**{name: tensor.to(device) for name, tensor in batch.inputs.items()})
        weight = self.config.optimisation.sentence_loss
        return pruning_loss(
            logits, batch.sentence_index.to(device), batch.labels.to(device), sentence_weight=weight
        )

    def run(self) -> PruningModel:
        """Train to the end of the budget, or until early stop, and return the network."""
        config, batches = self.config, self.batches()
        bar = tqdm(
            total=config.tokens, initial=self.progress.tokens, unit="tok", unit_scale=True, desc="train"
        )
        losses: list[float] = []
        while self.progress.tokens < config.tokens and not self._stale():
            before = self.progress.tokens
            losses.append(self.step(batches))
            bar.update(self.progress.tokens - before)
            self._report(losses)
        bar.close()
        self.save()
        return self.accelerator.unwrap_model(self.model)

    def _stale(self) -> bool:
        return 0 < self.config.patience <= self.progress.stale

    def _report(self, losses: list[float]) -> None:
        config, step = self.config, self.progress.step
        if step % config.log_every == 0:
            self._log(loss=sum(losses) / len(losses))
            losses.clear()
        if step % config.evaluate_every == 0 and self.evaluation:
            self.evaluate()
        if step % config.save_every == 0:
            self.save()

    def evaluate(self) -> None:
        """Measure every evaluation file, log it, and count for early stop; keep the best model."""
        model = self.accelerator.unwrap_model(self.model)
        results = {e.path: measure(model, self.tokenizer, rows) for e, rows in self.evaluation}
        mean = sum(r["ap"] for r in results.values()) / len(results)
        self.progress.stale = 0 if mean > self.progress.best else self.progress.stale + 1
        self.progress.best = max(self.progress.best, mean)
        self._log(mean_ap=mean, **{path: result for path, result in results.items()})

    def save(self) -> None:
        """Save the state from which the run can go on, in one step."""
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            model = self.accelerator.unwrap_model(self.model)
            save_state(
                self.out / "state", progress=asdict(self.progress), model=model, optimizer=self.optimizer
            )

    def _log(self, **values: Any) -> None:
        if not self.accelerator.is_main_process:
            return
        entry = {
            "time": round(time.time()),
            "step": self.progress.step,
            "tokens": self.progress.tokens,
            **values,
        }
        self.out.mkdir(parents=True, exist_ok=True)
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")


def evaluation_rows(evaluation: Evaluation, config: TrainConfig, splitter: Splitter) -> list[Row]:
    """Read the rows of an evaluation file that the run measures, evenly spread over it."""
    records = list(read_records(Path(config.data_dir) / evaluation.path))
    if evaluation.hold_out:
        records = [r for r in records if held_out(r, evaluation.hold_out)]
    step = max(len(records) // evaluation.cap, 1)
    return [label_row(record, splitter) for record in records[::step][: evaluation.cap]]
