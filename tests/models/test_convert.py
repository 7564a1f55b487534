"""Conversion must not change a score: every family goes there and back, through torch and ONNX Runtime."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

import checkpoints
from semantic_highlight.cli import main
from semantic_highlight.errors import CheckpointError
from semantic_highlight.models import load_scorer
from semantic_highlight.splitting import split

torch = pytest.importorskip("torch")
from semantic_highlight.models.loading import load_checkpoint  # noqa: E402 - they need torch
from semantic_highlight.models.pair_export import export_onnx  # noqa: E402

QUERY = "how long does the battery last?"
TEXTS = [
    "the battery lasts ten hours. is the cellar door red? a full charge. ",
    "地下室的门在冬天很难打开。电池充满以后可以使用十个小时。 " * 6,
]
NC = "cc-by-nc-nd-4.0"
FAMILIES = {
    "bert": lambda folder: checkpoints.write_open_provence(folder, "bert"),
    "modernbert": lambda folder: checkpoints.write_open_provence(folder, "modernbert"),
    "xlm-roberta": lambda folder: checkpoints.write_open_provence(folder, "xlm-roberta"),
    "zilliz": checkpoints.write_zilliz,
    "provence": checkpoints.write_provence,
    "xprovence-deep": checkpoints.write_xprovence,
    "xprovence-single": lambda folder: checkpoints.write_xprovence(folder, ranking="single"),
    "xprovence-pooled": lambda folder: checkpoints.write_xprovence(folder, ranking="pooled"),
    "opensearch": checkpoints.write_opensearch,
}


def scored(checkpoint, **loading):
    scorer = load_scorer(checkpoint, accept_license=NC, **loading)
    return scorer, scorer.score(QUERY, TEXTS, [split(text) for text in TEXTS])


def assert_same(some, others, within):
    for one, other in zip(some, others, strict=True):
        assert one.sentences == pytest.approx(other.sentences, abs=within)
        assert one.relevance == pytest.approx(other.relevance, abs=within)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_scores_the_same_after_conversion(family, tmp_path):
    original = FAMILIES[family](tmp_path / "original")
    assert main(["convert", str(original), str(tmp_path / "ours"), "--accept-license", NC]) == 0
    before, wanted = scored(original)
    after, found = scored(tmp_path / "ours")
    assert after.traits == before.traits
    assert_same(found, wanted, within=1e-6)
    assert json.loads((tmp_path / "ours/config.json").read_text())["model_type"] == "semantic_highlight_pair"


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_scores_the_same_on_onnx_runtime(family, tmp_path):
    original = FAMILIES[family](tmp_path / "original")
    arguments = ["convert", str(original), str(tmp_path / "ours"), "--onnx", "--accept-license", NC]
    assert main(arguments) == 0
    _, wanted = scored(original)
    scorer, found = scored(tmp_path / "ours")
    assert type(scorer.load().engine).__name__ == "OnnxPairEngine"
    assert_same(found, wanted, within=1e-5)
    scorer, found = scored(tmp_path / "ours", device="cpu")
    assert type(scorer.load().engine).__name__ == "TorchEncoder"


@pytest.mark.slow
@pytest.mark.parametrize("family", ["opensearch", "modernbert", "xlm-roberta"])
def test_a_graph_attends_by_one_operator_a_layer(family, tmp_path):
    import onnx
    import transformers

    if transformers.__version__ < "5":
        pytest.skip("transformers 4 has encoders whose attention cannot be replaced")
    loaded = load_checkpoint(FAMILIES[family](tmp_path), device="cpu")
    export_onnx(loaded, tmp_path / "model.onnx")
    nodes = onnx.load(tmp_path / "model.onnx").graph.node
    fused = [node for node in nodes if node.op_type == "MultiHeadAttention"]
    assert len(fused) == loaded.network.body.config.num_hidden_layers
    assert not [node for node in nodes if node.op_type == "Softmax"]
    # Query, key, value; only sliding windows add something to their products.
    kinds = getattr(loaded.network.body.config, "layer_types", ["full_attention"] * len(fused))
    assert [len(node.input) > 3 for node in fused] == [kind == "sliding_attention" for kind in kinds]
    assert loaded.network.body.config._attn_implementation == "sdpa"


@pytest.mark.slow
@pytest.mark.parametrize("family", ["modernbert", "xprovence-deep", "opensearch"])
def test_int8_rounds_the_encoder_and_not_the_heads(family, tmp_path, caplog):
    import onnx

    original = FAMILIES[family](tmp_path / "original")
    assert main(["convert", str(original), str(tmp_path / "ours"), "--int8", "--accept-license", NC]) == 0
    assert not [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    _, wanted = scored(original)
    _, found = scored(tmp_path / "ours")
    assert_same(found, wanted, within=0.06)
    assert [one.sentences for one in found] != [one.sentences for one in wanted]
    graph = onnx.load(tmp_path / "ours/model.onnx").graph
    exact = {
        tuple(i.dims) for i in graph.initializer if i.data_type == onnx.TensorProto.FLOAT and len(i.dims) == 2
    }
    rounded = [i for i in graph.initializer if i.data_type == onnx.TensorProto.INT8]
    width = json.loads((tmp_path / "ours/config.json").read_text())["encoder"]["hidden_size"]
    assert (width, 2) in exact
    assert rounded
    assert all(2 not in i.dims for i in rounded)
    assert sorted(path.name for path in (tmp_path / "ours").iterdir()) == [
        "README.md",
        "config.json",
        "model.onnx",
        "model.safetensors",
        "tokenizer.json",
    ]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    original = checkpoints.write_opensearch(folder / "original")
    assert main(["convert", str(original), str(folder / "ours"), "--onnx"]) == 0
    return folder / "ours"


@pytest.mark.slow
def test_an_exported_checkpoint_runs_without_torch(exported):
    code = (
        "import sys\n"
        "from semantic_highlight import Highlighter\n"
        f"h = Highlighter.from_pretrained({str(exported)!r})\n"
        "print(h.highlight('how long?', ['the battery lasts ten hours.'])[0].scores)\n"
        "print({'torch', 'transformers', 'onnx'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    scores, loaded = done.stdout.splitlines()
    assert scores.startswith("(0.")
    assert loaded == "set()"


@pytest.mark.slow
@pytest.mark.parametrize("most_inside", [1_000_000, 0])
def test_a_graph_that_is_refused_is_not_left_behind(most_inside, exported, tmp_path, monkeypatch):
    from semantic_highlight.models import onnx_export, pair_export

    monkeypatch.setattr(pair_export, "_MOST_INSIDE", most_inside)
    monkeypatch.setattr(onnx_export, "EXPORT_TOLERANCE", -1.0)
    with pytest.raises(CheckpointError, match="differs"):
        export_onnx(load_checkpoint(exported, device="cpu"), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("most_inside", [1_000_000, 0])
def test_a_network_that_does_not_stand_int8_is_refused(most_inside, exported, tmp_path, monkeypatch):
    from semantic_highlight.models import pair_export

    monkeypatch.setattr(pair_export, "_MOST_INSIDE", most_inside)
    monkeypatch.setattr(pair_export, "LEAST_CORRELATION", 1.0)
    with pytest.raises(CheckpointError, match=r"does not stand int8: .* correlate by (0\.9|1\.0)"):
        export_onnx(load_checkpoint(exported, device="cpu"), tmp_path / "model.onnx", int8=True)
    assert not list(tmp_path.iterdir())


def test_a_licence_goes_with_the_weights(tmp_path, capsys):
    original = checkpoints.write_provence(tmp_path / "original")
    assert main(["convert", str(original), str(tmp_path / "ours")]) == 2
    assert "forbids commercial use" in capsys.readouterr().err
    assert main(["convert", str(original), str(tmp_path / "ours"), "--accept-license", NC]) == 0
    with pytest.raises(CheckpointError, match="forbids commercial use"):
        load_scorer(tmp_path / "ours")


def test_nothing_is_written_over(tmp_path, capsys):
    original = checkpoints.write_opensearch(tmp_path / "original")
    assert main(["convert", str(original), str(original)]) == 2
    assert "holds something already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.pop("traits"), "no whole 'traits'"),
        (lambda config: config["traits"]["layout"].pop("pad"), "no whole 'traits'"),
        (lambda config: config["encoder"].update(model_type="gpt2"), "names none of the encoders"),
        (lambda config: config.update(ranking="pooled"), "missing: ranking"),
    ],
)
def test_a_damaged_configuration_is_refused(change, message, tmp_path):
    original = checkpoints.write_opensearch(tmp_path / "original")
    assert main(["convert", str(original), str(tmp_path / "ours")]) == 0
    path = tmp_path / "ours/config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=message):
        load_scorer(tmp_path / "ours")
