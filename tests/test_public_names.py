import semantic_highlight

PUBLIC = [
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


def test_public_names_are_pinned_sorted_and_few():
    assert semantic_highlight.__all__ == PUBLIC == sorted(PUBLIC)
    assert len(PUBLIC) <= 15


def test_every_public_name_is_there_and_documented():
    for name in PUBLIC:
        assert getattr(semantic_highlight, name).__doc__
