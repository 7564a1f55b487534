import json

import pytest

from builders import assembler, highlighted
from semantic_highlight.record import KEY, build_record, unpruned_record
from semantic_highlight.types import Savings

DOCUMENT = assembler().prune(
    highlighted(("One two three. ", 0.87654321), ("Four five. ", 0.1), ("Six.", 1 / 3)),
    [True, False, False],
    selector="TopK(n=1)",
)
RECORD = {
    "model": "by hand",
    "selector": "TopK(n=1)",
    "tokens_before": 6,
    "tokens_after": 3,
    "tokens_saved": 3,
    "compression_rate": 0.5,
    "token_counter": "words",
    "exact": True,
    "relevance": 0.8765,
    "sentences_total": 3,
    "sentences_kept": 1,
}


def second_pass(text="One two three. ", keep=(False,), counter_name=None):
    document = assembler().prune(highlighted((text, 0.2)), keep, selector="Threshold(value=0.5)")
    if counter_name:
        savings = Savings(document.savings.tokens_before, document.savings.tokens_after, counter_name)
        document = type(document)(
            document.original, document.pieces, document.sentences, 0.2, savings, "m", "s"
        )
    return document


def test_key_is_the_packages_name():
    assert KEY == "semantic_highlight"


def test_record_of_one_pass():
    assert build_record(DOCUMENT) == RECORD


def test_sentences_on_request():
    record = build_record(DOCUMENT, include_sentences=True)
    assert record["sentences"][:2] == [
        {"start": 0, "end": 15, "score": 0.8765, "kept": True},
        {"start": 15, "end": 26, "score": 0.1, "kept": False},
    ]


def test_record_is_json_as_it_stands():
    record = build_record(DOCUMENT, include_sentences=True, previous=RECORD)
    assert json.loads(json.dumps(record)) == record


class TestSecondPass:
    def test_adds_up_where_it_begins_with_what_the_first_left(self):
        record = build_record(second_pass(), previous=RECORD)
        assert (record["tokens_before"], record["tokens_after"], record["tokens_saved"]) == (6, 0, 6)
        assert record["compression_rate"] == 1.0
        assert record["selector"] == "Threshold(value=0.5)"

    def test_lists_the_passes(self):
        record = build_record(second_pass(), previous=RECORD)
        assert record["passes"][0] == RECORD
        assert record["passes"][1] == build_record(second_pass())

    def test_third_pass_goes_on(self):
        second = build_record(second_pass(keep=[True]), previous=RECORD)
        third = build_record(second_pass(), previous=second)
        assert (third["tokens_before"], third["tokens_after"]) == (6, 0)
        assert [one["tokens_before"] for one in third["passes"]] == [6, 3, 3]
        assert all("passes" not in one for one in third["passes"])

    def test_text_that_was_cut_in_between_stands_alone(self):
        record = build_record(second_pass("One."), previous=RECORD)
        assert (record["tokens_before"], record["tokens_saved"]) == (1, 1)
        assert len(record["passes"]) == 2

    def test_another_counter_stands_alone(self):
        record = build_record(second_pass(counter_name="letters"), previous=RECORD)
        assert (record["tokens_before"], record["token_counter"]) == (3, "letters")

    def test_the_first_record_is_left_alone(self):
        before = json.dumps(RECORD)
        build_record(second_pass(), previous=RECORD)["passes"][0]["model"] = "changed"
        assert json.dumps(RECORD) == before

    @pytest.mark.parametrize("previous", [None, "a note", {}, {"note": "someone else's"}])
    def test_what_is_no_record_is_ignored(self, previous):
        assert build_record(DOCUMENT, previous=previous) == RECORD


class TestUnpruned:
    SAME = Savings(6, 6, "words")

    def test_error(self):
        record = unpruned_record(self.SAME, error="ScoringError: out of memory")
        assert record["error"] == "ScoringError: out of memory"
        assert (record["tokens_before"], record["tokens_saved"], record["compression_rate"]) == (6, 0, 0.0)

    def test_skipped(self):
        record = unpruned_record(self.SAME, skipped="under min_tokens")
        assert record["skipped"] == "under min_tokens"
        assert "error" not in record

    def test_has_the_keys_of_any_other(self):
        assert set(RECORD) == set(unpruned_record(self.SAME, error="x")) - {"error"}

    def test_goes_on_from_an_earlier_pass(self):
        record = unpruned_record(Savings(3, 3, "words"), error="x", previous=RECORD)
        assert (record["tokens_before"], record["tokens_after"]) == (6, 3)
        assert [one.get("error") for one in record["passes"]] == [None, "x"]
