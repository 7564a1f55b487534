"""What runs the windows of a pair checkpoint: the protocol of its engines, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from semantic_highlight.errors import CancelledError, MissingExtraError
from semantic_highlight.models.pair_windows import PairWindow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROGRESS_DELAY = 1.0
"""Seconds before a progress bar shows, so that short work shows none."""


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """What a network says of a window.

    Attributes:
        log_odds: ``[tokens]`` float32: for each token that the window scores, the logit of keep less that
            of drop.
        ranking: The logit of the document's relevance, None without a ranking head.
    """

    log_odds: NDArray[np.float32]
    ranking: float | None

    @classmethod
    def of(cls, window: PairWindow, row: NDArray[np.float32], longest: int) -> EncodedWindow:
        """Take a window's part out of its row of an output.

        Args:
            window: The window.
            row: Log-odds of every place, and behind them the ranking logit if the network has one.
            longest: How many places there are.
        """
        first, last = window.tokens
        log_odds = row[window.place : window.place + last - first]
        return cls(log_odds, float(row[longest]) if len(row) > longest else None)


class PairEngine(Protocol):
    """Runs windows through a network. Threads may share an engine."""

    def encode(
        self,
        windows: Sequence[PairWindow],
        *,
        progress: bool = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[EncodedWindow]:
        """Return what the network says of each window, in order.

        Args:
            windows: To run; what comes of one does not depend on the others.
            progress: Whether work of more than a second shows a progress bar.
            cancelled: Asked between batches, such as ``threading.Event().is_set``.

        Raises:
            CancelledError: If ``cancelled`` said so. The engine can be used again.
            MissingExtraError: If a progress bar is asked for and tqdm is not installed.
        """


def watched(
    batches: Sequence[Sequence[int]],
    *,
    progress: bool,
    cancelled: Callable[[], bool] | None,
) -> Iterator[Sequence[int]]:
    """Yield batches of windows; show how many windows are done, and stop when cancelled.

    Raises:
        CancelledError: If ``cancelled`` said so.
        MissingExtraError: If a progress bar is asked for and tqdm is not installed.
    """
    with _bar(sum(map(len, batches))) if progress else nullcontext() as bar:
        for number, batch in enumerate(batches):
            if cancelled is not None and cancelled():
                raise CancelledError(f"scoring was cancelled after {number} of {len(batches)} batches")
            yield batch
            if bar is not None:
                bar.update(len(batch))


def _bar(windows: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise MissingExtraError("tqdm", "torch") from error
    return tqdm(total=windows, desc="scoring", unit="window", delay=PROGRESS_DELAY)
