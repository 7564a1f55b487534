"""The running total of what pruning saved."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from semantic_highlight.errors import InputError
from semantic_highlight.types import Savings


class SavingsTotal:
    """What pruning saved so far; safe to read and to add to from any thread.

    Args:
        price_per_million: The price of a million input tokens, in any currency; None for no price.
    """

    def __init__(self, price_per_million: float | None = None) -> None:
        self.price_per_million = price_per_million
        self._lock = threading.Lock()
        self._documents = 0
        self._before = 0
        self._after = 0
        self._exact = True

    def add(self, savings: Iterable[Savings]) -> None:
        """Add the savings of some documents."""
        with self._lock:
            for one in savings:
                self._documents += 1
                self._before += one.tokens_before
                self._after += one.tokens_after
                self._exact = self._exact and one.exact

    @property
    def documents(self) -> int:
        """Documents pruned."""
        return self._documents

    @property
    def tokens_before(self) -> int:
        """Tokens of their original texts."""
        return self._before

    @property
    def tokens_after(self) -> int:
        """Tokens of their pruned texts."""
        return self._after

    @property
    def tokens_saved(self) -> int:
        """Tokens removed."""
        with self._lock:
            return self._before - self._after

    @property
    def compression_rate(self) -> float:
        """Share of tokens removed, 0.0 to 1.0; 0.0 before the first document."""
        with self._lock:
            return (self._before - self._after) / self._before if self._before else 0.0

    @property
    def exact(self) -> bool:
        """False when any of the counts was an estimate."""
        return self._exact

    @property
    def cost_saved(self) -> float | None:
        """The price of the tokens removed, in the currency of the price; None without a price."""
        if self.price_per_million is None:
            return None
        return self.tokens_saved * self.price_per_million / 1_000_000

    def __repr__(self) -> str:
        with self._lock:
            counts = f"documents={self._documents}, tokens_before={self._before}, tokens_after={self._after}"
        return f"SavingsTotal({counts})"


_open: list[SavingsTotal] = []
_open_lock = threading.Lock()


@contextmanager
def track_savings(price_per_million: float | None = None) -> Iterator[SavingsTotal]:
    """Add up what every ``prune`` of this process saves while the block is open.

    All threads and all highlighters count, the adapters' included. Blocks may be nested or overlap; each
    has its own total, which stays readable after the block. ``select`` alone does not count: it is how
    policies are tried out on the same scores::

        with track_savings(price_per_million=2.50) as total:
            chain.invoke("How long does the battery last?")
        print(total.tokens_saved, total.cost_saved)

    Args:
        price_per_million: The price of a million input tokens, in any currency; None for no price.

    Raises:
        InputError: If the price is below zero.
    """
    if price_per_million is not None and not price_per_million >= 0:
        raise InputError(f"price_per_million is {price_per_million!r}: use a price of at least 0, or None")
    total = SavingsTotal(price_per_million)
    with _open_lock:
        _open.append(total)
    try:
        yield total
    finally:
        with _open_lock:
            _open.remove(total)


def report(savings: Iterable[Savings]) -> None:
    """Add the savings of some documents to every total that is open."""
    with _open_lock:
        totals = list(_open)
    if totals:
        counted = list(savings)
        for total in totals:
            total.add(counted)
