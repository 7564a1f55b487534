"""What every scorer and every splitter must honour: a test class subclasses a contract, inherits its tests.

::

    class TestMyScorer(ScorerContract):
        @pytest.fixture
        def scorer(self):
            return MyScorer()
"""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from semantic_highlight.types import Scorer, Span, Splitter

ANY_TEXT = st.text(st.characters(), max_size=200)  # lone surrogates included
PROSE = (
    "Dr. Lee left. ",
    "He said “no.” ",
    "句子。",
    "「好。」",
    "…",
    "v1.2.3 ",
    "\n",
    "\n\n",
    "\r\n",
    "\u2028",
)
BLOCKS = (
    "# Title\n",
    "- item\n",
    "1. step\n",
    "| a | b |\n",
    "|---|---|\n",
    "```\n",
    "    x = 1;\n",
    "10:32 Ann: hi\n",
)
STRUCTURE = st.sampled_from(PROSE + BLOCKS)
PROSE_AND_STRUCTURE = st.lists(st.one_of(STRUCTURE, st.text(max_size=8)), max_size=30).map("".join)


class Contract:
    """A set of tests that a subclass inherits and may add to, but not quietly replace."""

    def __init_subclass__(cls) -> None:
        for name in vars(cls):
            if name.startswith("test_") and any(name in vars(base) for base in cls.__mro__[1:]):
                msg = f"{cls.__name__} replaces {name} of its contract: mark it xfail with a reason instead"
                raise TypeError(msg)


class SplitterContract(Contract):
    """A splitter returns spans that tile the text, whatever the text is."""

    @pytest.fixture
    def splitter(self) -> Splitter:
        raise NotImplementedError

    @settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @example("")
    @example(" \n\t ")
    @example("\ud800 lone. \udfff")
    @given(st.one_of(ANY_TEXT, PROSE_AND_STRUCTURE))
    def test_spans_tile_any_text(self, splitter, text):
        spans = splitter(text)
        assert "".join(span.of(text) for span in spans) == text
        assert [span.start for span in spans] == [0, *(span.end for span in spans)][: len(spans)]
        assert all(span.start < span.end for span in spans)

    def test_empty_text_has_no_spans(self, splitter):
        assert splitter("") == []

    def test_sentences_are_separate(self, splitter):
        text = "The sky is blue. Water is wet. 天空是蓝色的。水是湿的。"
        assert [span.of(text).strip() for span in splitter(text)] == [
            "The sky is blue.",
            "Water is wet.",
            "天空是蓝色的。",
            "水是湿的。",
        ]

    def test_threads_agree(self, splitter):
        text = "One. Two.\n\n# Three\n\n- four\n- five\n" * 20
        alone = splitter(text)
        with ThreadPoolExecutor(16) as pool:
            assert all(spans == alone for spans in pool.map(splitter, [text] * 32))


ENGLISH = (
    "The cellar door sticks in winter. ",
    "A full charge of the battery lasts ten hours. ",
    "It is red.",
)
CHINESE = ("地下室的门在冬天很难打开。", "电池充满电以后可以使用十个小时。", "它是红色的。")


def spans_of(sentences: tuple[str, ...]) -> list[Span]:
    ends = [len("".join(sentences[: n + 1])) for n in range(len(sentences))]
    return [Span(end - len(sentence), end) for sentence, end in zip(sentences, ends, strict=True)]


class ScorerContract(Contract):
    """A scorer gives every span a score in [0, 1] that depends on the query and its own document alone."""

    QUERY = "How long does the battery last? 电池可以使用多久？"

    @pytest.fixture
    def scorer(self) -> Scorer:
        raise NotImplementedError

    @pytest.fixture
    def texts(self) -> list[str]:
        return ["".join(ENGLISH), "".join(CHINESE), "Battery.", "\ud800 odd \x00 text. " * 3, "word " * 900]

    @pytest.fixture
    def spans(self, texts) -> list[list[Span]]:
        return [spans_of(ENGLISH), spans_of(CHINESE), *([Span(0, len(text))] for text in texts[2:])]

    def test_names_itself_and_its_threshold(self, scorer):
        assert scorer.name
        assert 0.0 <= scorer.default_threshold <= 1.0

    def test_scores_every_span_in_range(self, scorer, texts, spans):
        scored = scorer.score(self.QUERY, texts, spans)
        assert [len(document.sentences) for document in scored] == [len(some) for some in spans]
        for document in scored:
            assert all(0.0 <= score <= 1.0 for score in (*document.sentences, document.relevance))

    def test_no_documents_no_scores(self, scorer):
        assert scorer.score(self.QUERY, [], []) == []

    def test_blank_span_is_scored_too(self, scorer):
        (document,) = scorer.score(self.QUERY, ["  \nBattery."], [[Span(0, 3), Span(3, 11)]])
        assert len(document.sentences) == 2

    def test_alone_and_in_a_batch_are_the_same(self, scorer, texts, spans):
        together = scorer.score(self.QUERY, texts, spans)
        alone = [scorer.score(self.QUERY, [text], [some])[0] for text, some in zip(texts, spans, strict=True)]
        assert_same(together, alone)

    def test_order_changes_nothing(self, scorer, texts, spans):
        assert_same(
            scorer.score(self.QUERY, texts, spans), scorer.score(self.QUERY, texts[::-1], spans[::-1])[::-1]
        )

    def test_threads_agree(self, scorer, texts, spans):
        alone = scorer.score(self.QUERY, texts, spans)
        with ThreadPoolExecutor(16) as pool:
            for scored in pool.map(lambda _: scorer.score(self.QUERY, texts, spans), range(16)):
                assert_same(scored, alone)

    def test_survives_pickling(self, scorer, texts, spans):
        copy = pickle.loads(pickle.dumps(scorer))
        assert copy.name == scorer.name
        assert_same(copy.score(self.QUERY, texts, spans), scorer.score(self.QUERY, texts, spans))


class AnsweringScorerContract(ScorerContract):
    """A scorer that knows something: the sentence that answers scores best."""

    @pytest.mark.parametrize(
        ("query", "sentences"),
        [("How long does the battery last?", ENGLISH), ("电池可以使用多久？", CHINESE)],
        ids=["en", "zh"],
    )
    def test_the_answer_scores_best(self, scorer, query, sentences):
        (document,) = scorer.score(query, ["".join(sentences)], [spans_of(sentences)])
        assert max(document.sentences) == document.sentences[1]
        assert document.sentences[1] > max(document.sentences[0], document.sentences[2])


def assert_same(some, others):
    for one, other in zip(some, others, strict=True):
        assert one.sentences == pytest.approx(other.sentences, abs=1e-5)
        assert one.relevance == pytest.approx(other.relevance, abs=1e-5)
