"""Every family against a straight, slow reading of its publisher's formula: one pair, plain transformers.

The publishers' own code was run beside ours as well, outside of these tests, on the checkpoints of
``checkpoints.py``, with transformers 4.57.6 and torch 2.13.0 on a CPU in float32. Largest differences:

* Open Provence at 9635cbc, ``modeling_open_provence_standalone.py``, on each of the four encoders: the ids of
  ``_prepare_block_inputs`` are ours; probability of a token 6e-8, ranking logit 2.4e-7; of ``process()`` on a
  query and five sentences: ``sentence_probabilities`` 5e-8, ``reranking_score`` 5e-8.
* Provence, bergen at 1b0ee2c, ``modeling_provence.py`` (with ``Dropout`` for ``StableDropout``, which
  transformers has no more): probability of a token 3e-8, ranking score 0; ids are those of its tokenizer.
* OpenSearch, opensearch-py-ml at feb1ad1, ``semantic_highlighter_model.py``: probability of a sentence 6e-8.

The code of zilliz and XProvence was not at hand.
"""

from __future__ import annotations

import json
from itertools import accumulate, chain, pairwise

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn

import checkpoints
from semantic_highlight.models import load_scorer
from semantic_highlight.models.loading import load_checkpoint
from semantic_highlight.types import Span

QUERY = "how long does the battery last?"
CONTEXTS = [
    "the battery lasts ten hours. the door sticks in winter.",
    "it is red. 电池可以使用十个小时。 a word",
    "what opens when it is cold? the cellar door, odd word of the text, two hours in winter the door sticks",
]
NC = "cc-by-nc"


class Reference:
    """A checkpoint as its files are, and its publisher's formula.

    Args:
        folder: The checkpoint.
        base: Its encoder.
        prefix: What stands before the names of the ranking model.
        head: The token head's name.
    """

    def __init__(self, folder, base, prefix, head, labels=1):
        config = json.loads((folder / "config.json").read_text())
        weights = load_file(folder / "model.safetensors")
        encoder = config.get("base_model_config", config) | {"model_type": base}
        encoder = {key: value for key, value in encoder.items() if key not in ("architectures", "auto_map")}
        self.model = checkpoints.ranking_model(encoder, labels=labels)
        names = [name for name in weights if name.startswith(prefix)]
        wanted = {name.removeprefix(prefix): weights[name] for name in names}
        self.model.load_state_dict({name: wanted[name] for name in self.model.state_dict()})
        self.token_head = weights[f"{head}.weight"], weights[f"{head}.bias"]
        self.base = base
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def pair(self, query, context):
        """Ids and types as the publisher lays them out, and where the context, a text or ids, stands."""
        q = self.tokenizer.encode(query, add_special_tokens=False).ids
        c = context
        if isinstance(context, str):
            c = self.tokenizer.encode(context, add_special_tokens=False).ids
        if self.base == "xlm-roberta":
            ids = [0, *q, 2, 2, *c, 2]
            return ids, [0] * len(ids), range(len(q) + 3, len(ids) - 1)
        cls, sep = (1, 2) if self.base == "deberta-v2" else (2, 3)
        ids = [cls, *q, sep, *c, sep]
        types = [0] * (len(q) + 2) + [int(self.base == "bert")] * (len(c) + 1)
        return ids, types, range(len(q) + 2, len(ids) - 1)

    def run(self, query, context):
        """Return the probability of keep of every token, and the ranking logit."""
        ids, types, _ = self.pair(query, context)
        inputs = {
            "input_ids": torch.tensor([ids]),
            "attention_mask": torch.ones(1, len(ids), dtype=torch.long),
        }
        if self.base != "modernbert":
            inputs["token_type_ids"] = torch.tensor([types])
        with torch.no_grad():
            ranking, state = self.classify(inputs)
            logits = nn.functional.linear(state, *self.token_head)
        return logits.softmax(-1)[0, :, 1], ranking[0, 0]

    def classify(self, inputs):
        """Return the ranking logits, and the state that the token head reads."""
        if self.base != "modernbert":
            output = self.model(**inputs, output_hidden_states=True)
            return output.logits, output.hidden_states[-1]
        before = []
        hook = self.model.model.final_norm.register_forward_pre_hook(lambda _, args: before.append(args[0]))
        output = self.model(**inputs)
        hook.remove()
        return output.logits, before[0]


def batch(reference, loaded):
    """The pairs of all contexts as one padded batch of the network's inputs."""
    pairs = [reference.pair(QUERY, context) for context in CONTEXTS]
    longest = max(len(ids) for ids, *_ in pairs)
    shape = (len(pairs), longest)
    ids = torch.full(shape, loaded.traits.layout.pad)
    mask, types = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    for row, (some, of, _) in enumerate(pairs):
        ids[row, : len(some)] = torch.tensor(some)
        types[row, : len(some)] = torch.tensor(of)
        mask[row, : len(some)] = 1
    return ids, mask, types, [len(some) for some, *_ in pairs]


