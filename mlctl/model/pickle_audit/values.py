"""Stand-ins for the values on the stack, and the data types of NumPy among them.

Small ints, bools, None, short texts and tuples stand for themselves.
"""

import re
from typing import Any

from mlctl.model.pickle_audit.names import Name
from mlctl.model.pickle_audit.refusal import refuse


class Other:
    """Anything whose content never matters: lists, sets, floats, bytes, long texts, arrays."""


OTHER = Other()
# The arguments of copyreg._reconstructor that make a wrapper, in protocols 0 and 1.
WRAPPER_ARGUMENTS = Other()


class Global:
    """A name that the pickle took, of a class or a function: nothing is imported."""

    def __init__(self, name: Name) -> None:
        self.name = name


class Made:
    """What a call made. ``fixed``: by a function whose result never gets a state from BUILD in a real file."""

    def __init__(self, origin: Name, *, fixed: bool) -> None:
        self.origin = origin
        self.fixed = fixed


class Wrapper:
    """joblib's place-holder of an array, before its state is known."""


class Table:
    """A dict. ``exact``: all keys are texts in ``entries``; ``frozen``: something relies on its content."""

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}
        self.exact = True
        self.shared = False
        self.frozen = False


class DType:
    """A numpy.dtype: its kind and bytes; ``objects`` is known once its state is set."""

    def __init__(self, kind: str, size: int) -> None:
        self.kind = kind
        self.size = size
        self.objects: bool | None = None


def _parts(size: int, base: Any) -> list[DType]:
    """The element of a data type that is an array: base is (element, shape), or None."""
    if base is None:
        return []
    if type(base) is not tuple or len(base) != 2 or type(base[0]) is not DType or base[0].objects is None:
        refuse("a data type of NumPy with an unusual base")
    whole = base[0].size
    for each in base[1] if type(base[1]) is tuple else (None,):
        if type(each) is not int or not 0 <= each < 2**31:
            refuse("a data type of NumPy with an unusual base")
        whole *= each
    if whole != size:
        refuse("a data type of NumPy with an unusual base")
    return [base[0]]


def _fields(size: int, names: Any, fields: Any) -> list[DType]:
    """The data types of the fields of a structure: {name: (data type, offset[, title])}, or None."""
    if names is None and fields is None:
        return []
    odd = "a data type of NumPy with unusual fields"
    if type(names) is not tuple or type(fields) is not Table or not fields.exact:
        refuse(odd)
    if not all(type(name) is str and name in fields.entries for name in names):
        refuse(odd)
    fields.frozen = True
    for field in fields.entries.values():
        if type(field) is not tuple or len(field) not in (2, 3) or type(field[0]) is not DType:
            refuse(odd)
        if type(field[1]) is not int or field[1] < 0 or field[1] + field[0].size > size or field[0].objects is None:
            refuse(odd)
    return [field[0] for field in fields.entries.values()]


def data_type(arguments: tuple[Any, ...]) -> DType:
    """What ``numpy.dtype(*arguments)`` makes: (text, align, copy)."""
    code = arguments[0] if arguments else None
    match = re.fullmatch(r"([biufcmMSUVO])(\d{1,9})", code, re.ASCII) if type(code) is str else None
    if match is None or len(arguments) != 3 or not all(type(each) in (int, bool) for each in arguments[1:]):
        refuse("a data type of NumPy that is written unusually")
    kind, size = match[1], int(match[2])
    return DType(kind, size * 4 if kind == "U" else size)


def set_data_type(dtype: DType, state: Any) -> None:
    """numpy.dtype.__setstate__: (version, byte order, base, names, fields, size, alignment, flags[, metadata]).

    Only the flags say whether NumPy takes the elements for objects: here they must agree with the fields.
    NumPy crashes on some states that make no sense, so each part is held to the form that it writes.
    """
    odd = "a data type of NumPy with an unusual state"
    if dtype.objects is not None or type(state) is not tuple or len(state) not in (8, 9):
        refuse(odd)
    version, order, base, names, fields, size, alignment, flags = state[:8]
    if [type(each) for each in (version, order, size, alignment, flags)] != [int, str, int, int, int]:
        refuse(odd)
    flexible = dtype.kind in "SUV"
    if version not in (3, 4) or order not in ("<", ">", "|", "=") or size != (dtype.size if flexible else -1):
        refuse(odd)
    if alignment not in ((1, 2, 4, 8, 16, 32) if flexible else (-1,)):
        refuse(odd)
    if len(state) == 9 and type(state[8]) is not (tuple if dtype.kind in "mM" else Table):
        refuse(odd)
    if dtype.kind != "V" and (base, names, fields) != (None, None, None):
        refuse(odd)
    parts = _parts(dtype.size, base) + _fields(dtype.size, names, fields)
    dtype.objects = dtype.kind == "O" or any(part.objects for part in parts)
    if bool(flags & 1) != dtype.objects:
        refuse(odd)
