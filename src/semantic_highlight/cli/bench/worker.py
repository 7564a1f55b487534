"""One way of scoring, timed in a process of its own, or the export that one of them needs.

``python -m semantic_highlight.cli.bench.worker TASK ARGUMENTS``, of which the second is a JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from semantic_highlight.cli.bench.shapes import SHAPES

# ru_maxrss is in KiB on Linux and in bytes on macOS.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def measure(
    way: str, *, graph: str, shape: str, documents: int, device: str, dtype: str, threads: int
) -> dict[str, Any]:
    """Time one run, after a short one to warm up.

    Args:
        way: One of ``WAYS``.
        graph: The file that ``export`` wrote; only the way that runs it looks there.
        shape: Name of the network.
        documents: How many.
        device: Where torch runs it.
        dtype: Its precision.
        threads: Of torch.

    Returns:
        ``cpu_s`` and ``wall_s`` in seconds; ``peak_mib``, the process's memory, or on CUDA the device's;
        ``run_mib``, the part of it that came with the run; ``tokens``, ``flops`` and ``scores``.
    """
    import torch

    from semantic_highlight.cli.bench.ways import WAYS, make_bench, windows_of

    torch.set_num_threads(threads)
    bench = make_bench(SHAPES[shape], documents=documents, device=device, dtype=dtype, graph=Path(graph))
    WAYS[way](replace(bench, texts=bench.texts[:1]))()
    run = WAYS[way](bench)
    before = _memory(device)
    cpu, wall = time.process_time(), time.perf_counter()
    scores = run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = _memory(device)
    lengths = [len(window.ids) for window in windows_of(bench)]
    return {
        "way": way,
        "cpu_s": cpu,
        "wall_s": wall,
        "peak_mib": peak,
        "run_mib": peak - before,
        "tokens": sum(lengths),
        "flops": SHAPES[shape].flops(lengths),
        "scores": scores and [score for document in scores for score in document],
    }


def export(shape: str, graph: str) -> None:
    """Write the int8 graph of a shape."""
    from semantic_highlight.cli.bench.ways import export_int8

    export_int8(SHAPES[shape], Path(graph))


def _memory(device: str) -> float:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 2**20


if __name__ == "__main__":
    tasks: dict[str, Callable[..., Any]] = {"measure": measure, "export": export}
    task = tasks[sys.argv[1]]
    sys.stdout.write(json.dumps(task(**json.loads(sys.argv[2]))))
