"""Reads a safetensors file with the standard library only.

Layout: 8 bytes little-endian header length, a JSON header of
``{name: {"dtype", "shape", "data_offsets": [begin, end]}}`` plus ``__metadata__``, then the data.
Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_HEADER_BYTES = 100_000_000
# safetensors name → (format character of memoryview.cast, bytes per item)
DTYPES: dict[str, tuple[Any, int]] = {
    "F64": ("d", 8),
    "F32": ("f", 4),
    "I32": ("i", 4),
    "U32": ("I", 4),
    "I16": ("h", 2),
    "U8": ("B", 1),
}
TOO_MANY = 2**63
# A file of this size or more is mapped into memory, so that a cold start does not read all of it.
MAPPED_BYTES = 4_000_000


def read(path: str) -> tuple[Any, dict[str, memoryview[Any]]]:
    """``(metadata, tensors)`` of a file: a map of strings, and a flat memoryview (C order) for each tensor.

    Raises ValueError for anything but a complete, well-formed safetensors file.
    """
    if sys.byteorder != "little":
        raise ValueError("portable models are little-endian; this machine is not")
    data = _bytes_of(path)
    if len(data) < 8:
        raise ValueError("not a safetensors file: shorter than 8 bytes")
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER_BYTES or 8 + length > len(data):
        raise ValueError("not a safetensors file: the header is longer than the file")
    try:
        # Decoded first: json would guess the encoding of bytes.
        header = json.loads(str(data[8 : 8 + length], "utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise ValueError("not a safetensors file: the header is not JSON") from None
    if not isinstance(header, dict):
        raise ValueError("not a safetensors file: the header is not an object")
    metadata = header.pop("__metadata__", {})
    if type(metadata) is not dict or not all(type(value) is str for value in metadata.values()):
        raise ValueError("the metadata are not a map of strings")
    return metadata, _tensors(header, data[8 + length :])


def _bytes_of(path: str) -> memoryview[int]:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size < MAPPED_BYTES:
            return memoryview(file.read())
        import mmap

        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An ``object_pairs_hook`` for ``json.loads``. Raises ValueError if a name appears twice."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name appears twice in an object")
    return document


def _product(shape: list[int]) -> int:
    product = 1
    for length in shape:
        product *= length
        # Larger products take longer and longer.
        if product >= TOO_MANY:
            raise ValueError("a shape is larger than any file")
    return product


def _tensors(header: dict[str, Any], data: memoryview[int]) -> dict[str, memoryview[Any]]:
    tensors: dict[str, memoryview[Any]] = {}
    expected = 0
    spans = []
    for name, entry in header.items():
        try:
            code, size = DTYPES[entry["dtype"]]
            shape, (begin, end) = entry["shape"], entry["data_offsets"]
            valid = type(shape) is type(entry["data_offsets"]) is list and all(
                type(number) is int and 0 <= number < TOO_MANY for number in (*shape, begin, end)
            )
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"tensor {name!r} has an unknown type or an incomplete header entry") from None
        if not valid or end - begin != _product(shape) * size or end > len(data):
            raise ValueError(f"tensor {name!r} does not fit its bytes")
        tensors[name] = data[begin:end].cast(code)
        spans.append((begin, end))
    # The format allows neither overlaps nor gaps.
    for begin, end in sorted(spans):
        if begin != expected:
            raise ValueError("the tensors overlap or leave a gap")
        expected = end
    if expected != len(data):
        raise ValueError("bytes follow the last tensor")
    return tensors
