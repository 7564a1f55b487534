"""Weights from safetensors files: their names and shapes, and the strict way into a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_highlight.errors import CheckpointError, MissingExtraError
from semantic_highlight.models.family import Source
from semantic_highlight.models.files import WEIGHTS_NAME

if TYPE_CHECKING:
    import torch
    from torch import nn

    from semantic_highlight.models.network import PairNetwork

INDEX_NAME = "model.safetensors.index.json"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.h5", "*.msgpack")
# Tables that older transformers saved with the weights; the library computes them.
_COMPUTED = ("embeddings.position_ids", "rotary_emb.inv_freq")
_MOST_NAMED = 4


def read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight of a checkpoint by its name; no weight is read.

    Raises:
        CheckpointError: If there is no safetensors file, or one is missing or broken.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in _weight_files(folder):
        with _opened(path, "numpy") as file:
            shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    return {name: shape for name, shape in shapes.items() if not name.endswith(_COMPUTED)}


def fill(network: nn.Module, source: Source, names: Mapping[str, str]) -> None:
    """Give a network all its weights from a checkpoint, and nothing else.

    Args:
        network: Its parameters are replaced by the weights as they are stored.
        source: The checkpoint.
        names: Name in the checkpoint -> name in the network. What is not named is not read.

    Raises:
        CheckpointError: If a weight is missing, left over, of another shape, or not a finite number.
    """
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    missing = sorted(wanted.keys() - set(names.values()))
    unexpected = sorted(name for name, inside in names.items() if inside not in wanted)
    misshapen = [
        f"{name} (is {list(source.shapes[name])}, should be {list(wanted[inside])})"
        for name, inside in names.items()
        if inside in wanted and source.shapes[name] != wanted[inside]
    ]
    found = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    problems = [f"{label}: {_some(some)}" for label, some in found.items() if some]
    if problems:
        raise CheckpointError(
            f"the weights in {source.folder} are not those that its config.json describes; "
            f"{'; '.join(problems)}. Nothing is left out or made up at random: give the whole checkpoint "
            "as it was published"
        )
    network.load_state_dict(dict(_read(source.folder, names)), strict=True, assign=True)
    network.requires_grad_(requires_grad=False)


def place(network: PairNetwork, *, device: torch.device, dtype: torch.dtype) -> PairNetwork:
    """Bring a filled network to its device, the encoder in ``dtype`` and the heads in float32.

    Raises:
        CheckpointError: If a weight is beyond the range of ``dtype``.
    """
    import torch

    for name, weight in network.body.named_parameters():
        weight.data = weight.data.to(dtype)
        if dtype == torch.float16 and not _finite(weight):
            raise CheckpointError(
                f"{name} is beyond the range of float16; pass dtype='bfloat16' or 'float32'"
            )
    for head in (network.token_head, network.ranking):
        if head is not None:
            head.float()
    return network.to(device)


def _read(folder: Path, names: Mapping[str, str]) -> Iterator[tuple[str, torch.Tensor]]:
    for path in _weight_files(folder):
        with _opened(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                if name not in names:
                    continue
                weight = file.get_tensor(name)
                if not weight.is_floating_point() or weight.itemsize < 2:
                    raise CheckpointError(
                        f"{path}: {name} is {weight.dtype}; float32, float16 and bfloat16 load"
                    )
                if not _finite(weight):
                    raise CheckpointError(
                        f"{path}: {name} holds NaN or infinite numbers: the file is damaged"
                    )
                yield names[name], weight


def _finite(weight: torch.Tensor) -> bool:
    import torch

    # The extremes say it: NaN is handed on to both. Twenty times faster than a look at every number.
    return not weight.numel() or bool(torch.isfinite(torch.stack(torch.aminmax(weight))).all())


def _weight_files(folder: Path) -> list[Path]:
    if (folder / WEIGHTS_NAME).is_file():
        return [folder / WEIGHTS_NAME]
    index = folder / INDEX_NAME
    if not index.is_file():
        raise CheckpointError(f"{folder} has no {WEIGHTS_NAME}{_about_pickles(folder)}")
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        paths = [folder / name for name in names]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{index} cannot be read as an index of weights: {error!r}") from error
    for path in paths:
        # A name with a folder in it could lead out of the checkpoint.
        if path.parent != folder or path.suffix != ".safetensors" or not path.is_file():
            raise CheckpointError(f"{index} names {path.name!r}, which is no safetensors file in {folder}")
    return paths


def _about_pickles(folder: Path) -> str:
    found = sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern))
    what = f"; {_some(found)} can run code when opened and was not opened" if found else ""
    return (
        f"{what}. Weights load from safetensors alone. To convert pickled ones whose author you trust: "
        "safetensors.torch.save_file(torch.load('pytorch_model.bin', weights_only=True), 'model.safetensors')"
    )


@contextmanager
def _opened(path: Path, framework: str) -> Iterator[Any]:
    try:
        from safetensors import SafetensorError, safe_open
    except ModuleNotFoundError as error:
        raise MissingExtraError("safetensors", "torch") from error
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is no whole safetensors file: {error}") from error


def _some(found: Iterable[str]) -> str:
    listed = list(found)
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more
