"""From the name of a published checkpoint to what runs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from semantic_highlight.errors import InputError, MissingExtraError
from semantic_highlight.models.families import find_family
from semantic_highlight.models.family import LoadedCheckpoint
from semantic_highlight.models.resolve import resolve
from semantic_highlight.models.source import check_licence, read_source

if TYPE_CHECKING:
    import torch

    from semantic_highlight.models.pair_scorer import PairModel

DTYPES = ("float32", "bfloat16", "float16")


class Loading(TypedDict, total=False):
    """The options of ``load_checkpoint``, for functions that pass them on."""

    revision: str | None
    cache_dir: str | Path | None
    token: str | bool | None
    device: str | torch.device
    dtype: str | torch.dtype
    accept_license: str | None


def load_pair_model(checkpoint: str | Path, **loading: Unpack[Loading]) -> PairModel:
    """Load a published checkpoint together with the engine that runs it; see ``load_checkpoint``."""
    loaded = load_checkpoint(checkpoint, **loading)

    from semantic_highlight.models.encoder import TorchEncoder
    from semantic_highlight.models.pair_scorer import PairModel

    engine = TorchEncoder(loaded.network, pad=loaded.traits.layout.pad)
    return PairModel(engine, loaded.tokenizer, loaded.traits)


def load_checkpoint(
    checkpoint: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    token: str | bool | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    accept_license: str | None = None,
) -> LoadedCheckpoint:
    """Load a published checkpoint of any family but this package's own.

    Its weights are read from safetensors alone and every one has to fit; nothing of it is executed.

    Args:
        checkpoint: A folder, or a Hugging Face id, which is downloaded or taken from the cache.
        revision: Branch, tag or commit of a hub id.
        cache_dir: The hub's cache; its usual place if None.
        token: Access token of the hub.
        device: ``"auto"`` takes CUDA, else MPS, else the CPU.
        dtype: Of the encoder: ``"float32"``, ``"bfloat16"``, ``"float16"``, or ``"auto"``, which takes
            bfloat16 on a CUDA device that has it and else float32. Heads are computed in float32.
        accept_license: The licence of weights for non-commercial use, or its beginning: ``"cc-by-nc"``.

    Raises:
        CheckpointError: If it cannot be found or loaded as it is.
        MissingExtraError: If torch or transformers is not installed.
        InputError: If the device or dtype is none.
    """
    place = pick_device(device)
    kind = pick_dtype(dtype, place)
    folder = resolve(checkpoint, revision=revision, cache_dir=cache_dir, token=token)
    name = str(checkpoint) if folder != Path(checkpoint) else folder.resolve().name
    source = read_source(folder, name)
    family = find_family(source)
    source = replace(source, licence=source.licence or family.licence)
    check_licence(name, source.licence, accept_license)
    try:
        return family.load(source, device=place, dtype=kind)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "a library", "torch") from error


def pick_device(named: str | torch.device) -> torch.device:
    """Return a device by its name; ``"auto"`` is the fastest there is.

    Raises:
        InputError: If torch knows none of that name.
        MissingExtraError: If torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("torch", "torch") from error
    if named == "auto":
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        return torch.device(named)
    except RuntimeError as error:
        raise InputError(
            f"device {named!r} is none that torch knows: 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'"
        ) from error


def pick_dtype(named: str | torch.dtype, device: torch.device) -> torch.dtype:
    """Return a dtype by its name; ``"auto"`` is bfloat16 on a CUDA device that has it, else float32.

    Raises:
        InputError: If it is none that checkpoints run in.
    """
    import torch

    if isinstance(named, torch.dtype):
        return named
    if named == "auto":
        half = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if half else torch.float32
    if named not in DTYPES:
        raise InputError(f"dtype {named!r} is none of 'auto', {', '.join(map(repr, DTYPES))}")
    found: torch.dtype = getattr(torch, named)
    return found
