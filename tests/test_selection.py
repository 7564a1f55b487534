import pickle
import re

import numpy as np
import pytest

from builders import assembler, highlighted, words
from semantic_highlight.assembly import Assembler
from semantic_highlight.errors import InputError
from semantic_highlight.selection import (
    KeepHeadings,
    KeepLeading,
    MinKept,
    MustKeep,
    Neighbours,
    Selector,
    TargetCompression,
    Threshold,
    TokenBudget,
    TopK,
)
from semantic_highlight.tokens import FunctionCounter

FIRST = highlighted(("Aa is here. ", 0.9), ("Bb. ", 0.5), ("Cc goes on and on. ", 0.2), ("Dd ends.", 0.7))
SECOND = highlighted(("Ee is long too. ", 0.7), ("Ff. ", 0.1), ("  ", 0.99))


def kept(selector, *documents, gap=""):
    """What is kept of each document, as the first letters of its sentences."""
    documents = documents or (FIRST, SECOND)
    masks = selector.select(documents, assembler(gap))
    return [
        "".join(span.of(d.text)[0] for span, keep in zip(d.spans, mask, strict=True) if keep)
        for d, mask in zip(documents, masks, strict=True)
    ]


def tokens_kept(selector, *documents, gap=""):
    documents = documents or (FIRST, SECOND)
    using = assembler(gap)
    return sum(map(using.size, documents, selector.select(documents, using)))


class TestThreshold:
    def test_is_strict(self):
        assert kept(Threshold(0.5)) == ["AD", "E"]
        assert kept(Threshold(0.49)) == ["ABD", "E"]

    def test_default_is_one_half(self):
        assert Threshold() == Threshold(0.5)

    def test_ends_of_the_range(self):
        assert kept(Threshold(0.0)) == ["ABCD", "EF"]
        assert kept(Threshold(1.0)) == ["", ""]


class TestTopK:
    @pytest.mark.parametrize(
        ("n", "expected"), [(1, ["A", ""]), (2, ["AD", ""]), (3, ["AD", "E"]), (99, ["ABCD", "EF"])]
    )
    def test_is_over_all_documents_and_ties_go_to_the_earlier(self, n, expected):
        assert kept(TopK(n)) == expected

    def test_equal_scores_in_one_document_go_to_the_earlier(self):
        assert kept(TopK(1), highlighted(("X. ", 0.4), ("Y. ", 0.4))) == ["X"]


