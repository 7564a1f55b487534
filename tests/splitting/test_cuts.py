"""Pieces too long to be scored as one."""

import pytest

from semantic_highlight.splitting import split


def pieces(text):
    return [span.of(text) for span in split(text)]


def test_a_sentence_without_a_stop_is_cut_at_commas():
    clause = "and the ninth clause has forty characters, "
    found = pieces(clause * 100)

    assert all(len(piece.rstrip()) <= 1200 for piece in found)
    assert all(piece.endswith(", ") for piece in found)


def test_a_semicolon_is_a_better_place_than_a_comma():
    text = "字" * 700 + "；" + "字" * 300 + "，" + "字" * 400
    assert pieces(text) == ["字" * 700 + "；", "字" * 300 + "，" + "字" * 400]


@pytest.mark.parametrize("unit", ["x", "中", "“", "("])
def test_text_without_any_place_is_cut_at_the_limit(unit):
    assert [len(piece) for piece in pieces(unit * 3000)] == [1200, 1200, 600]


def test_white_space_at_the_end_does_not_count():
    assert pieces("字" * 1200 + " " * 500) == ["字" * 1200 + " " * 500]


def test_short_code_is_one_span_and_long_code_is_cut_at_blank_lines():
    function = "def f():\n    return 1\n" + "    # a line of sixty characters, give or take some, here\n" * 6
    short = f"```py\n{function}```\n"
    long = "```py\n" + f"{function}\n" * 8 + "```\n"

    assert pieces(short) == [short]
    assert len(pieces(long)) > 1
    assert all(piece.startswith(("```py\n", "def f()")) for piece in pieces(long))
    assert {span.kind for span in split(long)} == {"code"}


def test_code_is_not_cut_inside_a_line():
    code = "```\n" + "value = compute(1, 2, 3); other = value\n" * 100 + "```"
    assert all(piece.endswith(("\n", "```")) for piece in pieces(code))


@pytest.mark.parametrize("length", [993, 994])
def test_no_cut_parts_a_windows_line_break(length):
    first = "```\r\n" + "x" * length + "\r\n"  # 994 puts the limit between \r and \n
    assert pieces(first + "y" * 1000 + "\r\n```\r\n")[0] == first


def test_a_windows_line_break_is_no_blank_line():
    code = "```\r\n" + ("x" * 96 + "\r\n") * 8 + "\r\n" + ("y" * 96 + "\r\n") * 8 + "```\r\n"
    assert pieces(code)[0] == "```\r\n" + ("x" * 96 + "\r\n") * 8 + "\r\n"


def test_a_long_table_row_is_cut_and_stays_a_row():
    text = "| a | b |\n|---|---|\n| " + "word " * 600 + "| 2 |\n"
    kinds = [span.kind for span in split(text)]
    assert kinds[0] == "table_header"
    assert set(kinds[1:]) == {"table_row"}
    assert all(len(piece.rstrip()) <= 1200 for piece in pieces(text))


def test_the_last_piece_is_no_crumb():
    assert [len(piece) for piece in pieces("字" * 1210)] == [610, 600]
