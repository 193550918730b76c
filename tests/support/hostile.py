"""Text that tries to write to the terminal of whoever reads it, and what may be left of it there."""

import unicodedata

from tests.conftest import Result

TITLE = "\x1b]0;owned\x07"
CLEAR = "\x1b[2J\x1b[31m"
FORGED = "x\nError: forged"
OVERWRITTEN = "x\r\rError: forged"
C1 = "\x9b31m\x9d0;owned\x9c"
# Trojan source, an isolate, and the separators that some programs take for the end of a line.
REORDERED = "\u202eevil\u202c \u2067x\u2069 \u200f\u061c\u2028Error: forged\u2029"
INVISIBLE = "a\u200bb\ufeffc\xadd\u2060e\U000e0041\u3164"
MARKUP = "[red]x[/] [/] [/q] [link=http://e]y[/link] [@click=z]w :smile: \\"
LONE = "\ud83dx\udc00"
LONG = "x" * 100_000

EVERY = (TITLE, CLEAR, FORGED, OVERWRITTEN, C1, REORDERED, INVISIBLE, MARKUP)
ALL_IN_ONE = "".join(EVERY)


def obeyed(text: str) -> set[str]:
    """The characters of ``text`` that a terminal obeys or hides, other than the line breaks."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp", "Co")
    return {each for each in text if each != "\n" and unicodedata.category(each) in kinds}


def assert_harmless(result: Result) -> None:
    """Nothing of what a command wrote is obeyed, hidden, or a line that another one forged."""
    written = result.out + result.err
    assert obeyed(written) == set(), written
    assert [line for line in written.split("\n") if line.startswith("Error: forged")] == [], written
