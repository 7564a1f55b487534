from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tokenizers")
from tokenizers import Tokenizer

import tiny
from semantic_highlight.errors import CheckpointError
from semantic_highlight.lexical import LexicalScorer
from semantic_highlight.models.packed.pairs import PairTokenizer, span_ranges
from semantic_highlight.splitting import split
from semantic_highlight.types import Span

TEXT = "the battery lasts ten hours. 电池可以使用十个小时。is the door red?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer")
    tiny.write_tokenizer(path)
    return path


@pytest.fixture(scope="module")
def tokenizer(folder):
    return PairTokenizer.from_folder(folder, max_length=40, query_tokens=6, block_tokens=12, overlap=10)


def words(folder, ids):
    vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [vocabulary.id_to_token(int(i)) for i in ids]


def test_a_window_by_hand(folder, tokenizer):
    text, spans = "the battery lasts. is it red?", [Span(0, 19), Span(19, 29)]
    _, (window,) = tokenizer.pair("how long battery", text, spans)
    assert words(folder, window.ids) == [
        *("[CLS]", "how", "long", "battery", "[SEP]"),
        *("[CLS]", "the", "battery", "lasts", ".", "[SEP]"),
        *("[CLS]", "is", "it", "red", "?", "[SEP]"),
    ]
    assert window.blocks.tolist() == [0] * 5 + [1] * 6 + [2] * 6
    assert window.positions.tolist() == [*range(5), *range(6), *range(6)]
    # The battery of the context stands in the query too.
    assert window.types.tolist() == [0] * 5 + [1, 1, 2, 1, 1, 1] + [1] * 6
    assert window.places.tolist() == [6, 7, 8, 9, 12, 13, 14, 15]
    assert window.tokens == (0, 8)
    # The sentence with the battery is the best match; the other one matches nothing.
    score = LexicalScorer().score("how long battery", [text], [spans])[0].sentences[0]
    assert window.lexical.tolist() == [
        [0] * 8,
        pytest.approx([score, 1, 0, 0, 0, 0, 0, 0]),
        [0, 0, 1, 0, 0, 1, 0, 0],
    ]


def test_a_long_query_keeps_its_first_tokens(folder, tokenizer):
    long = "how long does the battery of the door last"
    _, (window,) = tokenizer.pair(long, "the door", [Span(0, 8)])
    assert words(folder, window.ids[window.blocks == 0][1:-1]) == [
        "how",
        "long",
        "does",
        "the",
        "battery",
        "of",
    ]
    _, (short,) = tokenizer.pair("how long does the battery of", "the door", [Span(0, 8)])
    assert window.lexical.tolist() == short.lexical.tolist()


def test_a_lone_surrogate_keeps_the_offsets(tokenizer):
    text = tokenizer.tokenise("red \ud800 door")
    assert text.offsets.tolist()[0] == [0, 3]
    assert text.offsets.tolist()[-1] == [6, 10]


def test_a_token_across_a_border_counts_where_it_begins(tokenizer):
    offsets = tokenizer.tokenise("battery lasts ten").offsets
    assert span_ranges(offsets, [Span(0, 10), Span(10, 17)]) == [(0, 2), (2, 3)]
    assert span_ranges(offsets, [Span(0, 7), Span(7, 8), Span(8, 17)]) == [(0, 1), (1, 1), (1, 3)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*tiny.WORDS, ". ", "。", *tiny.CHARACTERS, "\n\n", " "]), max_size=120))
def test_windows_hold_every_token_where_it_was(tokenizer, pieces):
    text = " ".join(pieces)
    tokens, windows = tokenizer.pair("how long does the battery last", text, split(text))
    assert all(len(window.ids) <= tokenizer.max_length for window in windows)
    held = set()
    for window in windows:
        first, last = window.tokens
        assert window.ids[window.places].tolist() == tokens.ids[first:last].tolist()
        assert max(window.positions) < tokenizer.block_tokens + 2
        held |= set(range(first, last))
    assert held == set(range(len(tokens.ids)))


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no tokenizer\.json"):
        PairTokenizer.from_folder(tmp_path)


def test_a_tokenizer_without_special_tokens_is_refused():
    from tokenizers import models

    with pytest.raises(CheckpointError, match=r"no \[CLS\] token"):
        PairTokenizer(Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]")))
