"""``semantic-highlight convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Checkpoint = Annotated[str, typer.Argument(help="A folder or a Hugging Face id of a published family.")]
Folder = Annotated[Path, typer.Argument(help="To write: a folder that is empty or new.")]
Onnx = Annotated[
    bool,
    typer.Option(
        "--onnx", help="Also write model.onnx, so that it runs on ONNX Runtime where there is no torch."
    ),
]
Int8 = Annotated[
    bool,
    typer.Option("--int8", help="The same in int8: half of the time on CPUs with VNNI, scores a little off."),
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a Hugging Face id.")]
Accept = Annotated[
    str | None, typer.Option(help="The licence to accept of weights for non-commercial use: cc-by-nc.")
]


def convert(
    checkpoint: Checkpoint,
    folder: Folder,
    onnx: Onnx = False,
    int8: Int8 = False,
    revision: Revision = None,
    accept_license: Accept = None,
) -> None:
    """Write a checkpoint in this package's layout, check that it loads back the same, print its folder.

    A folder with model.onnx runs on ONNX Runtime unless a device or dtype is asked for. What int8 costs,
    semantic-highlight evaluate tells on your data. The licence of the weights goes with them.
    """
    from semantic_highlight.models.convert import convert_checkpoint

    convert_checkpoint(
        checkpoint, folder, onnx=onnx, int8=int8, revision=revision, accept_license=accept_license
    )
    typer.echo(folder)