def check(folder, reference, *, ranked=True, **loading):
    """Compare a batch of ours with the reference, pair by pair; return what was loaded."""
    loaded = load_checkpoint(folder, device="cpu", **loading)
    ids, mask, types, lengths = batch(reference, loaded)
    with torch.inference_mode():
        log_odds, ranking = loaded.network(ids, mask, types)
    assert log_odds.dtype == torch.float32
    for row, context in enumerate(CONTEXTS):
        probabilities, logit = reference.run(QUERY, context)
        assert probabilities.std() > 0.02  # else agreement would mean nothing
        torch.testing.assert_close(log_odds[row, : lengths[row]].sigmoid(), probabilities, atol=1e-5, rtol=0)
        if ranked:
            torch.testing.assert_close(ranking[row], logit, atol=1e-5, rtol=1e-5)
    assert (ranking is not None) == ranked
    check_layout(reference, loaded)
    return loaded


def check_layout(reference, loaded):
    layout = loaded.traits.layout
    ids, types, places = reference.pair(QUERY, CONTEXTS[0])
    q, c = (loaded.tokenizer.encode(t, add_special_tokens=False).ids for t in (QUERY, CONTEXTS[0]))
    assert [*layout.before, *q, *layout.between, *c, *layout.after] == ids
    assert types[places[0]] == types[-1] == layout.context_type


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("base", list(checkpoints.BASES))
def test_open_provence(tmp_path, base, older):
    folder = checkpoints.write_open_provence(tmp_path, base, older=older)
    prefix = "" if older else "ranking_model."
    loaded = check(folder, Reference(folder, base, prefix, "pruning_head.classifier"))
    traits = loaded.traits
    assert (traits.family, traits.default_threshold, traits.max_length) == ("open_provence", 0.1, 64)
    assert (traits.pooling, traits.sentences_apart, traits.normalise_query) == ("probability", True, False)


def test_modernbert_gives_the_same_on_every_transformers(tmp_path):
    """The numbers are those of the publisher's code on transformers 4.57.6: before the final norm."""
    loaded = load_checkpoint(checkpoints.write_open_provence(tmp_path), device="cpu")
    ids = torch.tensor([[2, *range(5, 30), 3]])
    log_odds, ranking = loaded.network(ids, torch.ones_like(ids), torch.zeros_like(ids))
    wanted = [13.291665, -13.927009, -1.651194, 12.094928, 16.040128, 9.953011]
    assert log_odds[0, ::5].tolist() == pytest.approx(wanted, abs=1e-4)
    assert ranking.tolist() == pytest.approx([1.063295], abs=1e-4)


def test_cls_pooling_of_modernbert(tmp_path):
    folder = checkpoints.write_open_provence(tmp_path, base_model_config={"classifier_pooling": "cls"})
    check(folder, Reference(folder, "modernbert", "ranking_model.", "pruning_head.classifier"))


def test_zilliz(tmp_path):
    folder = checkpoints.write_zilliz(tmp_path)
    reference = Reference(folder, "xlm-roberta", "ranking_model.", "pruning_head.classifier")
    traits = check(folder, reference, ranked=False).traits
    assert (traits.family, traits.default_threshold, traits.max_length) == ("zilliz", 0.5, 8192)
    assert (traits.pooling, traits.sentences_apart, traits.normalise_query) == ("probability", True, False)


@pytest.mark.parametrize("labels", [1, 2])
def test_provence(tmp_path, labels):
    folder = checkpoints.write_provence(tmp_path, labels=labels)
    reference = Reference(folder, "deberta-v2", "", "token_classifier", labels)
    traits = check(folder, reference, accept_license=NC).traits
    assert (traits.family, traits.default_threshold, traits.max_length) == ("provence", 0.1, 64)
    assert (traits.pooling, traits.sentences_apart, traits.normalise_query) == ("probability", False, True)


def test_xprovence(tmp_path):
    folder = checkpoints.write_xprovence(tmp_path)
    reference = Reference(folder, "xlm-roberta", "", "token_classifier")
    traits = check(folder, reference, accept_license=NC).traits
    assert (traits.family, traits.default_threshold, traits.max_length) == ("xprovence", 0.3, 64)
    assert (traits.pooling, traits.sentences_apart, traits.normalise_query) == ("probability", False, False)
    assert any("token_classifier" in note and "classifier for ranking" in note for note in traits.notes)


