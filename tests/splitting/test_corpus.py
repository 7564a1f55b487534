"""Hand-made cases: `corpus.jsonl` has one a line, the pieces of a text in order, each with its kind."""

import json
from collections import Counter
from pathlib import Path

import pytest

from semantic_highlight.splitting import split

CORPUS = Path(__file__).with_name("corpus.jsonl")
CASES = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case):
    text = "".join(piece for _, piece in case["pieces"])

    spans = split(text)

    assert [[span.kind, span.of(text)] for span in spans] == case["pieces"]


def test_the_corpus_is_large_and_covers_every_kind():
    kinds = Counter(kind for case in CASES for kind, _ in case["pieces"])

    assert len({case["name"] for case in CASES}) == len(CASES) >= 120
    assert set(kinds) == {"prose", "heading", "list_item", "table_header", "table_row", "code", "line"}
