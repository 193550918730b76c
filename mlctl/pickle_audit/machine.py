"""A pickle machine that follows the program without running it: stack, memo, names, calls and arrays of joblib."""

import io
import pickletools
import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from mlctl.pickle_audit import calls
from mlctl.pickle_audit.arrays import data_type
from mlctl.pickle_audit.content import LONGEST_LINE, LONGEST_TEXT, Source
from mlctl.pickle_audit.names import (
    DTYPE,
    GETATTR,
    MEMMAP,
    NDARRAY,
    PARTIAL,
    RECONSTRUCTOR,
    VALUES,
    WRAPPER,
    Name,
    is_known,
    words,
)
from mlctl.pickle_audit.refusal import printable, refuse
from mlctl.pickle_audit.values import (
    NUMBER,
    OTHER,
    WRAPPER_ARGUMENTS,
    Array,
    Bytes,
    Dict,
    DType,
    Global,
    List,
    Made,
    Odd,
    Text,
    Tuple,
    Wrapper,
)

# Limits: of operations, and of text kept.
MAX_OPERATIONS = 20_000_000
MAX_TEXT = 256 * 2**20

_WRAPPER_KEYS = {"subclass", "shape", "order", "dtype", "allow_mmap"}
_ALIGNMENT = "numpy_array_alignment_bytes"

_LENGTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: "<B",
    pickletools.TAKEN_FROM_ARGUMENT4: "<i",
    pickletools.TAKEN_FROM_ARGUMENT4U: "<I",
    pickletools.TAKEN_FROM_ARGUMENT8U: "<Q",
}
_OPCODES: dict[bytes, Any] = {each.code.encode("latin-1"): each for each in pickletools.opcodes}
_VALUES = words(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 "
    "BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 FLOAT BINFLOAT"
)


def _long(source: Source, argument: Any, size: int) -> Any:
    """The stand-in of a value that is too long to keep, which is passed over."""
    if argument.name.startswith("unicodestring"):
        return Text(source.characters(size))
    source.skip(size)
    if argument.name.startswith("byte"):
        return Bytes(size, mutable=argument.name == "bytearray8")
    return Text(size) if argument.name.startswith("string") else NUMBER


def _lines(source: Source, argument: Any) -> Any:
    """An argument that ends with a line, or the two of a name; OTHER for a name that is too long."""
    if argument.name == "stringnl_noescape_pair":
        pair = [source.line(), source.line()]
        return OTHER if None in pair else [line.decode("utf-8") for line in pair if line is not None]
    text = argument.name == "unicodestringnl"
    line = source.line(LONGEST_LINE if text else LONGEST_TEXT)
    if line is None:
        return refuse("a text in one line that is too long") if text else NUMBER
    value = argument.reader(io.BytesIO(line + b"\n"))
    return Text(len(value)) if type(value) is str and len(value) > LONGEST_TEXT else value


def _argument(source: Source, argument: Any) -> Any:
    """The argument of an operation, read by pickletools; a stand-in in place of what is long."""
    if argument.n in _LENGTHS:
        form = _LENGTHS[argument.n]
        head = source.read(struct.calcsize(form))
        (size,) = struct.unpack(form, head)
        if size < 0:
            raise ValueError("a negative length")
        if size > LONGEST_TEXT:
            return _long(source, argument, size)
        value = argument.reader(io.BytesIO(head + source.read(size)))
        if type(value) in (bytes, bytearray):
            return Bytes(size, bytes(value), mutable=argument.name == "bytearray8")
        return value
    if argument.n == pickletools.UP_TO_NEWLINE:
        return _lines(source, argument)
    return argument.reader(io.BytesIO(source.read(argument.n)))


