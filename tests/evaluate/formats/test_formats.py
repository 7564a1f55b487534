"""The field's formats: hand-made rows in, the records they mean out; and back again without a loss."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from builders import split_on_stops
from semantic_highlight.errors import InputError, MissingExtraError
from semantic_highlight.evaluate.formats import FORMATS, read_data, rows, write_data
from semantic_highlight.evaluate.formats.context_relevance import as_mask
from semantic_highlight.evaluate.formats.multispanqa import joined
from semantic_highlight.evaluate.formats.squad import located
from semantic_highlight.records import labelled_spans, parse_record, read_records

SHARED = Path(__file__).parents[4] / "shared" / "data"

RECORD = {
    "id": "1",
    "lang": "en",
    "query": "what is red?",
    "context": "A red door. A blue sky.",
    "answer_spans": [[2, 5]],
}
RELEVANCE = {
    "id": "r1",
    "query": "what is red?",
    "texts": ["A red door. A blue sky.", "天是蓝的。门是红的。"],
    "context_spans": [[[0, 12], [12, 23]], [[0, 5], [5, 10]]],
    "context_spans_relevance": [[1, 0], [1]],
    "labels": [1, 0],
    "teacher_scores.one": [0.9, 3.5],
    "think_process": ["...", "..."],
}
SQUAD = {
    "title": "Colours",
    "paragraphs": [
        {
            "context": "A red door. A blue sky.",
            "qas": [
                {
                    "id": "s1",
                    "question": "What is red?",
                    "answers": [{"text": "door", "answer_start": 6}, {"text": "red door", "answer_start": 2}],
                },
                {
                    "id": "s2",
                    "question": "What is green?",
                    "is_impossible": True,
                    "answers": [],
                    "plausible_answers": [{"text": "sky", "answer_start": 19}],
                },
            ],
        }
    ],
}
FLAT = {
    "id": "s1",
    "title": "Colours",
    "context": "A red door. A blue sky.",
    "question": "What is red?",
    "answers": {"text": ["door"], "answer_start": [6]},
}
HOTPOT = {
    "_id": "h1",
    "question": "Who is it?",
    "answer": "Ann",
    "supporting_facts": [["B", 1], ["A", 0]],
    "context": [["A", ["It is Ann.", " She sings."]], ["B", ["", "Ann sang.", " All liked it."]]],
}
MULTISPAN = {
    "id": "m1",
    "question": ["who", "sang", "?"],
    "context": ["Ann", "(", "a", "singer", ")", ",", "Bob", "Ray", "and", "Cy", "sang", "."],
    "label": ["B", "O", "O", "O", "O", "O", "B", "I", "O", "B", "O", "O"],
}
ROWS = {
    "records": RECORD,
    "context-relevance": RELEVANCE,
    "squad": SQUAD,
    "hotpotqa": HOTPOT,
    "multispanqa": MULTISPAN,
}


def answers(record):
    return [record.context[start:end] for start, end in record.answer_spans]


def sentences(record):
    spans, labels = labelled_spans(record, split_on_stops)
    return [(span.of(record.context).strip(), label) for span, label in zip(spans, labels, strict=True)]


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_text("\n".join(map(json.dumps, content)) if ".jsonl" in name else json.dumps(content))
        return path

    return write


class TestContextRelevance:
    def test_every_text_is_a_record(self, write):
        first, second = read_data(write("r.jsonl", [RELEVANCE]))
        assert (first.id, second.id, first.query) == ("r1#0", "r1#1", "what is red?")
        assert (first.sentence_labels, answers(first)) == ((1, 0), ["A red door. "])
        assert (second.sentence_labels, answers(second)) == ((0, 1), ["门是红的。"])  # an index
        assert (first.lang, second.lang) == ("en", "zh")
        assert (first.teacher_score, second.teacher_score) == (0.9, None)  # 3.5 is a logit

    @pytest.mark.parametrize(
        ("relevance", "spans", "mask"),
        [
            ([0, 1], 2, [0, 1]),
            ([True, False], 2, [1, 0]),
            ([1, 0, 0], 3, [1, 0, 0]),
            ([1], 2, [0, 1]),
            ([0, 2], 3, [1, 0, 1]),
            ([2, 0], 2, None),
            ([1, 2, 0], 3, [1, 1, 1]),
            ([], 2, [0, 0]),
            ([], 0, []),
            ([-1], 2, None),
            ([0.5], 1, None),
            (None, 1, None),
        ],
    )
    def test_flags_are_told_from_indices_as_open_provence_does(self, relevance, spans, mask):
        if mask is None:
            with pytest.raises(InputError, match="the relevance of its spans is"):
                as_mask(relevance, spans)
        else:
            assert as_mask(relevance, spans) == mask

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"texts": ["one"]}, ".* have 1, 2 and 2 entries: give one of each a text"),
            ({"query": None}, "field 'query' is None: give a text"),
            (
                {"context_spans": [[[0, 5], [0, 99]], [[0, 5]]]},
                r"text 0: field 'context_spans' has \[0, 99\]",
            ),
            ({"context_spans_relevance": [[1, 0], [7]]}, r"text 1: .* is \[7\]: give 2 flags .* 0 to 1"),
            ({"context_spans": [None, None]}, "text 0: "),
        ],
    )
    def test_a_bad_field_is_named_with_file_line_and_text(self, write, change, message):
        with pytest.raises(InputError, match=rf"r\.jsonl, line 2: {message}"):
            list(read_data(write("r.jsonl", [RELEVANCE, RELEVANCE | change])))


class TestSquad:
    def test_every_question_is_a_record(self, write):
        first, second = read_data(write("dev.json", {"version": "v2.0", "data": [SQUAD]}))
        assert (first.id, first.title, answers(first)) == ("s1", "Colours", ["door", "red door"])
        assert (second.id, second.query, answers(second)) == ("s2", "What is green?", [])

    def test_flat_rows_of_the_hub_are_the_same(self, write):
        (record,) = read_data(write("dev.jsonl", [FLAT]))
        assert (record.id, record.title, answers(record)) == ("s1", "Colours", ["door"])

    def test_a_wrong_offset_is_put_right(self):
        assert located("ab ab ab", "ab", 3) == (3, 5)
        assert located("ab ab ab", "ab", 4) == (3, 5)
        assert located("ab ab ab", "ab", -1) == (0, 2)
        for text in ("x", ""):
            with pytest.raises(InputError, match="does not stand in the context"):
                located("ab", text, 0)


class TestHotpot:
    @pytest.mark.parametrize("on_the_hub", [False, True])
    def test_paragraphs_are_one_context_and_supporting_facts_its_answers(self, write, on_the_hub):
        row = dict(HOTPOT)
        if on_the_hub:
            row["supporting_facts"] = {"title": ["B", "A"], "sent_id": [1, 0]}
            row["context"] = {"title": ["A", "B"], "sentences": [s for _, s in HOTPOT["context"]]}
            row["id"] = row.pop("_id")
        (record,) = read_data(write("h.json", [row]))
        assert record.context == "It is Ann. She sings.\n\nAnn sang. All liked it."
        assert (record.id, record.title) == ("h1", "A | B")
        assert sentences(record) == [
            ("It is Ann.", 1),
            ("She sings.", 0),
            ("Ann sang.", 1),
            ("All liked it.", 0),
        ]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"context": "text"}, "field 'context' is 'text': give a list or an object"),
            ({"context": [["A", "text"]]}, "its second part must be a list"),
            ({"context": [["A", [1]]]}, "has a sentence 1: give a text"),
            ({"supporting_facts": [["A"]]}, r"'supporting_facts' has \['A'\]: give \[title, sent_id\]"),
            ({"supporting_facts": {"title": ["A"], "sent_id": []}}, "has 1 titles and 0 sent_id"),
        ],
    )
    def test_a_bad_field_is_named(self, write, change, message):
        with pytest.raises(InputError, match=rf"h\.json, entry 1: .*{message}"):
            list(read_data(write("h.json", [HOTPOT | change])))


class TestMultiSpan:
    def test_tags_become_spans_of_a_readable_text(self, write):
        (record,) = read_data(write("m.json", {"data": [MULTISPAN]}))
        assert record.context == "Ann (a singer), Bob Ray and Cy sang."
        assert record.query == "who sang?"
        assert answers(record) == ["Ann", "Bob Ray", "Cy"]

    def test_tokens_are_joined_as_they_are_written(self):
        text, places = joined(["She", "did", "n't", "say", "``", "no", "''", "；", "他", "说", "5", "%", "."])
        assert text == "She didn't say ``no''；他说5%."
        assert [text[a:b] for a, b in places][-3:] == ["5", "%", "."]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"label": ["B"]}, "has 1 tags: give 12, one a token"),
            ({"label": ["X"] * 12}, "has 'X': allowed are B, I and O"),
            ({"question": [1]}, "must be lists of texts"),
        ],
    )
    def test_a_bad_field_is_named(self, write, change, message):
        with pytest.raises(InputError, match=rf"entry 1: .*{message}"):
            list(read_data(write("m.json", {"data": [MULTISPAN | change]})))


class TestEveryFormat:
    @pytest.mark.parametrize("name", ROWS)
    def test_is_known_by_its_rows(self, name):
        assert [one.name for one in FORMATS.values() if one.matches(ROWS[name])] == [name]

    @pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "json", "json.gz", "parquet"])
    @pytest.mark.parametrize("name", ROWS)
    def test_what_is_written_means_the_same(self, tmp_path, name, ending):
        if ending == "parquet":
            pytest.importorskip("pyarrow")
            if name == "hotpotqa":
                pytest.skip("pairs of a title and a number have no place in parquet")
        records = [
            parse_record(RECORD),
            parse_record(RECORD | {"id": "2", "answer_spans": [[0, 23]]}),
            parse_record(
                RECORD
                | {
                    "id": "3",
                    "query": "什么是红的？",
                    "context": "门是红的。天是蓝的。",
                    "answer_spans": [[0, 5]],
                }
            ),
            parse_record(RECORD | {"id": "4", "answer_spans": []}),
        ]
        path = tmp_path / f"out.{ending}"
        written = write_data(path, records, format=name, splitter=split_on_stops)
        again = list(read_data(path))
        assert written == {"context-relevance": 3, "squad": 1}.get(name, 4)
        assert len(again) == 4
        for before, after in zip(records, again, strict=True):
            assert after.query.replace(" ", "") == before.query.replace(" ", "")
            assert [label for _, label in sentences(after)] == [label for _, label in sentences(before)]
            if name != "multispanqa":  # which has words, and no white space between them
                assert [text for text, _ in sentences(after)] == [text for text, _ in sentences(before)]

    @pytest.mark.parametrize("name", sorted(set(ROWS) - {"records"}))
    def test_bad_rows_are_left_out_and_told(self, write, name):
        bad = []
        path = write("mixed.jsonl", [ROWS[name], RECORD, ROWS[name]])
        path.write_text(path.read_text() + "\n{\n[]")
        assert len(list(read_data(path, on_bad=bad.append))) == 2 * len(FORMATS[name].parse(ROWS[name]))
        assert [str(error).split(": ")[0][-6:] for error in bad] == ["line 2", "line 4", "line 5"]
        assert f"no row of {name}" in str(bad[0])
        assert "a file holds one format" in str(bad[0])

    def test_records_are_read_as_ever(self, write):
        path = write("r.jsonl", [RECORD, RECORD | {"segments": []}])
        with pytest.raises(InputError, match="line 2: this is a record with 'segments', and the first is"):
            list(read_data(path))

    @pytest.mark.parametrize("content", ["", "\n"])
    def test_an_empty_file_is_named(self, tmp_path, content):
        (tmp_path / "r.jsonl").write_text(content)
        with pytest.raises(InputError, match=r"r\.jsonl has no records"):
            list(read_data(tmp_path / "r.jsonl"))

    @pytest.mark.parametrize("content", ["", "{}", "3", '{"data": {}}'])
    def test_a_json_file_without_rows_is_named(self, tmp_path, content):
        (tmp_path / "r.json").write_text(content)
        with pytest.raises(InputError, match=r"r\.json"):
            list(read_data(tmp_path / "r.json"))

    def test_an_unknown_format_lists_the_known(self, write):
        with pytest.raises(
            InputError, match=r"line 1: a row with a, b is in no known format: records .*squad"
        ):
            list(read_data(write("r.jsonl", [{"a": 1, "b": 2}])))
        with pytest.raises(InputError, match="the format is 'csv': use one of records, context-relevance"):
            list(read_data("r.jsonl", format="csv"))

    def test_a_file_that_cannot_be_written_is_named(self, tmp_path):
        records = [parse_record(RECORD)]
        with pytest.raises(InputError, match=r"out\.csv has no known ending: use \.jsonl"):
            write_data(tmp_path / "out.csv", records)
        with pytest.raises(InputError, match=r"out\.parquet: such rows have no place in parquet"):
            write_data(tmp_path / "out.parquet", records, format="hotpotqa")
        with pytest.raises(InputError, match="cannot be written"):
            write_data(tmp_path / "nowhere" / "out.jsonl", records)


class TestParquetAndHub:
    @pytest.fixture
    def hub(self, tmp_path, monkeypatch):
        """A data set on the hub: names and files, and no network."""
        hub = pytest.importorskip("huggingface_hub")
        pytest.importorskip("pyarrow")
        files = ["README.md"]
        for name in (
            "freq2/train-00000-of-00001",
            "freq2/validation-00000-of-00001",
            "data/test-00000-of-00001",
        ):
            path = tmp_path / f"{name}.parquet"
            path.parent.mkdir(exist_ok=True)
            rows.write_parquet(path, [RELEVANCE | {"id": name}])
            files.append(f"{name}.parquet")
        monkeypatch.setattr(hub.HfApi, "list_repo_files", lambda self, repo, repo_type: files)
        monkeypatch.setattr(hub, "hf_hub_download", lambda repo, name, repo_type: str(tmp_path / name))

    @pytest.mark.parametrize(
        ("source", "names"),
        [
            ("hf://a/b", ["data/test", "freq2/train", "freq2/validation"]),
            ("hf://a/b/freq2", ["freq2/train", "freq2/validation"]),
            ("hf://a/b/freq2:validation", ["freq2/validation"]),
            ("hf://a/b:test", ["data/test"]),
            (Path("hf://a/b:test"), ["data/test"]),
        ],
    )
    def test_the_files_of_a_config_and_split_are_read(self, hub, source, names):
        found = [record.id for record in read_data(source) if record.id.endswith("#0")]
        assert found == [f"{name}-00000-of-00001#0" for name in names]

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("hf://a", "is no data set: give hf://owner/name"),
            ("hf://a/b:dev", "has no such parquet file; it has: freq2/train"),
        ],
    )
    def test_what_is_not_there_is_named(self, hub, source, message):
        with pytest.raises(InputError, match=message):
            list(read_data(source))

    def test_a_failed_download_is_named(self, hub, monkeypatch):
        import huggingface_hub

        def fail(self, repo, repo_type):
            raise OSError("no network")

        monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", fail)
        with pytest.raises(InputError, match="hf://a/b cannot be fetched: OSError: no network"):
            list(read_data("hf://a/b"))

    def test_a_broken_file_is_named(self, tmp_path):
        pytest.importorskip("pyarrow")
        (tmp_path / "r.parquet").write_bytes(b"PAR1")
        with pytest.raises(InputError, match=r"r\.parquet, after row 0: the file cannot be read on"):
            list(read_data(tmp_path / "r.parquet"))
        with pytest.raises(InputError, match="no such file"):
            list(read_data(tmp_path / "nowhere.parquet"))

    def test_without_pyarrow_the_extra_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
        with pytest.raises(MissingExtraError, match=r"semantic-highlight\[data\]"):
            list(read_data(tmp_path / "r.parquet"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data sets are not here")
@pytest.mark.parametrize("name", ["multispanqa.dev", "clapnq.dev", "xquad_zh.test", "hotpotqa.test"])
@pytest.mark.parametrize("form", sorted(set(FORMATS) - {"multispanqa"}))
def test_real_records_come_back_with_the_same_labels(tmp_path, name, form):
    records = list(read_records(SHARED / f"{name}.jsonl.gz"))[:200]
    write_data(tmp_path / "out.jsonl", records, format=form, splitter=split_on_stops)
    again = list(read_data(tmp_path / "out.jsonl"))
    for before, after in zip(records, again, strict=True):
        gold = {text for text, label in sentences(before) if label}
        if form == "squad":  # which has answers and no sentences
            assert bool(after.answer_spans) == bool(gold)
        else:
            assert {text for text, label in sentences(after) if label} == gold


def test_gzip_files_are_the_same_every_time(tmp_path):
    for name in ("a", "b"):
        write_data(tmp_path / f"{name}.jsonl.gz", [parse_record(RECORD)])
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert json.loads(gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()))["id"] == "1"
