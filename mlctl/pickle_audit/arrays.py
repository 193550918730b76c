"""The forms of NumPy's data types, arrays and single values.

NumPy trusts a state: it crashes on a list that is shorter than the shape says, it takes bytes for pointers if the
flags say so, and a data type that is no copy is the one that all arrays share. So each part is held to what NumPy
writes. Sources: ``array_setstate``, ``_setlist_pkl`` (methods.c) and ``arraydescr_setstate`` (descriptor.c).
"""

import math
import re
from typing import Any

from mlctl.pickle_audit.names import MASKED, NDARRAY
from mlctl.pickle_audit.refusal import refuse
from mlctl.pickle_audit.values import (
    SCALAR,
    Array,
    Bytes,
    Dict,
    DType,
    Global,
    List,
    Made,
    Odd,
    Scalar,
    Tuple,
    counts,
)

_MOST_DIMENSIONS = 32
# NumPy frees what is nested by recursion in C, without a limit of its own: 100,000 levels end the process.
_DEEPEST = 16
_MOST_ELEMENTS = 2**40
# Bytes of one element: NumPy makes room for one even in an array of none.
_LARGEST_ELEMENT = 2**26
# The flags that NumPy writes: of kinds, and those that a structure has for its fields.
_OBJECT, _TEXT, _STRUCTURE, _ALIGNED = 63, 8, 16, 128
_OBJECT_FIELD = 27


def _parts(size: int, base: Any) -> list[DType]:
    """The element of a data type that is an array: base is (element, shape), or None."""
    if base is None:
        return []
    odd = "a data type of NumPy with an unusual base"
    if type(base) is not Tuple or len(base.items) != 2:
        refuse(odd)
    element, shape = base.items
    if type(element) is not DType or element.objects is None:
        refuse(odd)
    if type(shape) is not Tuple or not counts(*shape.items) or len(shape.items) > _MOST_DIMENSIONS:
        refuse(odd)
    if element.size * math.prod(shape.items) != size:
        refuse(odd)
    return [element]


def _fields(size: int, names: Any, fields: Any) -> list[DType]:
    """The data types of the fields of a structure: {name: (data type, offset)}, or None."""
    if names is None and fields is None:
        return []
    odd = "a data type of NumPy with unusual fields"
    if type(names) is not Tuple or type(fields) is not Dict or not fields.exact:
        refuse(odd)
    if not all(type(name) is str for name in names.items) or sorted(names.items) != sorted(fields.entries):
        refuse(odd)
    fields.frozen = True
    found: list[DType] = []
    for field in fields.entries.values():
        if type(field) is not Tuple or len(field.items) != 2:
            refuse(odd)
        dtype, offset = field.items
        if type(dtype) is not DType or dtype.objects is None or not counts(offset) or offset + dtype.size > size:
            refuse(odd)
        found.append(dtype)
    return found


def data_type(arguments: list[Any]) -> DType:
    """What ``numpy.dtype(text, False, True)`` makes; without the last, NumPy would change the type all arrays share."""
    code = arguments[0] if arguments else None
    match = re.fullmatch(r"([biufcmMSUVO])(\d{1,9})", code, re.ASCII) if type(code) is str else None
    if match is None or [(type(each), bool(each)) for each in arguments[1:]] not in (
        [(bool, False), (bool, True)],
        [(int, False), (int, True)],
    ):
        refuse("a data type of NumPy that is written unusually")
    kind, size = match[1], int(match[2])
    return DType(kind, size * 4 if kind == "U" else size)


