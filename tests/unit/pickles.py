"""Pickles for the tests of the audit: values to save, pieces of programs, and what a refusal is."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlctl.errors import ExitCode, MlctlError
from mlctl.model.pickle_audit import audit

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
