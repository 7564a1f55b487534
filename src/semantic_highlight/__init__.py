"""Keep the sentences that answer: semantic highlighting and context pruning for RAG.

::

    from semantic_highlight import Highlighter

    documents = Highlighter.lexical().prune("How long does the battery last?", texts)
    print(documents[0].text, documents[0].savings)
"""

from semantic_highlight.errors import SemanticHighlightError
from semantic_highlight.highlighter import Highlighter
from semantic_highlight.savings import track_savings
from semantic_highlight.selection import TargetCompression, Threshold, TokenBudget, TopK
from semantic_highlight.splitting import split
from semantic_highlight.types import HighlightedDocument, PrunedDocument, Savings, Sentence, Span

__all__ = [
    "HighlightedDocument",
    "Highlighter",
    "PrunedDocument",
    "Savings",
    "SemanticHighlightError",
    "Sentence",
    "Span",
    "TargetCompression",
    "Threshold",
    "TokenBudget",
    "TopK",
    "split",
    "track_savings",
]
