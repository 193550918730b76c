"""The allowed states of objects in BUILD operations.

For most classes BUILD fills the dictionary of attributes. Those that have a ``__setstate__`` of their own run it on
what the file holds, so it was read for each of them, and a rule keeps out what it would call, compare or trust.
"""

from collections.abc import Callable
from typing import Any, Final

from mlctl.pickle_audit import arrays
from mlctl.pickle_audit.names import CALLABLE, CHECK, METHODS, PARTIAL
from mlctl.pickle_audit.values import Array, Dict, Global, List, Made, Number, Odd, Tuple, counts, is_number

_STATE = "a state that no model has"
# Attributes whose text names a method that is then called.
_METHOD_NAMES = frozenset(
    ("chain_method", "chain_method_", "response_method", "_response_method", "stack_method", "stack_method_")
)
_CALLED = frozenset(("auto", "default", "predict", "predict_proba", "predict_log_proba", "decision_function"))


def _items(state: Any, *lengths: int) -> list[Any]:
    if type(state) is not Tuple or len(state.items) not in lengths:
        raise Odd(_STATE)
    return state.items


def _entries(state: Any) -> dict[str, Any]:
    if type(state) is not Dict or not state.exact:
        raise Odd("a state that is no dictionary of attributes")
    return state.entries


def _may_be_called(value: Any) -> bool:
    return type(value) is Global or (type(value) is Made and (value.origin in CALLABLE or value.origin == PARTIAL))


def _names_methods(value: Any) -> bool:
    parts = value.items if type(value) in (List, Tuple) else [value]
    return all(each is None or (type(each) is str and each in _CALLED) for each in parts)


def _plain(made: Made, state: Any) -> None:
    """Attributes: of a scikit-learn, SciPy or other class that has no way of its own."""
    entries = _entries(state)
    for key, value in entries.items():
        if key.startswith("__"):
            raise Odd(f"sets {key}")
        if key in METHODS and _may_be_called(value):
            raise Odd(f"puts something in place of its method {key}")
        if key in _METHOD_NAMES and not _names_methods(value):
            raise Odd(f"{key} is not the name of a method that predicts")
    # BaseEstimator.__setstate__ compares it with a text.
    if type(entries.get("_sklearn_version", "")) is not str:
        raise Odd("_sklearn_version is not text")
    check = _OWN.get(made.origin[1])
    if check is not None:
        check(entries)


def _isotonic(entries: dict[str, Any]) -> None:
    """IsotonicRegression builds an interpolation from two arrays."""
    if "X_thresholds_" not in entries and "y_thresholds_" not in entries:
        return
    first, second = entries.get("X_thresholds_"), entries.get("y_thresholds_")
    if type(first) is not Array or type(second) is not Array or first.shape != second.shape:
        raise Odd("thresholds that are no arrays of one length")
    if not first.holds("fiu", 1) or not second.holds("fiu", 1) or type(entries.get("out_of_bounds")) is not str:
        raise Odd("thresholds that are no numbers")


def _predictor(entries: dict[str, Any]) -> None:
    """TreePredictor of histogram gradient boosting compares and converts its nodes."""
    nodes = entries.get("nodes")
    if type(nodes) is not Array or not nodes.holds("V", 1) or (nodes.dtype and nodes.dtype.objects):
        raise Odd("nodes that are no array of a structure")


_OWN: Final = {"IsotonicRegression": _isotonic, "TreePredictor": _predictor}


def _tree(made: Made, state: Any) -> None:
    """sklearn.tree._tree.Tree copies the bytes of nodes and values."""
    entries = _entries(state)
    if entries.keys() != {"max_depth", "node_count", "nodes", "values"}:
        raise Odd(_STATE)
    nodes, values, count = entries["nodes"], entries["values"], entries["node_count"]
    if type(nodes) is not Array or type(values) is not Array or not counts(count, entries["max_depth"]) or count < 1:
        raise Odd(_STATE)
    if not nodes.holds("V", 1) or not values.holds("f", 3) or (nodes.dtype and nodes.dtype.objects):
        raise Odd("nodes and values of other types")
    if nodes.shape != (count,) or values.shape[:2] != (count, made.detail):
        raise Odd("nodes and values of other sizes than it says")


def _distance(_: Made, state: Any) -> None:
    """sklearn.metrics._dist_metrics: (p, vector, matrix)."""
    power, vector, matrix = _items(state, 3)
    if not is_number(power) or type(vector) is not Array or type(matrix) is not Array:
        raise Odd(_STATE)
    if not vector.holds("f", 1) or not matrix.holds("f", 2):
        raise Odd(_STATE)