def set_data_type(dtype: DType, state: Any) -> None:
    """numpy.dtype.__setstate__: (version, byte order, base, names, fields, size, alignment, flags[, metadata]).

    Only the flags say whether NumPy takes the elements for objects: here they must agree with the fields.
    """
    odd = "a data type of NumPy with an unusual state"
    items = state.items if type(state) is Tuple else []
    if dtype.objects is not None or len(items) not in (8, 9):
        refuse(odd)
    version, order, base, names, fields, size, alignment, flags = items[:8]
    if [type(each) for each in (version, order, size, alignment, flags)] != [int, str, int, int, int]:
        refuse(odd)
    flexible = dtype.kind in "SUV"
    if order not in ("<", ">", "|", "=") or size != (dtype.size if flexible else -1):
        refuse(odd)
    if alignment not in ((1, 2, 4, 8, 16, 32) if flexible else (-1,)):
        refuse(odd)
    # Version 4 is that of a date, whose unit NumPy reads without asking whether it is there, or of a user's own note.
    if version != (3 if len(items) == 8 else 4) or (dtype.kind in "mM" and len(items) == 8):
        refuse(odd)
    if len(items) == 9 and not _is_metadata(dtype.kind, items[8]):
        refuse(odd)
    if dtype.kind != "V" and (base, names, fields) != (None, None, None):
        refuse(odd)
    parts = _parts(dtype.size, base) + _fields(dtype.size, names, fields)
    dtype.depth += max((part.depth for part in parts), default=0)
    if dtype.depth > _DEEPEST:
        refuse(odd)
    dtype.objects = dtype.kind == "O" or any(part.objects for part in parts)
    if flags & ~_ALIGNED not in _flags(dtype):
        refuse(odd)


def _flags(dtype: DType) -> tuple[int, ...]:
    """The flags that NumPy writes for a data type, _ALIGNED aside."""
    if dtype.kind == "O":
        return (_OBJECT,)
    if dtype.objects:
        return (_OBJECT_FIELD, _OBJECT)
    return {"U": (0, _TEXT), "V": (0, _TEXT, _STRUCTURE, _STRUCTURE | _TEXT)}.get(dtype.kind, (0,))


def _is_metadata(kind: str, value: Any) -> bool:
    """Whether a last part of a state is that of a date, (None, (unit, number, 1, 1)), or the user's own dictionary."""
    if kind not in "mM":
        return type(value) is Dict
    if type(value) is not Tuple or len(value.items) != 2 or type(value.items[1]) is not Tuple:
        return False
    own, unit = value.items[0], value.items[1].items
    if not (own is None or type(own) is Dict) or len(unit) != 4 or not counts(*unit[1:]):
        return False
    return type(unit[0]) is Bytes and (unit[0].content or b"").isalpha()


def _shape(value: Any) -> tuple[int, ...]:
    if type(value) is not Tuple or len(value.items) > _MOST_DIMENSIONS or not counts(*value.items):
        raise Odd("a shape that no array has")
    # An array of no elements has a shape too, whose other sizes NumPy multiplies.
    if math.prod(each or 1 for each in value.items) >= _MOST_ELEMENTS:
        raise Odd("a shape that no array has")
    return tuple(value.items)


def _set(dtype: Any) -> DType:
    """A data type that has its state and elements of some size."""
    if type(dtype) is not DType or dtype.objects is None or not 1 <= dtype.size <= _LARGEST_ELEMENT:
        raise Odd("a data type that no array has")
    return dtype


def new_array(arguments: list[Any]) -> Array:
    """``numpy._core.multiarray._reconstruct(numpy.ndarray, (0,), b'b')``: an array that waits for its state."""
    kind, shape, code = arguments if len(arguments) == 3 else (None, None, None)
    if type(kind) is not Global or kind.name != NDARRAY:
        raise Odd("for another class than numpy.ndarray")
    if type(shape) is not Tuple or shape.items != [0] or not _is_code(code):
        raise Odd("arguments that NumPy does not write")
    return Array()


def new_masked(arguments: list[Any]) -> Made:
    """``numpy.ma.core._mareconstruct(MaskedArray, numpy.ndarray, (0,), 'b')``."""
    kind, base, shape, code = arguments if len(arguments) == 4 else (None,) * 4
    if type(kind) is not Global or kind.name not in MASKED or type(base) is not Global or base.name != NDARRAY:
        raise Odd("for other classes than MaskedArray and numpy.ndarray")
    if type(shape) is not Tuple or shape.items != [0] or not _is_code(code):
        raise Odd("arguments that NumPy does not write")
    return Made(kind.name, "masked")


