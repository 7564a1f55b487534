"""The groups that figures are given for: all records, and by dataset, language, length and format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from semantic_highlight.evaluate.scored import LabelledSentences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from semantic_highlight.types import Span

ALL = "all"

LENGTHS = (0, 250, 500, 1000, 2000)
"""Lower bounds of the groups by length, in tokens of the document: a retrieved chunk has 100 to 1,000."""

FORMATS = ("table", "code", "markdown", "lines", "prose")
"""The formats; a document has the first of these of which the splitter finds a span in it."""

_FORMAT_OF = {
    "table_header": "table",
    "table_row": "table",
    "code": "code",
    "heading": "markdown",
    "list_item": "markdown",
    "line": "lines",
    "prose": "prose",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Some of the records.

    Attributes:
        facet: ``all``, ``dataset``, ``language``, ``length`` or ``format``.
        name: Of the group within its facet.
        records: Indices of its records, ascending.
    """

    facet: str
    name: str
    records: NDArray[np.intp]


def groups_of(sentences: LabelledSentences, formats: Sequence[str]) -> list[Group]:
    """Return the groups that have records; a facet of a single group is left out, being all records.

    Args:
        sentences: The records.
        formats: The format of each.
    """
    lengths = [_length_name(tokens) for tokens in sentences.document_tokens]
    facets = {
        "dataset": [record.dataset for record in sentences.documents],
        "language": [record.lang for record in sentences.documents],
        "length": lengths,
        "format": list(formats),
    }
    ranks = {"length": [_length_name(start) for start in LENGTHS], "format": list(FORMATS)}
    found = [Group(ALL, ALL, np.arange(len(sentences.documents)))]
    for facet, names in facets.items():
        order = [name for name in ranks.get(facet, dict.fromkeys(names)) if name in set(names)]
        if len(order) > 1:
            values = np.array(names)
            found += [Group(facet, name, np.flatnonzero(values == name)) for name in order]
    return found


def _length_name(tokens: int) -> str:
    for low, high in pairwise(LENGTHS):
        if tokens < high:
            return f"{low}-{high - 1} tokens"
    return f"{LENGTHS[-1]}+ tokens"


def format_of(spans: Sequence[Span]) -> str:
    """Return the format of a document: the rarest structure in it.

    Args:
        spans: As the package's splitter cuts it; ``lines`` are those of chats and logs.
    """
    found = {_FORMAT_OF[span.kind] for span in spans}
    return next((name for name in FORMATS if name in found), "prose")
