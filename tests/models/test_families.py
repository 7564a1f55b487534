"""Which family a checkpoint belongs to is read from its files; its name plays no part."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import pytest
from safetensors.torch import load_file, save_file

import checkpoints
from semantic_highlight.errors import CheckpointError
from semantic_highlight.models import families, load_scorer
from semantic_highlight.models.families import FAMILIES, find_family
from semantic_highlight.models.family import Source
from semantic_highlight.models.source import read_source

WRITERS = {
    "zilliz": checkpoints.write_zilliz,
    "open_provence": checkpoints.write_open_provence,
    "provence": checkpoints.write_provence,
    "xprovence": checkpoints.write_xprovence,
    "opensearch": checkpoints.write_opensearch,
}


def test_every_family_has_a_checkpoint_here():
    others = {"converted"}  # what convert writes, see test_convert.py
    assert {family.name for family in FAMILIES} == WRITERS.keys() | others


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_family_knows_its_own_and_whatever_model_type_it_states(tmp_path, name):
    source = read_source(WRITERS[name](tmp_path), "somebody/no-hint")
    assert find_family(source).name == name
    renamed = dict(source.config) | {"model_type": "renamed"}
    assert find_family(Source(source.folder, "zilliz/opensearch", renamed, source.shapes, None)).name == name


@pytest.mark.parametrize("name", ["provence", "xprovence", "opensearch"])
def test_families_do_not_claim_each_others(tmp_path, name):
    source = read_source(WRITERS[name](tmp_path), "x")
    assert [family.name for family in FAMILIES if family.matches(source)] == [name]


@pytest.mark.parametrize("older", [False, True])
def test_a_short_xlm_roberta_is_open_provence(tmp_path, older):
    source = read_source(checkpoints.write_open_provence(tmp_path, "xlm-roberta", older=older), "x")
    assert find_family(source).name == "open_provence"
    long = checkpoints.write_zilliz(tmp_path / "long", older=older)
    assert find_family(read_source(long, "x")).name == "zilliz"


def ordinary_bert(folder):
    checkpoints.write_opensearch(folder)
    return {"architectures": ["BertForSequenceClassification"], "model_type": "bert"}, {}


def bert_of_no_architecture(folder):
    checkpoints.write_opensearch(folder)
    return {"architectures": None}, {}


def ordinary_xlm_roberta(folder):
    """Has a two-way head on tokens and no ranking head: it finds names, or parts of speech."""
    checkpoints.write_xprovence(folder)
    return {"architectures": ["XLMRobertaForTokenClassification"]}, {"classifier.dense": None}


def two_token_heads(folder):
    checkpoints.write_xprovence(folder)
    return {}, checkpoints.linear("other", 2, 32, 9)


@pytest.mark.parametrize(
    "stranger", [ordinary_bert, bert_of_no_architecture, ordinary_xlm_roberta, two_token_heads]
)
def test_an_unknown_checkpoint_says_what_was_found_and_what_loads(tmp_path, stranger):
    settings, weights = stranger(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | settings
    kept = load_file(tmp_path / "model.safetensors")
    if None in weights.values():
        kept, weights = {name: w for name, w in kept.items() if not name.startswith("classifier.")}, {}
    checkpoints.write(tmp_path, config, kept | weights)
    with pytest.raises(CheckpointError) as error:
        load_scorer(tmp_path)
    message = str(error.value)
    assert repr(config["model_type"]) in message
    assert all(f"\n  {name}: " in message for name in ["semantic_highlight", *WRITERS])
    body = "bert" if "bert.embeddings.word_embeddings.weight" in kept else "roberta"
    assert f"{body}.* (" in message


class Elsewhere:
    """A family that another package adds."""

    name = "elsewhere"
    description = "weights named elsewhere.*"
    licence = None

    def matches(self, source):
        return any(name.startswith("elsewhere.") for name in source.shapes)

    def load(self, source, *, device, dtype):
        raise CheckpointError(f"elsewhere got {source.name} for {device} in {dtype}")


FAMILY = Elsewhere()


def test_another_package_adds_a_family(tmp_path, monkeypatch):
    checkpoints.write(tmp_path, {"model_type": "elsewhere"}, checkpoints.linear("elsewhere.head", 2, 4, 0))
    point = EntryPoint("elsewhere", f"{__name__}:FAMILY", families.ENTRY_POINTS)
    monkeypatch.setattr(families, "entry_points", lambda *, group: [point] if group == point.group else [])
    with pytest.raises(CheckpointError, match=r"elsewhere got .* for cpu in torch\.float32"):
        load_scorer(tmp_path, device="cpu")
    (tmp_path / "model.safetensors").unlink()
    save_file(checkpoints.linear("nowhere", 2, 4, 0), tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"elsewhere: weights named elsewhere"):
        load_scorer(tmp_path)
