"""End to end with models that are functions, and the endpoint with a transport that is one: no network."""

from __future__ import annotations

import io
import json
import urllib.error

import pytest

from builders import split_on_stops, words
from semantic_highlight import Highlighter
from semantic_highlight.cli import main
from semantic_highlight.errors import EndpointError, InputError
from semantic_highlight.evaluate.chat import Endpoint, Message, Reply
from semantic_highlight.evaluate.judge import WHOLE, answer_rates, judge_records
from semantic_highlight.evaluate.replies import CachedChat, ReplyFile
from semantic_highlight.records import parse_record
from semantic_highlight.testing import KeywordScorer

RECORDS = [
    parse_record(
        {"id": "1", "query": "What is red?", "context": "A red door. A sky.", "answer_spans": [[2, 10]]}
    ),
    parse_record(
        {"id": "2", "query": "What is blue?", "context": "A car. The sea.", "answer_spans": [[7, 14]]}
    ),
    parse_record({"id": "3", "query": "What is new?", "context": "Nothing at all.", "answer_spans": []}),
]
HELLO = [Message("user", "hello")]


class Function:
    """A model that is a function of the last message; counts what it is asked."""

    def __init__(self, function, name="function"):
        self.name = name
        self.function = function
        self.asked = []

    def reply(self, messages):
        self.asked.append(messages[-1].content)
        text = self.function(messages[-1].content)
        return Reply(text, len(messages[-1].content.split()), len(text.split()))


def read_aloud(asked):
    return asked.removeprefix("Document:\n").split("\n\nQuestion:")[0]


def compare(asked):
    gold, reply = asked.split("Passages that answer it:\n")[1].split("\n\nReply to judge:\n")
    return "Yes." if gold in reply else "**NO**"


def highlighter(*keywords):
    return Highlighter(KeywordScorer(keywords), splitter=split_on_stops, counter=words)


class TestJudge:
    def test_an_answer_is_lost_where_its_sentence_is(self):
        answerer = Function(read_aloud)
        models = {"red": highlighter("red"), "all": highlighter("a")}
        found = judge_records(models, RECORDS, answerer=answerer, judge=Function(compare))
        assert [(one.id, one.model, one.has_answer) for one in found] == [
            ("1", WHOLE, True),
            ("1", "red", True),
            ("1", "all", True),
            ("2", WHOLE, True),
            ("2", "red", False),
            ("2", "all", True),
        ]
        assert found[4].answer == ""  # nothing was left, and nobody was asked
        assert len(answerer.asked) == 5
        whole, red, everything = answer_rates(found)
        assert (whole.model, whole.documents, whole.answered, whole.rate) == (WHOLE, 2, 2, 1.0)
        assert (red.rate, everything.rate) == (0.5, 1.0)
        assert red.prompt_tokens == 8  # Document: A red door. Question: What is red?
        assert red.completion_tokens == 3
        assert whole.cost(prompt=2e6, completion=1e6) == 2 * whole.prompt_tokens + whole.completion_tokens

    def test_records_without_an_answer_leave_nothing_to_ask(self):
        with pytest.raises(InputError, match="no record has an answer"):
            judge_records({}, RECORDS, answerer=Function(str), judge=Function(str))

    def test_a_judge_that_says_neither_is_refused(self):
        with pytest.raises(EndpointError, match="the judge function said 'Perhaps': YES or NO is needed"):
            judge_records(
                {"m": highlighter("a")}, RECORDS, answerer=Function(str), judge=Function(lambda _: "Perhaps")
            )


class TestReplies:
    def test_a_reply_is_asked_for_once(self, tmp_path):
        model = Function(str.upper)
        first = CachedChat(model, ReplyFile(tmp_path / "new" / "r.jsonl"))
        assert [first.reply(HELLO), first.reply(HELLO)] == [Reply("HELLO", 1, 1)] * 2
        again = CachedChat(model, ReplyFile(tmp_path / "new" / "r.jsonl"))
        assert again.reply(HELLO) == Reply("HELLO", 1, 1)
        assert len(model.asked) == 1
        other = CachedChat(Function(str.title, "other"), ReplyFile(tmp_path / "new" / "r.jsonl"))
        assert other.reply(HELLO).text == "Hello"
        assert again.reply([Message("system", "hello")]).text == "HELLO"
        assert len(model.asked) == 2

    def test_a_run_that_broke_off_goes_on(self, tmp_path):
        path = tmp_path / "r.jsonl"

        def fail_at_the_sea(asked):
            if "sea" in asked:
                raise EndpointError("gone")
            return read_aloud(asked)

        models = {"all": highlighter("a")}
        with pytest.raises(EndpointError, match="gone"):
            judge_records(
                models,
                RECORDS,
                answerer=CachedChat(Function(fail_at_the_sea), ReplyFile(path)),
                judge=Function(compare),
                workers=1,
            )
        path.write_text(path.read_text() + '{"key": "cut o')
        answerer = Function(read_aloud)
        found = judge_records(
            models, RECORDS, answerer=CachedChat(answerer, ReplyFile(path)), judge=Function(compare)
        )
        assert len(found) == 4
        assert {"sea" in asked for asked in answerer.asked} == {True}
        lines = path.read_text().splitlines()  # the first has the same text with and without pruning
        assert len(dict.fromkeys(lines)) == 3
        assert lines.count('{"key": "cut o') == 1

    def test_another_file_is_refused(self, tmp_path):
        (tmp_path / "notes.jsonl").write_text("{}\n")
        with pytest.raises(InputError, match=r"notes\.jsonl is no file of replies"):
            ReplyFile(tmp_path / "notes.jsonl")
        with pytest.raises(InputError, match="cannot be written"):
            ReplyFile(tmp_path / "notes.jsonl" / "r.jsonl")


