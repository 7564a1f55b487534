"""The model that ships with the package: it answers, it is small, and it runs without torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from contracts import AnsweringScorerContract
from semantic_highlight import Highlighter
from semantic_highlight.models import BUNDLED_FOLDER

MEGABYTE = 1_000_000

DEER = (
    (
        "The Killing of a Sacred Deer is a 2017 psychological thriller film directed by Yorgos Lanthimos, "
        "with a screenplay by Lanthimos and Efthymis Filippou. "
    ),
    (
        "The film stars Colin Farrell, Nicole Kidman, Barry Keoghan, Raffey Cassidy, Sunny Suljic, Alicia "
        "Silverstone, and Bill Camp. "
    ),
    "The story is based on the ancient Greek playwright Euripides' play Iphigenia in Aulis. ",
    (
        "The film tells the story of a cardiac surgeon (Farrell) who secretly befriends a teenager (Keoghan) "
        "connected to his past. "
    ),
    "He introduces the boy to his family, who then mysteriously fall ill.",
)
DEER_ZH = (
    "《圣鹿之死》是一部2017年的心理惊悚片，由欧格斯·兰斯莫斯执导，兰斯莫斯与埃夫西米斯·菲利普编剧。",
    "影片由科林·法瑞尔、妮可·基德曼、巴里·基奥汉等人主演。",
    "故事取材于古希腊剧作家欧里庇得斯的戏剧《在奥利斯的伊菲革涅亚》。",
    "影片讲述一位心脏外科医生暗中结识了一个与他的过去有关的少年。",
    "他把男孩介绍给家人，随后家人离奇地病倒了。",
)
PYTHON = (
    "Python is a popular language that is easy to learn. ",
    "Use NumPy vectorized operations instead of loops. ",
    "The name comes from a British comedy group. ",
    "It was first released in 1991.",
)
PYTHON_ZH = (
    "Python 是一种容易上手的流行语言。",
    "用 NumPy 的向量化运算代替循环，可以提高代码的运行效率。",
    "这个名字来自一个英国喜剧团体。",
    "它于1991年首次发布。",
)


@pytest.fixture(scope="module")
def highlighter():
    return Highlighter.from_pretrained()


class TestBundled(AnsweringScorerContract):
    @pytest.fixture
    def scorer(self, highlighter):
        return highlighter.scorer


@pytest.mark.parametrize(
    ("query", "sentences"),
    [
        ("Who wrote The Killing of a Sacred Deer?", DEER),
        ("《圣鹿之死》的编剧是谁？", DEER_ZH),
    ],
    ids=["en", "zh"],
)
def test_the_writers_are_kept_above_the_writer_of_the_source(highlighter, query, sentences):
    (document,) = highlighter.prune(query, ["".join(sentences)])
    assert [s.end - s.start for s in document.sentences] == [len(s) for s in sentences]
    assert document.sentences[0].kept
    assert document.sentences[0].score > document.sentences[2].score


@pytest.mark.parametrize(
    ("query", "sentences"),
    [
        ("How do I improve Python code execution efficiency?", PYTHON),
        ("怎样提高 Python 代码的执行效率？", PYTHON_ZH),
    ],
    ids=["en", "zh"],
)
def test_advice_without_the_words_of_the_question_is_kept(highlighter, query, sentences):
    (document,) = highlighter.prune(query, ["".join(sentences)])
    assert document.sentences[1].kept
    assert document.sentences[1].score == max(s.score for s in document.sentences)


def test_what_ships_is_small_and_says_where_it_comes_from():
    assert (BUNDLED_FOLDER / "model.onnx").stat().st_size <= 45 * MEGABYTE
    assert sum(path.stat().st_size for path in BUNDLED_FOLDER.rglob("*")) <= 60 * MEGABYTE
    card = (BUNDLED_FOLDER / "README.md").read_text(encoding="utf-8")
    for source in ("all-MiniLM-L6-v2", "CC-CEDICT", "SQuAD", "CMRC", "DRCD", "Apache-2.0", "CC BY-SA"):
        assert source in card


def test_the_first_score_needs_no_torch():
    code = (
        "import json, sys; from semantic_highlight import Highlighter; "
        "pruned = Highlighter.from_pretrained().prune('who?', ['Ann did.']); "
        "print(json.dumps(sorted({'torch', 'transformers'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