class Machine(ABC):
    """Follows one pickle. ``outer``: the machine of the joblib file around it, for an array of objects.

    It finds ``names``, all that the pickle takes; ``unknown``, those of them that are so for how they are used;
    ``odd_calls``, what has another form than models have; ``tricks``, what cannot be audited; ``version``, the
    release of scikit-learn that was built last.
    """

    def __init__(self, source: Source, outer: "Machine | None" = None) -> None:
        self.source = source
        self._outer = outer
        self.protocol = 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.frame_end = 0
        self.started = False
        # Shared with the machine of a nested pickle.
        self.names: set[Name] = outer.names if outer else set()
        self.unknown: set[Name] = outer.unknown if outer else set()
        self.tricks: set[str] = outer.tricks if outer else set()
        self.odd_calls: set[str] = outer.odd_calls if outer else set()
        # Names that were called in the form that models have, and in another one.
        self.rightly: set[Name] = outer.rightly if outer else set()
        self.wrongly: set[Name] = outer.wrongly if outer else set()
        self._globals: dict[Name, Global] = outer._globals if outer else {}
        self._counts: dict[str, int] = outer._counts if outer else {"operations": 0, "text": 0}
        self.version: str | None = None

    @abstractmethod
    def steps(self) -> dict[str, Callable[[Any], None]]:
        """What follows each operation, by its name in pickletools; it is given the operation's argument."""

    def run(self) -> Any:
        """Follow the pickle to its STOP: the stand-in of what it makes."""
        source, steps, counts = self.source, self.steps(), self._counts
        while True:
            counts["operations"] += 1
            if counts["operations"] > MAX_OPERATIONS:
                refuse(f"holds more than {MAX_OPERATIONS:,} operations")
            opcode = _OPCODES.get(source.read(1))
            if opcode is None:
                refuse(f"no pickle operation at byte {source.position - 1}")
            value = None if opcode.arg is None else _argument(source, opcode.arg)
            name = opcode.name
            if name in _VALUES:
                self._push_value(value)
            elif name == "STOP":
                result = self.stack.pop()
                # A nested reader drops what is left of its frame, so nothing may be left.
                if self._outer and source.position < self.frame_end:
                    refuse("a nested pickle ends inside a frame")
                return result
            else:
                steps[name](value)
            self.started = True

    def check(self, *values: Any) -> None:
        """Refuse what must not leave our sight: ``values`` go into a container or are handed to a call."""
        for value in values:
            if type(value) is Wrapper or value is WRAPPER_ARGUMENTS:
                refuse("an array of joblib in a place where joblib writes none")
            if type(value) is Global and value.name in (WRAPPER, DTYPE):
                refuse(f"{'.'.join(value.name)} in a place where no model has it")
            if type(value) is Global and value.name == PARTIAL:
                self.unknown.add(PARTIAL)

    def keep(self, *values: Any) -> None:
        """Check ``values`` that the object keeps: of names, only types of elements and functions a model is given."""
        self.check(*values)
        for value in values:
            if type(value) is Tuple and value.named is None:
                self.odd(("builtins", "tuple"), "of too many parts to follow")
            for name in [value.name] if type(value) is Global else (type(value) is Tuple and value.named) or ():
                if name not in VALUES and (is_known(*name) or name == GETATTR):
                    self.odd(name, "kept as a value, which no model does")
                self.wrongly.add(name)

    def work(self, *values: Any) -> None:
        """Count the parts of ``values``, which a rule is about to look at, as operations."""
        for value in values:
            if type(value) in (List, Tuple):
                self._counts["operations"] += len(value.items)
            elif type(value) is Dict:
                self._counts["operations"] += len(value.entries)

    def odd(self, name: Name, why: object) -> None:
        """Keep a finding: a use of ``name`` that has another form than models have."""
        self.wrongly.add(name)
        if name == PARTIAL:
            self.unknown.add(PARTIAL)
        self.odd_calls.add(f"{printable('.'.join(name))} ({printable(str(why))})")

    def _push_value(self, value: Any) -> None:
        if type(value) is str:
            self._counts["text"] += len(value)
            if self._counts["text"] > MAX_TEXT:
                refuse(f"holds more than {MAX_TEXT // 2**20} MiB of text")
        self.stack.append(value)

    def marked(self) -> list[Any]:
        """What is on the stack above the last mark, taken off with it."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def push_global(self, module: str, name: str) -> None:
        """Put a name on the stack, and into ``names`` as Python 3 imports it."""
        # joblib gives the reader of a nested pickle the outer one's way to find names, older joblib did not.
        for protocol in {self.protocol, self._outer.protocol if self._outer else self.protocol}:
            found = (module, name)
            if protocol < 3:
                found = NAME_MAPPING.get(found) or (IMPORT_MAPPING.get(module, module), name)
            self.names.add(found)
            last = found[1].rsplit(".", 1)[-1]
            if last in ("NDArrayWrapper", "ZNDArrayWrapper"):
                refuse("written by joblib before 0.10, whose format is not read", "pickle_unsupported")
            if last == WRAPPER[1] and (found != WRAPPER or self._outer):
                refuse("an array of joblib in a place where joblib writes none")
        self.stack.append(self._globals.setdefault(found, Global(found)))

    def trick(self, text: str) -> None:
        """Keep a finding that no name tells."""
        self.tricks.add(f"({text})")

    def call(self, function: Any, arguments: Any, *, new: bool) -> Any:
        """What ``function(*arguments)``, or with ``new`` ``function.__new__(function, *arguments)``, stands for."""
        if type(function) is not Global:
            self.trick("call of something made while loading")
            origin = function.origin if type(function) is Made else ("pickle", type(function).__name__)
            self.odd(origin, "what it made is called")
            return OTHER
        name = function.name
        if arguments is WRAPPER_ARGUMENTS and name == RECONSTRUCTOR and not new:
            return Wrapper()
        if name == WRAPPER and new and type(arguments) is Tuple and not arguments.items:
            return Wrapper()
        if type(arguments) is not Tuple:
            self.check(arguments)
            self.trick("arguments made while loading")
            self.odd(name, "called with arguments made while loading")
            return Made(name, "odd")
        if name == DTYPE and not new:
            return data_type(arguments.items)
        if name in (WRAPPER, DTYPE):
            self.check(function)
        if name == MEMMAP:
            self.trick("opens a file with numpy.memmap")
        self.work(*arguments.items)
        try:
            made = calls.new(name, arguments.items) if new else calls.call(name, arguments.items)
        except (Odd, UnicodeError) as why:
            self.odd(name, why)
            # It may give back the data type that it was given, whose state decides how many bytes joblib reads.
            return Made(name, "odd" if any(type(each) is DType for each in arguments.items) else "unknown")
        if type(made) is Made and made.kind == "tuple":
            self.keep(*made.detail)
        self.rightly.add(name)
        return made

    def read_array(self, state: Any) -> Any:
        """What joblib.numpy_pickle.NumpyArrayWrapper.read_array reads after a BUILD, and what it makes."""
        odd = "an array of joblib with an unusual state"
        if self._outer or type(state) is not Dict or not state.exact or state.shared:
            refuse(odd)
        entries = state.entries
        if not entries.keys() >= _WRAPPER_KEYS or not entries.keys() <= _WRAPPER_KEYS | {_ALIGNMENT}:
            refuse(odd)
        shape, dtype, alignment = entries["shape"], entries["dtype"], entries.get(_ALIGNMENT)
        if type(shape) is not Tuple or not all(type(each) is int and 0 <= each < 2**63 for each in shape.items):
            refuse(odd)
        if type(dtype) is not DType or dtype.objects is None or dtype.size < 1:
            refuse(odd)
        if type(entries["subclass"]) is not Global or entries["order"] not in ("C", "F"):
            refuse(odd)
        if alignment is not None and type(alignment) is not int:
            refuse(odd)
        # joblib reads on in the file, its unpickler in the frame.
        if self.source.position < self.frame_end:
            refuse("an array of joblib inside a frame")
        if entries["subclass"].name != NDARRAY:
            self.odd(entries["subclass"].name, "the class of an array")
        if dtype.objects:
            made = type(self)(self.source, self).run()
            if type(made) is not Array or made.dtype is None:
                self.odd(WRAPPER, "another object in place of an array")
            return made
        size = dtype.size
        for each in shape.items:
            size *= each
        # joblib multiplies in 64 bits: what overflows there is past the end of any file here.
        if alignment is not None:
            self.source.skip(self.source.read(1)[0])
        self.source.skip(size)
        return Array(dtype, tuple(shape.items))
