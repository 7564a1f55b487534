import pickle

import pytest

from builders import assembler, highlighted
from semantic_highlight.errors import InputError
from semantic_highlight.types import Savings

DOCUMENT = assembler("[…] ").prune(
    highlighted(
        ("One is here. ", 0.9), ("Two is there. ", 0.1), ("Three stays. ", 0.8), ("Four is very long.", 0)
    ),
    [True, False, True, False],
    selector="by hand",
)


def test_kept_and_dropped_share_the_sentences():
    assert [s.score for s in DOCUMENT.kept] == [0.9, 0.8]
    assert [s.score for s in DOCUMENT.dropped] == [0.1, 0]


def test_offsets_map_back():
    assert DOCUMENT.text == "One is here. […] Three stays. […] "
    assert DOCUMENT.original_offset(4) == 4
    three = DOCUMENT.text.index("Three")
    assert DOCUMENT.original[DOCUMENT.original_offset(three) :].startswith("Three")


def test_offset_inside_a_gap_is_the_first_dropped_character():
    assert DOCUMENT.original_offset(DOCUMENT.text.index("…")) == 13


def test_the_length_maps_to_the_end_of_what_the_last_piece_stands_for():
    assert DOCUMENT.original_offset(len(DOCUMENT.text)) == len(DOCUMENT.original)


def test_nothing_kept_maps_to_the_beginning():
    nothing = assembler().prune(highlighted(("One.", 0)), [False], selector="")
    assert nothing.original_offset(0) == 0


@pytest.mark.parametrize("offset", [-1, 1000])
def test_offset_outside_is_an_error(offset):
    with pytest.raises(InputError, match=r"use 0 to \d+"):
        DOCUMENT.original_offset(offset)


def test_compression_rate_is_the_share_removed():
    assert Savings(200, 50, "words").compression_rate == 0.75
    assert Savings(0, 0, "words").compression_rate == 0.0


def test_savings_read_as_one_line():
    assert str(Savings(200, 50, "o200k_base")) == "200 → 50 tokens, 75% saved (o200k_base)"


def test_notebook_shows_the_original_with_marks_and_the_savings():
    shown = DOCUMENT._repr_html_()
    assert "<del" in shown
    assert "<mark" in shown
    assert str(DOCUMENT.savings) in shown


def test_notebook_shows_a_highlighted_document_without_anything_struck():
    shown = highlighted(("One. ", 0.9), ("Two.", 0.1))._repr_html_()
    assert shown.count("<mark") == 2
    assert "<del" not in shown


def test_results_can_be_pickled():
    assert pickle.loads(pickle.dumps(DOCUMENT)) == DOCUMENT
