"""What every framework adapter must honour: an instance says how its framework looks, inherits the tests."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from builders import split_on_stops, words
from contracts import Contract
from semantic_highlight import Highlighter, Threshold, TokenBudget, TopK, track_savings
from semantic_highlight.adapter import Pruner
from semantic_highlight.calibration import Calibration
from semantic_highlight.errors import ScoringError
from semantic_highlight.selection import KeepHeadings, MinKept, MustKeep, Neighbours
from semantic_highlight.testing import KeywordScorer

QUERY = "How long does the battery last?"
TEXTS = (
    "The case is grey. The battery lasts ten hours. It weighs one kilo.",  # 4 + 5 + 4 words
    "Charge the battery for two hours. The plug is included.",  # 6 + 4 words
    "外壳是灰色的。The battery is sealed. 重量为一公斤。",
)
PRUNED = ("The battery lasts ten hours. ", "Charge the battery for two hours. ", "The battery is sealed. ")


class BrokenScorer(KeywordScorer):
    def score(self, query, texts, spans):
        raise RuntimeError("no memory")


class RecordingScorer(KeywordScorer):
    """Remembers what it was asked to score."""

    def __init__(self, keywords):
        super().__init__(keywords)
        self.seen = []

    def score(self, query, texts, spans):
        self.seen += [(query, text) for text in texts]
        return super().score(query, texts, spans)


def broken_counter(text: str) -> int:
    raise OSError("no vocabulary")


def highlighter(scorer=None, *, counter=words, **options) -> Highlighter:
    scorer = scorer or KeywordScorer(["battery"])
    return Highlighter(scorer, splitter=split_on_stops, counter=counter, **options)


def run_python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class AdapterContract(Contract):
    """An adapter translates: the documents of its framework in, shorter copies out."""

    unpruned_have_records = True
    """Whether a document that was passed through says so in a record."""

    def make(self, **options: Any) -> Any:
        """Make the adapter; options are the common ones."""
        raise NotImplementedError

    def documents(self, texts: tuple[str, ...]) -> list[Any]:
        """Make documents with ids and nested metadata."""
        raise NotImplementedError

    def prune(self, adapter: Any, query: str, documents: list[Any]) -> list[Any]:
        raise NotImplementedError

    async def aprune(self, adapter: Any, query: str, documents: list[Any]) -> list[Any]:
        raise NotImplementedError

    def text(self, document: Any) -> str:
        raise NotImplementedError

    def metadata(self, document: Any) -> dict[str, Any]:
        """Return the dict in which the record stands, itself."""
        raise NotImplementedError

    def record(self, document: Any) -> dict[str, Any] | None:
        raise NotImplementedError

    def identity(self, document: Any) -> Any:
        """Return everything that must stay: the id, the metadata without our record, and so on."""
        raise NotImplementedError

    @pytest.fixture
    def adapter(self):
        return self.make(highlighter=highlighter())

    @pytest.fixture
    def given(self):
        return self.documents(TEXTS)

    def test_keeps_the_sentences_that_answer_in_their_order(self, adapter, given):
        assert tuple(map(self.text, self.prune(adapter, QUERY, given))) == PRUNED

    def test_keeps_ids_and_metadata(self, adapter, given):
        pruned = self.prune(adapter, QUERY, given)
        assert list(map(self.identity, pruned)) == list(map(self.identity, given))

    def test_never_edits_its_input(self, adapter, given):
        before = copy.deepcopy(given)
        self.prune(adapter, QUERY, given)
        assert given == before

    def test_shares_no_metadata_with_its_input(self, adapter, given):
        before = copy.deepcopy(given)
        for document in self.prune(adapter, QUERY, given):
            for value in self.metadata(document).values():
                if isinstance(value, dict | list):
                    value.clear()
            self.metadata(document).clear()
        assert given == before

    def test_metadata_that_cannot_be_copied_is_shared(self, adapter, given):
        lock = threading.Lock()
        self.metadata(given[0])["lock"] = lock
        first, *_ = self.prune(adapter, QUERY, given)
        assert self.text(first) == PRUNED[0]
        assert self.metadata(first)["lock"] is lock

    def test_record_says_what_was_saved(self, adapter, given):
        record = self.record(self.prune(adapter, QUERY, given)[0])
        assert record is not None
        assert record["selector"].endswith("Threshold(value=0.0)") or "inner=Threshold" in record["selector"]
        del record["selector"]
        record = {key: value for key, value in record.items() if not key.endswith("_char_idx")}
        assert record == {
            "model": "keywords",
            "tokens_before": 13,
            "tokens_after": 5,
            "tokens_saved": 8,
            "compression_rate": 0.6154,
            "token_counter": "words",
            "exact": True,
            "relevance": 1.0,
            "sentences_total": 3,
            "sentences_kept": 1,
        }

    @pytest.mark.parametrize("include", [False, True])
    def test_record_is_json_and_lists_sentences_only_when_asked(self, given, include):
        adapter = self.make(highlighter=highlighter(), include_sentences=include)
        for document in self.prune(adapter, QUERY, given):
            record = self.record(document)
            assert json.loads(json.dumps(record)) == record
            assert ("sentences" in record) is include
        if include:
            assert self.record(self.prune(adapter, QUERY, given)[1])["sentences"] == [
                {"start": 0, "end": 34, "score": 1.0, "kept": True},
                {"start": 34, "end": 55, "score": 0.0, "kept": False},
            ]

    def test_savings_are_tracked(self, adapter, given):
        with track_savings() as total:
            self.prune(adapter, QUERY, given[:2])
        assert (total.documents, total.tokens_before, total.tokens_after) == (2, 23, 11)

    async def test_async_does_the_same(self, adapter, given):
        assert await self.aprune(adapter, QUERY, given) == self.prune(adapter, QUERY, given)

    def test_threads_agree(self, adapter, given):
        alone = self.prune(adapter, QUERY, given)
        with ThreadPoolExecutor(16) as pool:
            results = pool.map(lambda _: self.prune(adapter, QUERY, given), range(32))
        assert all(result == alone for result in results)

    def test_selector_overrides_the_highlighters(self, given):
        adapter = self.make(highlighter=highlighter(selector=TopK(9)))
        assert self.text(self.prune(adapter, QUERY, given)[0]) == TEXTS[0]
        adapter = self.make(highlighter=highlighter(selector=TopK(9)), selector=TopK(1))
        assert self.text(self.prune(adapter, QUERY, given)[0]) == PRUNED[0]

    @pytest.mark.parametrize(
        ("broken", "error"),
        [
            (
                highlighter(BrokenScorer()),
                "ScoringError: the scorer keywords failed: RuntimeError: no memory",
            ),
            (highlighter(counter=broken_counter), "OSError: no vocabulary"),
        ],
        ids=["scorer", "counter"],
    )
    def test_fails_open(self, given, caplog, broken, error):
        pruned = self.prune(self.make(highlighter=broken), QUERY, given)
        assert tuple(map(self.text, pruned)) == TEXTS
        assert list(map(self.identity, pruned)) == list(map(self.identity, given))
        records = [self.record(document) for document in pruned]
        assert [record["error"] for record in records] == [error] * len(TEXTS)
        assert {record["tokens_saved"] for record in records} == {0}
        assert json.loads(json.dumps(records)) == records
        assert "passed on as they are" in caplog.text

    async def test_fails_open_async_too(self, given):
        pruned = await self.aprune(self.make(highlighter=highlighter(BrokenScorer())), QUERY, given)
        assert tuple(map(self.text, pruned)) == TEXTS

    def test_raises_when_told_to(self, given):
        adapter = self.make(highlighter=highlighter(BrokenScorer()), on_error="raise")
        with pytest.raises(ScoringError, match="no memory"):
            self.prune(adapter, QUERY, given)

    def test_small_documents_pass_through_unscored(self, given):
        scorer = RecordingScorer(["battery"])
        adapter = self.make(highlighter=highlighter(scorer), min_tokens=11)
        pruned = self.prune(adapter, QUERY, given)
        assert tuple(map(self.text, pruned)) == (PRUNED[0], TEXTS[1], TEXTS[2])
        assert {text for _, text in scorer.seen} == {TEXTS[0]}
        record = self.record(pruned[1])
        if self.unpruned_have_records:
            assert (record["skipped"], record["tokens_saved"]) == ("under min_tokens", 0)
        else:
            assert pruned[1] is given[1]
            assert record is None

    def test_a_second_pass_adds_to_the_record(self, given):
        first = self.make(highlighter=highlighter(KeywordScorer(["battery", "hours"])))
        second = self.make(highlighter=highlighter(KeywordScorer(["kilo", "ten"])))
        text = "The battery lasts ten hours. Hours pass. It is grey."  # 5 + 2 + 3 words
        (document,) = self.prune(first, QUERY, self.documents((text,)))
        (document,) = self.prune(second, QUERY, [document])
        record = self.record(document)
        assert self.text(document) == "The battery lasts ten hours. "
        assert (record["tokens_before"], record["tokens_after"], record["compression_rate"]) == (10, 5, 0.5)
        assert [(p["tokens_before"], p["tokens_after"]) for p in record["passes"]] == [(10, 7), (7, 5)]

    def test_works_with_defaults(self):
        text = (
            "The battery lasts ten hours on a full charge. " + "The quick brown fox is not asked for. " * 60
        )
        (document,) = self.prune(self.make(), "How long does the battery last?", self.documents((text,)))
        assert self.text(document).startswith("The battery lasts ten hours")
        assert len(self.text(document)) < len(text) / 2

    def test_a_calibration_sets_the_threshold(self, given, tmp_path):
        scorer = KeywordScorer(["battery", "ten"])  # 1/2 for one of the words, 1 for both
        fitted = Calibration(scorer.name, 0.6, 0.95, 0.9, queries=100, sentences=100, method="by hand")
        fitted.save(tmp_path / "c.json")
        for calibration in (fitted, str(tmp_path / "c.json")):
            adapter = self.make(highlighter=highlighter(scorer), calibration=calibration)
            first, *_ = self.prune(adapter, QUERY, given)
            assert self.text(first) == PRUNED[0]
            assert "Threshold(value=0.6)" in self.record(first)["selector"]
        for wrong in (
            {"highlighter": highlighter()},
            {"selector": TopK(1), "highlighter": highlighter(scorer)},
        ):
            with pytest.raises(ValueError, match=r"[Cc]alibration"):
                self.make(calibration=replace(fitted, model="x"), **wrong)

    @pytest.mark.parametrize(
        "option",
        [
            {"on_error": "ignore"},
            {"min_tokens": -1},
            {"selector": TopK},
            {"highlighter": "bundled"},
        ],
        ids=str,
    )
    def test_refuses_a_bad_option_at_once(self, option):
        with pytest.raises(ValueError, match=next(iter(option))):
            self.make(**option)

    def test_refuses_an_unknown_option(self):
        with pytest.raises((ValueError, TypeError), match="thresold"):
            self.make(thresold=0.3)

    def test_offers_every_common_option(self):
        common = {"highlighter", "selector", "calibration", "include_sentences", "min_tokens", "on_error"}
        assert common < set(Pruner.__dataclass_fields__)
        for name in common:
            assert hasattr(self.make(), name)


class JsonContract(Contract):
    """An adapter that is a pydantic model: its options in JSON and back."""

    def make(self, **options: Any) -> Any:
        """Make the adapter; options are the common ones."""
        raise NotImplementedError

    @pytest.mark.parametrize(
        "selector",
        [
            None,
            Threshold(0.3),
            TopK(2),
            TokenBudget(800, among=Neighbours(KeepHeadings(Threshold(0.3)), n=2)),
            MinKept(MustKeep(Threshold(0.5), r"\d+"), per_document=1),
        ],
        ids=repr,
    )
    def test_options_come_back(self, selector):
        given = self.make(selector=selector, include_sentences=True, min_tokens=7, on_error="raise")
        written = given.model_dump_json()
        again = type(given).model_validate_json(written)
        for name in ("highlighter", "selector", "include_sentences", "min_tokens", "on_error"):
            assert getattr(again, name) == getattr(given, name)
        assert again.model_dump_json() == written

    def test_a_highlighter_is_described_and_must_be_passed_again(self):
        given = self.make(highlighter=highlighter())
        data = json.loads(given.model_dump_json())
        assert data["highlighter"] == "keywords"
        with pytest.raises(ValueError, match="described, not saved: pass it again, highlighter="):
            type(given).model_validate(data)
        again = type(given).model_validate({**data, "highlighter": given.highlighter})
        assert again.highlighter is given.highlighter

    def test_so_is_a_selector_with_a_function(self):
        selector = MinKept(MustKeep(Threshold(0.5), str.isupper))
        given = self.make(selector=selector)
        assert json.loads(given.model_dump_json())["selector"] == repr(selector)
        with pytest.raises(ValueError, match="described, not saved"):
            type(given).model_validate_json(given.model_dump_json())

    @pytest.mark.parametrize(
        "selector", [{"type": "Best"}, {"type": "TopK", "k": 3}, {"type": "TopK", "n": 0}, {}], ids=str
    )
    def test_a_selector_that_cannot_be_made(self, selector):
        with pytest.raises(ValueError, match="selector"):
            self.make(selector=selector)
