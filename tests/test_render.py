import re
from html.parser import HTMLParser

from semantic_highlight.render import to_html, to_marked_text, to_terminal

TEXT = "Yes & <b>. No. Maybe."
MARKS = [(0, 11, 0.9, True), (11, 15, 0.2, False)]


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


def test_html_shows_the_text_and_no_tag_of_its_own():
    reader = read(to_html(TEXT, MARKS))
    assert reader.text == TEXT
    assert reader.tags == ["div", "mark", "del"]


def test_html_escapes_the_caption():
    assert "b" not in read(to_html("", [], caption="<b>x</b>")).tags


def test_html_shades_by_score():
    def shade(score):
        return float(re.search(r"rgba\(.*,(.*?)\)", to_html("Yes.", [(0, 4, score, True)]))[1])

    assert 0 < shade(0.0) < shade(0.5) < shade(1.0) < 1


def test_html_leaves_white_space_unmarked():
    assert read(to_html("  \n", [(0, 3, 0.5, False)])).tags == ["div"]


def test_terminal_shows_every_line_of_the_text():
    shown = to_terminal("Kept.\nStill. Gone.", [(0, 13, 0.9, True), (13, 18, 0.1, False)])
    assert re.sub(r"\x1b\[[\d;]*m", "", shown) == "Kept.\nStill. Gone."
    assert shown.startswith("\x1b[1;32mKept.\x1b[0m\n\x1b[1;32mStill. \x1b[0m\x1b[2;9mGone.")


def test_terminal_gets_no_control_characters_from_the_text():
    assert to_terminal("a\x1b[2Jb\rc\td", []) == "a\\x1b[2Jb\\x0dc\td"
    assert "\x1b[2J" not in to_terminal("a\x1b[2Jb", [(0, 6, 1.0, True)])


def test_terminal_shows_windows_line_breaks_as_they_are():
    shown = to_terminal("Kept.\r\nGone.\r\n", [(0, 7, 0.9, True), (7, 14, 0.1, False)])
    assert shown == "\x1b[1;32mKept.\x1b[0m\r\n\x1b[2;9mGone.\x1b[0m\r\n"
    assert to_terminal("a\r\nb\r\r\n", []) == "a\r\nb\\x0d\r\n"


def test_terminal_gets_no_control_characters_from_white_space():
    assert to_terminal("\r \x85", [(0, 3, 0.1, False)]) == "\\x0d \\x85"


def test_marked_text_keeps_white_space_outside_the_marks():
    assert to_marked_text(" Yes. No. \n", [(0, 6, 1, True), (6, 11, 0, False)]) == " **Yes.** No. \n"


def test_marked_text_takes_any_marks():
    assert to_marked_text("Yes. No.", [(0, 5, 1, True)], opening="<<", closing=">>") == "<<Yes.>> No."
