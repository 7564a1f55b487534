from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from contracts import ScorerContract
from semantic_highlight.errors import CheckpointError
from semantic_highlight.lexical import LexicalScorer
from semantic_highlight.models import load_scorer
from semantic_highlight.models.packed.word_matches import LEXICAL_FEATURES
from semantic_highlight.splitting import split
from semantic_highlight.types import Span

QUERY = "how long does the battery last?"
TEXT = "the battery lasts ten hours. is the cellar door red? a full charge. "


class TestTokenScorer(ScorerContract):
    @pytest.fixture
    def scorer(self, tiny_model):
        return load_scorer(tiny_model[0])


def hand_scores(network, folder, sentences):
    """Score sentences one step at a time, from the network and the tokenizer alone."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    query = encode(QUERY)
    ids, types, positions, blocks = [], [], [], []
    for number, part in enumerate([query, *map(encode, sentences)]):
        ids += [cls, *part, sep]
        inner = [2 if number and i in query else min(number, 1) for i in part]
        types += [min(number, 1), *inner, min(number, 1)]
        positions += range(len(part) + 2)
        blocks += [number] * (len(part) + 2)
    inputs = [torch.tensor([values]) for values in (ids, types, positions, blocks)]
    text = "".join(sentences)
    matches = LexicalScorer().score(QUERY, [text], [split(text)])[0].sentences
    relative = [0.0, *(match / max(matches) for match in matches), 0.0]
    features = torch.zeros(1, len(matches) + 1, LEXICAL_FEATURES)
    for number, match in enumerate(matches, start=1):
        around = [relative[number], relative[number - 1], relative[number + 1], 0.0]
        # One paragraph, and no word but those of the query stands in two of its sentences.
        best_of_others = max(relative[:number] + relative[number + 1 :])
        features[0, number] = torch.tensor([match, *around, best_of_others, 0.0, 0.0])
    inputs.append(features)
    with torch.inference_mode():
        logits = network(*inputs)[0][0].double().numpy()
    probabilities = 1 / (1 + np.exp(-(logits + 0.5) / 1.5))
    scores, place = [], len(query) + 2
    for sentence in sentences:
        size = len(encode(sentence))
        scores.append(probabilities[place + 1 : place + 1 + size].mean())
        place += size + 2
    return scores


def test_a_score_is_the_mean_calibrated_probability_of_the_tokens(tiny_model):
    folder, network = tiny_model
    spans = split(TEXT)
    assert len(spans) == 3
    found = load_scorer(folder).score(QUERY, [TEXT], [spans])[0]
    assert found.sentences == pytest.approx(
        hand_scores(network, folder, [s.of(TEXT) for s in spans]), abs=1e-5
    )
    assert found.relevance == max(found.sentences)


def test_every_sentence_of_a_document_of_many_windows_is_scored(tiny_model):
    text = TEXT * 20
    scorer = load_scorer(tiny_model[0])
    tokenizer, _ = scorer.load()
    assert len(tokenizer.pair(QUERY, text, split(text))[1]) > 5
    scores = scorer.score(QUERY, [text], [split(text)])[0].sentences
    assert len(scores) == 60
    assert all(score > 0 for score in scores)


def test_a_sentence_longer_than_a_window_is_scored_to_its_end(tiny_model):
    head, tail = "the door is red " * 60, "battery"
    scorer = load_scorer(tiny_model[0])
    whole = [Span(0, len(head + tail))]
    with_tail = scorer.score(QUERY, [head + tail], [whole])[0].sentences[0]
    other_tail = scorer.score(QUERY, [head + "winter "], [whole])[0].sentences[0]
    assert with_tail != other_tail


def test_only_the_beginning_of_a_long_query_counts(tiny_model):
    scorer = load_scorer(tiny_model[0])
    long = "battery " * 16
    spans = [split(TEXT)]
    assert scorer.score(long, [TEXT], spans) == scorer.score(long + "cellar door", [TEXT], spans)


def test_pickling_keeps_the_settings_and_loads_again(tiny_model):
    scorer = load_scorer(tiny_model[0])
    before = scorer.score(QUERY, [TEXT], [split(TEXT)])
    assert len(pickle.dumps(scorer)) < 1000
    assert pickle.loads(pickle.dumps(scorer)).score(QUERY, [TEXT], [split(TEXT)]) == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, "has no config.json"),
        ("config.json", "{", "cannot be read"),
        ("config.json", '{"model_type": "bert"}', "has no model.safetensors"),
        ("config.json", '{"model_type": "semantic_highlight", "nmae": 1}', "nmae"),
        ("model.onnx", None, "is missing"),
        ("model.onnx", "not a graph", "cannot be run"),
        ("tokenizer.json", None, "has no tokenizer.json"),
    ],
)
def test_a_folder_that_is_not_whole_says_what_it_lacks(tiny_model, tmp_path, name, content, message):
    for path in tiny_model[0].glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(CheckpointError, match=message):
        load_scorer(tmp_path).score(QUERY, [TEXT], [split(TEXT)])


def test_an_unknown_checkpoint_points_to_what_needs_none():
    with pytest.raises(CheckpointError, match=r"Highlighter\.lexical"):
        load_scorer("no/such/folder")
