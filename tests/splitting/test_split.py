"""What holds of every text: spans tile it, none is blank, and the same text gives the same spans."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts import SplitterContract
from semantic_highlight.splitting import split

# What Markdown, Chinese, abbreviations, wrapping and the engine's weak spots are made of.
SIGNS = ".!?。！？…；，:：\"'“”‘’「」『』《》（）()[]{}|`*_#>-+~=<\\/&"
SPACES = " \n\r\t\u3000\u00a0\u2028\u200b"
ODD = "\x00\ud800\udc00😀"
MARKDOWN = (
    "\n\n",
    "- ",
    "1. ",
    "12) ",
    "```",
    "```py\n",
    "~~~\n",
    "> ",
    "# ",
    "|-|-|\n",
    "---\n",
    "===\n",
    "![",
)
WORDS = (
    "a",
    "B",
    "1",
    "中",
    "文",
    "No. ",
    "Dr. ",
    "e.g. ",
    "U.S. ",
    "v1.2.3",
    "http://a.b/c?D",
    "</p>",
    "[1]",
)
LABELS = (
    "a: ",
    "**",
    "第一条",
    "①",
    "用户：",
    "12:03 ",
    "2024-01-02 ",
    "A\u00a0.",
    "40 g. The",
    "x" * 40,
    "中" * 30,
)
SCRAPS = [*SIGNS, *SPACES, *ODD, *MARKDOWN, *WORDS, *LABELS, "\r\n", "    "]
adversarial = st.lists(st.sampled_from(SCRAPS), max_size=40).map("".join)
any_text = st.text(st.characters(exclude_categories=()), max_size=80)


def assert_tiles(text, spans):
    assert "".join(span.of(text) for span in spans) == text
    assert [span.start for span in spans] == [0, *(span.end for span in spans)][: len(spans)]
    assert all(span.start < span.end for span in spans)
    assert len(spans) < 2 or not any(span.of(text).isspace() for span in spans)


class TestSplit(SplitterContract):
    @pytest.fixture
    def splitter(self):
        return split


@settings(max_examples=300, deadline=None)
@given(any_text)
@example("\ud800")
@example("\udc00\ud800. A")
def test_spans_tile_any_text_and_none_is_blank(text):
    assert_tiles(text, split(text))


@settings(max_examples=400, deadline=None)
@given(adversarial)
def test_spans_tile_adversarial_text(text):
    assert_tiles(text, split(text))


@settings(max_examples=60, deadline=None)
@given(st.lists(adversarial, min_size=1, max_size=4), st.integers(20, 200))
def test_spans_tile_long_text(scraps, times):
    text = "".join(scraps) * times
    assert_tiles(text, split(text))


@settings(max_examples=100, deadline=None)
@given(adversarial)
def test_same_text_gives_same_spans(text):
    assert split(text) == split("" + text)


@pytest.mark.parametrize("blank", [" ", "\n", "\r\n\t", "\u3000\u00a0", "\x1c\x85\u2028"])
def test_blank_text_is_one_span(blank):
    spans = split(blank)
    assert [(span.start, span.end) for span in spans] == [(0, len(blank))]


def test_text_that_makes_the_engine_panic_is_split_all_the_same():
    # sentencex 1.0.32 panics on a capital, a space that is not ASCII, and a stop
    text = "A\u00a0. Then it goes on. And on."
    assert [span.of(text) for span in split(text)][-1] == "And on."
    assert_tiles(text, split(text))
