"""The allowed calls in the pickle of a model, with the form of their arguments.

A rule takes the arguments and gives the stand-in of the outcome, or raises Odd with the reason. Beside each is what
writes it. Arguments are compared by their stand-ins, so nothing here runs anything of the file.
"""

from collections.abc import Callable
from typing import Any, Final

from mlctl.pickle_audit import arrays
from mlctl.pickle_audit.names import (
    BUNCH,
    CHECK,
    DISTANCES,
    GENERATORS,
    GETATTR,
    INDEXES,
    LOSSES,
    NEIGHBORS,
    OBJECT,
    PARTIAL,
    PLAIN,
    RECONSTRUCTOR,
    SEEDS,
    TREE,
    TRIPLET,
    Name,
    is_known,
)
from mlctl.pickle_audit.values import (
    Array,
    Bytes,
    Dict,
    Global,
    List,
    Made,
    Odd,
    Set,
    Text,
    Tuple,
    counts,
    is_number,
    is_plain,
)

Rule = Callable[[list[Any]], Any]
_ARGUMENTS = "arguments that no model has"


def _named(value: Any) -> Name | None:
    return value.name if type(value) is Global else None


def instance(name: Name) -> Made:
    """What ``object.__new__(class)`` makes: of a plain class, or of one that mlctl does not know."""
    if name in PLAIN:
        return Made(name, "plain")
    if name == BUNCH:
        return Made(name, "dict")
    if not is_known(*name):
        return Made(name, "unknown")
    raise Odd("made without its own arguments")


def new(name: Name, arguments: list[Any]) -> Made:
    """``class.__new__(class, *arguments)``: protocol 2 and later, for whatever has no way of its own."""
    if name == TRIPLET and len(arguments) == 3:
        return Made(name, "tuple", arguments, built=True)
    if not is_known(*name):
        return Made(name, "unknown")
    if arguments:
        raise Odd(_ARGUMENTS)
    return instance(name)


def _reconstructor(arguments: list[Any]) -> Any:
    """copyreg, protocols 0 and 1: (class, object, None), or the built-in base with its value."""
    kind, base, state = arguments if len(arguments) == 3 else (None,) * 3
    name, basic = _named(kind), _named(base)
    if name is None:
        raise Odd("called with something that is not a class")
    if basic == OBJECT and state is None:
        return instance(name)
    if basic == ("builtins", "dict") and type(state) is Dict and state.exact and name == BUNCH:
        return Made(name, "dict")
    if basic == ("builtins", "tuple") and type(state) is Tuple and len(state.items) == 3 and name == TRIPLET:
        return Made(name, "tuple", state.items, built=True)
    raise Odd("a base other than object")


def _tree(arguments: list[Any]) -> Made:
    """scikit-learn: Tree(n_features, n_classes, n_outputs), which reads n_outputs numbers of the array."""
    features, classes, outputs = arguments if len(arguments) == 3 else (None, None, 0)
    if not counts(features, outputs) or outputs < 1 or type(classes) is not Array:
        raise Odd(_ARGUMENTS)
    if not classes.holds("i", 1) or classes.shape != (outputs,):
        raise Odd("numbers of classes that do not match the outputs")
    return Made(TREE, "tree", outputs)


def _new_object(arguments: list[Any]) -> Made:
    """scikit-learn: newObj(class) of its distances and of its trees of neighbors."""
    name = _named(arguments[0]) if len(arguments) == 1 else None
    if name in DISTANCES:
        return Made(name, "distance")
    if name in NEIGHBORS:
        return Made(name, "neighbors")
    raise Odd("for another class than a distance or a tree of neighbors")


def _loss(name: Name) -> Rule:
    def rule(arguments: list[Any]) -> Made:
        if len(arguments) > 1 or not all(is_number(each) for each in arguments):
            raise Odd(_ARGUMENTS)
        return Made(name, "loss", built=True)

    return rule


