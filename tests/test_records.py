from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from semantic_highlight.errors import InputError
from semantic_highlight.records import labelled_spans, parse_record, read_records, sentence_targets
from semantic_highlight.types import Span

ROW = {
    "id": "1",
    "dataset": "toy",
    "lang": "en",
    "query": "what is red?",
    "context": "A red door. A blue sky.",
    "title": None,
    "answer_spans": [[2, 5]],
    "sentence_spans": [[0, 12], [12, 23]],
    "sentence_labels": [1, 0],
}
SHARED = Path(__file__).parents[2] / "shared" / "data"


def write(path, lines):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    return path


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_records_are_read_plain_and_compressed(tmp_path, name):
    path = write(tmp_path / name, [json.dumps(ROW), "", json.dumps(ROW | {"id": "2"})])
    first, second = read_records(path)
    assert (first.id, second.id) == ("1", "2")
    assert first.answer_spans == ((2, 5),)
    assert first.sentence_labels == (1, 0)
    assert first.teacher_score is None


def test_optional_fields_may_be_left_out():
    record = parse_record({"query": "q", "context": "c"})
    assert (record.answer_spans, record.sentence_spans, record.sentence_labels) == ((), None, None)


def test_null_is_the_same_as_left_out():
    record = parse_record({"query": "q", "context": "c", "id": None, "dataset": None, "lang": None})
    assert (record.id, record.dataset, record.lang) == ("", "", "")
    assert parse_record(ROW | {"id": 0}).id == "0"


def test_a_teacher_score_is_read():
    assert parse_record(ROW | {"teacher_score": 1}).teacher_score == 1.0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("query", " ", "field 'query' is ' ': give a text that is not blank"),
        ("query", 3, "field 'query' is 3: give a text that is not blank"),
        ("format", 1, "field 'format' is 1: give a text or null"),
        ("title", ["t"], r"field 'title' is \['t'\]: give a text or null"),
        ("answer_spans", [[3, 99]], r"field 'answer_spans' has \[3, 99\]: allowed is 0 <= start < end <= 23"),
        ("answer_spans", [[4, 4]], r"field 'answer_spans' has \[4, 4\]: allowed is 0 <= start < end <= 23"),
        ("answer_spans", [[-1, 4]], r"field 'answer_spans' has \[-1, 4\]: allowed is 0 <= start"),
        ("answer_spans", [[1.5, 4]], r"give a list of \[start, end\] pairs of whole numbers"),
        ("answer_spans", [[1, 2, 3]], r"give a list of \[start, end\] pairs of whole numbers"),
        ("answer_spans", None, r"field 'answer_spans' is None: give a list of \[start, end\] pairs"),
        ("sentence_spans", "x", r"field 'sentence_spans' is 'x': give a list"),
        ("sentence_spans", [[12, 23], [0, 12]], "field 'sentence_spans' is not in order"),
        ("sentence_spans", [[0, 13], [12, 23]], "field 'sentence_spans' is not in order"),
        ("sentence_spans", None, "field 'sentence_labels' has nothing to label: give 'sentence_spans' too"),
        ("sentence_labels", [1], "field 'sentence_labels' has 1 labels: give 2, one a span"),
        ("sentence_labels", [1, 2], r"field 'sentence_labels' is \[1, 2\]: give a list of 0 and 1"),
        ("sentence_labels", 1, "field 'sentence_labels' is 1: give a list of 0 and 1"),
        ("teacher_score", 1.5, "field 'teacher_score' is 1.5: give a number from 0 to 1, or null"),
        ("teacher_score", float("nan"), "field 'teacher_score' is nan: give a number from 0 to 1"),
        ("teacher_score", True, "field 'teacher_score' is True: give a number from 0 to 1"),
    ],
)
def test_a_bad_field_is_named_with_file_and_line(tmp_path, field, value, message):
    path = write(tmp_path / "r.jsonl", [json.dumps(ROW), "", json.dumps(ROW | {field: value})])
    with pytest.raises(InputError, match=rf"r\.jsonl, line 3: .*{message}"):
        list(read_records(path))


