"""Pickles for the tests of the audit: values to save, pieces of programs, and what a refusal is."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlctl.errors import ExitCode, MlctlError
from mlctl.pickle_audit import audit

ARRAY = np.arange(12.0).reshape(3, 4)
PLAIN: dict[str, Any] = {
    "rows": ARRAY,
    "columns": np.asfortranarray(ARRAY),
    "flags": np.array([True, False]),
    "texts": np.array(["ab", "c"]),
    "days": np.array(["2024-01-01"], dtype="M8[D]"),
    "none": np.zeros((0, 3)),
    "one": np.array(3.5),
    "swapped": np.arange(3, dtype=">i4"),
    "fields": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8", (2,))]),
    "objects": np.array(["x", None, 1.5], dtype=object),
    "after": [1, 2.5, "text", b"bytes", {"k"}, frozenset({1}), (1, 2, 3, 4), None, True, 10**40],
}


class Mine:
    """A class of the user's own."""


class Runs:
    """Writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"echo run > {self.path}",)


def written(path: Path, value: bytes) -> Path:
    path.write_bytes(value)
    return path


def refused(path: Path) -> MlctlError:
    with pytest.raises(MlctlError) as caught:
        audit(path)
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert str(path) in caught.value.message
    return caught.value


# Pieces of programs, written by hand.
BEGIN = b"\x80\x04"
WRAPPER = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n"
F8 = b"cnumpy\ndtype\n\x8c\x02f8\x89\x88\x87R(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def state(dtype: bytes = F8, shape: bytes = b"K\x01\x85", more: bytes = b"") -> bytes:
    return (
        b"}(\x8c\x08subclasscnumpy\nndarray\n\x8c\x05shape" + shape + b"\x8c\x05order\x8c\x01C\x8c\x05dtype" + dtype
        + b"\x8c\x0aallow_mmap\x89" + more + b"u"
    )  # fmt: skip


def text(value: str) -> bytes:
    """SHORT_BINUNICODE."""
    data = value.encode("utf-8", "surrogatepass")
    return b"\x8c" + bytes([len(data)]) + data


def name(module: str, qualname: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(qualname) + b"\x93"


def new(module: str, qualname: str) -> bytes:
    """NEWOBJ with no arguments."""
    return name(module, qualname) + b")\x81"


def table(**entries: bytes) -> bytes:
    """A dict."""
    return b"}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u"


def items(*values: bytes) -> bytes:
    """A list."""
    return b"](" + b"".join(values) + b"e"


def group(*values: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(values) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    """REDUCE."""
    return function + group(*arguments) + b"R"


def dtype(code: str, order: str = "<", flags: int = 0, *, align: bytes = b"\x89", copy: bytes = b"\x88") -> bytes:
    """A numpy.dtype of fixed size with its state."""
    minus = b"J\xff\xff\xff\xff"
    state = group(b"K\x03", text(order), b"NNN", minus, minus, b"K" + bytes([flags]))
    return name("numpy", "dtype") + group(text(code), align, copy) + b"R" + state + b"b"


OBJECTS = dtype("O8", "|", 63)


def array(
    raw: bytes, of: bytes = OBJECTS, shape: bytes = b"K\x01\x85", kind: bytes = name("numpy", "ndarray")
) -> bytes:
    """A numpy.ndarray with its state."""
    made = call(name("numpy._core.multiarray", "_reconstruct"), kind, b"K\x00\x85", b"C\x01b")
    return made + group(b"K\x01", shape, of, b"\x89", raw) + b"b"
