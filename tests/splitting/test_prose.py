"""The guard round the engine, and windows."""

import pytest

from semantic_highlight.splitting import prose


class PanicException(BaseException):
    """Named as pyo3 names what a Rust panic raises."""


def pieces(text):
    ends = prose.sentence_ends(text)
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def failing(error):
    def segment(language, text):
        raise error

    return segment


def test_a_panic_falls_back_to_a_plain_rule(monkeypatch):
    monkeypatch.setattr(prose.sentencex, "segment", failing(PanicException("slice index")))

    assert pieces("One here. Two (here.) Three v1.2 here。Four") == [
        "One here. ",
        "Two (here.) Three v1.2 here。",
        "Four",
    ]


def test_an_interrupt_passes(monkeypatch):
    monkeypatch.setattr(prose.sentencex, "segment", failing(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        prose.sentence_ends("One. Two.")


def test_an_engine_that_loses_characters_is_not_believed(monkeypatch):
    monkeypatch.setattr(prose.sentencex, "segment", lambda language, text: ["One."])

    assert pieces("One here. Two here.") == ["One here. ", "Two here."]


def test_the_engine_never_sees_more_than_a_window(monkeypatch):
    seen = []
    segment = prose.sentencex.segment

    def spy(language, text):
        seen.append(len(text))
        return segment(language, text)

    monkeypatch.setattr(prose.sentencex, "segment", spy)
    prose.sentence_ends("“" * 10_000)

    assert max(seen) <= 2048
    assert len(seen) <= 6


def test_windows_leave_no_trace_in_the_sentences():
    sentence = "This sentence has exactly fifty-two characters in it. "
    assert pieces(sentence * 300) == [sentence] * 300


def test_no_text_has_no_sentence():
    assert prose.sentence_ends("") == []
