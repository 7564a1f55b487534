"""Cut a tokenised document into windows that a model can take, so that every token is scored."""

from __future__ import annotations

from collections.abc import Sequence

TokenRange = tuple[int, int]


def pack(
    spans: Sequence[TokenRange], *, room: int, longest: int, overhead: int = 0, overlap: int = 0
) -> list[list[TokenRange]]:
    """Return windows of whole blocks that together cover every token of the spans.

    A block is a span, or a part of a span that is longer than ``longest``. A window takes blocks until
    its room is full, and the next one repeats up to ``overlap`` tokens of them, so that a sentence is not
    read without what came before it. Nothing is left out.

    Args:
        spans: Token ranges ``(first, last)`` of the spans, in order and without gaps; empty ones are skipped.
        room: Most tokens in a window, ``overhead`` included; at least ``longest + overhead``.
        longest: Most tokens of a block, at least 1.
        overhead: Tokens that a model adds to each block.
        overlap: Most tokens of blocks that a window repeats of the one before it.
    """
    blocks = [
        (begin, min(begin + longest, last)) for first, last in spans for begin in range(first, last, longest)
    ]
    sizes = [last - first + overhead for first, last in blocks]
    windows: list[list[TokenRange]] = []
    start = 0
    while start < len(blocks):
        stop, used = start, 0
        while stop < len(blocks) and used + sizes[stop] <= room:
            used += sizes[stop]
            stop += 1
        windows.append(blocks[start:stop])
        if stop == len(blocks):
            break
        # Step back for context, but leave room for the block that comes next.
        back, repeated = stop, 0
        while back - 1 > start and repeated + sizes[back - 1] <= min(overlap, room - sizes[stop]):
            back -= 1
            repeated += sizes[back]
        start = back
    return windows
