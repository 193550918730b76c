"""Text from outside becomes one safe line for a terminal."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlctl.text import is_visible, printable, printable_lines
from tests.support import hostile

# Of the format characters (Cf), those that a script needs and those that are visible.
READABLE = {*"\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sepal_length", "sepal_length"),
        ("", ""),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x00\x0b\x0c\x1c\x7f\x80\x85\x9b", r"\x00\x0b\x0c\x1c\x7f\x80\x85\x9b"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\u202aa\u202bb\u202cc\u202dd\u202ee", r"\u202aa\u202bb\u202cc\u202dd\u202ee"),
        ("\u2066\u2067\u2068\u2069\u200e\u200f\u061c", r"\u2066\u2067\u2068\u2069\u200e\u200f\u061c"),
        ("\u200b\u2060\ufeff\xad\u180e\ufffb", r"\u200b\u2060\ufeff\xad\u180e\ufffb"),
        ("\ud800x\udfff\udcff", r"\ud800x\udfff\udcff"),
        ("\ue000\U0010fffd\u0378\U000e0041", r"\ue000\U0010fffd\u0378\U000e0041"),
        ("\u3164\u115f\u034f\ufe00", r"\u3164\u115f\u034f\ufe00"),
        # Backslashes stay one: a path is readable, and a text that spells an escape is left alone.
        ("C:\\data\\new", "C:\\data\\new"),
        ("\\x1b[31m", "\\x1b[31m"),
        ("\\\x1b", "\\\\x1b"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "größe, 高さ, высота, ύψος, גובה, ارتفاع, ऊँचाई, ความสูง, 높이, ቁመት",
        "می\u200cخواهم",  # noqa: RUF001  # Persian: a non-joiner within the word
        "क्\u200dष ශ්\u200dරී",  # Devanagari and Sinhala: a joiner after a virama
        "👩\u200d💻 👨\u200d👩\u200d👧\u200d👦 ❤\ufe0f ❤\ufe0f\u200d🔥 1\ufe0f⃣ ©\ufe0f 🏳\ufe0f\u200d🌈 👍🏽",
        "1\xa0000 a\u3000b\u202fc",
        "e\u0301 ñ ½ € ™ “x” ✓ … ═ █",
        "\u0601\u06dd",
    ],
)
def test_every_script_and_emoji_stay_readable(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ad\u200cmin", r"ad\u200cmin"),
        ("ad\u200dmin\u200d", r"ad\u200dmin\u200d"),
        ("\u200dक", r"\u200dक"),
        ("क\u200d\u200dक", r"क\u200d\u200dक"),
        ("admin\ufe0f", r"admin\ufe0f"),
        ("\u2764\ufe0f\ufe0f\ufe0e", "\u2764\ufe0f" + r"\ufe0f\ufe0e"),
    ],
)
def test_a_joiner_or_selector_that_joins_nothing_is_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_limit_never_cuts_an_escape_in_half() -> None:
    assert printable("abcdefgh", 8) == "abcdefgh"
    assert printable("abcdefghi", 8) == "abcdefg…"
    assert [printable("ab\x1bcdef", limit) for limit in range(1, 10)] == [
        "…",
        "a…",
        "ab…",
        "ab…",
        "ab…",
        "ab…",
        "ab\\x1b…",
        "ab\\x1bc…",
        "ab\\x1bcd…",
    ]
    assert printable("\x1b" * 10**6, 100) == "\\x1b" * 24 + "…"


def test_lines_stay_lines_where_that_is_wanted() -> None:
    assert printable_lines("a\n\x1bb\r\n\x85c\u2028d") == "a\n\\x1bb\\r\n\\x85c\\u2028d"
    assert printable_lines("a\nb") == "a\nb"


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=60), st.integers(1, 80) | st.none())
def test_the_result_is_one_visible_line_and_stays_the_same(text: str, limit: int | None) -> None:
    shown = printable(text, limit)
    assert hostile.obeyed(shown) <= READABLE
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown
    assert limit is None or len(shown) <= limit
    shown.encode()
    if limit is None:
        assert (shown == text) == all(is_visible(text, at) for at in range(len(text)))


def test_the_module_costs_no_import_but_itertools() -> None:
    code = (
        "import sys, itertools; before = set(sys.modules); import mlctl.text; print(*sorted(set(sys.modules) - before))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == ["mlctl", "mlctl.text"]
