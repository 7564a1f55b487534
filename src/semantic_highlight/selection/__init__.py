"""Selection policies: which sentences of all documents of a query are kept.

Policies are values that compose::

    Threshold(0.5)
    TokenBudget(800, among=Neighbours(Threshold(0.3)))
    MinKept(KeepHeadings(TopK(5)))
"""

from semantic_highlight.selection.base import Selector
from semantic_highlight.selection.policies import TargetCompression, Threshold, TokenBudget, TopK
from semantic_highlight.selection.wrappers import KeepHeadings, KeepLeading, MinKept, MustKeep, Neighbours

__all__ = [
    "KeepHeadings",
    "KeepLeading",
    "MinKept",
    "MustKeep",
    "Neighbours",
    "Selector",
    "TargetCompression",
    "Threshold",
    "TokenBudget",
    "TopK",
]
