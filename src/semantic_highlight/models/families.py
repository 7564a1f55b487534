"""The families that load, and which one a checkpoint belongs to."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import entry_points

from semantic_highlight.errors import CheckpointError
from semantic_highlight.models.converted import Converted
from semantic_highlight.models.family import Family, Source
from semantic_highlight.models.open_provence import OpenProvence
from semantic_highlight.models.opensearch import OpenSearch
from semantic_highlight.models.packed.checkpoint import MODEL_TYPE
from semantic_highlight.models.provence import Provence
from semantic_highlight.models.xprovence import XProvence
from semantic_highlight.models.zilliz import Zilliz

ENTRY_POINTS = "semantic_highlight.families"
"""Group of entry points; each names an object that honours ``Family``."""

# Zilliz before Open Provence, of whose layout it is a special case.
FAMILIES: tuple[Family, ...] = (Converted(), Zilliz(), OpenProvence(), Provence(), XProvence(), OpenSearch())
_MOST_PREFIXES = 8


def families() -> tuple[Family, ...]:
    """Return the families of this package and those that installed packages add."""
    return FAMILIES + tuple(point.load() for point in entry_points(group=ENTRY_POINTS))


def find_family(source: Source) -> Family:
    """Return the first family that recognises a checkpoint; its name plays no part.

    Raises:
        CheckpointError: If none does; the message lists the families and what was found.
    """
    known = families()
    for family in known:
        if family.matches(source):
            return family
    listed = "".join(f"\n  {family.name}: {family.description}" for family in known)
    prefixes = Counter(name.split(".")[0] for name in source.shapes)
    found = ", ".join(f"{prefix}.* ({count})" for prefix, count in prefixes.most_common(_MOST_PREFIXES))
    raise CheckpointError(
        f"{source.name!r} is of no family that loads. Found: model_type {source.config.get('model_type')!r}, "
        f"architectures {source.config.get('architectures')!r}, weights {found or 'none'}. Families, by what "
        f"they are known by:\n  {MODEL_TYPE}: this package's own, by its model_type{listed}\n"
        f"Another one is added with the entry point {ENTRY_POINTS!r}"
    )
