"""Strict loading: what is broken or hostile ends in an error that says so, and nothing of it is executed."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import checkpoints
from semantic_highlight import Highlighter
from semantic_highlight.errors import CheckpointError, InputError, MissingExtraError
from semantic_highlight.models import load_scorer
from semantic_highlight.models.loading import load_checkpoint

HEAD = "pruning_head.classifier.weight"
WORDS = "ranking_model.model.embeddings.tok_embeddings.weight"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return checkpoints.write_open_provence(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(whole, tmp_path):
    """A copy to break."""
    return Path(shutil.copytree(whole, tmp_path / "pruner"))


def change_weights(folder, **changes):
    """Replace weights; what is None is taken out."""
    merged = load_file(folder / "model.safetensors") | changes
    save_file({k: v.contiguous() for k, v in merged.items() if v is not None}, folder / "model.safetensors")


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(folder, message, **loading):
    with pytest.raises(CheckpointError, match=message):
        load_scorer(folder, device="cpu", **loading)


class Marker:
    """Pickled, it writes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_pickled_weights_are_refused_unopened_with_the_way_to_convert(folder, tmp_path, name):
    marker = tmp_path / "marker"
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Marker(marker)))
    refused(folder, rf"{name} can run code when opened and was not opened.*safetensors\.torch\.save_file")
    assert not marker.exists()
    pickle.loads((folder / name).read_bytes())
    assert marker.exists()  # so the marker works


