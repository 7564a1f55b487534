"""The labels that ship: they can be read, and their page says how many they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from semantic_highlight.records import decode_line, read_lines, read_records
from semantic_highlight.splitting import split
from semantic_highlight.train.data import label_row
from semantic_highlight.train.passages import read_source
from semantic_highlight.train.recipe import RECIPES

LABELS = RECIPES.parent / "labels"
TEXTS = Path(__file__).parents[3] / "shared" / "data"
FILES = sorted(LABELS.glob("*.jsonl.gz"))


def counts(path: Path) -> tuple[str, ...]:
    """Documents, queries and unanswerable queries, as the page writes them."""
    rows = [decode_line(line) for _, line in read_lines(path)]
    documents = {row.get("context") or str(row["passages"]) for row in rows}
    unanswerable = sum(not row.get("answers", row.get("answer_spans")) for row in rows)
    return tuple(f"{number:,}" for number in (len(documents), len(rows), unanswerable))


def test_the_page_says_how_many_there_are():
    page = (LABELS / "README.md").read_text(encoding="utf-8")
    told = {
        cells[0].strip(" `"): tuple(cell.strip() for cell in cells[2:])
        for cells in (line.strip("|").split("|") for line in page.splitlines() if line.startswith("| `"))
    }
    assert told == {path.name: counts(path) for path in FILES}
    assert len(FILES) == 6


@pytest.mark.parametrize("name", ["documents_en", "documents_zh"])
def test_documents_are_records_whose_sentences_tile_them(name):
    for record in read_records(LABELS / f"{name}.jsonl.gz"):
        assert re.sub(r"\s", "", "".join(record.context[s:e] for s, e in record.sentence_spans)) == re.sub(
            r"\s", "", record.context
        )


@pytest.mark.parametrize("name", ["hops_en", "passages_en", "passages_zh", "searches_en"])
def test_passages_name_texts_that_are_there_and_sentences_that_answer(name):
    if not TEXTS.is_dir():
        pytest.skip("the texts that the labels are of are not here: ../shared/data")
    records = list(read_source(LABELS / f"{name}.jsonl.gz", TEXTS))
    for record in records[::50]:
        labels = label_row(record, split).labels
        assert sum(labels) == len(record.answer_spans), record.id
