import json
import re

import pytest

from semantic_highlight import TargetCompression, Threshold, TokenBudget, TopK, selection
from semantic_highlight.errors import InputError
from semantic_highlight.selection import KeepHeadings, KeepLeading, MinKept, MustKeep, Neighbours, Selector
from semantic_highlight.selection.base import Policy
from semantic_highlight.selection.plain import from_plain, to_plain

EVERY_ONE = (
    Threshold(0.3),
    TopK(2),
    TokenBudget(80),
    TokenBudget(80, among=Neighbours(Threshold(0.3), n=2)),
    TargetCompression(0.75),
    KeepLeading(TopK(1), n=3, always=True),
    KeepHeadings(TopK(1)),
    MinKept(TopK(1), per_document=1, per_query=0, floor=0.05),
    MustKeep(TopK(1), r"\d+ kg"),
)


class Threshold2(Policy):
    def select(self, documents, assembler):
        return [[True] * len(document.spans) for document in documents]

    def __repr__(self):
        return "Threshold2()"


@pytest.mark.parametrize("selector", EVERY_ONE, ids=repr)
def test_round_trip(selector):
    plain = to_plain(selector)
    assert json.loads(json.dumps(plain)) == plain
    assert from_plain(plain) == selector


def test_every_selector_is_tried():
    assert {type(one).__name__ for one in EVERY_ONE} | {"Neighbours", "Selector"} == set(selection.__all__)


def test_what_it_looks_like():
    assert to_plain(TokenBudget(80, among=TopK(3))) == {
        "type": "TokenBudget",
        "n": 80,
        "among": {"type": "TopK", "n": 3},
    }


def impostor():
    """A selector of somebody else with the name of one of ours."""
    return type("Threshold", (Threshold2,), {})()


@pytest.mark.parametrize(
    "selector",
    [
        Threshold2(),
        impostor(),
        Neighbours(Threshold2()),
        MustKeep(TopK(1), re.compile("a")),
        MinKept(MustKeep(TopK(1), str.isupper)),
    ],
    ids=repr,
)
def test_what_cannot_be_read_again_is_described(selector):
    assert isinstance(selector, Selector)
    assert to_plain(selector) == repr(selector)
    with pytest.raises(InputError, match="described, not saved"):
        from_plain(to_plain(selector))


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"type": "Best"}, "one of KeepHeadings"),
        ({"type": "Selector"}, "one of KeepHeadings"),
        ({"n": 3}, "type is None"),
        ({"type": "TopK", "k": 3}, "cannot be made"),
        ({"type": "TopK", "n": 0}, "at least 1"),
        ({"type": "MinKept", "inner": {"type": "TopK"}}, "cannot be made"),
    ],
)
def test_what_cannot_be_made(plain, message):
    with pytest.raises(InputError, match=message):
        from_plain(plain)
