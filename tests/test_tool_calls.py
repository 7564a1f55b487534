from concurrent.futures import ThreadPoolExecutor

import pytest

from adapter_contract import RecordingScorer, highlighter
from contracts import AnsweringScorerContract
from semantic_highlight import Threshold, TopK
from semantic_highlight.splitting import split
from semantic_highlight.testing import KeywordScorer
from semantic_highlight.tool_calls import RememberingScorer, is_json, plain_query, query_of_call

QUESTION = "Which port does Milvus listen on?"


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        ("\ninput is what is milvus\n", "what is milvus"),
        ("input is what is milvus\n", "what is milvus"),
        ("\ntopic is two\nlines\n", "two\nlines"),
        ("What is milvus", "What is milvus"),
        ("What is milvus\n", "What is milvus\n"),
        ("\nWhat is milvus", "\nWhat is milvus"),
        ("input is what", "input is what"),
        ("", ""),
    ],
)
def test_plain_query(query, plain):
    assert plain_query(query) == plain


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({"query": "default port", "limit": 5}, "default port"),
        ({"queries": ["default port", "listen address"], "site": "docs"}, "default port\nlisten address"),
        ({"q": "默认端口"}, "默认端口"),
        ({"input": "\ninput is the port\n"}, "the port"),
        ({"name": "Milvus"}, f"Milvus\n{QUESTION}"),
        ({"path": "/etc/milvus.yaml", "url": "https://milvus.io"}, QUESTION),
        ({"ids": [1, 2], "deep": {"query": "not looked for"}, "no": None}, QUESTION),
        ({}, QUESTION),
    ],
)
def test_query_of_call(arguments, query):
    assert query_of_call(arguments, QUESTION) == query


def test_query_of_call_with_nothing_to_go_by():
    assert query_of_call({"id": 7}, "") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, "b."]}', True),
        (' \n[{"a": 1}]\n', True),
        ("[1] A footnote.", False),
        ("{placeholder}", False),
        ("12", False),
        ('"a string"', False),
        ("", False),
        ("[" * 100_000, False),
    ],
)
def test_is_json(text, expected):
    assert is_json(text) is expected


class TestRememberingScorer(AnsweringScorerContract):
    @pytest.fixture
    def scorer(self):
        return RememberingScorer(KeywordScorer())

    def score(self, scorer, *texts, query="battery"):
        return scorer.score(query, texts, [split(text) for text in texts])

    def test_scores_a_text_once_for_a_query(self):
        recording = RecordingScorer(["battery"])
        scorer = RememberingScorer(recording)
        first = self.score(scorer, "The battery.", "The moon.", "The battery.")
        second = self.score(scorer, "The moon.", "The sun.", "The battery.")
        self.score(scorer, "The moon.", query="moon")
        assert recording.seen == [
            ("battery", "The battery."),
            ("battery", "The moon."),
            ("battery", "The sun."),
            ("moon", "The moon."),
        ]
        assert first[0] == first[2] == second[2]
        assert [one.relevance for one in second] == [0.0, 0.0, 1.0]

    def test_another_split_is_another_text(self):
        recording = RecordingScorer(["battery"])
        scorer = RememberingScorer(recording)
        text = "The battery. The moon."
        scorer.score("battery", [text], [split(text)])
        scorer.score("battery", [text], [split(text)[:1]])
        assert len(recording.seen) == 2

    def test_forgets_the_oldest(self):
        recording = RecordingScorer(["battery"])
        scorer = RememberingScorer(recording, size=2)
        for text in ("One.", "Two.", "Three.", "Two.", "Three.", "One."):
            self.score(scorer, text)
        assert [text for _, text in recording.seen] == ["One.", "Two.", "Three.", "One."]
        assert len(self.score(scorer, "One.", "Two.", "Three.", "Four.")) == 4

    def test_is_named_after_the_scorer_within(self):
        scorer = RememberingScorer(KeywordScorer())
        assert (scorer.name, scorer.default_threshold) == ("keywords", 0.0)

    def test_chooses_as_the_scorer_within_does(self):
        class Choosing(KeywordScorer):
            default_selector = TopK(2)

        assert highlighter(RememberingScorer(Choosing())).default_selector == TopK(2)
        assert highlighter(RememberingScorer(KeywordScorer())).default_selector == Threshold(0.0)

    def test_many_threads(self):
        scorer = RememberingScorer(KeywordScorer(["battery"]), size=3)
        texts = [f"The battery {n}. The moon." for n in range(8)]
        with ThreadPoolExecutor(16) as pool:
            results = list(pool.map(lambda n: self.score(scorer, texts[n % 8])[0], range(400)))
        assert {one.sentences for one in results} == {(1.0, 0.0)}
