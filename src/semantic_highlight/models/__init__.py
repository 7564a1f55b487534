"""Checkpoints and the engines that run them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from semantic_highlight.errors import MissingExtraError
from semantic_highlight.models.files import CONFIG_NAME, ONNX_NAME, WEIGHTS_NAME
from semantic_highlight.models.packed.checkpoint import MODEL_TYPE
from semantic_highlight.models.packed.onnx_engine import OnnxEngine
from semantic_highlight.models.packed.scorer import Engine, TokenScorer
from semantic_highlight.models.resolve import resolve
from semantic_highlight.models.source import read_json
from semantic_highlight.types import BUNDLED, Scorer

if TYPE_CHECKING:
    import torch

    from semantic_highlight.models.loading import Loading

__all__ = ["load_scorer"]

BUNDLED_FOLDER = Path(__file__).parent / "bundled"
_HUB_OPTIONS = ("revision", "cache_dir", "token")


def load_scorer(
    checkpoint: str | Path = BUNDLED, *, progress: bool = False, **loading: Unpack[Loading]
) -> Scorer:
    """Make the scorer of a checkpoint, of whatever family its files show it to be.

    The model of this package, and one of its family, loads its weights at the first score and runs on ONNX
    Runtime; any other checkpoint is loaded at once, so that what is wrong with it shows here, and runs on
    torch, or where it was converted with ``--onnx`` on ONNX Runtime. A device other than the CPU, or a
    dtype, asks for torch, and so does a folder that training wrote and nobody exported.

    Args:
        checkpoint: ``"bundled"`` for the model that ships with the package, a model folder, or a Hugging
            Face id such as ``"zilliz/semantic-highlight-bilingual-v1"``, downloaded or from the cache.
        progress: Whether scoring that takes more than a second shows a progress bar.
        **loading: Where it is and how it runs: ``revision``, ``cache_dir``, ``token``, ``device``, ``dtype``
            and ``accept_license``, see :func:`semantic_highlight.models.loading.load_checkpoint`.

    Raises:
        CheckpointError: If it is missing, broken, of no known family, or its licence is not accepted.
        InputError: If a device or dtype is asked for that it does not run on.
        MissingExtraError: If it needs a library that is not installed.
    """
    if checkpoint == BUNDLED:
        return _own(BUNDLED_FOLDER, loading)
    where = {key: value for key, value in loading.items() if key in _HUB_OPTIONS}
    folder = resolve(checkpoint, **where)  # type: ignore[arg-type]
    if read_json(folder / CONFIG_NAME).get("model_type") == MODEL_TYPE:
        return _own(folder, loading)

    from semantic_highlight.models.converted import is_exported, load_onnx_model
    from semantic_highlight.models.pair_scorer import PairScorer

    if is_exported(folder) and not {"device", "dtype"} & loading.keys():
        load = partial(load_onnx_model, folder, accept_license=loading.get("accept_license"))
    else:
        from semantic_highlight.models.loading import load_pair_model

        load = partial(load_pair_model, checkpoint, **loading)
    scorer = PairScorer(load, progress=progress)
    scorer.load()
    return scorer


def _own(folder: Path, loading: Loading) -> TokenScorer:
    plain = loading.get("device", "auto") in {"auto", "cpu"} and loading.get("dtype", "auto") == "auto"
    exported = (folder / ONNX_NAME).is_file() or not (folder / WEIGHTS_NAME).is_file()
    if plain and exported:
        return TokenScorer(folder, _onnx_engine)

    from semantic_highlight.models.loading import pick_device, pick_dtype

    device = pick_device(loading.get("device", "auto"))
    dtype = pick_dtype(loading.get("dtype", "auto"), device)
    return TokenScorer(folder, partial(_torch_engine, device=device, dtype=dtype))


def _onnx_engine(folder: Path) -> OnnxEngine:
    return OnnxEngine(folder / ONNX_NAME)


def _torch_engine(folder: Path, *, device: torch.device, dtype: torch.dtype) -> Engine:
    try:
        from semantic_highlight.models.packed.torch_engine import PackedTorchEngine
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "a library", "torch") from error
    return PackedTorchEngine(folder, device=device, dtype=dtype)
