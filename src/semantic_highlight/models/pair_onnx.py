"""Runs a converted checkpoint on ONNX Runtime: no torch, one window a run, one thread a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from semantic_highlight.models.onnx_session import available_cores, open_session
from semantic_highlight.models.pair_engine import EncodedWindow, watched
from semantic_highlight.models.pair_windows import PairWindow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OnnxPairEngine:
    """Runs windows through the graph that ``pair_export`` writes, unpadded and side by side.

    Args:
        path: The ONNX file.
        workers: How many windows run at once; by default one a core.

    Raises:
        CheckpointError: If the file is missing or cannot be run.
    """

    def __init__(self, path: Path, *, workers: int | None = None) -> None:
        self._session = open_session(path)
        # An encoder without token types is exported without that input.
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._workers = workers or available_cores()
        self._pool = ThreadPoolExecutor(self._workers, "semantic-highlight")

    def encode(
        self,
        windows: Sequence[PairWindow],
        *,
        progress: bool = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[EncodedWindow]:
        """Return what the network says of each window, in order; see ``PairEngine``."""
        order = sorted(range(len(windows)), key=lambda index: -len(windows[index].ids))
        rounds = [order[first : first + self._workers] for first in range(0, len(order), self._workers)]
        encoded: dict[int, EncodedWindow] = {}
        for some in watched(rounds, progress=progress, cancelled=cancelled):
            encoded |= zip(some, self._pool.map(self._run, [windows[index] for index in some]), strict=True)
        return [encoded[index] for index in range(len(windows))]

    def _run(self, window: PairWindow) -> EncodedWindow:
        values = {"input_ids": window.ids, "token_type_ids": window.types}
        feed = {name: values[name][None] for name in self._inputs}
        row: NDArray[np.float32] = self._session.run(None, feed)[0][0]
        return EncodedWindow.of(window, row, len(window.ids))
