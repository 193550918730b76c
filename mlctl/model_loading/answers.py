"""Parses and validates the JSON document that the child process returns.

``{"done": {}}``, ``{"done": {"types": […], "untrusted": […], "sklearn_version": …}}`` or
``{"error": {"code", "what", "hint"}}``.
"""

import json
from dataclasses import dataclass
from typing import Any

from mlctl.model_loading.refusals import CODES, Unusable, printable

# Bytes of the document, types in it, characters of one name.
MAX_BYTES = 8 * 2**20
MAX_TYPES = 10_000
LONGEST_NAME = 255
LONGEST_SENTENCE = 1000


class InvalidAnswer(Exception):
    """The document is not a valid answer of the child process."""


@dataclass(frozen=True)
class Contents:
    """The content of a ``.skops`` file: all names of ``types``, and those that skops does not trust (``untrusted``)."""

    types: tuple[str, ...]
    untrusted: tuple[str, ...]
    sklearn_version: str | None


def done(data: bytes) -> dict[str, Any]:
    """Parse the answer of the child. Raises Unusable if it refused the file, InvalidAnswer for an invalid document."""
    if len(data) > MAX_BYTES:
        raise InvalidAnswer
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidAnswer from None
    match document:
        case {"error": {"code": str(code), "what": str(what), "hint": str(hint)}}:
            raise Unusable(
                printable(what, LONGEST_SENTENCE),
                printable(hint, LONGEST_SENTENCE),
                code if code in CODES else "model_unusable",
            )
        case {"done": dict(answer)}:
            return answer
    raise InvalidAnswer


def contents(answer: dict[str, Any]) -> Contents:
    """Parse the answer to ``inspect``. Raises InvalidAnswer."""
    version = answer.get("sklearn_version")
    if version is not None and not _is_name(version):
        raise InvalidAnswer
    return Contents(_names(answer.get("types")), _names(answer.get("untrusted")), version)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_TYPES or not all(_is_name(each) for each in value):
        raise InvalidAnswer
    return tuple(sorted({*value}))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isascii() and value.isprintable()
