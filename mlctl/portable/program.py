"""A portable model in memory: a program of operations and the tensors they name."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlctl.model.answers import Parity

FORMAT = 1
_DTYPES = {"<f8": "F64", "<i4": "I32", "<u4": "U32"}


@dataclass(frozen=True, eq=False)
class Step:
    """One operation: its name and parameters as they stand in the program, its tensors by parameter name.

    ``parity`` is what the operation can promise on every machine.
    """

    op: str
    parity: Parity
    params: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


class NotPortableError(Exception):
    """A pipeline that cannot be compiled; the message says which part and why."""


@dataclass(frozen=True, eq=False)
class PortableModel:
    """A compiled pipeline: transformers followed by one predictor, over ``n_features`` columns."""

    n_features: int
    steps: tuple[Step, ...]

    @property
    def parity(self) -> Parity:
        """``exact`` when every step is."""
        return "exact" if all(step.parity == "exact" for step in self.steps) else "close"

    def to_bytes(self) -> bytes:
        """The safetensors file; the same model gives the same bytes."""
        tensors: dict[str, NDArray[Any]] = {}
        steps = []
        for number, step in enumerate(self.steps):
            names: dict[str, str] = {}
            for parameter, tensor in step.tensors.items():
                names[parameter] = f"{number}.{parameter}"
                tensors[names[parameter]] = tensor
            steps.append({"op": step.op, **step.params, **names})
        program = {"n_features": self.n_features, "steps": steps}
        return _safetensors(tensors, {"mlctl.format": str(FORMAT), "mlctl.program": json.dumps(program)})


def _safetensors(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> bytes:
    """Tensors in the order given, little-endian; each starts at a multiple of 8 bytes of the file.

    The format has no room for padding between tensors, so the widest types come first.
    """
    header: dict[str, Any] = {"__metadata__": metadata}
    chunks = []
    offset = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize):
        data = np.ascontiguousarray(tensor).tobytes()
        header[name] = {
            "dtype": _DTYPES[tensor.dtype.newbyteorder("<").str],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        chunks.append(data)
        offset += len(data)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + b"".join(chunks)