def completion(text="Hi.", **usage):
    return json.dumps({"choices": [{"message": {"content": text}}], "usage": usage}).encode()


def status(code):
    return urllib.error.HTTPError("http://x", code, "Status", {}, io.BytesIO(b"why"))


class Transport:
    """Returns or raises what it is told to, in order."""

    def __init__(self, *results):
        self.results = list(results)
        self.requests = []
        self.slept = []

    def __call__(self, request, timeout):
        self.requests.append(request)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def endpoint(self, **options):
        return Endpoint(
            base_url="http://host/v1/", model="m", transport=self, sleep=self.slept.append, **options
        )


class TestEndpoint:
    def test_speaks_chat_completions(self):
        transport = Transport(completion(prompt_tokens=7, completion_tokens=2))
        assert transport.endpoint(api_key="secret").reply(HELLO) == Reply("Hi.", 7, 2)
        (request,) = transport.requests
        assert (request.full_url, request.get_method()) == ("http://host/v1/chat/completions", "POST")
        assert request.headers["Authorization"] == "Bearer secret"
        assert json.loads(request.data) == {
            "model": "m",
            "messages": [{"role": "user", "content": "hello"}],
            "temperature": 0,
        }

    def test_without_a_key_none_is_sent_and_a_key_is_never_shown(self):
        transport = Transport(completion())
        assert transport.endpoint().reply(HELLO) == Reply("Hi.", 0, 0)
        assert "Authorization" not in transport.requests[0].headers
        assert "secret" not in repr(transport.endpoint(api_key="secret"))

    def test_a_busy_endpoint_is_asked_again(self):
        transport = Transport(status(429), OSError("reset"), status(503), completion())
        assert transport.endpoint().reply(HELLO).text == "Hi."
        assert transport.slept == [1, 2, 4]

    @pytest.mark.parametrize(
        ("results", "message"),
        [
            ([status(401)], "http://host/v1/ refused 'm': 401 Status: why"),
            ([status(500)] * 5, "refused 'm': 500"),
            ([OSError("no route")] * 5, "http://host/v1/ cannot be reached: no route"),
            ([b"<html>"], "sent no chat completion: b'<html>'"),
            ([b"{}"], "sent no chat completion"),
            ([b'{"choices": []}'], "sent no chat completion"),
            ([b"[]"], "sent no chat completion"),
        ],
    )
    def test_what_goes_wrong_is_said(self, results, message):
        with pytest.raises(EndpointError, match=message):
            Transport(*results).endpoint().reply(HELLO)

    def test_an_address_of_another_kind_is_refused(self):
        with pytest.raises(InputError, match="the endpoint is 'file:///etc': give an address"):
            Endpoint(base_url="file:///etc", model="m")


def test_the_command_prints_what_pruning_lost(tmp_path, monkeypatch, capsys):
    asked = []

    def urlopen(request, timeout):
        asked.append(request)
        content = json.loads(request.data)["messages"][-1]["content"]
        said = compare(content) if "Reply to judge" in content else read_aloud(content)
        return io.BytesIO(completion(said, prompt_tokens=10, completion_tokens=1))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    row = {"id": "1", "query": "battery", "context": "A box. The battery lasts.", "answer_spans": [[7, 24]]}
    (tmp_path / "mine.jsonl").write_text(json.dumps(row))
    arguments = ["judge", "--data", "mine.jsonl", "--llm", "m", "--model", "lexical", "--price", "1", "5"]
    assert main(arguments) == 0
    output, errors = capsys.readouterr()
    lines = [line.split() for line in output.splitlines()]
    assert lines[1] == ["no", "pruning", "1", "100.0%", "10", "1", "0.0000"]
    assert lines[2] == ["lexical", "1", "100.0%", "10", "1", "0.0000"]
    assert errors == ""
    assert len(asked) == 4
    assert asked[0].headers["Authorization"] == "Bearer secret"
    assert main(arguments) == 0
    assert capsys.readouterr().out == output
    assert len(asked) == 4  # all of it was on file