@pytest.mark.parametrize("field", ["query", "context"])
def test_a_missing_field_is_named(field):
    with pytest.raises(InputError, match=f"field '{field}' is missing"):
        parse_record({name: value for name, value in ROW.items() if name != field})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: this is no JSON"),
        ("[]", "line 2: a record is"),
        ('{"query": "q", "texts": ["c"]}', "line 2: this is a row of several 'texts', and the first is"),
        ('{"query": "q", "segments": []}', "line 2: this is a record with 'segments', and the first is"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        list(read_records(write(tmp_path / "r.jsonl", [json.dumps(ROW), line])))


def test_a_line_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(json.dumps(ROW).encode() + b"\n" + '{"query": "\u95ee"}'.encode("gb18030"))
    with pytest.raises(InputError, match="line 2: this is not UTF-8"):
        list(read_records(path))


def test_the_mark_that_windows_writes_first_is_passed_over(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROW).encode())
    assert len(list(read_records(path))) == 1


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_an_empty_file_is_named(tmp_path, name):
    with pytest.raises(InputError, match=rf"{name} has no records: give at least one"):
        list(read_records(write(tmp_path / name, ["", " "])))


def test_bad_records_are_left_out_and_told(tmp_path):
    lines = [json.dumps(ROW), "{", json.dumps(ROW | {"query": ""}), json.dumps(ROW | {"id": "4"})]
    bad = []
    records = list(read_records(write(tmp_path / "r.jsonl", lines), on_bad=bad.append))
    assert [record.id for record in records] == ["1", "4"]
    assert [str(error).split(":")[0].rsplit(", ", 1)[1] for error in bad] == ["line 2", "line 3"]


def test_a_file_of_nothing_but_bad_records_is_no_file_of_records(tmp_path):
    with pytest.raises(InputError, match=r"has no records, and 2 that cannot be used"):
        list(read_records(write(tmp_path / "r.jsonl", ["{", "[]"]), on_bad=lambda error: None))


def test_a_row_of_another_format_says_how_to_convert_it():
    with pytest.raises(InputError, match="as Open Provence has them, and no record: convert the file first"):
        parse_record({"query": "q", "texts": ["c"]})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        list(read_records(tmp_path / "r.jsonl"))


def test_a_truncated_file_is_named(tmp_path):
    path = write(tmp_path / "r.jsonl.gz", [json.dumps(ROW | {"id": str(n)}) for n in range(200)])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"r\.jsonl\.gz, after line \d+: the file cannot be read on"):
        list(read_records(path))


def test_a_sentence_is_positive_when_an_answer_touches_it():
    sentences = [(0, 10), (10, 20), (20, 30)]
    assert sentence_targets(((9, 11),), sentences) == [1, 1, 0]
    assert sentence_targets(((10, 20),), sentences) == [0, 1, 0]
    assert sentence_targets((), sentences) == [0, 0, 0]


def test_the_sources_own_sentences_come_first():
    def splitter(text):
        return [Span(0, 5), Span(5, len(text))]

    spans, labels = labelled_spans(parse_record(ROW), splitter)
    assert ([(span.start, span.end) for span in spans], labels) == ([(0, 12), (12, 23)], [1, 0])
    spans, labels = labelled_spans(
        parse_record(ROW | {"sentence_spans": None, "sentence_labels": None}), splitter
    )
    assert ([(span.start, span.end) for span in spans], labels) == ([(0, 5), (5, 23)], [1, 0])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data sets are not here")
@pytest.mark.parametrize("name", ["original_en.train", "original_zh.train", "multispanqa.dev", "clapnq.dev"])
def test_the_data_sets_are_read(name):
    assert len(list(read_records(SHARED / f"{name}.jsonl.gz"))) > 500


def test_segments_stand_for_a_context_and_its_labelled_sentences():
    record = parse_record(
        {"query": "q", "segments": [{"text": "One. ", "label": 0}, {"text": "Two.", "label": 1, "why": "x"}]}
    )
    assert record.context == "One. Two."
    assert record.sentence_spans == ((0, 5), (5, 9))
    assert record.sentence_labels == (0, 1)
    assert record.answer_spans == ((5, 9),)


@pytest.mark.parametrize("segments", [None, "text", [{"text": "One."}], [{"text": 1, "label": 0}], [1]])
def test_segments_of_another_shape_name_the_field(segments):
    with pytest.raises(InputError, match="segments"):
        parse_record({"query": "q", "segments": segments})


def test_a_context_beside_segments_has_to_be_their_texts():
    segments = [{"text": "One. ", "label": 0}, {"text": "Two.", "label": 1}]
    row = {"query": "q", "segments": segments, "context": "One. Two.", "format": "prose"}
    assert parse_record(row).format == "prose"
    with pytest.raises(InputError, match="field 'context' is not the texts of 'segments' joined"):
        parse_record(row | {"context": "One. Two"})
