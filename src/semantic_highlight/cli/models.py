"""``semantic-highlight models``."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from semantic_highlight.types import BUNDLED

COLUMNS = ("checkpoint", "family", "size", "languages", "window", "threshold", "licence")


def models() -> None:
    """List the checkpoints that are known and the families that load, whatever their name.

    A threshold is the score above which a sentence is kept by default. Weights under a licence with nc, for
    non-commercial use, load only with from_pretrained(..., accept_license=...) and convert --accept-license.
    """
    from semantic_highlight.models.families import families
    from semantic_highlight.models.known import KNOWN_CHECKPOINTS
    from semantic_highlight.models.packed.checkpoint import MODEL_TYPE

    rows = [COLUMNS, _bundled()]
    for known in KNOWN_CHECKPOINTS:
        window = "its config's" if known.window is None else f"{known.window:,}"
        shown = (known.size or "-", known.languages, window, f"{known.default_threshold:g}", known.licence)
        rows.append((known.id, known.family, *shown))
    own = (MODEL_TYPE, "this package's own, known by its model_type")
    listed = [("family", "known by"), own, *((family.name, family.description) for family in families())]
    typer.echo(f"{_table(rows)}\n\n{_table(listed)}")


def _bundled() -> tuple[str, ...]:
    from semantic_highlight.models import BUNDLED_FOLDER
    from semantic_highlight.models.files import ONNX_NAME
    from semantic_highlight.models.packed.checkpoint import MODEL_TYPE, read_config

    config = read_config(BUNDLED_FOLDER)
    size = f"{(BUNDLED_FOLDER / ONNX_NAME).stat().st_size / 1e6:.0f} MB"
    window, threshold = f"{config.max_length:,}", f"{config.default_threshold:g}"
    return BUNDLED, MODEL_TYPE, size, "en zh", window, threshold, "apache-2.0"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
