import re
import sys

import pytest

from semantic_highlight.cli import main
from semantic_highlight.cli.demo import FOLDERS, QUESTIONS, documents
from semantic_highlight.cli.demo.words import embed

ANSWERS = {
    ("LangChain", "English"): "Some 5 million people may have lived in the Amazon region in AD 1500",
    ("LangChain", "Chinese"): "全球平均气温下降约0.5摄氏度",
    ("LlamaIndex", "English"): "Local disks are wiped when a machine is stopped",
    ("LlamaIndex", "Chinese"): "5.3.4",
}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["lexical", "bundled"])
def test_it_shows_prompts_before_and_after(model, capsys):
    assert main(["demo", "--model", model]) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    _, *prompts, summary = re.split("^━━ .*\n\n", output, flags=re.MULTILINE)
    saved = re.findall(r"(\d+) → (\d+) tokens", summary)
    assert len(prompts) == 2 * len(saved) == 2 * len(QUESTIONS)
    for (place, question), before, after in zip(QUESTIONS.items(), prompts[::2], prompts[1::2], strict=True):
        assert question in before
        assert question in after
        assert ANSWERS[place] in after
        assert len(after) < len(before) / 2
        assert "semantic_highlight" not in after
    assert all(2 * int(after) < int(before) for before, after in saved)


def test_a_framework_that_is_not_installed(monkeypatch, capsys):
    module = "langchain_classic.retrievers"
    monkeypatch.setitem(sys.modules, module, None)  # what Python itself takes for not there
    monkeypatch.delitem(sys.modules, "semantic_highlight.cli.demo.langchain", raising=False)
    monkeypatch.delattr(sys.modules["semantic_highlight.cli.demo"], "langchain", raising=False)
    assert main(["demo", "--model", "lexical"]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    pip = "pip install 'semantic-highlight[demo]'"
    assert errors == f"semantic-highlight: {module} is not installed. Run: {pip}\n"


def test_documents_ship_in_both_languages_with_where_they_come_from():
    for folder in FOLDERS.values():
        texts = documents(folder)
        assert len(texts) >= 5
        assert all(text.strip() for text in texts)


def test_a_vector_has_length_1_and_finds_shared_words():
    lake, sea, bread = (
        embed(text) for text in ("湖水很深。Deep water.", "海水很深。Deep waters.", "Fresh bread")
    )
    assert sum(value * value for value in lake) == pytest.approx(1)
    assert sum(a * b for a, b in zip(lake, sea, strict=True)) > 0.5
    assert sum(a * b for a, b in zip(lake, bread, strict=True)) == 0
    assert set(embed("")) == {0.0}