def _compiled(name: Name, kind: str) -> Rule:
    """Cython: __pyx_unpickle_X(X, checksum, state)."""

    def rule(arguments: list[Any]) -> Made:
        given, checksum, state = arguments if len(arguments) == 3 else (None,) * 3
        if _named(given) != name or type(checksum) is not int:
            raise Odd(_ARGUMENTS)
        if not (state is None or (type(state) is Tuple and not state.items)):
            raise Odd("a state that Cython does not write")
        return Made(name, kind, built=kind == "loss")

    return rule


def _seeds(arguments: list[Any]) -> Made:
    name = _named(arguments[0]) if arguments else None
    if name not in SEEDS:
        raise Odd(_ARGUMENTS)
    made: Made = _compiled(name, "seeds")(arguments)
    return made


def _bit_generator(arguments: list[Any]) -> Made:
    """numpy.random._pickle.__bit_generator_ctor(class or its name)."""
    given = arguments[0] if len(arguments) == 1 else None
    for name in GENERATORS:
        if _named(given) == name or given == name[1]:
            return Made(name, "generator")
    raise Odd("for another class than NumPy's generators")


def _random(arguments: list[Any]) -> Made:
    """numpy.random._pickle.__randomstate_ctor(generator or its name[, __bit_generator_ctor]): the second is called."""
    first = arguments[0] if arguments else None
    known = type(first) is Made and first.kind == "generator" and first.built
    if not known and not (type(first) is str and first in {name for _, name in GENERATORS}):
        raise Odd("without a generator of NumPy")
    if [_named(each) for each in arguments[1:]] not in ([], [_CTOR]):
        raise Odd("with a function of the file's choosing")
    return Made(("numpy.random._pickle", "__randomstate_ctor"), "random")


_CTOR: Name = ("numpy.random._pickle", "__bit_generator_ctor")


def _partial(arguments: list[Any]) -> Made:
    """functools.partial(check_array), which histogram gradient boosting keeps."""
    if [_named(each) for each in arguments] != [CHECK]:
        raise Odd("of a function of the file's choosing")
    return Made(PARTIAL, "partial")


def _getattr(arguments: list[Any]) -> Made:
    """getattr(model, "_raw_predict"): a method that histogram gradient boosting keeps for its scorer."""
    target, name = arguments if len(arguments) == 2 else (None, None)
    known = type(target) is Made and target.kind == "plain" and target.origin[1].startswith("HistGradientBoosting")
    if not known or name != "_raw_predict":
        raise Odd("an attribute of the file's choosing")
    return Made(GETATTR, "method", built=True)


def _encode(arguments: list[Any]) -> Bytes:
    """_codecs.encode(text, 'latin1'): bytes, in protocols 0 to 2."""
    text, encoding = arguments if len(arguments) == 2 else (None, None)
    if encoding == "latin1" and type(text) is str:
        content = text.encode("latin1")
        return Bytes(len(content), content)
    if encoding == "latin1" and type(text) is Text:
        return Bytes(text.size)
    raise Odd(_ARGUMENTS)


def _empty_bytes(arguments: list[Any]) -> Bytes:
    if arguments:
        raise Odd(_ARGUMENTS)
    return Bytes(0, b"")


def _bytearray(arguments: list[Any]) -> Bytes:
    """bytearray(bytes), or in protocols 0 to 2 bytearray(text, 'latin-1')."""
    if len(arguments) == 1 and type(arguments[0]) is Bytes:
        return Bytes(arguments[0].size, arguments[0].content, mutable=True)
    if len(arguments) == 2 and type(arguments[0]) in (str, Text) and arguments[1] == "latin-1":
        size = len(arguments[0]) if type(arguments[0]) is str else arguments[0].size
        return Bytes(size, mutable=True)
    if arguments:
        raise Odd(_ARGUMENTS)
    return Bytes(0, b"", mutable=True)


def _set(*, frozen: bool) -> Rule:
    """set([…]), in protocols 0 to 3."""

    def rule(arguments: list[Any]) -> Set:
        if len(arguments) != 1 or type(arguments[0]) is not List or not all(map(is_plain, arguments[0].items)):
            raise Odd("members whose comparison may run code")
        return Set(frozen=frozen)

    return rule


