"""The savings record that travels in a document's metadata, as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from semantic_highlight.types import PrunedDocument, Savings

KEY = "semantic_highlight"
"""The one metadata key under which the record stands."""


def build_record(
    document: PrunedDocument, *, include_sentences: bool = False, previous: object = None
) -> dict[str, Any]:
    """Return the record of a pruned document.

    Args:
        document: The pruned document.
        include_sentences: Also ``sentences``: start, end, score and kept of each. Off by default because
            a chain that prints raw documents prints their metadata.
        previous: What stood under :data:`KEY` before, if anything: the record of an earlier pruner.
    """
    record = {
        "model": document.model,
        "selector": document.selector,
        **_counts(document.savings),
        "relevance": round(document.relevance, 4),
        "sentences_total": len(document.sentences),
        "sentences_kept": len(document.kept),
    }
    if include_sentences:
        record["sentences"] = [
            {"start": s.start, "end": s.end, "score": round(s.score, 4), "kept": s.kept}
            for s in document.sentences
        ]
    return _after(previous, record)


def unpruned_record(
    savings: Savings, *, error: str | None = None, skipped: str | None = None, previous: object = None
) -> dict[str, Any]:
    """Return the record of a document that was passed through as it came.

    It has the same keys as any other, so that whoever adds records up needs no special case; what was
    never found out is None.

    Args:
        savings: Its tokens, the same before and after.
        error: The error, when pruning failed and the document was passed through for that.
        skipped: The reason, when pruning was not tried, for example ``under min_tokens``.
        previous: What stood under :data:`KEY` before, if anything.
    """
    record: dict[str, Any] = {
        "model": None,
        "selector": None,
        **_counts(savings),
        "relevance": None,
        "sentences_total": None,
        "sentences_kept": None,
    }
    if error is not None:
        record["error"] = error
    if skipped is not None:
        record["skipped"] = skipped
    return _after(previous, record)


def _counts(savings: Savings) -> dict[str, Any]:
    return {
        "tokens_before": savings.tokens_before,
        "tokens_after": savings.tokens_after,
        "tokens_saved": savings.tokens_saved,
        "compression_rate": round(savings.compression_rate, 4),
        "token_counter": savings.token_counter,
        "exact": savings.exact,
    }


def _after(previous: object, record: dict[str, Any]) -> dict[str, Any]:
    """Add an earlier record to a new one: its passes, and its ``tokens_before`` where the two connect.

    They connect where this pass began with the very tokens that the last one left. Where the text was
    cut or changed in between, or tokens are counted otherwise, adding up would claim savings that nobody
    made, and the counts stay those of this pass.
    """
    if not isinstance(previous, Mapping) or not isinstance(previous.get("tokens_before"), int):
        return record
    first = {key: value for key, value in previous.items() if key != "passes"}
    this_pass = {key: value for key, value in record.items() if key != "sentences"}
    # Metadata comes back from stores that turn lists into something else; failing open must not fail on it.
    earlier = previous.get("passes")
    passes = [*(earlier if isinstance(earlier, list) else [first]), this_pass]
    if not _connect(previous, record):
        return {**record, "passes": passes}
    whole = Savings(
        tokens_before=previous["tokens_before"],
        tokens_after=record["tokens_after"],
        token_counter=record["token_counter"],
        exact=record["exact"],
    )
    return {**record, **_counts(whole), "passes": passes}


def _connect(previous: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    left = (previous.get("tokens_after"), previous.get("token_counter"))
    return left == (record["tokens_before"], record["token_counter"])