def test_code_beside_a_checkpoint_is_not_executed(folder, tmp_path):
    """Every configuration of this layout names such a file in ``auto_map``."""
    marker = tmp_path / "marker"
    code = f"from pathlib import Path\nPath({str(marker)!r}).touch()\n"
    for name in (
        "modeling_open_provence_standalone.py",
        "modeling.py",
        "configuration.py",
        "tokenization.py",
    ):
        (folder / name).write_text(code)
    encoder = json.loads((folder / "config.json").read_text())["base_model_config"]
    remote = {name: f"modeling.{name}" for name in ("AutoConfig", "AutoModelForSequenceClassification")}
    change_config(folder, base_model_config=encoder | {"auto_map": remote, "trust_remote_code": True})
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["auto_map"] = {"AutoTokenizer": [None, "tokenization.Tokenizer"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    load_scorer(folder, device="cpu")
    assert not marker.exists()
    assert not any(name.startswith("transformers_modules") for name in sys.modules)


def test_attention_kernels_quantisers_and_extra_outputs_of_a_config_are_left_out(folder):
    encoder = json.loads((folder / "config.json").read_text())["base_model_config"]
    asked = {
        "_attn_implementation": "somebody/kernel",
        "attn_implementation": "somebody/kernel",
        "quantization_config": {"quant_method": "somebody"},
        "output_hidden_states": True,
        "return_dict": False,
        "torch_dtype": "float16",
    }
    change_config(folder, base_model_config=encoder | asked)
    body = load_checkpoint(folder, device="cpu").network.body
    assert body.config._attn_implementation == "sdpa"
    assert not body.config.output_hidden_states
    assert {parameter.dtype for parameter in body.parameters()} == {torch.float32}


def test_a_truncated_file_is_refused(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    refused(folder, "no whole safetensors file")
    path.write_bytes(b"not a header")
    refused(folder, "no whole safetensors file")
    path.write_bytes(b"")
    refused(folder, "no whole safetensors file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({WORDS: None}, f"missing: {WORDS}"),
        ({"pruning_head.classifier.bias": None}, r"missing: pruning_head\.classifier\.bias"),
        ({"ranking_model.extra": torch.zeros(1)}, r"unexpected: ranking_model\.extra"),
        ({"stray": torch.zeros(1)}, "unexpected: stray"),
        ({HEAD: torch.zeros(3, 32)}, r"classifier\.weight \(is \[3, 32\], should be \[2, 32\]\)"),
        ({f"more.{n}": torch.zeros(1) for n in range(9)}, r"more\.0, .*more\.3 and 5 more"),
        ({HEAD: torch.full((2, 32), float("nan"))}, r"pruning_head.* holds NaN or infinite"),
        ({WORDS: torch.full((1, 32), float("inf"))}, r"another shape"),
        ({HEAD: torch.full((2, 32), float("-inf"))}, "holds NaN or infinite"),
        ({HEAD: torch.zeros(2, 32, dtype=torch.int8)}, r"is torch\.int8; float32, float16 and bfloat16 load"),
        ({HEAD: torch.zeros(2, 32, dtype=torch.float8_e4m3fn)}, "float8_e4m3fn"),
    ],
)
def test_weights_that_do_not_fit_are_named(folder, changes, message):
    change_weights(folder, **changes)
    refused(folder, message)


def test_weights_that_are_never_read_may_be_there(folder):
    """``pooling_weights`` are declared by the publisher's code; older transformers saved computed tables."""
    extra = {"ranking_model.model.layers.0.attn.rotary_emb.inv_freq": torch.zeros(4)}
    extra |= checkpoints.linear("pruning_head.pooling_weights", 1, 32, 0)
    change_weights(folder, **extra)
    load_scorer(folder, device="cpu")


def test_weights_in_several_files(folder, whole):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    files = {name: f"model-0000{1 + (i % 2)}-of-00002.safetensors" for i, name in enumerate(names)}
    for file in set(files.values()):
        save_file({name: weights[name] for name in names if files[name] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": files}))
    ours = load_checkpoint(folder, device="cpu").network.state_dict()
    for name, value in load_checkpoint(whole, device="cpu").network.state_dict().items():
        assert torch.equal(ours[name], value)

    (folder / "model-00002-of-00002.safetensors").unlink()
    refused(folder, r"names 'model-00002-of-00002\.safetensors', which is no safetensors file in")
    index.write_text(json.dumps({"weight_map": {WORDS: "../pruner/model-00001-of-00002.safetensors"}}))
    refused(folder, "which is no safetensors file in")
    index.write_text("[]")
    refused(folder, "cannot be read as an index")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", None, r"has no tokenizer\.json.*save_pretrained"),
        ("tokenizer.json", "{}", "cannot be read as a tokenizer"),
        ("config.json", None, r"has no config\.json"),
        ("config.json", "{", "cannot be read as JSON"),
        ("config.json", "[" * 100_000, "cannot be read as JSON"),
        ("config.json", "[]", "holds a list"),
        ("tokenizer_config.json", "[]", "holds a list"),
        ("model.safetensors", None, "Weights load from safetensors alone"),
    ],
)
def test_a_missing_or_broken_file_is_named(folder, name, content, message):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    refused(folder, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_model_config": None}, r"model_type None; encoders that load: modernbert, bert"),
        ({"base_model_config": {"model_type": "gpt2"}}, r"model_type 'gpt2'"),
        ({"base_model_config": {"model_type": "bert", "hidden_size": "wide"}}, "describes no BertConfig"),
        ({"base_model_config": {"model_type": "bert"}}, r"missing: ranking_model\.bert|has \d+ tokens"),
        ({"max_length": "long"}, "has max_length 'long'"),
        ({"max_length": True}, "has max_length True"),
        ({"default_threadshold": 2}, "has default_threadshold 2; needed is a number of 0 to 1"),
        ({"num_labels": 3}, "should be"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(folder, changes, message):
    change_config(folder, **changes)
    refused(folder, message)


def test_a_tokenizer_of_another_model_is_refused(folder):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] |= {f"new{n}": 5000 + n for n in range(50)}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    refused(folder, r"has \d+ tokens, and the encoder knows \d+")


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, 0.1),
        ({"default_threadshold": 0.3}, 0.3),
        ({"default_threshold": 0.4}, 0.4),
        ({"default_threadshold": 0.3, "default_threshold": 0.4}, 0.3),
    ],
)
def test_the_threshold_is_read_under_either_spelling(folder, settings, wanted):
    change_config(folder, **settings)
    assert load_checkpoint(folder).traits.default_threshold == wanted


@pytest.mark.parametrize(("stated", "window"), [(32, 32), (64, 64), (4096, 128), (None, 128)])
def test_the_window_is_what_is_stated_as_far_as_positions_reach(folder, stated, window):
    change_config(folder, max_length=stated)
    assert load_checkpoint(folder).traits.max_length == window


README = "---\nlanguage: en\n{licence}\ntags:\n- pruning\n---\n# A model\nlicense: cc-by-nc-4.0 in the text\n"


