"""The training of a pruning model: its batches, its loss, its evaluation and what is left at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from semantic_highlight.errors import InputError
from semantic_highlight.models.files import TOKENIZER_NAME
from semantic_highlight.models.packed.checkpoint import ModelConfig
from semantic_highlight.models.packed.network import PruningModel
from semantic_highlight.models.packed.pairs import PairTokenizer
from semantic_highlight.train.batches import Batch, Features, collate, pool_batches
from semantic_highlight.train.build import base_folder, build_model, merged, write_model
from semantic_highlight.train.config import TrainConfig
from semantic_highlight.train.data import Mixture, evaluation_rows
from semantic_highlight.train.distill import teacher_scores
from semantic_highlight.train.loss import hard_targets, pruning_loss, ranking_loss, soft_targets
from semantic_highlight.train.measure import measure
from semantic_highlight.train.paths import located
from semantic_highlight.train.runner import Runner
from semantic_highlight.train.state import copy_files, digest, find_folder, write_folder
from semantic_highlight.types import Scorer, Span

Splitter = Callable[[str], list[Span]]


class Trainer(Runner[TrainConfig, PruningModel, Batch]):
    """Trains a pruning model; made again over the same ``out`` folder it goes on where it stopped.

    Args:
        config: The run.
        splitter: Splits contexts whose source labels no sentences.
        teachers: Scorers whose mean score is learned beside the labels.

    Raises:
        InputError: If a file cannot be used, nothing is there to learn ranking from, or ``out`` holds the
            state of another run.
        CheckpointError: If the base cannot be loaded.
    """

    def __init__(self, config: TrainConfig, splitter: Splitter, *, teachers: Sequence[Scorer] = ()) -> None:
        self.teachers = tuple(teachers)
        self._base = base_folder(config.base)
        self.tokenizer = PairTokenizer.from_folder(
            self._base, max_length=config.max_length, query_tokens=config.query_tokens
        )
        self.mixture = Mixture(config, splitter)
        if config.ranking and not self.mixture.has_teacher_scores:
            raise InputError("ranking = true, but no record has a 'teacher_score': add it, or train without")
        self.evaluation = [
            (e, evaluation_rows(e, Path(config.data_dir), splitter)) for e in config.evaluation
        ]
        data_dir = Path(config.data_dir)
        files = {s.path: digest(located(s.path, data_dir)) for s in config.sources}
        files[TOKENIZER_NAME] = digest(self._base / TOKENIZER_NAME)
        files |= {f"teacher {number}": teacher.name for number, teacher in enumerate(self.teachers)}
        super().__init__(config, build_model(config), files=files)

    def groups(self, pool: int) -> list[list[Features]]:
        """Return the groups of examples of a pool that make its batches."""
        return pool_batches(
            self.mixture.pool(pool),
            self.tokenizer,
            budget=self.config.batch_tokens,
            seed=(self.config.seed, pool),
        )

    def collate(self, group: list[Features]) -> Batch:
        """Pad a group and ask the teachers about it."""
        batch = collate(group)
        if not self.teachers:
            return batch
        soft = [teacher_scores(self.teachers, f.example)[f.present] for f in group]
        return replace(batch, soft=torch.from_numpy(np.concatenate(soft)).float())

    def loss(self, batch: Batch) -> torch.Tensor:
        """Return the pruning loss, and with it the ranking loss where there is a head for it."""
        device, config = self.accelerator.device, self.config
        logits, relevance = self.model(**{name: tensor.to(device) for name, tensor in batch.inputs.items()})
        labels = batch.labels.to(device)
        if batch.soft is None:
            targets = hard_targets(labels)
        else:
            targets = soft_targets(labels, batch.soft.to(device), weight=config.distill_weight)
        index = batch.sentence_index.to(device)
        loss = pruning_loss(logits, index, targets, sentence_weight=config.optimisation.sentence_loss)
        if relevance is not None:
            loss = loss + config.ranking_weight * ranking_loss(relevance, batch.relevance.to(device))
        return loss

    def stopped(self) -> bool:
        """Whether the last ``patience`` evaluations found nothing better."""
        return 0 < self.config.patience <= self.progress.stale

    def after_step(self) -> None:
        """Evaluate when it is time."""
        if self.progress.step % self.config.evaluate_every == 0 and self.evaluation:
            self.evaluate()

    def evaluate(self) -> None:
        """Measure every evaluation file, log it, count for early stop; with patience, keep the best model."""
        results = {e.path: measure(self.network, self.tokenizer, rows) for e, rows in self.evaluation}
        mean = sum(r["ap"] for r in results.values()) / len(results)
        # Processes must agree on when to stop, whatever their devices round.
        own = torch.tensor([mean], dtype=torch.float64, device=self.accelerator.device)
        mean = float(self.accelerator.reduce(own, "mean"))
        better = mean > self.progress.best
        self.progress.stale = 0 if better else self.progress.stale + 1
        self.progress.best = max(self.progress.best, mean)
        self.progress.evaluated = self.progress.step
        self.log(mean_ap=mean, **results)
        if better and self.config.patience:
            self._write(self.out / "best")

    def finish(self) -> Path:
        """Write the finished model to ``out``/model and return that folder.

        It is the best of the run where ``patience`` kept it, else the last.
        """
        if self.evaluation and self.progress.evaluated != self.progress.step:
            self.evaluate()
            self.save()
        target, best = self.out / "model", find_folder(self.out / "best")
        if self.config.patience and best is not None:
            if self.accelerator.is_main_process:
                write_folder(target, lambda new: copy_files(best, new))
        else:
            self._write(target)
        self.accelerator.wait_for_everyone()
        return target

    def _write(self, target: Path) -> None:
        if self.accelerator.is_main_process:
            write_model(target, self.network, self._model_config(), tokenizer=self._base)

    def _model_config(self) -> ModelConfig:
        """Describe the model before calibration: probabilities as they come, kept above one half."""
        return ModelConfig(
            name=self.config.name,
            max_length=self.config.max_length,
            query_tokens=self.config.query_tokens,
            block_tokens=self.tokenizer.block_tokens,
            overlap=self.tokenizer.overlap,
            temperature=1.0,
            shift=0.0,
            default_threshold=0.5,
            encoder=merged(self.network).encoder.config.to_dict(),
        )
