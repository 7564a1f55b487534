"""Parquet files of data sets on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from semantic_highlight.errors import InputError, MissingExtraError

# One slash is what a Path leaves of two.
HUB = re.compile(r"hf://?(?P<repo>[^/:]+/[^/:]+)(?:/(?P<config>[^:]+))?(?::(?P<split>\w+))?")


def hub_files(source: str) -> list[Path]:
    """Return the parquet files of a data set on the hub, from its cache or downloaded.

    Args:
        source: ``hf://owner/name/config:split``. Files are chosen as the hub lays them out:
            ``config/split-00000-of-00001.parquet``, with any folder above.

    Raises:
        InputError: If it has no such file.
        MissingExtraError: If huggingface_hub is not installed.
    """
    match = HUB.fullmatch(source)
    if match is None:
        raise InputError(f"{source!r} is no data set: give hf://owner/name, hf://owner/name/config:split")
    try:
        from huggingface_hub import HfApi, hf_hub_download
    except ModuleNotFoundError as error:
        raise MissingExtraError("huggingface_hub", "data") from error
    repo, config, split = match["repo"], match["config"], match["split"]
    try:
        names = HfApi().list_repo_files(repo, repo_type="dataset")
        chosen = sorted(name for name in names if _is_of(name, config, split))
        files = [Path(hf_hub_download(repo, name, repo_type="dataset")) for name in chosen]
    except Exception as error:  # the hub's transport errors share no base across its versions
        raise InputError(f"{source} cannot be fetched: {type(error).__name__}: {error}") from error
    if not files:
        parquet = ", ".join(name for name in names if name.endswith(".parquet")) or "none at all"
        raise InputError(f"{source} has no such parquet file; it has: {parquet[:500]}")
    return files


def _is_of(name: str, config: str | None, split: str | None) -> bool:
    *folders, file = name.split("/")
    return (
        file.endswith(".parquet")
        and (config is None or config in folders)
        and (split is None or re.match(rf"{split}\b", file) is not None or split in folders)
    )
