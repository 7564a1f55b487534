"""``semantic-highlight bench``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from semantic_highlight.cli.bench.shapes import SHAPES
from semantic_highlight.errors import InputError, SemanticHighlightError

WAYS = {
    "engine": "this engine, from texts to scores",
    "engine_int8": "the same on ONNX Runtime, in int8",
    "loop": "transformers, a document at a time",
    "loop_autograd": "the same, autograd on",
    "published": "as process(): autograd on, batches of 32",
    "bare": "forward passes alone, batches of the engine",
    "bare_alone": "forward passes alone, one by one",
}
AGREEMENT = 1e-3
"""Largest difference between the scores of two ways in float32; in lower precision it is only reported."""
ROUNDED = "engine_int8"
"""Runs beside float32 on a CPU alone, and its scores are compared apart."""

ShapeName = Annotated[str, typer.Option(help=f"The network: {', '.join(SHAPES)}.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")]
Dtype = Annotated[str, typer.Option(help="float32, bfloat16 or float16.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of torch on the CPU.")]
Documents = Annotated[int, typer.Option(min=1, help="How many documents.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often each way runs; medians are shown.")]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON object with every measurement.")]


def bench(
    shape: ShapeName = "minilm",
    device: Device = "cpu",
    dtype: Dtype = "float32",
    threads: Threads = 1,
    documents: Documents = 64,
    rounds: Rounds = 3,
    as_json: Json = False,
) -> None:
    """Time this package's engine beside plain transformers and beside bare forward passes.

    All have the same random weights and the same documents of 40 to 480 tokens. Each way runs in a process
    of its own, in turns. On a CPU what counts is the time of the process and not of the clock, so that
    neighbours on the machine do not count.
    """
    if shape not in SHAPES:
        raise InputError(f"--shape is {shape!r}: use {', '.join(SHAPES)}")
    options = {"shape": shape, "documents": documents, "device": device, "dtype": dtype, "threads": threads}
    report = _report(_measured_in_turns(rounds, options), options)
    typer.echo(json.dumps(report, indent=2) if as_json else _shown(report))


def _measured_in_turns(rounds: int, options: dict[str, Any]) -> list[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        graph = Path(folder) / "model.onnx"
        ways = [way for way in WAYS if way != ROUNDED or _exported(graph, options)]
        return [
            _in_process("measure", {"way": way, "graph": str(graph), **options}, threads=options["threads"])
            for _ in range(rounds)
            for way in ways
        ]


def _exported(graph: Path, options: dict[str, Any]) -> bool:
    """Write the int8 graph if it belongs here and can be made, or say why it is left out."""
    if (options["device"], options["dtype"]) != ("cpu", "float32"):
        return False
    try:
        _in_process("export", {"shape": options["shape"], "graph": str(graph)}, threads=options["threads"])
    except SemanticHighlightError as error:
        typer.echo(f"int8 is left out: {error}", err=True)
        return False
    return True


def _in_process(task: str, arguments: dict[str, Any], *, threads: int) -> Any:
    command = [sys.executable, "-m", "semantic_highlight.cli.bench.worker", task, json.dumps(arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 - our own
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise SemanticHighlightError(f"{arguments.get('way', task)!r} failed in its process: {reason}")
    # Some versions of tokenizers print a note of their own before.
    return json.loads(done.stdout.splitlines()[-1])


def _report(results: list[dict[str, Any]], options: dict[str, Any]) -> dict[str, Any]:
    clock = "cpu_s" if options["device"] == "cpu" else "wall_s"
    ways: dict[str, dict[str, Any]] = {}
    for way in WAYS:
        runs = [result for result in results if result["way"] == way]
        if not runs:
            continue
        seconds = median(run[clock] for run in runs)
        ways[way] = {
            "seconds": seconds,
            "tokens_per_second": runs[0]["tokens"] / seconds,
            "tflops_per_second": runs[0]["flops"] / seconds / 1e12,
            "peak_mib": median(run["peak_mib"] for run in runs),
            "run_mib": median(run["run_mib"] for run in runs),
            "runs": [{key: run[key] for key in ("cpu_s", "wall_s", "peak_mib")} for run in runs],
        }
    ideal = min(ways["bare"]["seconds"], ways["bare_alone"]["seconds"])
    scores = {result["way"]: result["scores"] for result in results if result["scores"]}
    gaps = {
        way: max(abs(a - b) for a, b in zip(scores["engine"], other, strict=True))
        for way, other in scores.items()
    }
    rounded = gaps.pop(ROUNDED, None)
    gap = max(gaps.values())
    if options["dtype"] == "float32" and gap > AGREEMENT:
        raise SemanticHighlightError(f"the ways disagree by {gap:.2g} in a score: nothing was compared")
    return {
        "options": options,
        "clock": clock,
        "tokens": results[0]["tokens"],
        "largest_difference": gap,
        "largest_difference_int8": rounded,
        "ways": ways,
        "engine_over_bare": ways["engine"]["seconds"] / ideal,
        "over_engine": {way: found["seconds"] / ways["engine"]["seconds"] for way, found in ways.items()},
    }


def _shown(report: dict[str, Any]) -> str:
    options = report["options"]
    title = (
        f"{options['shape']}, {options['documents']} documents of {report['tokens']:,} tokens in all, "
        f"{options['dtype']} on {options['device']}, {options['threads']} thread(s), medians of "
        f"{len(report['ways']['engine']['runs'])}; scores agree to {report['largest_difference']:.1g}"
    )
    columns = f"{report['clock']:>8}{'tokens/s':>10}{'TFLOP/s':>9}{'peak MiB':>10}{'of run':>8}{'/engine':>9}"
    lines = [title, "", " " * 44 + columns]
    for way, found in report["ways"].items():
        lines.append(
            f"{WAYS[way]:44}{found['seconds']:8.2f}{found['tokens_per_second']:10,.0f}"
            f"{found['tflops_per_second']:9.3f}{found['peak_mib']:10,.0f}{found['run_mib']:8,.0f}"
            f"{report['over_engine'][way]:9.2f}"
        )
    lines += ["", f"engine / faster of the bare passes: {report['engine_over_bare']:.2f}"]
    if ROUNDED in report["ways"]:
        ratio = report["over_engine"]["loop"] / report["over_engine"][ROUNDED]
        gap = report["largest_difference_int8"]
        lines.append(f"a document at a time / int8: {ratio:.2f}; its scores differ by up to {gap:.1g}")
    return "\n".join(lines)