class TestTokenBudget:
    # A is 3 words, D 2, E 4, B 1, C 5, F 1.
    @pytest.mark.parametrize(
        ("n", "expected"),
        [
            (1, ["B", ""]),
            (3, ["A", ""]),
            (5, ["AD", ""]),
            (6, ["ABD", ""]),
            (9, ["AD", "E"]),
            (16, ["ABCD", "EF"]),
        ],
    )
    def test_takes_the_best_that_fit(self, n, expected):
        assert kept(TokenBudget(n)) == expected

    def test_skips_what_does_not_fit_and_goes_on(self):
        assert kept(TokenBudget(8)) == ["ABD", "F"]  # E does not fit after A and D; B and F do

    @pytest.mark.parametrize("n", range(1, 20))
    def test_is_never_exceeded(self, n):
        assert tokens_kept(TokenBudget(n)) <= n

    def test_nothing_fits(self):
        assert kept(TokenBudget(2), highlighted(("Too long by one. ", 1.0))) == [""]

    def test_counts_the_header_of_a_table(self):
        table = highlighted(("| H1 | H2 |\n", 0, "table_header"), ("| a | b |\n", 1, "table_row"), ("x", 0.1))
        assert kept(TokenBudget(5), table) == ["x"]  # the row alone is 5 words, with its header 10
        assert kept(TokenBudget(10), table) == ["|"]

    def test_counts_the_header_when_it_fills_up(self):
        table = highlighted(
            ("| H1 | H2 |\n", 0, "table_header"), ("| a | b |\n", 0.8, "table_row"), ("x", 0.1)
        )
        long = highlighted(("one two three four five six seven eight", 0.9))
        assert kept(TokenBudget(5), long, table) == ["", "x"]

    def test_rows_whose_header_does_not_fit_do_not_lay_out_the_document(self):
        sizes = []

        class Watched(Assembler):
            def size(self, document, keep):
                sizes.append(super().size(document, keep))
                return sizes[-1]

        header = ("| H1 | H2 | H3 |\n", 0, "table_header")
        table = highlighted(header, *[("| a | b |\n", 0.5, "table_row")] * 500, ("x", 0.1))
        (mask,) = TokenBudget(6).select([table], Watched(FunctionCounter(words)))
        assert mask == [*[False] * 501, True]  # the header is 7 words, a row 5
        assert len(sizes) < 20

    def test_row_needs_no_room_for_a_header_that_is_kept(self):
        table = highlighted(
            ("| H |\n", 0, "table_header"),
            ("| a |\n", 0.9, "table_row"),
            ("| far too long a row |\n", 0.8, "table_row"),
            ("| b |", 0.7, "table_row"),
        )
        (mask,) = TokenBudget(9).select([table], assembler())
        assert mask == [False, True, False, True]

    def test_all_is_kept_where_all_fits_though_less_would_need_more_marks(self):
        document = highlighted(
            ("Long one. ", 0.9), ("Not this. ", 0), ("Yes. ", 0.1), ("Not that. ", 0), ("Last one.", 0.8)
        )
        # All three are 5 words, without marks. Without the third a mark of 3 stands for 5 words: 7.
        assert kept(TokenBudget(5, among=Threshold(0.0)), document, gap="· · · ") == ["LYL"]

    def test_counts_gap_marks(self):
        document = highlighted(("One. ", 0.9), ("Some words between. ", 0.1), ("Two.", 0.8))
        assert kept(TokenBudget(2), document) == ["OT"]
        assert kept(TokenBudget(2), document, gap="… ") == ["O"]
        assert kept(TokenBudget(3), document, gap="… ") == ["OT"]

    def test_applies_over_what_another_policy_keeps(self):
        assert kept(TokenBudget(99, among=Threshold(0.6))) == ["AD", "E"]
        assert kept(TokenBudget(5, among=Threshold(0.6))) == ["AD", ""]

    def test_neighbours_inside_stay_in_the_budget(self):
        assert kept(TokenBudget(6, among=Neighbours(Threshold(0.8)))) == ["AB", ""]

    def test_white_space_is_never_chosen(self):
        assert kept(TokenBudget(1), highlighted(("\n", 1.0), ("x", 0.1))) == ["x"]

    def test_counts_the_kept_text_whole_a_few_times_only(self):
        calls = []

        def counting(text):
            calls.append(len(text))
            return words(text)

        many = highlighted(*((f"Sentence {n} here. ", n / 1000) for n in range(1000)))
        using = assembler()
        object.__setattr__(using.counter, "function", counting)
        masks = TokenBudget(300).select([many], using)
        assert sum(masks[0]) == 100
        assert masks[0][-100:] == [True] * 100
        assert sum(calls) < 20 * len(many.text)


class TestTargetCompression:
    @pytest.mark.parametrize(
        ("rate", "most"), [(0.0, 16), (0.25, 12), (0.5, 8), (0.75, 4), (0.9, 1), (1.0, 0)]
    )
    def test_removes_at_least_the_share(self, rate, most):
        assert most - 1 <= tokens_kept(TargetCompression(rate)) <= most

    def test_nothing_to_remove_keeps_all(self):
        assert kept(TargetCompression(0.0)) == ["ABCD", "EF"]

    def test_does_not_lose_a_token_to_rounding(self):
        hundred = highlighted(*((f"W{n} ", n / 100) for n in range(100)))
        assert 100 * 0.55 > 55  # in floats
        assert tokens_kept(TargetCompression(0.55), hundred) == 45

    def test_applies_over_what_another_policy_keeps(self):
        assert kept(TargetCompression(0.0, among=TopK(1))) == ["A", ""]


