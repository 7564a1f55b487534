"""Runs an exported model on ONNX Runtime: no torch, one window a run, one thread a worker."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_highlight.models.onnx_session import available_cores, open_session
from semantic_highlight.models.packed.pairs import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Beyond this, memory bandwidth and not cores bounds a model of this size.
_MOST_WORKERS = 8


class OnnxEngine:
    """Token logits for windows, from an ONNX file whose inputs are those of a ``Window``.

    Windows run unpadded and side by side in workers of one thread each: on a CPU, batching gains nothing
    and padding costs, and two workers of one thread beat one of two by a third. Safe to share between
    threads. What a window gives depends on it alone.

    Args:
        path: The ONNX file.
        workers: How many windows run at once; by default one a core, at most 8.

    Raises:
        CheckpointError: If the file is missing or cannot be run.
    """

    def __init__(self, path: Path, *, workers: int | None = None) -> None:
        self._session = open_session(path)
        # A head that takes no word matching is exported without that input.
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._pool = ThreadPoolExecutor(
            workers or min(available_cores(), _MOST_WORKERS), "semantic-highlight"
        )

    def logits(self, windows: Sequence[Window]) -> list[NDArray[np.float32]]:
        """Return the logits of the context tokens of each window, in the order of the windows."""
        if len(windows) == 1:
            return [self._run(windows[0])]
        # Longest first, or one long window would be left running alone at the end.
        order = sorted(range(len(windows)), key=lambda i: -len(windows[i].ids))
        found = dict(zip(order, self._pool.map(self._run, [windows[i] for i in order]), strict=True))
        return [found[i] for i in range(len(windows))]

    def _run(self, window: Window) -> NDArray[np.float32]:
        values: dict[str, NDArray[Any]] = {
            "input_ids": window.ids,
            "token_type_ids": window.types,
            "position_ids": window.positions,
            "block_ids": window.blocks,
            "lexical": window.lexical,
        }
        logits: NDArray[np.float32] = self._session.run(
            None, {name: values[name][None] for name in self._inputs}
        )[0][0]
        return logits[window.places]
