"""Reads a portable model from its file, as described in docs/FORMAT.md.

The handler has another reader, which checks each operation. This one reads only the operations and tensors, from which
mlctl generates the code again.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlctl.portable.ir.program import DTYPES, FORMAT, Block, PortableModel, Step
from mlctl.registry import strict_json
from mlctl.registry.answers import Parity

MAX_HEADER_BYTES = 100_000_000
MAX_STEPS = 1000
MAX_DEPTH = 50
_DTYPES = {name: dtype for dtype, name in DTYPES.items()}
_TOO_MANY = 2**63


def format_of(data: bytes) -> int:
    """The format of a model file. Raises ValueError if the file is damaged or names no format."""
    return _format(_parse(data)[0])


def read(data: bytes, parity: Parity) -> PortableModel:
    """The model in the bytes of a safetensors file; its tensors are views of ``data``.

    ``parity`` is the parity of the whole model, which only the manifest records. Raises ValueError for a damaged file,
    and for another format.
    """
    metadata, tensors = _parse(data)
    if _format(metadata) != FORMAT:
        raise ValueError(f"format {_format(metadata)} of portable models; this mlctl reads {FORMAT}")
    program = _json(metadata.get("mlctl.program", "").encode(), "the program")
    if type(program) is not dict or type(program.get("n_features")) is not int:
        raise ValueError("the program is not an object with n_features and steps")
    reader = _Reader(tensors, parity)
    steps = reader.steps(program.get("steps"), "", 1)
    if not steps:
        raise ValueError("the program has no steps")
    return PortableModel(n_features=program["n_features"], steps=steps)


def _format(metadata: Mapping[str, str]) -> int:
    text = metadata.get("mlctl.format", "")
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError("the file names no format of portable models")
    return int(text)


class _Reader:
    def __init__(self, tensors: dict[str, NDArray[Any]], parity: Parity) -> None:
        self._tensors = tensors
        self._parity = parity
        self._count = 0

    def steps(self, documents: object, prefix: str, depth: int) -> tuple[Step, ...]:
        if type(documents) is not list:
            raise ValueError("steps are not a list")
        self._count += len(documents)
        if self._count > MAX_STEPS or depth > MAX_DEPTH:
            raise ValueError(f"the program has more than {MAX_STEPS} steps, or is nested more than {MAX_DEPTH} deep")
        return tuple(self._step(document, f"{prefix}{number}.", depth) for number, document in enumerate(documents))

    def _step(self, document: Any, path: str, depth: int) -> Step:
        if type(document) is not dict or type(document.get("op")) is not str:
            raise ValueError("a step is not an object with the name of its operation")
        params = {name: value for name, value in document.items() if name not in ("op", "blocks")}
        # The name of a tensor contains the path of its parameter, so no other text matches it.
        named = {name for name, value in params.items() if value == path + name and value in self._tensors}
        blocks = document.get("blocks", [])
        if type(blocks) is not list:
            raise ValueError("blocks are not a list")
        return Step(
            op=document["op"],
            parity=self._parity,
            params={name: value for name, value in params.items() if name not in named},
            tensors={name: self._tensors[path + name] for name in params if name in named},
            blocks=tuple(self._block(block, f"{path}{number}.", depth) for number, block in enumerate(blocks)),
        )

    def _block(self, document: Any, path: str, depth: int) -> Block:
        columns = document.get("columns") if type(document) is dict else None
        if type(columns) is not list or not all(type(column) is int and column >= 0 for column in columns):
            raise ValueError("a block has no list of the positions of its columns")
        return Block(columns=tuple(columns), steps=self.steps(document.get("steps"), path, depth + 1))


def _parse(data: bytes) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    if len(data) < 8:
        raise ValueError("not a safetensors file: shorter than 8 bytes")
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER_BYTES or 8 + length > len(data):
        raise ValueError("not a safetensors file: the header is longer than the file")
    header = _json(data[8 : 8 + length], "the header")
    if type(header) is not dict:
        raise ValueError("not a safetensors file: the header is not an object")
    metadata = header.pop("__metadata__", {})
    if type(metadata) is not dict or not all(type(value) is str for value in metadata.values()):
        raise ValueError("the metadata are not a map of strings")
    return metadata, _tensors(header, memoryview(data)[8 + length :])


def _tensors(header: dict[str, Any], data: memoryview) -> dict[str, NDArray[Any]]:
    tensors = {}
    spans = []
    for name, entry in header.items():
        try:
            dtype = np.dtype(_DTYPES[entry["dtype"]])
            shape, (begin, end) = entry["shape"], entry["data_offsets"]
            valid = type(shape) is type(entry["data_offsets"]) is list and all(
                type(number) is int and 0 <= number < _TOO_MANY for number in (*shape, begin, end)
            )
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"tensor {name!r} has an unknown type or an incomplete header entry") from None
        if not valid or end > len(data) or end - begin != _size(shape) * dtype.itemsize:
            raise ValueError(f"tensor {name!r} does not fit its bytes")
        tensors[name] = np.frombuffer(data[begin:end], dtype=dtype).reshape(shape)
        spans.append((begin, end))
    expected = 0
    for begin, end in sorted(spans):
        if begin != expected:
            raise ValueError("the tensors overlap or leave a gap")
        expected = end
    if expected != len(data):
        raise ValueError("bytes follow the last tensor")
    return tensors


def _size(shape: list[int]) -> int:
    product = 1
    for length in shape:
        product *= length
        if product >= _TOO_MANY:
            raise ValueError("a shape is larger than any file")
    # NumPy supports at most 64 axes.
    if len(shape) > 8:
        raise ValueError("a tensor has more than 8 axes")
    return product


def _json(text: bytes, what: str) -> Any:
    try:
        return strict_json.parsed(text, max_depth=MAX_DEPTH * 4)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
