"""Makes text from requests, files, AWS and models safe to show on a terminal.

Control characters change the title of a terminal, move the cursor, or start a line that mlctl did not write. Other
characters hide text or change its order (CVE-2021-42574).
"""

from itertools import accumulate, compress

# The end of truncated text.
ELLIPSIS = "…"

# Spaces other than U+0020 (category Zs): str.isprintable() rejects them, a terminal shows a space.
_SPACES = frozenset("\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))))
# Format characters (category Cf) that are visible: Arabic, Syriac and Kaithi number signs and the like, which
# https://www.unicode.org/reports/tr44/#Prepended_Concatenation_Mark lists.
_VISIBLE_FORMATS = frozenset(
    "".join(map(chr, range(0x0600, 0x0606))) + "\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
# What str.isprintable() accepts and a terminal shows as nothing: of
# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point the letters and marks, but for the variation
# selectors of Mongolian.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    + "".join(map(chr, range(0xFE00, 0xFE0E)))
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
# Zero-width non-joiner and joiner: Persian, the scripts of India and emoji need them between two characters.
_JOINERS = frozenset("\u200c\u200d")
# Variation selectors: they make a symbol a text or an emoji.
_SELECTORS = frozenset("\ufe0e\ufe0f")
# Characters below _FIRST_SYMBOL that they follow: https://www.unicode.org/Public/UCD/latest/ucd/emoji/emoji-variation-sequences.txt
_SELECTED = frozenset("#*0123456789\u00a9\u00ae")
_FIRST_SYMBOL = 0x203C
# The first script that uses joiners starts here (Hebrew, Arabic); Latin, Greek and Cyrillic lie below.
_FIRST_JOINED = 0x0590
_PUNCTUATION = range(0x2000, 0x2070)

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str, limit: int | None = None) -> str:
    r"""``text`` as one safe line for a terminal, truncated to ``limit`` characters with ``…`` at the end.

    Invisible characters become escapes: ``\n``, ``\r``, ``\t``, else ``\x1b``, ``\u202e``, ``\U000e0041``. That is
    every control character, line and paragraph separator, character that changes the direction of text, other
    format character, lone surrogate, and code point that is private or unassigned in this Python's Unicode.
    Letters, marks, symbols and spaces of every script stay, so do joiners between two characters of a script that
    uses them, and the variation selector after an emoji. The function is idempotent.

    A backslash stays one backslash, so paths stay readable; text that spells an escape itself looks like one that
    was escaped. ``--json`` has the exact text.
    """
    if limit is not None and len(text) > limit:
        # The rest cannot appear; the character after the limit says that there is one.
        text = text[: limit + 1]
    if not (text.isascii() and text.isprintable()):
        return _escaped(text, limit)
    return text if limit is None or len(text) <= limit else text[: limit - 1] + ELLIPSIS


def printable_lines(text: str) -> str:
    r"""Apply ``printable`` to each line of ``text``; only ``\n`` separates lines."""
    if text.isascii() and text.isprintable():
        return text
    return "\n".join(printable(line) for line in text.split("\n"))


def escape_of(character: str) -> str:
    r"""The escape for a character, such as ``\n``, ``\x1b`` or ``\u202e``."""
    code = ord(character)
    if code < 0x100:
        return _SHORT.get(character) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def is_visible(text: str, at: int) -> bool:
    """Whether ``printable`` keeps the character at position ``at`` of ``text``."""
    character = text[at]
    if character in _JOINERS:
        return 0 < at < len(text) - 1 and _joins(text[at - 1]) and _joins(text[at + 1])
    if character in _SELECTORS:
        return at > 0 and _is_selected(text[at - 1])
    if character.isprintable():
        return character not in _INVISIBLE
    return character in _SPACES or character in _VISIBLE_FORMATS


def _joins(character: str) -> bool:
    code = ord(character)
    return code >= _FIRST_JOINED and code not in _PUNCTUATION and character.isprintable()


def _is_selected(character: str) -> bool:
    return character in _SELECTED or (
        ord(character) >= _FIRST_SYMBOL and character.isprintable() and character not in _SELECTORS | _INVISIBLE
    )


def _escaped(text: str, limit: int | None) -> str:
    pieces = [character if is_visible(text, index) else escape_of(character) for index, character in enumerate(text)]
    if limit is None or sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    # Only whole pieces: half of an escape would be a different escape.
    room = limit - len(ELLIPSIS)
    fit = (size <= room for size in accumulate(map(len, pieces)))
    return "".join(compress(pieces, fit)) + ELLIPSIS
