"""JSON from elsewhere, read strictly: what passes can be written, compared and shown by any command."""

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 40
# In memory a value takes many times the bytes of its text, and an archive packs millions of them into kilobytes.
MAX_VALUES = 10_000_000
MAX_NAMES = 1_000_000
# A whole number with more digits is not a float64 either.
_MAX_DIGITS = 308
# Also the last one, if it does not end: else the search would begin again at each quote in it.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parsed(data: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """The JSON document in ``data``.

    Raises ValueError for what is not JSON in UTF-8, NaN, numbers that are no float64, a name that stands twice in an
    object, text that is no Unicode, more than ``max_depth`` levels, and more values than a version can need.
    """
    # Within strings these characters count for nothing, but most documents are too small for that to matter.
    if _is_large(data) and _is_large(_STRING.sub(b"", data)):
        raise ValueError(f"it holds more than {MAX_VALUES:,} values, or {MAX_NAMES:,} names, objects and lists")
    try:
        document = json.loads(
            data.decode(), object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_whole, parse_float=_finite
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
        inner: list[Any] = []
        for container in level:
            children = container.values() if isinstance(container, dict) else container
            inner += [each for each in children if isinstance(each, dict | list)]
        level = inner
        if not level:
            return
    raise ValueError(f"it is nested more than {max_depth} levels deep")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in an object")
    return found


def _whole(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number does not fit in a float64")
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")
