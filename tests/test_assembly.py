import json

import numpy as np
import pytest

from builders import assembler, highlighted, pruned_text, words
from semantic_highlight.assembly import Assembler
from semantic_highlight.tokens import EstimatedCounter, FunctionCounter
from semantic_highlight.types import Piece, Span

THREE = highlighted(("One is here. ", 0.9), ("Two is there. ", 0.1), ("Three is gone.", 0.8))


def test_adjacent_kept_sentences_are_one_piece():
    assert assembler().pieces(THREE, [True, True, False]) == (Piece(0, "One is here. Two is there. ", 0, 27),)


def test_pieces_know_their_place_on_both_sides():
    assert assembler().pieces(THREE, [True, False, True]) == (
        Piece(0, "One is here. ", 0, 13),
        Piece(13, "Three is gone.", 27, 41),
    )


def test_everything_kept_is_the_original():
    assert pruned_text(THREE, [True] * 3) == THREE.text


def test_nothing_kept_is_nothing():
    assert pruned_text(THREE, [False] * 3) == ""
    assert pruned_text(THREE, [False] * 3, gap=" […] ") == ""


class TestLineBreaks:
    """A heading or list item must not land in the middle of a line."""

    def test_break_that_ended_a_dropped_paragraph_is_kept(self):
        document = highlighted(("Intro. ", 1), ("More.\n\n", 0), ("## Power\n", 1, "heading"))
        assert pruned_text(document, [True, False, True]) == "Intro. \n\n## Power\n"

    def test_break_is_not_doubled(self):
        document = highlighted(
            ("- one\n", 1, "list_item"), ("- two\n", 0, "list_item"), ("- three", 1, "list_item")
        )
        assert pruned_text(document, [True, False, True]) == "- one\n- three"

    def test_break_before_the_first_kept_sentence_is_dropped(self):
        assert pruned_text(highlighted(("Intro.\n\n", 0), ("# Title\n", 1)), [False, True]) == "# Title\n"

    def test_spaces_of_a_dropped_sentence_are_dropped(self):
        assert pruned_text(THREE, [True, False, True]) == "One is here. Three is gone."

    def test_words_are_not_run_together(self):
        document = highlighted(("one,", 1), (" two, ", 0), ("three", 1))
        assert pruned_text(document, [True, False, True]) == "one, three"

    def test_carriage_return_is_a_break(self):
        document = highlighted(("Intro. ", 1), ("More.\r", 0), ("- item", 1))
        assert pruned_text(document, [True, False, True]) == "Intro. \r- item"


class TestGaps:
    def test_mark_stands_for_every_dropped_run(self):
        document = highlighted(("Far too long. ", 0), ("Kept. ", 1), ("Also long. ", 0), ("And this.", 0))
        assert pruned_text(document, [False, True, False, False], gap="[…] ") == "[…] Kept. […] "

    def test_mark_is_left_out_where_it_saves_no_character(self):
        document = highlighted(("Yes. ", 1), ("A b. ", 0), ("Yes.", 1))
        assert pruned_text(document, [True, False, True], gap="....") == "Yes. Yes."
        assert pruned_text(document, [True, False, True], gap="...") == "Yes. ... Yes."

    def test_mark_is_left_out_where_it_saves_no_token(self):
        document = highlighted(("Yes. ", 1), ("Certainly. ", 0), ("Yes. ", 1), ("Certainly.", 0))
        assert pruned_text(document, [True, False, True, False], gap="[…] ") == "Yes. Yes. "

    def test_marks_of_many_tokens_do_not_make_the_text_dearer(self):
        document = highlighted(("Cat one. ", 1), *[("Sure. ", 0), ("Cat two. ", 1)] * 5)
        bracketed = Assembler(EstimatedCounter(), "【略】")
        savings = bracketed.prune(document, [True, *[False, True] * 5], selector="by hand").savings
        assert 0 < savings.compression_rate < 1

    def test_marks_that_save_one_by_one_but_not_together_are_left_out(self):
        # Every word is a token; a mark inside a text is three more than it is alone.
        counter = FunctionCounter(lambda text: words(text) + 3 * text.strip("… ").count("…"))
        document = highlighted(("One. ", 1), ("Two three. ", 0), ("Four.", 1))
        pruned = Assembler(counter, "… ").prune(document, [True, False, True], selector="by hand")
        assert pruned.text == "One. Four."
        assert (pruned.savings.tokens_before, pruned.savings.tokens_after) == (4, 2)

    def test_mark_leaves_the_line_break_alone(self):
        document = highlighted(("- one\n", 1), ("- two is long\n", 0), ("- three", 1))
        assert pruned_text(document, [True, False, True], gap=" […] ") == "- one\n […] \n- three"

    def test_mark_points_at_what_it_stands_for(self):
        pieces = assembler("[…] ").pieces(THREE, [True, False, True])
        assert pieces[1] == Piece(13, "[…] ", 13, 26, is_gap=True)


