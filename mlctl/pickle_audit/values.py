"""Stand-ins for the values on the stack.

Small ints, bools, floats, None and short texts stand for themselves. A value whose content never matters has a
stand-in without one; no stand-in can be called, and only a Global can stand for a class.
"""

from typing import Any

from mlctl.pickle_audit.names import Name

# How many values of nested tuples, and names in one, are looked at before a tuple counts as unusual.
_MOST_PARTS = 10_000
_MOST_NAMES = 16


class Odd(Exception):
    """What is not written by pickle, joblib, NumPy, SciPy or scikit-learn, and why."""


class Other:
    """The outcome of something that was not recognised."""


OTHER = Other()
# The arguments of copyreg._reconstructor that make a wrapper, in protocols 0 and 1.
WRAPPER_ARGUMENTS = Other()


class Number:
    """An int of many digits."""


NUMBER = Number()


class Text:
    """A long text, of ``size`` characters."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size


class Bytes:
    """Bytes, or a bytearray with ``mutable``; short ones keep their content."""

    __slots__ = ("content", "mutable", "size")

    def __init__(self, size: int, content: bytes | None = None, *, mutable: bool = False) -> None:
        self.size = size
        self.content = content
        self.mutable = mutable


class Global:
    """A name that the pickle took, of a class or a function: nothing is imported."""

    __slots__ = ("name",)

    def __init__(self, name: Name) -> None:
        self.name = name


class Tuple:
    """A tuple. ``named`` are the names in it and in the tuples in it; None for too many parts to tell."""

    __slots__ = ("hashable", "items", "named", "parts")

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.named: set[Name] | None
        self.parts = 1
        self.hashable = True
        named: set[Name] = set()
        nested = False
        for each in items:
            if type(each) is Tuple:
                nested = True
                self.parts += each.parts
                if self.parts <= _MOST_PARTS:
                    named |= each.named or set()
            else:
                self.parts += 1
                if type(each) is Global:
                    named.add(each.name)
            self.hashable = self.hashable and is_plain(each)
        # A flat tuple may be as long as it likes.
        many = nested and self.parts > _MOST_PARTS
        self.parts = min(self.parts, _MOST_PARTS + 1)
        self.hashable = self.hashable and not many
        self.named = None if many or len(named) > _MOST_NAMES else named


class List:
    """A list."""

    __slots__ = ("items",)

    def __init__(self, items: list[Any]) -> None:
        self.items = items


class Set:
    """A set or a frozenset, whose members were looked at when they went in."""

    __slots__ = ("frozen",)

    def __init__(self, *, frozen: bool) -> None:
        self.frozen = frozen


class Dict:
    """A dict. ``exact``: all keys are texts in ``entries``; ``frozen``: something relies on its content."""

    __slots__ = ("entries", "exact", "frozen", "shared")

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}
        self.exact = True
        self.shared = False
        self.frozen = False


class Made:
    """What a call made. ``kind`` says which states it takes, "unknown" for what mlctl cannot tell.

    ``built``: it has its state, and takes no second one; ``detail``: what its state is checked against.
    """

    __slots__ = ("built", "detail", "kind", "origin")

    def __init__(self, origin: Name, kind: str, detail: Any = None, *, built: bool = False) -> None:
        self.origin = origin
        self.kind = kind
        self.detail = detail
        self.built = built


class Wrapper:
    """joblib's place-holder of an array, before its state is known."""


class Scalar:
    """A single value of a type of NumPy."""


SCALAR = Scalar()


class DType:
    """A numpy.dtype: its kind and bytes; ``objects`` is known once its state is set; ``depth`` of those in it."""

    __slots__ = ("depth", "kind", "objects", "size")

    def __init__(self, kind: str, size: int) -> None:
        self.kind = kind
        self.size = size
        self.objects: bool | None = None
        self.depth = 1


class Array:
    """A numpy.ndarray; without a data type until its state is set; ``depth`` of arrays in arrays of objects."""

    __slots__ = ("depth", "dtype", "shape")

    def __init__(self, dtype: DType | None = None, shape: tuple[int, ...] = ()) -> None:
        self.dtype = dtype
        self.shape = shape
        self.depth = 1

    def holds(self, kinds: str, dimensions: int) -> bool:
        """Whether it has its state, elements of one of these kinds and as many dimensions."""
        return self.dtype is not None and self.dtype.kind in kinds and len(self.shape) == dimensions


def is_plain(value: Any) -> bool:
    """Whether hashing and comparing it runs no code but Python's own: what keys and members of sets may be."""
    if type(value) is Tuple:
        return value.hashable
    if type(value) is Bytes:
        return not value.mutable
    return value is None or type(value) in (bool, int, float, str, Number, Text, Scalar, Global)


def is_number(value: Any) -> bool:
    """Whether it is an int or a float, of Python or NumPy."""
    return type(value) in (int, float, Scalar)


def counts(*values: Any) -> bool:
    """Whether each is an int of Python that counts something: 0 or more, and no more than memory holds."""
    return all(type(each) is int and 0 <= each < 2**40 for each in values)