class TestNeighbours:
    def test_keeps_both_sides(self):
        assert kept(Neighbours(TopK(1))) == ["AB", ""]
        assert kept(Neighbours(Threshold(0.69), 1)) == ["ABCD", "EF"]

    def test_keeps_as_many_as_asked(self):
        assert kept(Neighbours(TopK(1), 2)) == ["ABC", ""]

    def test_white_space_is_no_neighbour(self):
        document = highlighted(("One.", 0.9), ("\n\n", 0), ("Two.", 0), ("Three.", 0))
        assert kept(Neighbours(TopK(1)), document) == ["OT"]


class TestKeepLeading:
    def test_only_where_something_is_kept(self):
        assert kept(KeepLeading(MustKeep(TopK(1), "Dd"))) == ["AD", ""]
        assert kept(KeepLeading(MustKeep(Threshold(1.0), "Dd"), 2)) == ["ABD", ""]

    def test_everywhere_on_request(self):
        assert kept(KeepLeading(Threshold(1.0), always=True)) == ["A", "E"]


class TestKeepHeadings:
    DOCUMENT = highlighted(
        ("# Top\n", 0, "heading"),
        ("One.\n", 0),
        ("## Low\n", 0, "heading"),
        ("Two.\n", 1),
        ("## End\n", 0, "heading"),
    )

    def test_keeps_the_nearest_heading_above(self):
        (mask,) = KeepHeadings(TopK(1)).select([self.DOCUMENT], assembler())
        assert mask == [False, False, True, True, False]

    def test_keeps_no_heading_of_nothing(self):
        (mask,) = KeepHeadings(Threshold(1.0)).select([self.DOCUMENT], assembler())
        assert mask == [False] * 5

    def test_sentence_before_any_heading(self):
        assert kept(KeepHeadings(Threshold(0.1)), highlighted(("Xx. ", 0.9), ("# Y\n", 0, "heading"))) == [
            "X"
        ]


class TestMustKeep:
    @pytest.mark.parametrize(
        "pattern", [r"\bends", re.compile("ENDS", re.IGNORECASE), lambda text: "ends" in text]
    )
    def test_keeps_whatever_matches(self, pattern):
        assert kept(MustKeep(TopK(1), pattern)) == ["AD", ""]

    def test_sees_sentences_and_no_white_space(self):
        assert kept(MustKeep(Threshold(1.0), lambda _: True)) == ["ABCD", "EF"]


class TestMinKept:
    def test_context_is_never_empty(self):
        assert kept(MinKept(Threshold(1.0))) == ["A", ""]

    def test_counts_what_is_kept_already(self):
        assert kept(MinKept(TopK(1), per_query=2)) == ["AD", ""]

    def test_every_document_on_request(self):
        assert kept(MinKept(Threshold(1.0), per_document=1, per_query=0)) == ["A", "E"]
        assert kept(MinKept(Threshold(1.0), per_document=1, per_query=3)) == ["AD", "E"]

    def test_keeps_what_there_is(self):
        assert kept(MinKept(Threshold(1.0), per_document=9)) == ["ABCD", "EF"]
        assert kept(MinKept(Threshold(1.0)), highlighted((" ", 0.0)), highlighted()) == ["", ""]

    def test_below_the_floor_nothing_is_added(self):
        assert kept(MinKept(Threshold(1.0), per_document=1, per_query=0, floor=0.8)) == ["A", ""]
        assert kept(MinKept(Threshold(1.0), per_document=2, per_query=0, floor=0.7)) == ["AD", "E"]

    def test_leaves_alone_what_is_enough(self):
        assert kept(MinKept(TopK(3))) == kept(TopK(3))


ALL = [
    Threshold(0.3),
    TopK(2),
    TokenBudget(5),
    TokenBudget(5, among=Neighbours(Threshold(0.3))),
    TargetCompression(0.5),
    Neighbours(TopK(1)),
    KeepLeading(TopK(1)),
    KeepHeadings(TopK(1)),
    MustKeep(TopK(1), r"\d"),
    MinKept(TopK(1)),
]