@pytest.mark.parametrize("ranking", ["single", "pooled"])
def test_a_shallow_ranking_head_of_xprovence(tmp_path, ranking):
    folder = checkpoints.write_xprovence(tmp_path, ranking=ranking)
    weights = load_file(folder / "model.safetensors")
    deep = checkpoints.write_xprovence(tmp_path / "deep")  # the same encoder and token head
    reference = Reference(deep, "xlm-roberta", "", "token_classifier")
    classify = reference.classify

    def ranked(inputs):
        state = classify(inputs)[1]
        first = state[:, 0]
        if ranking == "pooled":
            pooler = (weights["roberta.pooler.dense.weight"], weights["roberta.pooler.dense.bias"])
            first = torch.tanh(nn.functional.linear(first, *pooler))
        return nn.functional.linear(first, weights["rank_head.weight"], weights["rank_head.bias"]), state

    reference.classify = ranked
    check(folder, reference, accept_license=NC)


def test_opensearch(tmp_path):
    """Its publisher averages token states before the classifier; so does this reference."""
    folder = checkpoints.write_opensearch(tmp_path)
    reference = Reference(folder, "bert", "", "classifier", labels=2)
    loaded = check(folder, reference, ranked=False)
    traits = loaded.traits
    assert (traits.family, traits.default_threshold, traits.max_length) == ("opensearch", 0.5, 64)
    assert (traits.pooling, traits.sentences_apart, traits.backoff) == ("logit", False, 0.05)
    ids, types, places = reference.pair(QUERY, CONTEXTS[0])
    sentence = list(places)[:7]
    inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
    with torch.inference_mode():
        _, state = reference.classify(inputs | {"token_type_ids": torch.tensor([types])})
        mean = state[0, sentence].mean(dim=0)
        wanted = nn.functional.linear(mean, *reference.token_head).softmax(-1)[1]
        log_odds, _ = loaded.network(*inputs.values(), torch.tensor([types]))
    torch.testing.assert_close(log_odds[0, sentence].mean().sigmoid(), wanted, atol=1e-5, rtol=0)


FAMILIES = {
    "open_provence": (
        checkpoints.write_open_provence,
        "modernbert",
        "ranking_model.",
        "pruning_head.classifier",
    ),
    "zilliz": (checkpoints.write_zilliz, "xlm-roberta", "ranking_model.", "pruning_head.classifier"),
    "provence": (checkpoints.write_provence, "deberta-v2", "", "token_classifier"),
    "xprovence": (checkpoints.write_xprovence, "xlm-roberta", "", "token_classifier"),
    "opensearch": (checkpoints.write_opensearch, "bert", "", "classifier"),
}
SENTENCES = ["the battery lasts ten hours. ", "the door sticks in winter. ", "it is red."]


def apart(tokenizer):
    """Ids of the sentences, each tokenised by itself, and how many each has."""
    ids = [tokenizer.encode(sentence, add_special_tokens=False).ids for sentence in SENTENCES]
    return list(chain(*ids)), [len(some) for some in ids]


def together(tokenizer):
    """Ids of the text, and how many each sentence has: a token is in the one of its first letter."""
    text = "".join(SENTENCES)
    encoded = tokenizer.encode(text, add_special_tokens=False)
    letters = [end - len(text[start:end].lstrip()) for start, end in encoded.offsets]
    borders = [0, *accumulate(map(len, SENTENCES))]
    return encoded.ids, [sum(a <= at < b for at in letters) for a, b in pairwise(borders)]


@pytest.mark.parametrize("family", list(FAMILIES))
def test_scores_of_sentences_are_those_of_the_formula(tmp_path, family):
    write, *how = FAMILIES[family]
    folder = write(tmp_path)
    reference = Reference(folder, *how, labels=2 if family == "opensearch" else 1)
    scorer = load_scorer(folder, device="cpu", accept_license=NC)
    spans = [Span(*pair) for pair in pairwise([0, *accumulate(map(len, SENTENCES))])]
    found = scorer.score(QUERY, ["".join(SENTENCES)], [spans])[0]

    query = QUERY.removesuffix("?") if family == "provence" else QUERY
    ids, counts = (apart if family in ("open_provence", "zilliz") else together)(reference.tokenizer)
    assert min(counts) > 3
    probabilities, logit = reference.run(query, ids)
    *_, places = reference.pair(query, ids)
    some = probabilities[places].split(counts)
    pooled = [p.logit().mean().sigmoid() if family == "opensearch" else p.mean() for p in some]
    wanted = [mean.item() for mean in pooled]
    assert list(found.sentences) == pytest.approx(wanted, abs=1e-5)
    unranked = family in ("zilliz", "opensearch")
    assert found.relevance == pytest.approx(max(wanted) if unranked else logit.sigmoid().item(), abs=1e-5)