class TestTables:
    TABLE = highlighted(
        ("Prices:\n\n", 0.1),
        ("| Plan | Price |\n", 0, "table_header"),
        ("|---|---|\n", 0, "table_header"),
        ("| Basic | 5 |\n", 0, "table_row"),
        ("| Pro | 9 |\n", 1, "table_row"),
        ("\nEnd.", 0),
    )

    def test_row_brings_its_header(self):
        kept = pruned_text(self.TABLE, [False, False, False, False, True, False])
        assert kept == "| Plan | Price |\n|---|---|\n| Pro | 9 |\n"

    def test_header_of_another_table_is_not_kept(self):
        document = highlighted(
            ("| A |\n", 0, "table_header"),
            ("Text.\n", 0),
            ("| B |\n", 0, "table_header"),
            ("| 1 |\n", 1, "table_row"),
        )
        assert pruned_text(document, [False, False, False, True]) == "| B |\n| 1 |\n"

    def test_header_reaches_no_further_than_its_run_of_rows(self):
        document = highlighted(("| A |\n", 0, "table_header"), ("Text.\n", 0), ("| 1 |\n", 1, "table_row"))
        assert pruned_text(document, [False, False, True]) == "| 1 |\n"

    def test_kept_header_brings_no_row(self):
        kept = pruned_text(self.TABLE, [False, True, True, False, False, False])
        assert kept == "| Plan | Price |\n|---|---|\n"


class TestWhiteSpace:
    DOCUMENT = highlighted(
        ("  ", 0), ("One.", 1), ("\n\n", 0), ("Two.", 1), ("\n", 0), ("Three.", 1), (" ", 0)
    )

    def keep(self, *sentences):
        return pruned_text(self.DOCUMENT, [index in sentences for index in range(7)])

    def test_all_sentences_kept_is_the_original(self):
        assert self.keep(1, 3, 5) == self.DOCUMENT.text

    def test_space_between_kept_sentences_is_kept(self):
        assert self.keep(1, 3) == "  One.\n\nTwo."
        assert self.keep(3, 5) == "Two.\nThree. "

    def test_space_beside_a_dropped_sentence_is_dropped_but_for_one_break(self):
        assert self.keep(3) == "Two."
        assert self.keep(1, 5) == "  One.\nThree. "

    def test_choosing_white_space_alone_keeps_nothing(self):
        assert self.keep(0, 2, 4, 6) == ""

    @pytest.mark.parametrize("text", ["", " \n\t "])
    def test_document_of_white_space_is_left_alone(self, text):
        document = highlighted((text, 0)) if text else highlighted()
        assert pruned_text(document, [False] * len(document.spans)) == text


def test_pruned_document_tells_all():
    document = assembler().prune(THREE, [True, False, False], selector="TopK(n=1)")
    assert document.original == THREE.text
    assert (document.savings.tokens_before, document.savings.tokens_after) == (9, 3)
    assert document.savings.token_counter == "words"
    assert [(s.start, s.end, s.score, s.kept) for s in document.sentences] == [
        (0, 13, 0.9, True),
        (13, 27, 0.1, False),
        (27, 41, 0.8, False),
    ]
    assert (document.relevance, document.model, document.selector) == (0.9, "by hand", "TopK(n=1)")


def test_flags_of_numpy_become_plain_booleans():
    document = assembler().prune(THREE, np.array([True, False, True]), selector="by hand")
    assert json.dumps([sentence.kept for sentence in document.sentences]) == "[true, false, true]"


def test_span_knows_white_space():
    assert Span(0, 2).is_blank(" \u3000x")
    assert not Span(0, 3).is_blank(" \u3000x")
