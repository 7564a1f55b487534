from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import tiny
from semantic_highlight.errors import InputError
from semantic_highlight.models.packed.pairs import PairTokenizer
from semantic_highlight.records import parse_record
from semantic_highlight.splitting import split
from semantic_highlight.train.batches import batch_by_length, collate, featurise, pool_batches
from semantic_highlight.train.config import Evaluation
from semantic_highlight.train.data import (
    IGNORED,
    Example,
    Mixture,
    as_negative,
    evaluation_rows,
    held_out,
    join,
    label_row,
)
from semantic_highlight.types import Span


def row(context, answer=None, *, query="how long", title=None):
    start = context.find(answer) if answer else 0
    spans = [[start, start + len(answer)]] if answer else []
    return label_row(
        parse_record({"query": query, "context": context, "answer_spans": spans, "title": title}), split
    )


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    tiny.write_tokenizer(folder)
    return PairTokenizer.from_folder(folder, max_length=40, query_tokens=8, block_tokens=12, overlap=0)


def test_joined_paragraphs_keep_their_sentences_and_labels():
    first, second = (
        row("the door sticks. it is red.", "it is red."),
        row("ten hours. a charge.", "ten hours."),
    )
    example = join("how long", [first, second], "\n\n")
    sentences = [span.of(example.context) for span in example.spans]
    assert example.context == "the door sticks. it is red.\n\nten hours. a charge."
    assert list(zip((s.strip() for s in sentences), example.labels, strict=True)) == [
        ("the door sticks.", 0),
        ("it is red.", 1),
        ("ten hours.", 1),
        ("a charge.", 0),
    ]


def test_a_negative_with_the_answer_in_it_is_doubtful():
    asked = row("the battery lasts ten hours.", "ten hours")
    other = as_negative(row("a charge of ten hours. is it red?", "is it red?"), asked)
    assert other.labels == (IGNORED, 0)


def test_pools_are_the_same_at_every_repetition_and_differ(toy_config):
    some, others = (Mixture(toy_config(), split) for _ in range(2))
    assert some.pool(3) == others.pool(3)
    assert some.pool(3) != some.pool(4)
    assert some.pool(3) != Mixture(toy_config(seed=14), split).pool(3)


def test_every_row_is_drawn_once_a_pass(toy_config, toy_files):
    config = toy_config(pool=60, sources=[{"path": "toy.jsonl.gz", "weight": 1}])
    mixture = Mixture(config, split)
    first, second = ([e.context for e in mixture.pool(n)] for n in range(2))
    assert sorted(first) == sorted(second)
    assert first != second
    assert len(first) == 60


def test_weights_divide_a_pool(toy_config):
    sources = [{"path": "toy.jsonl.gz", "weight": 3}, {"path": "dev.jsonl.gz", "weight": 1}]
    mixture = Mixture(toy_config(pool=40, sources=sources), split)
    dev = {e.context for e in Mixture(toy_config(pool=8, sources=sources[1:]), split).pool(0)}
    assert sum(example.context in dev for example in mixture.pool(0)) == 10


def test_hard_cases_are_made(toy_config):
    source = {"path": "toy.jsonl.gz", "weight": 1}
    plain = Mixture(toy_config(pool=60, sources=[source]), split).pool(0)
    joined = Mixture(toy_config(pool=60, sources=[source | {"join": 1.0}]), split).pool(0)
    without = Mixture(toy_config(pool=60, sources=[source | {"unanswerable": 1.0}]), split).pool(0)
    assert sum(len(e.spans) for e in joined) > 2 * sum(len(e.spans) for e in plain)
    assert all(1 in e.labels for e in plain + joined)
    assert not any(1 in e.labels for e in without)


def test_what_is_held_out_is_not_trained_on(toy_config, toy_files):
    source = {"path": "toy.jsonl.gz", "weight": 1, "hold_out": 0.3}
    trained = {e.context for e in Mixture(toy_config(pool=60, sources=[source]), split).pool(0)}
    rows = evaluation_rows(Evaluation(path="toy.jsonl.gz", hold_out=0.3), toy_files, split)
    measured = {r.record.context for r in rows}
    assert measured
    assert not trained & measured
    assert len(trained | measured) == 60
    assert all(held_out(r.record, 0.3) for r in rows)


