"""ONNX Runtime as both engines use it: one thread a run, several runs at once."""

from __future__ import annotations

import os
from pathlib import Path

import onnxruntime

from semantic_highlight.errors import CheckpointError

SLOW_FUSIONS = ["SkipLayerNormFusion"]
"""Rewrites of ONNX Runtime that cost time on a CPU: its SkipLayerNormalization (1.31) took 370 ms where the
addition and the normalisation that it stands for take 110. The bundled model needs 7 to 10 % less without."""


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Open a graph to be run by several threads at once, each run in the thread that asks for it.

    Raises:
        CheckpointError: If the file is missing or cannot be run.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: a checkpoint needs its ONNX file to run without torch")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW_FUSIONS
        )
    except Exception as error:  # the library raises one class a fault, without a common base
        raise CheckpointError(f"{path} cannot be run: {error}") from error
