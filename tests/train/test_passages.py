from __future__ import annotations

import gzip
import json

import pytest

from semantic_highlight.errors import InputError
from semantic_highlight.train.passages import read_source
from semantic_highlight.train.paths import located

FIRST = "A door sticks.  The cellar is red. \nOdd text."
SECOND = "Ten hours. Two words."


@pytest.fixture
def folder(tmp_path):
    rows = [
        {"id": "a", "query": "?", "context": FIRST, "title": "Doors"},
        {"id": "b", "query": "?", "context": SECOND},
    ]
    with gzip.open(tmp_path / "texts.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return tmp_path


def labels(folder, passages, answers):
    row = {"id": "1", "lang": "en", "query": "what is red?", "passages": passages, "answers": answers}
    path = folder / "labels.jsonl"
    path.write_text(json.dumps(row) + "\n")
    return path


def a_passage(name, start, end, **more):
    return {"file": "texts.jsonl.gz", "id": name, "start": start, "end": end, **more}


def test_a_passage_is_a_slice_of_the_text(folder):
    path = labels(folder, [a_passage("a", 15, 35)], [[1, 19]])
    (record,) = read_source(path, folder)
    assert record.context == FIRST[15:35] == " The cellar is red. "
    assert record.answer_spans == ((1, 19),)
    assert record.context[1:19] == "The cellar is red."
    assert (record.query, record.lang, record.sentence_spans) == ("what is red?", "en", None)


def test_passages_are_joined_under_their_titles(folder):
    passages = [a_passage("b", 0, 10, title="Time"), a_passage("a", 15, 35, title="Cellars")]
    (record,) = read_source(labels(folder, passages, []), folder)
    assert record.context == "Time\nTen hours.\n\nCellars\nThe cellar is red."


def test_a_file_of_records_is_read_as_it_is(folder):
    assert [record.context for record in read_source(folder / "texts.jsonl.gz", folder)] == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("passages", "answers", "reason"),
    [
        ([a_passage("nobody", 0, 3)], [], "line 1: field 'passages'.*nobody"),
        ([{"file": "texts.jsonl.gz", "id": "a"}], [], "line 1: field 'passages'.*start"),
        ([a_passage("a", 0, 14)], [[0, 99]], "line 1: field 'answer_spans"),
        ([a_passage("a", 0, 14) | {"file": "none.jsonl"}], [], "line 1: .*none.jsonl: no such file"),
    ],
)
def test_what_is_not_there_is_named(folder, passages, answers, reason):
    with pytest.raises(InputError, match=reason):
        list(read_source(labels(folder, passages, answers), folder))


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "no records"), ("{no json", "x.jsonl, line 1: this is no JSON"), ("5", "line 1: a record")],
)
def test_what_is_neither_records_nor_labels_is_refused(folder, text, reason):
    (folder / "x.jsonl").write_text(text)
    with pytest.raises(InputError, match=reason):
        list(read_source(folder / "x.jsonl", folder))


def test_paths_are_of_a_folder_or_of_a_package(tmp_path):
    assert located("a/b.jsonl", tmp_path) == tmp_path / "a" / "b.jsonl"
    assert located("package:semantic_highlight/train/recipes", tmp_path).is_dir()
    with pytest.raises(InputError, match="names no package"):
        located("package:../x", tmp_path)
