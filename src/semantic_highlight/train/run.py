"""One run from its configuration to the finished model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from semantic_highlight.splitting import split
from semantic_highlight.train.config import TrainConfig
from semantic_highlight.train.loop import Trainer
from semantic_highlight.types import Scorer, Span


def run_training(
    config: TrainConfig, *, teachers: Sequence[Scorer] = (), splitter: Callable[[str], list[Span]] = split
) -> Path:
    """Train to the end and write the model; where ``config.out`` holds an unfinished run, go on with it.

    Under ``accelerate launch`` every process calls this and one writes.

    Args:
        config: The run; :func:`semantic_highlight.train.load_config` reads one.
        teachers: Scorers to distil: their mean score of each sentence is mixed with its label by
            ``distill_weight``.
        splitter: Splits contexts whose source labels no sentences.

    Returns:
        The model folder, ``config.out``/model: ``config.json``, ``tokenizer.json``, ``model.safetensors``.

    Raises:
        InputError: If the configuration or a record cannot be used, or ``out`` holds another run.
        CheckpointError: If the base cannot be loaded.
    """
    trainer = Trainer(config, splitter, teachers=teachers)
    trainer.run()
    return trainer.finish()