def _numbers(name: Name, most: int) -> Rule:
    """slice, range and complex: of as many plain values."""

    def rule(arguments: list[Any]) -> Made:
        plain = all(each is None or type(each) is str or is_number(each) for each in arguments)
        if len(arguments) != most or not plain:
            raise Odd(_ARGUMENTS)
        return Made(name, "fixed", built=True)

    return rule


def _dictionary(name: Name, defaults: frozenset[str]) -> Rule:
    """OrderedDict(), and defaultdict(list) or of another built-in type: a missing key calls it."""

    def rule(arguments: list[Any]) -> Made:
        found = [_named(each) for each in arguments]
        if len(found) > 1 or not all(each and each[0] == "builtins" and each[1] in defaults for each in found):
            raise Odd("a default of the file's choosing")
        return Made(name, "dict", built=True)

    return rule


def _index(arguments: list[Any]) -> Made:
    """pandas: _new_Index(Index, {data, name}) and (RangeIndex, {name, start, stop, step}): names of columns."""
    kind, given = arguments if len(arguments) == 2 else (None, None)
    name = _named(kind)
    if name not in INDEXES or type(given) is not Dict or not given.exact:
        raise Odd(_ARGUMENTS)
    entries = dict(given.entries)
    label = entries.pop("name", None)
    array = entries.get("data")
    numbers = entries.keys() <= {"start", "stop", "step"} and all(type(each) is int for each in entries.values())
    elements = entries.keys() == {"data"} and type(array) is Array and array.holds("iufbOU", 1)
    if not (label is None or type(label) is str) or not (numbers if name[1] == "RangeIndex" else elements):
        raise Odd(_ARGUMENTS)
    return Made(name, "fixed", built=True)


_BUILTINS = frozenset(("list", "dict", "set", "int", "float", "str", "tuple"))
RULES: Final[dict[Name, Rule]] = {
    RECONSTRUCTOR: _reconstructor,
    PARTIAL: _partial,
    GETATTR: _getattr,
    TREE: _tree,
    _CTOR: _bit_generator,
    ("numpy.random._pickle", "__randomstate_ctor"): _random,
    ("numpy.random._pickle", "__generator_ctor"): _random,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): _empty_bytes,
    ("builtins", "bytearray"): _bytearray,
    ("builtins", "set"): _set(frozen=False),
    ("builtins", "frozenset"): _set(frozen=True),
    ("builtins", "slice"): _numbers(("builtins", "slice"), 3),
    ("builtins", "range"): _numbers(("builtins", "range"), 3),
    ("builtins", "complex"): _numbers(("builtins", "complex"), 2),
    ("collections", "OrderedDict"): _dictionary(("collections", "OrderedDict"), frozenset()),
    ("collections", "defaultdict"): _dictionary(("collections", "defaultdict"), _BUILTINS),
    ("numpy.ma.core", "_mareconstruct"): arrays.new_masked,
    ("pandas.core.indexes.base", "_new_Index"): _index,
}
for _module in ("numpy.core", "numpy._core"):
    RULES[_module + ".multiarray", "_reconstruct"] = arrays.new_array
    RULES[_module + ".multiarray", "scalar"] = arrays.scalar
    RULES[_module + ".numeric", "_frombuffer"] = arrays.from_buffer
for _module in ("sklearn.metrics._dist_metrics", "sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"):
    RULES[_module, "newObj"] = _new_object
for _module in ("numpy.random.bit_generator", "numpy.random._bit_generator"):
    RULES[_module, "__pyx_unpickle_SeedSequence"] = _seeds
for _name in LOSSES:
    RULES[_name] = _loss(_name)
    RULES[_name[0], f"__pyx_unpickle_{_name[1]}"] = _compiled(_name, "loss")


def call(name: Name, arguments: list[Any]) -> Any:
    """What ``name(*arguments)`` makes. Raises Odd where no model makes that call."""
    rule = RULES.get(name)
    if rule is None:
        raise Odd("called, which no model does" if is_known(*name) else "called, and not recognised")
    return rule(arguments)
