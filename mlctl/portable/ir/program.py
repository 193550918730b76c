"""A portable model in memory: a program of operations and the tensors they name."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlctl.registry.answers import Parity

FORMAT = 3
DTYPES = {"<f8": "F64", "<f4": "F32", "<i4": "I32", "<u4": "U32", "<i2": "I16", "|u1": "U8"}


@dataclass(frozen=True, eq=False)
class Step:
    """One operation: its name and parameters in the program, and its tensors by parameter name.

    ``parity`` is the promise of the operation on every machine. ``blocks`` are the inner steps of an operation such as
    ``columns``; most operations have none.
    """

    op: str
    parity: Parity
    params: dict[str, Any]
    tensors: dict[str, NDArray[Any]]
    blocks: tuple["Block", ...] = ()


@dataclass(frozen=True, eq=False)
class Block:
    """Steps that take the columns of a row at the positions ``columns``."""

    columns: tuple[int, ...]
    steps: tuple[Step, ...]


class NotPortableError(Exception):
    """A pipeline that cannot be compiled. The message names the part and the reason."""


@dataclass(frozen=True, eq=False)
class PortableModel:
    """A compiled pipeline: transformers followed by one predictor, over ``n_features`` columns."""

    n_features: int
    steps: tuple[Step, ...]

    @property
    def parity(self) -> Parity:
        """``exact`` if every step is exact."""
        return parity_of(self.steps)

    def to_bytes(self) -> bytes:
        """The bytes of the safetensors file. The same model gives the same bytes."""
        tensors: dict[str, NDArray[Any]] = {}
        program = {"n_features": self.n_features, "steps": _documents(self.steps, "", tensors)}
        return _safetensors(tensors, {"mlctl.format": str(FORMAT), "mlctl.program": json.dumps(program)})


def operations_of(model: bytes) -> set[str]:
    """The names of the operations in a model file."""
    program = json.loads(_metadata(model)["mlctl.program"])
    operations: set[str] = set()
    pending = list(program["steps"])
    while pending:
        step = pending.pop()
        operations.add(step["op"])
        pending += [inner for block in step.get("blocks", ()) for inner in block["steps"]]
    return operations


def _metadata(model: bytes) -> dict[str, str]:
    length = int.from_bytes(model[:8], "little")
    metadata: dict[str, str] = json.loads(model[8 : 8 + length])["__metadata__"]
    return metadata


def parity_of(steps: Iterable[Step]) -> Parity:
    """``exact`` if every step is exact."""
    return "exact" if all(step.parity == "exact" for step in steps) else "close"


def _documents(steps: Iterable[Step], prefix: str, tensors: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """The steps as JSON documents. Adds their tensors to ``tensors`` with names that are unique in the file."""
    documents = []
    for number, step in enumerate(steps):
        path = f"{prefix}{number}."
        document = {"op": step.op, **step.params, **{parameter: path + parameter for parameter in step.tensors}}
        tensors.update({path + parameter: tensor for parameter, tensor in step.tensors.items()})
        if step.blocks:
            document["blocks"] = [
                {"columns": list(block.columns), "steps": _documents(block.steps, f"{path}{number_of_block}.", tensors)}
                for number_of_block, block in enumerate(step.blocks)
            ]
        documents.append(document)
    return documents


def _safetensors(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> bytes:
    """The bytes of a file with little-endian tensors, each aligned to the size of its items.

    The format has no padding between tensors, so the widest types come first.
    """
    header: dict[str, Any] = {"__metadata__": metadata}
    chunks = []
    offset = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize):
        data = np.ascontiguousarray(tensor).tobytes()
        header[name] = {
            "dtype": DTYPES[tensor.dtype.newbyteorder("<").str],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        chunks.append(data)
        offset += len(data)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + b"".join(chunks)