def _is_code(value: Any) -> bool:
    return bool(value == "b") or (type(value) is Bytes and value.content == b"b")


def _set_elements(array: Array, version: Any, shape: Any, dtype: Any, order: Any, raw: Any) -> None:
    size, of = _shape(shape), _set(dtype)
    if version != 1 or type(order) not in (bool, int):
        raise Odd("a state that NumPy does not write")
    count = math.prod(size)
    if of.kind == "O":
        # NumPy reads as many as the shape says, whatever the list holds.
        if type(raw) is not List or len(raw.items) != count:
            raise Odd("a list whose length does not match its shape")
        within = [each for each in raw.items if type(each) is Array]
        array.depth += max((each.depth for each in within), default=0)
        if array.depth > _DEEPEST or any(each.dtype is None for each in within):
            raise Odd("arrays in arrays, too deep")
    elif of.objects:
        raise Odd("a structure with objects in it")
    elif type(raw) is not Bytes or raw.mutable or raw.size != count * of.size:
        raise Odd("a number of bytes that does not match its shape")
    array.dtype, array.shape = of, size


def set_array(array: Array, state: Any) -> None:
    """numpy.ndarray.__setstate__: (1, shape, data type, order, bytes or list)."""
    if array.dtype is not None:
        raise Odd("a second state")
    if type(state) is not Tuple or len(state.items) != 5:
        raise Odd("a state that NumPy does not write")
    _set_elements(array, *state.items)


def set_masked(state: Any) -> None:
    """numpy.ma.MaskedArray.__setstate__: (1, shape, data type, order, elements, mask, fill value)."""
    if type(state) is not Tuple or len(state.items) != 7:
        raise Odd("a state that NumPy does not write")
    *first, mask, fill = state.items
    array = Array()
    _set_elements(array, *first)
    if array.dtype is None or array.dtype.kind == "V":
        raise Odd("a structure")
    if type(mask) is not Bytes or mask.size != math.prod(array.shape):
        raise Odd("a mask of another size")
    if not (fill is None or type(fill) in (bool, int, float, str, Scalar) or _is_single(fill, array.dtype)):
        raise Odd("a fill value that NumPy does not write")


def _is_single(value: Any, dtype: DType) -> bool:
    # NumPy makes the one type from the other, for which it asks an object that is no number.
    if type(value) is not Array or value.dtype is None or value.shape != ():
        return False
    return dtype.kind == "O" or not value.dtype.objects


def from_buffer(arguments: list[Any]) -> Array:
    """``numpy._core.numeric._frombuffer(bytes, data type, shape, order[, order of axes])``, of protocol 5."""
    if len(arguments) not in (4, 5) or arguments[3] not in ("C", "F", "K"):
        raise Odd("arguments that NumPy does not write")
    raw, dtype, shape = arguments[0], _set(arguments[1]), _shape(arguments[2])
    axes = arguments[4] if len(arguments) == 5 else None
    if axes is not None and sorted(_shape(axes)) != list(range(len(shape))):
        raise Odd("an order of other axes")
    if dtype.objects or type(raw) is not Bytes or raw.size != math.prod(shape) * dtype.size:
        raise Odd("a number of bytes that does not match its shape")
    return Array(dtype, shape)


def scalar(arguments: list[Any]) -> Scalar:
    """``numpy._core.multiarray.scalar(data type, bytes)``; of an object it would be that object."""
    if len(arguments) != 2:
        raise Odd("arguments that NumPy does not write")
    dtype, raw = _set(arguments[0]), arguments[1]
    if dtype.objects or dtype.kind == "V" or type(raw) is not Bytes or raw.mutable or raw.size != dtype.size:
        raise Odd("other than the bytes of one value")
    return SCALAR
