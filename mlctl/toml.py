"""Formats strings and keys as TOML, for ``mlctl.toml`` and for hints that quote it."""

import json
import re

from mlctl.text import is_visible

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(text: str) -> str:
    r"""Return ``text`` as a TOML basic string.

    Characters that a terminal does not show become ``\uXXXX``. TOML requires that for control characters, and DEL is
    one that JSON leaves as it is: https://toml.io/en/v1.0.0#string.
    """
    string = json.dumps(text, ensure_ascii=False)
    return "".join(
        character if is_visible(string, position) else _escape(character) for position, character in enumerate(string)
    )


def toml_key(name: str) -> str:
    """Return ``name`` as a TOML key: quoted unless it is a bare key."""
    return name if _BARE_KEY.fullmatch(name) else toml_text(name)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
