"""Runs a network of any family with torch: sorted, batched by tokens, one copy each way a batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from semantic_highlight.models.pair_engine import EncodedWindow, watched
from semantic_highlight.models.pair_windows import PairWindow

if TYPE_CHECKING:
    from torch import nn

CORE_BATCH_TOKENS, CPU_BATCH_TOKENS = 512, 2048
"""Padded tokens of a batch on a CPU: so many a thread of torch, up to so many in all. With one thread and 12
layers of 384, 512 took 4 % less time than single windows, 2,048 took 12 % more, and 4,096 took 40 % more."""
GPU_BATCH_TOKENS = 32768
"""Padded tokens of a batch elsewhere: enough to keep a large GPU busy, and about 2 GB for a network of the
size of XLM-R-large in half precision."""


class TorchEncoder:
    """Runs windows through a torch network on the device and in the dtype that it has.

    Windows are sorted by length and batched by their padded tokens, so that little is padded. Only log-odds
    and ranking logits leave the device. Threads may share it: they tokenise side by side, and their batches
    take turns, because side by side they would fight over the same cores and add up their memory.

    Args:
        network: ``network(input_ids, attention_mask, token_type_ids) -> (log_odds, ranking)``, see
            :class:`~semantic_highlight.models.family.LoadedCheckpoint`.
        pad: Id that fills up shorter rows.
        batch_tokens: Padded tokens of a batch, at least one window; by default 512 a thread and at most
            2,048 on a CPU, and 32,768 elsewhere.
    """

    def __init__(self, network: nn.Module, *, pad: int, batch_tokens: int | None = None) -> None:
        self._network = network
        self._pad = pad
        self._device = next(network.parameters()).device
        self.batch_tokens = batch_tokens or _default_batch_tokens(self._device)
        # On CUDA copies wait in the queue of the device, while the next batch is made on the host.
        self._queued = self._device.type == "cuda"
        self._lock = threading.Lock()

    def encode(
        self,
        windows: Sequence[PairWindow],
        *,
        progress: bool = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[EncodedWindow]:
        """Return what the network says of each window, in order; see ``PairEngine``."""
        batches = plan_batches([len(window.ids) for window in windows], self.batch_tokens)
        outputs = []
        for batch in watched(batches, progress=progress, cancelled=cancelled):
            outputs.append(self._run([windows[index] for index in batch]))  # noqa: PERF401 - it may stop half way
        if self._queued:
            torch.cuda.current_stream(self._device).synchronize()
        encoded = {
            index: EncodedWindow.of(windows[index], row, len(windows[batch[0]].ids))
            for batch, output in zip(batches, outputs, strict=True)
            for index, row in zip(batch, output.numpy(), strict=True)
        }
        return [encoded[index] for index in range(len(windows))]

    def _run(self, windows: Sequence[PairWindow]) -> torch.Tensor:
        """Return ``[windows, longest]`` log-odds, with the ranking logits as one more column if there are."""
        stacked = np.zeros((3, len(windows), len(windows[0].ids)), dtype=np.int64)
        stacked[0] = self._pad
        for row, window in enumerate(windows):
            length = len(window.ids)
            stacked[0, row, :length] = window.ids
            stacked[1, row, :length] = window.types
            stacked[2, row, :length] = 1
        inputs = torch.from_numpy(stacked)
        with self._lock, torch.inference_mode():
            if self._queued:
                inputs = inputs.pin_memory()
            ids, types, mask = inputs.to(self._device, non_blocking=self._queued)
            log_odds, ranking = self._network(ids, mask, types)
            output = log_odds if ranking is None else torch.cat([log_odds, ranking[:, None]], dim=1)
            host: torch.Tensor = output.to("cpu", non_blocking=self._queued)
            return host


def _default_batch_tokens(device: torch.device) -> int:
    if device.type != "cpu":
        return GPU_BATCH_TOKENS
    return min(CPU_BATCH_TOKENS, CORE_BATCH_TOKENS * torch.get_num_threads())


def plan_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Group windows into batches, longest first, so that memory peaks at once or never.

    Args:
        lengths: Tokens of each window.
        batch_tokens: Most tokens of a batch, padding included; a longer window has one for itself.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        last = batches[-1] if batches else []
        if last and (len(last) + 1) * lengths[last[0]] <= batch_tokens:
            last.append(index)
        else:
            batches.append([index])
    return batches
