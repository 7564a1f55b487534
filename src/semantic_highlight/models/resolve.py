"""From what a user names, a folder or a Hugging Face id, to a folder on this machine."""

from __future__ import annotations

import re
from pathlib import Path

from semantic_highlight.errors import CheckpointError, MissingExtraError

# Data alone: no code, no pickled weights, no other framework's weights.
_WANTED = (
    "config.json",
    "model.onnx",  # this package's own family, and what convert --onnx writes
    "model.onnx.data",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "README.md",
)
_SUBFOLDERS = "*/*"
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


def resolve(
    checkpoint: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    token: str | bool | None = None,
) -> Path:
    """Return the folder of a checkpoint, from the hub's cache or the hub if it is no folder.

    A folder of that name comes first. Without a network, or with ``HF_HUB_OFFLINE=1``, the cache is used.

    Args:
        checkpoint: A folder, or a hub id such as ``"zilliz/semantic-highlight-bilingual-v1"``.
        revision: Branch, tag or commit of a hub id; the default branch if None.
        cache_dir: The hub's cache; its usual place if None.
        token: Access token of the hub; True takes the one that is stored, None does if there is one.

    Raises:
        CheckpointError: If there is no such folder and no such repository, or it cannot be reached.
    """
    folder = Path(checkpoint)
    if folder.is_dir():
        return folder
    if not isinstance(checkpoint, str) or not _HUB_ID.fullmatch(checkpoint):
        raise CheckpointError(
            f"{str(checkpoint)!r} is no model folder: give one, a Hugging Face id ('owner/name'), or "
            "'bundled' for the model of this package; Highlighter.lexical() needs none"
        )
    return _download(checkpoint, revision=revision, cache_dir=cache_dir, token=token)


def _download(
    repository: str, *, revision: str | None, cache_dir: str | Path | None, token: str | bool | None
) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError as error:
        raise MissingExtraError("huggingface_hub", "torch") from error
    try:
        found = snapshot_download(
            repository,
            revision=revision,
            cache_dir=cache_dir,
            token=token,
            allow_patterns=list(_WANTED),
            ignore_patterns=[_SUBFOLDERS],
        )
    except Exception as error:  # the hub's transport errors share no base across its versions
        at = f" at revision {revision!r}" if revision else ""
        raise CheckpointError(
            f"{repository!r} is no folder here, and the Hugging Face repository of that name{at} could not "
            f"be had ({type(error).__name__}: {error}). Check the id and the network; a private or gated "
            "repository needs token=...; offline, give a folder or the cache_dir that holds it"
        ) from error
    return Path(found)