def _neighbors(_: Made, state: Any) -> None:
    """sklearn.neighbors: (data, indices, nodes, bounds, seven counts, distance, weights)."""
    items = _items(state, 13)
    data, indices, nodes, bounds = items[:4]
    if any(type(each) is not Array or each.dtype is None or each.dtype.objects for each in items[:4]):
        raise Odd(_STATE)
    distance, weights = items[11:]
    if not counts(*items[4:11]) or type(distance) is not Made or distance.kind != "distance" or not distance.built:
        raise Odd(_STATE)
    if not (weights is None or (type(weights) is Array and weights.holds("f", 1))):
        raise Odd(_STATE)
    if not data.holds("f", 2) or not indices.holds("i", 1) or not nodes.holds("V", 1) or not bounds.holds("f", 3):
        raise Odd("arrays of other types")
    (rows, columns), count = data.shape, items[6]
    if indices.shape != (rows,) or nodes.shape != (count,) or bounds.shape[1:] != (count, columns):
        raise Odd("arrays of other sizes than it says")


def _generator(_: Made, state: Any) -> None:
    """NumPy's bit generators: (state, seeds), and the state alone before NumPy 2."""
    inner = state
    if type(state) is Tuple:
        inner, seeds = _items(state, 2)
        if not (seeds is None or (type(seeds) is Made and seeds.kind == "seeds")):
            raise Odd(_STATE)
    _random_state(inner)


def _random(_: Made, state: Any) -> None:
    """numpy.random.RandomState: what its bit generator has, and the next normal number."""
    _random_state(state)


def _random_state(state: Any, deep: int = 0) -> None:
    for key, value in _entries(state).items():
        if type(value) is Dict and deep < 2:
            _random_state(value, deep + 1)
        elif type(value) is Array:
            if not value.holds("u", 1):
                raise Odd(_STATE)
        elif not (is_number(value) or type(value) in (str, Number)):
            raise Odd(_STATE)
        # Where in its 624 (Philox: 4) numbers it is: read without a check.
        most = {"pos": 624, "buffer_pos": 4}.get(key)
        if most is not None and not (type(value) is int and 0 <= value <= most):
            raise Odd("a position outside of its numbers")


def _seeds(_: Made, state: Any) -> None:
    """numpy.random.SeedSequence: (entropy, children, pool, its size, key)."""
    entropy, children, pool, size, key = _items(state, 5)
    entropy = entropy if type(entropy) is List else List([entropy])
    if not all(each is None or is_number(each) or type(each) is Number for each in entropy.items):
        raise Odd(_STATE)
    if not counts(children, size) or type(pool) is not Array or not pool.holds("u", 1) or pool.shape != (size,):
        raise Odd(_STATE)
    if type(key) is not Tuple or not counts(*key.items):
        raise Odd(_STATE)


def _partial(_: Made, state: Any) -> None:
    """functools.partial: (check_array, (), {…}, None)."""
    function, arguments, keywords, attributes = _items(state, 4)
    if type(function) is not Global or function.name != CHECK or type(arguments) is not Tuple or arguments.items:
        raise Odd("of a function of the file's choosing")
    _entries(keywords)
    if not (attributes is None or (type(attributes) is Dict and not attributes.entries)):
        raise Odd(_STATE)


def _dictionary(made: Made, state: Any) -> None:
    """Bunch drops whatever it gets."""
    if made.origin[1] != "Bunch":
        raise Odd(_STATE)
    _plain(made, state)


def _masked(_: Made, state: Any) -> None:
    arrays.set_masked(state)


_STATES: Final[dict[str, Callable[[Made, Any], None]]] = {
    "plain": _plain,
    "dict": _dictionary,
    "tree": _tree,
    "distance": _distance,
    "neighbors": _neighbors,
    "generator": _generator,
    "random": _random,
    "seeds": _seeds,
    "partial": _partial,
    "masked": _masked,
}


def set_state(made: Made, state: Any) -> None:
    """Give a state to what a call made. Raises Odd if its class takes none like it."""
    if made.kind == "unknown":
        return
    if made.built:
        raise Odd("a second state")
    rule = _STATES.get(made.kind)
    if rule is None:
        raise Odd(_STATE)
    rule(made, state)
    made.built = True
