"""Strict JSON parser for files that can come from elsewhere, with limits."""

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 40
# A value takes far more memory than its text, and an archive compresses millions of values into kilobytes.
MAX_VALUES = 10_000_000
MAX_NAMES = 1_000_000
# A whole number with more digits does not fit in a float64.
_MAX_DIGITS = 308
# Matches an unterminated last string too; otherwise the search would restart at each quote in it.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parsed(data: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Parse the JSON document in ``data``.

    Raises ValueError for anything that is not JSON in UTF-8, for NaN, numbers outside of float64, duplicate names in
    an object, invalid Unicode, more than ``max_depth`` levels, and more values than MAX_VALUES or MAX_NAMES.
    """
    # Characters within strings do not count. Most documents are small enough without removing the strings.
    if _is_large(data) and _is_large(_STRING.sub(b"", data)):
        raise ValueError(f"it holds more than {MAX_VALUES:,} values, or {MAX_NAMES:,} names, objects and lists")
    try:
        document = json.loads(
            data.decode(),
            object_pairs_hook=_reject_duplicates,
            parse_constant=_reject_constant,
            parse_int=_parse_int,
            parse_float=_parse_float,
        )
    except RecursionError:
        raise ValueError(f"it is nested more than {max_depth} levels deep") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    _check_depth(document, max_depth)
    if _SURROGATE.search(data):
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half of a surrogate pair") from None
    return document


def _is_large(data: bytes) -> bool:
    return data.count(b",") > MAX_VALUES or sum(map(data.count, (b":", b"{", b"["))) > MAX_NAMES


def _check_depth(document: Any, max_depth: int) -> None:
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(max_depth):
        next_level: list[Any] = []
        for container in level:
            children = container.values() if isinstance(container, dict) else container
            next_level += [child for child in children if isinstance(child, dict | list)]
        level = next_level
        if not level:
            return
    raise ValueError(f"it is nested more than {max_depth} levels deep")


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name appears twice in an object")
    return document


def _parse_int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number does not fit in a float64")
    return number


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")