@pytest.mark.parametrize("selector", ALL, ids=repr)
class TestEverySelector:
    def test_is_a_selector_that_compares_and_pickles(self, selector):
        assert isinstance(selector, Selector)
        copy = pickle.loads(pickle.dumps(selector))
        assert copy == selector
        assert hash(copy) == hash(selector)

    def test_takes_no_documents(self, selector):
        assert selector.select([], assembler()) == []

    def test_takes_empty_documents(self, selector):
        assert selector.select([highlighted(), highlighted((" ", 0))], assembler()) == [[], [False]]

    def test_chooses_the_same_again(self, selector):
        before = selector.select([FIRST, SECOND], assembler())
        assert selector.select([FIRST, SECOND], assembler()) == before


def is_number(text):
    return any(char.isdigit() for char in text)


class Returning:
    """A selector of somebody else that returns what it is told to."""

    def __init__(self, masks):
        self.masks = masks

    def select(self, documents, assembler):
        return self.masks

    def __repr__(self):
        return "Returning()"


WRAPPERS = [Neighbours, KeepLeading, KeepHeadings, MinKept, lambda inner: TokenBudget(9, among=inner)]


@pytest.mark.parametrize("wrapper", WRAPPERS)
class TestWhatOthersReturn:
    @pytest.mark.parametrize("masks", [None, [True], [[True]], []])
    def test_anything_but_flags_is_refused(self, wrapper, masks):
        with pytest.raises(InputError, match=r"Returning\(\) returned .*: .* one flag for every span"):
            wrapper(Returning(masks)).select([FIRST], assembler())

    def test_flags_of_numpy_do(self, wrapper):
        (mask,) = wrapper(Returning(np.array([[True, False, False, False]]))).select([FIRST], assembler())
        assert mask[0] is True


@pytest.mark.parametrize(
    ("selector", "shown"),
    [
        (Threshold(), "Threshold(value=0.5)"),
        (TokenBudget(n=800), "TokenBudget(n=800)"),
        (TokenBudget(8, among=Threshold(0.3)), "TokenBudget(n=8, among=Threshold(value=0.3))"),
        (MinKept(TopK(3)), "MinKept(inner=TopK(n=3), per_document=0, per_query=1)"),
        (MustKeep(TopK(3), r"\d+"), r"MustKeep(inner=TopK(n=3), pattern='\\d+')"),
        (MustKeep(TopK(3), is_number), "MustKeep(inner=TopK(n=3), pattern=is_number)"),
    ],
)
def test_repr_is_short_and_stable(selector, shown):
    assert repr(selector) == shown


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Threshold(1.5), "from 0.0 to 1.0"),
        (lambda: Threshold(-0.1), "from 0.0 to 1.0"),
        (lambda: Threshold(float("nan")), "from 0.0 to 1.0"),
        (lambda: Threshold("0.5"), "from 0.0 to 1.0"),
        (lambda: Threshold(True), "from 0.0 to 1.0"),
        (lambda: TargetCompression(75), "from 0.0 to 1.0"),
        (lambda: TopK(0), "at least 1"),
        (lambda: TopK(2.0), "whole number"),
        (lambda: TokenBudget(0), "at least 1"),
        (lambda: TokenBudget(True), "whole number"),
        (lambda: TokenBudget(5, among=0.3), "use a selector"),
        (lambda: TargetCompression(0.5, among="Threshold"), "use a selector"),
        (lambda: Neighbours(0.5), "use a selector"),
        (lambda: Neighbours(Threshold), "use a selector"),
        (lambda: Neighbours(TopK(1), 0), "at least 1"),
        (lambda: KeepLeading(TopK(1), -1), "at least 1"),
        (lambda: KeepHeadings(None), "use a selector"),
        (lambda: MinKept(TopK(1), per_query=-1), "at least 0"),
        (lambda: MustKeep(TopK(1), "("), "regular expression"),
        (lambda: MustKeep(TopK(1), 3), "regular expression or a function"),
    ],
)
def test_what_cannot_be_used_is_refused(make, says):
    with pytest.raises(InputError, match=says):
        make()
