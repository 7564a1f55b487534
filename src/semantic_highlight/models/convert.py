"""From a published checkpoint to one in this package's layout, checked by loading it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.converted import write_checkpoint
from semantic_highlight.models.files import ONNX_NAME
from semantic_highlight.models.loading import load_checkpoint
from semantic_highlight.models.resolve import resolve
from semantic_highlight.models.source import read_source

if TYPE_CHECKING:
    from semantic_highlight.models.family import LoadedCheckpoint


def convert_checkpoint(
    checkpoint: str | Path,
    folder: Path,
    *,
    onnx: bool = False,
    int8: bool = False,
    revision: str | None = None,
    accept_license: str | None = None,
) -> None:
    """Write a checkpoint of any family in this package's layout.

    Args:
        checkpoint: A folder, or a Hugging Face id.
        folder: To write; empty, or not there yet.
        onnx: Whether to write the network for ONNX Runtime, too.
        int8: The same with the linear layers of its encoder in int8.
        revision: Branch, tag or commit of a hub id.
        accept_license: The licence of weights for non-commercial use, or its beginning.

    Raises:
        CheckpointError: If it cannot be loaded, or what was written does not load back the same.
        InputError: If the folder holds something already.
        MissingExtraError: If a library is not installed.
    """
    settings = {"device": "cpu", "dtype": "float32", "accept_license": accept_license}
    loaded = load_checkpoint(checkpoint, revision=revision, **settings)  # type: ignore[arg-type]
    source = read_source(resolve(checkpoint, revision=revision), loaded.traits.name)
    write_checkpoint(loaded, source, folder)
    written = load_checkpoint(folder, **settings)  # type: ignore[arg-type]
    _compare(loaded, written)
    if onnx or int8:
        from semantic_highlight.models.pair_export import export_onnx

        export_onnx(written, folder / ONNX_NAME, int8=int8)


def _compare(loaded: LoadedCheckpoint, written: LoadedCheckpoint) -> None:
    """Raise CheckpointError unless two checkpoints say the same of an input."""
    import torch

    layout, most = loaded.traits.layout, loaded.traits.max_length
    words = torch.randint(loaded.tokenizer.get_vocab_size(), (min(64, most // 2),))
    ids = torch.cat([torch.tensor(layout.before), words, torch.tensor(layout.after)])[None]
    inputs = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    with torch.inference_mode():
        (wanted, ranking), (found, ranked) = loaded.network(*inputs), written.network(*inputs)
    same_ranking = ranking is ranked if None in (ranking, ranked) else torch.equal(ranking, ranked)
    if written.traits != loaded.traits or not torch.equal(wanted, found) or not same_ranking:
        raise CheckpointError(
            f"{loaded.traits.name} does not load back from this package's layout as it was; use it as it is"
        )