def test_a_source_that_gives_nothing_is_named(toy_config):
    with pytest.raises(InputError, match=r"toy\.jsonl\.gz gives no row to train on"):
        Mixture(
            toy_config(sources=[{"path": "toy.jsonl.gz", "weight": 1, "max_sentence_share": 0.01}]), split
        )


def test_an_evaluation_that_gives_nothing_is_named(toy_files):
    with pytest.raises(InputError, match=r"dev\.jsonl\.gz gives no row to evaluate on"):
        evaluation_rows(Evaluation(path="dev.jsonl.gz", hold_out=1e-9), toy_files, split)


def test_features_say_which_sentence_each_token_is_of(tokenizer):
    example = join("how long", [row("it is red. ten hours.", "ten hours.")], "")
    feature = featurise(example, tokenizer, np.random.default_rng(0))
    assert feature.sentences.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert feature.labels.tolist() == [0, 1]
    batch = collate([feature, feature])
    size = len(feature.window.ids)
    assert batch.sentence_index[0, feature.window.places].tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert batch.sentence_index[1, feature.window.places].tolist() == [2, 2, 2, 2, 3, 3, 3]
    assert (batch.sentence_index >= 0).sum() == 14
    assert batch.labels.tolist() == [0, 1, 0, 1]
    assert batch.tokens == 2 * size


def test_padding_is_of_no_block(tokenizer):
    long, short = (
        featurise(join("how long", [row(text)], ""), tokenizer, np.random.default_rng(0))
        for text in ("it is red. ten hours.", "it is.")
    )
    batch = collate([long, short])
    size = len(short.window.ids)
    assert (batch.inputs["block_ids"][1, size:] == -1).all()
    assert (batch.inputs["block_ids"][1, :size] >= 0).all()
    assert batch.tokens == len(long.window.ids) + size


def test_nothing_is_learned_from_doubtful_sentences_alone(tokenizer):
    example = Example("how long", "it is red.", (Span(0, 10),), (IGNORED,))
    assert featurise(example, tokenizer, np.random.default_rng(0)) is None


def test_relevance_of_a_long_document_is_kept_for_windows_with_an_answer(tokenizer):
    text = "it is red. " * 12 + "ten hours."
    example = join("how long", [row(text, "ten hours.")], "", relevance=0.8)
    found = [featurise(example, tokenizer, np.random.default_rng(seed)) for seed in range(40)]
    assert {(bool((f.labels == 1).any()), f.relevance) for f in found} == {(True, 0.8), (False, None)}
    relevance = collate(found[:4]).relevance
    assert [None if np.isnan(r) else pytest.approx(r) for r in relevance.tolist()] == [
        f.relevance for f in found[:4]
    ]


def test_batches_fit_the_budget_and_hold_everything_once(tokenizer, toy_config):
    examples = Mixture(toy_config(pool=60), split).pool(0)
    batches = pool_batches(examples, tokenizer, budget=160, seed=(1, 2))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(len(f.window.ids) for f in batch) <= 160
    features = [feature for batch in batches for feature in batch]
    assert len({id(feature) for feature in features}) == len(features) == len(examples)
    again = pool_batches(examples, tokenizer, budget=160, seed=(1, 2))
    assert [[f.example for f in b] for b in again] == [[f.example for f in b] for b in batches]


def test_lengths_in_a_batch_are_alike(tokenizer):
    features = [
        featurise(join("how long", [row("it is red. " * n)], ""), tokenizer, np.random.default_rng(0))
        for n in (1, 3, 1, 3, 2, 2)
    ]
    groups = batch_by_length(features, 50, np.random.default_rng(0))
    ranges = sorted((min(sizes), max(sizes)) for sizes in ([len(f.window.ids) for f in g] for g in groups))
    assert len(ranges) > 1
    assert all(one[1] <= other[0] for one, other in pairwise(ranges))
