import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from builders import split_on_stops, words
from semantic_highlight import Highlighter, Savings, TopK, track_savings
from semantic_highlight.errors import InputError
from semantic_highlight.savings import SavingsTotal
from semantic_highlight.testing import KeywordScorer

TEXTS = ["The cat sat. The dog ran off.", "No match here."]
AFTER_ONE = (2, 10, 3, 7)  # documents, words before, after, saved: "The cat sat. " is left


@pytest.fixture
def highlighter():
    return Highlighter(KeywordScorer(["cat"]), splitter=split_on_stops, counter=words)


def figures(total):
    return (total.documents, total.tokens_before, total.tokens_after, total.tokens_saved)


def test_counts_every_prune_while_open(highlighter):
    highlighter.prune("cat", TEXTS)
    with track_savings() as total:
        assert figures(total) == (0, 0, 0, 0)
        highlighter.prune("cat", TEXTS)
        assert figures(total) == AFTER_ONE
        highlighter.prune("cat", TEXTS)
    highlighter.prune("cat", TEXTS)
    assert figures(total) == (4, 20, 6, 14)
    assert total.compression_rate == 0.7


def test_trying_policies_out_does_not_count(highlighter):
    with track_savings() as total:
        highlighter.select(highlighter.highlight("cat", TEXTS), selector=TopK(1))
    assert total.documents == 0


def test_cost_is_tokens_saved_at_the_price(highlighter):
    with track_savings(price_per_million=2.50) as total:
        highlighter.prune("cat", TEXTS)
    assert total.cost_saved == pytest.approx(7 * 2.50 / 1_000_000)


def test_without_a_price_there_is_no_cost():
    assert SavingsTotal().cost_saved is None
    assert SavingsTotal(0.0).cost_saved == 0.0


def test_blocks_may_overlap(highlighter):
    with track_savings() as outer:
        highlighter.prune("cat", TEXTS)
        with track_savings() as inner:
            highlighter.prune("cat", TEXTS)
    assert (outer.documents, inner.documents) == (4, 2)


def test_closes_when_the_block_fails(highlighter):
    with pytest.raises(KeyError), track_savings() as total:
        raise KeyError
    highlighter.prune("cat", TEXTS)
    assert total.documents == 0


def test_all_threads_count(highlighter):
    with track_savings() as total, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: highlighter.prune("cat", TEXTS), range(64)))
    assert figures(total) == (128, 640, 192, 448)


def test_adding_from_threads_loses_nothing():
    total = SavingsTotal()
    start = threading.Barrier(8)

    def add():
        start.wait()
        for _ in range(500):
            total.add([Savings(3, 1, "words")])

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert figures(total) == (4000, 12000, 4000, 8000)


def test_one_estimate_makes_the_total_an_estimate():
    total = SavingsTotal()
    total.add([Savings(3, 1, "o200k_base")])
    assert total.exact
    total.add([Savings(3, 1, "estimate:o200k_base", exact=False)])
    assert not total.exact


def test_empty_total():
    assert SavingsTotal().compression_rate == 0.0
    assert repr(SavingsTotal()) == "SavingsTotal(documents=0, tokens_before=0, tokens_after=0)"


@pytest.mark.parametrize("price", [-1, float("nan")])
def test_impossible_price(price):
    with pytest.raises(InputError, match="at least 0"), track_savings(price_per_million=price):
        pass