@pytest.mark.parametrize(
    ("licence", "accepted", "loads"),
    [
        ("license: mit", None, True),
        ("license: cc-by-4.0", None, True),
        ("license: cc-by-nc-4.0", None, False),
        ("license: CC-BY-NC-4.0", None, False),
        ('license: "cc-by-nc-sa-4.0"', None, False),
        ("license:\n- cc-by-nc-4.0", None, False),
        ("license: cc-by-nc-4.0", "cc-by-nc-4.0", True),
        ("license: cc-by-nc-nd-4.0", "cc-by-nc", True),
        ("license: cc-by-nc-nd-4.0", "CC-BY-NC-ND", True),
        ("license: cc-by-nc-nd-4.0", "cc-by-nc-sa", False),
        ("license: cc-by-nc-nd-4.0", "cc-by-n", False),
        ("license: cc-by-nc-4.0", "cc-by", False),
        ("license: cc-by-nc-4.0", "", False),
    ],
)
def test_a_non_commercial_licence_has_to_be_accepted(folder, licence, accepted, loads):
    (folder / "README.md").write_text(README.format(licence=licence))
    if loads:
        stated = licence.split()[-1].strip('"').lower()
        assert load_checkpoint(folder, accept_license=accepted).traits.licence == stated
    else:
        refused(
            folder,
            r"licensed cc-by-nc.*forbids commercial use.*accept_license='cc-by-nc",
            accept_license=accepted,
        )


@pytest.mark.parametrize("write", [checkpoints.write_provence, checkpoints.write_xprovence])
def test_provence_is_non_commercial_unless_a_descendant_says_otherwise(tmp_path, write):
    write(tmp_path)
    refused(tmp_path, "licensed cc-by-nc-nd-4.0")
    (tmp_path / "README.md").write_text(README.format(licence="license: apache-2.0"))
    assert load_checkpoint(tmp_path).traits.licence == "apache-2.0"


def test_a_checkpoint_is_named_by_its_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert load_checkpoint(folder).traits.name == load_checkpoint(".").traits.name == "pruner"


def test_half_precision_is_close_and_leaves_the_heads_whole(folder):
    whole = load_checkpoint(folder, device="cpu", dtype="float32").network
    ids = torch.tensor([[2, *range(5, 40), 3]])
    inputs = ids, torch.ones_like(ids), torch.zeros_like(ids)
    with torch.inference_mode():
        wanted, ranking = whole(*inputs)
        for dtype in ("bfloat16", torch.bfloat16, "float16"):
            network = load_checkpoint(folder, device="cpu", dtype=dtype).network
            assert {p.dtype for p in network.body.parameters()} != {torch.float32}
            assert network.token_head.weight.dtype == torch.float32
            assert {p.dtype for p in network.ranking.parameters()} == {torch.float32}
            found, ranked = network(*inputs)
            assert found.dtype == ranked.dtype == torch.float32
            assert (found.sigmoid() - wanted.sigmoid()).abs().mean() < 0.03
            assert abs(float(ranked - ranking)) < 0.2


def test_a_weight_beyond_float16_is_refused_in_it_alone(folder):
    words = load_file(folder / "model.safetensors")[WORDS]
    words[0, 0] = 1e6
    change_weights(folder, **{WORDS: words})
    load_checkpoint(folder, device="cpu", dtype="bfloat16")
    refused(folder, "beyond the range of float16", dtype="float16")


@pytest.mark.parametrize("options", [{"device": "gpu0"}, {"dtype": "int8"}, {"dtype": "half"}])
def test_an_unknown_device_or_dtype_says_what_there_is(folder, options):
    with pytest.raises(InputError, match="'auto'"):
        load_scorer(folder, **options)


def test_a_missing_library_is_named_with_its_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"semantic-highlight\[torch\]"):
        load_scorer(folder)


@pytest.mark.parametrize("base", list(checkpoints.BASES))
def test_threads_share_a_network(tmp_path, base):
    network = load_checkpoint(checkpoints.write_open_provence(tmp_path, base), device="cpu").network
    rows = [torch.tensor([[2, *range(5, 12 + n), 3]]) for n in range(8)]

    def run(ids):
        with torch.inference_mode():
            return network(ids, torch.ones_like(ids), torch.zeros_like(ids))

    alone = [run(ids) for ids in rows]
    with ThreadPoolExecutor(16) as pool:
        for found, wanted in zip(pool.map(run, rows * 8), alone * 8, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_a_highlighter_passes_the_options_on(tmp_path):
    checkpoints.write_provence(tmp_path)
    highlighter = Highlighter.from_pretrained(
        tmp_path, device="cpu", dtype="float32", accept_license="cc-by-nc"
    )
    found = highlighter.highlight(
        "how long does the battery last?", ["the battery lasts ten hours. it is red."]
    )
    assert len(found[0].scores) == 2
