import pytest

import documentation
from semantic_highlight import Highlighter
from semantic_highlight.lexical import LexicalScorer

TEXT = documentation.README.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_examples_print_what_the_page_shows():
    assert documentation.run_readme(TEXT) == TEXT


def test_an_example_that_prints_something_else_is_seen():
    page = "```python\nn = 1\nprint(n)\n```\n{}\nText.\n\n```python\nprint(n + 1)\n```\n{}"
    stale = page.format("\n```text\n2\n```\n", "")
    assert documentation.run_readme(stale) == page.format("\n```text\n1\n```\n", "\n```text\n2\n```\n")


def test_a_command_that_prints_something_else_is_seen():
    page = "```console\n$ semantic-highlight prune x nowhere.txt --model lexical\nold\n```\n"
    shown = documentation.run_readme(page).splitlines()
    assert shown[1] == "$ semantic-highlight prune x nowhere.txt --model lexical"
    assert shown[2].startswith("semantic-highlight: nowhere.txt cannot be read")
    assert shown[3:] == ["```"]


def test_the_first_example_and_its_output_stand_in_the_first_20_lines():
    top = "\n".join(TEXT.splitlines()[:20])
    assert top.count("```") == 4
    assert "saved (o200k_base)" in top


def test_the_table_names_the_threshold_of_the_lexical_scorer():
    assert row("`Highlighter.lexical()`")[3] == f"{LexicalScorer().default_threshold:.2f}"


def test_the_table_names_the_threshold_of_the_bundled_model():
    threshold = Highlighter.from_pretrained().scorer.default_threshold
    assert row("`Highlighter.from_pretrained()`")[3] == f"{threshold:.2f}"


def row(cell):
    """The cells of the row of the model table that has a cell."""
    (line,) = (line for line in TEXT.splitlines() if line.startswith("|") and cell in line)
    return [part.strip() for part in line.strip("|").split("|")]
