import json
from dataclasses import replace
from pathlib import Path

import pytest

from semantic_highlight.cli import main
from semantic_highlight.cli.bench import WAYS, _exported
from semantic_highlight.cli.bench.shapes import SHAPES
from semantic_highlight.errors import SemanticHighlightError

torch = pytest.importorskip("torch")
from semantic_highlight.cli.bench import ways, worker  # noqa: E402 - they need torch


@pytest.fixture(scope="module")
def made():
    return ways.make_bench(SHAPES["tiny"], documents=8, device="cpu", dtype="float32")


def test_the_table_shows_every_way():
    assert list(ways.WAYS) == list(WAYS)


def test_documents_are_of_mixed_length_and_fit_a_window(made):
    lengths = [len(window.ids) for window in ways.windows_of(made)]
    assert len(lengths) == 8
    assert max(lengths) <= ways.WINDOW
    assert max(lengths) > 2 * min(lengths)


@pytest.mark.parametrize("shape", ["tiny", "xlmr-large"])
def test_transformers_reads_what_the_engine_reads(shape):
    small = replace(SHAPES[shape], layers=2, width=32, heads=4, vocabulary=0)
    made = ways.make_bench(small, documents=5, device="cpu", dtype="float32")
    wanted = ways.engine(made)()
    for way in ("loop", "loop_autograd", "published"):
        for one, other in zip(ways.WAYS[way](made)(), wanted, strict=True):
            assert one == pytest.approx(other, abs=1e-5)


def test_forward_passes_alone_run_every_token_once(made):
    seen = []
    made.network.register_forward_pre_hook(lambda _, inputs: seen.append(int(inputs[1].sum())))
    total = sum(len(window.ids) for window in ways.windows_of(made))
    ways.bare(made)()
    assert (sum(seen), len(seen) < 8) == (total, True)
    seen.clear()
    ways.bare_alone(made)()
    assert (sum(seen), len(seen)) == (total, 8)


def test_a_worker_measures_time_and_memory():
    options = {"shape": "tiny", "documents": 2, "device": "cpu", "dtype": "float32", "threads": 1}
    found = worker.measure("engine", graph="", **options)
    assert found["wall_s"] > 0
    assert found["cpu_s"] > 0
    assert found["peak_mib"] > 100
    assert found["tokens"] > 80
    assert len(found["scores"]) > 2


def test_int8_is_left_out_where_it_cannot_be_exported_or_compared(monkeypatch, capsys):
    def refuse(*_, **__):
        raise SemanticHighlightError("there is no exporter")

    monkeypatch.setitem(_exported.__globals__, "_in_process", refuse)
    options = {"shape": "tiny", "device": "cpu", "dtype": "float32", "threads": 1}
    assert not _exported(Path("model.onnx"), options)
    assert "int8 is left out: there is no exporter" in capsys.readouterr().err
    assert not _exported(Path("model.onnx"), options | {"dtype": "bfloat16"})
    assert not capsys.readouterr().err


def test_operations_by_hand():
    # 2 layers, 32 wide, 10 tokens: 12 * 32^2 weights and 2 * 10 * 32 products of attention a layer and token.
    assert SHAPES["tiny"].flops([10]) == 2 * 2 * 10 * (12 * 32**2 + 2 * 10 * 32)


@pytest.mark.timeout(400)  # every way in a process of its own
@pytest.mark.slow
def test_the_command_reports_times_and_ratios(capsys):
    arguments = ["bench", "--shape", "tiny", "--documents", "3", "--rounds", "1"]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["ways"]) == set(WAYS)
    assert report["over_engine"]["engine"] == 1.0
    assert report["largest_difference"] < 1e-5


def test_an_unknown_shape_is_refused(capsys):
    assert main(["bench", "--shape", "huge"]) == 2
    assert "tiny, minilm, xlmr-large" in capsys.readouterr().err
