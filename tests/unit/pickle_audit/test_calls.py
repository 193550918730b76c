"""Names are not enough: a file whose every name is known is recognised only if it has the form of a model.

Each attempt here is a program for the loader made of names that models have. Several of them run code, write files
or end the process when they are loaded, so none is loaded here.
"""

import pickle
import struct
from pathlib import Path

import joblib
import numpy as np
import pytest

from mlctl.errors import MlctlError
from mlctl.pickle_audit import Audit, audit
from tests.support.pickles import (
    ARRAY,
    BEGIN,
    F8,
    OBJECTS,
    Mine,
    array,
    call,
    dtype,
    group,
    items,
    name,
    new,
    table,
    text,
    written,
)  # fmt: skip

RECONSTRUCTOR = name("copyreg", "_reconstructor")
DUMMY = new("sklearn.dummy", "DummyClassifier")
PASSES = new("sklearn.metrics._scorer", "_PassthroughScorer")
RIDGE = ("sklearn.linear_model._ridge", "Ridge")
FORMAT = b"C\x08" + struct.pack("<d", 1.0)
NUMBERS = array(FORMAT, F8)
TREE = name("sklearn.tree._tree", "Tree")
CLASSES = array(b"C\x08" + struct.pack("<q", 2), dtype("i8"))
MERSENNE = name("numpy.random._mt19937", "MT19937")
BIT_GENERATOR = name("numpy.random._pickle", "__bit_generator_ctor")
CHECK = name("sklearn.utils.validation", "check_array")
NEW_OBJECT = name("sklearn.neighbors._kd_tree", "newObj")


def bypass() -> bytes:
    """A class made while loading by what a module of scikit-learn imports, whose comparison calls what it is given."""
    made = call(
        name("sklearn.cluster._bicluster", "ABCMeta"), text("E"), name("pandas", "DataFrame") + b"\x85",
        table(__ne__=name("builtins", "str")),
    )  # fmt: skip
    frame = call(RECONSTRUCTOR, made, name("builtins", "object"), b"N") + table(_typ=text("dataframe")) + b"b"
    stack = new("sklearn.ensemble._stacking", "StackingClassifier") + table(
        estimators_=items(frame), stack_method_=items(text("eval")), final_estimator_=DUMMY
    ) + b"b"  # fmt: skip
    search = new("sklearn.model_selection._search", "GridSearchCV") + table(
        refit=b"\x88", scorer_=PASSES, multimetric_=b"\x89", best_estimator_=stack, estimator=DUMMY
    ) + b"b"  # fmt: skip
    base = DUMMY + table(__new__=PASSES) + b"b"
    return call(RECONSTRUCTOR, search, base, text("@np.testing._private.utils.os.system('true')"))


# What ran code or wrote files by names that an audit of names alone calls known.
CODE = {
    "a class made while loading": bypass(),
    "a base of the file's choosing": call(RECONSTRUCTOR, name(*RIDGE), DUMMY + table(__new__=PASSES) + b"b", text("x")),
    "a base that is built in": call(RECONSTRUCTOR, name("numpy", "float64"), name("builtins", "float"), text("1")),
    "an instance in place of the class": call(RECONSTRUCTOR, DUMMY, name("builtins", "object"), b"N"),
    "a scorer that is called with an estimator": call(PASSES, DUMMY, text("x")),
    "a selector that is called": call(name("sklearn.compose._column_transformer", "make_column_selector"), text("x")),
    "a search that is constructed": call(name("sklearn.model_selection._search", "GridSearchCV"), DUMMY, b"}"),
    "a metric that is called": call(name("sklearn.metrics._regression", "mean_squared_error"), NUMBERS, NUMBERS),
    "a function with an array to write to": call(name("numpy", "sqrt"), NUMBERS, NUMBERS),
    "a function that pickles name and nothing calls": call(name("numpy", "nan_to_num"), NUMBERS),
    "a random state whose constructor is the file's": call(
        name("numpy.random._pickle", "__randomstate_ctor"), text("file"), name("builtins", "bytes")
    ),
    "a generator by a function of the file's": call(
        name("numpy.random._pickle", "__generator_ctor"), text("MT19937"), name("numpy", "sqrt")
    ),
    "a bit generator of another class": call(BIT_GENERATOR, name(*RIDGE)),
    "newObj of what is no class": call(NEW_OBJECT, DUMMY + table(__new__=PASSES) + b"b"),
    "newObj of another class": call(NEW_OBJECT, name(*RIDGE)),
    "a memory map by NumPy's own function": array(FORMAT, F8, kind=name("numpy", "memmap")),
    "a masked array of another class": call(
        name("numpy.ma.core", "_mareconstruct"), name("numpy.ma", "MaskedArray"), name(*RIDGE), b"K\x00\x85", text("b")
    ),
    "a masked array of a type that is spelled out": call(
        name("numpy.ma.core", "_mareconstruct"), name("numpy.ma", "MaskedArray"), name("numpy", "ndarray"),
        b"K\x00\x85", text("O"),
    ),
    "a single value that is an object": call(name("numpy._core.multiarray", "scalar"), OBJECTS, PASSES),
    "a dictionary whose default is called": call(name("collections", "defaultdict"), PASSES) + text("k") + b"Ns",
    "an ordered dictionary that takes items": call(name("collections", "OrderedDict"), items(group(PASSES, b"N"))),
    "getattr": call(name("builtins", "getattr"), DUMMY, text("fit")),
    "getattr of the one method, of another class": call(name("builtins", "getattr"), DUMMY, text("_raw_predict")),
    "getattr kept": DUMMY + table(func=name("builtins", "getattr")) + b"b",
    "a partial of another function": call(name("functools", "partial"), name("numpy", "sqrt")),
    "a partial that becomes another": call(name("functools", "partial"), CHECK)
    + group(name("numpy", "sqrt"), b")", b"}", b"N") + b"b",
    "a column index with a class of the file's": call(
        name("pandas.core.indexes.base", "_new_Index"), name("pandas", "Index"), table(data=items(PASSES), name=b"N")
    ),
    "a codec of the file's choosing": call(name("_codecs", "encode"), text("x"), text("zlib_codec")),
    "as many zeros as a number says": call(name("builtins", "bytes"), b"J\xff\xff\xff\x7f"),
    "a text of an object": call(name("builtins", "str"), PASSES),
    "a set of objects": call(name("builtins", "set"), items(PASSES)),
    "a compiled class with a state of the file's": call(
        name("sklearn._loss._loss", "__pyx_unpickle_CyHalfMultinomialLoss"), name(*RIDGE), b"K\x01", b")"
    ),
    "a loss that converts an object": call(name("sklearn._loss._loss", "CyHuberLoss"), PASSES),
    "NEWOBJ with arguments": name("sklearn.gaussian_process.kernels", "RBF") + text("x") + b"\x85\x81",
    "NEWOBJ of an array": name("numpy", "ndarray") + group(b"J\xff\xff\xff\x7f") + b"\x81",
    "NEWOBJ of a compiled class": TREE + b")\x81",
    "NEWOBJ of an instance": DUMMY + b")\x81",
    "NEWOBJ_EX": name(*RIDGE) + b")}\x92",
    "INST": b"(isklearn.dummy\nDummyClassifier\n",
    "OBJ": b"(" + name("sklearn.dummy", "DummyClassifier") + b"o",
    "a call by an instance": DUMMY + b")R",
    "a call by what an array holds": NUMBERS + b")R",
    "a call with a list": name("builtins", "bytearray") + b"]R",
}  # fmt: skip
# States: what BUILD runs or puts in place of something.
STATES = {
    "on a class": name(*RIDGE) + table(fit=PASSES) + b"b",
    "__class__": DUMMY + table(__class__=b"N") + b"b",
    "__setstate__": DUMMY + table(__setstate__=PASSES) + b"b",
    "__reduce__": DUMMY + table(__reduce__=PASSES) + b"b",
    "__dict__": DUMMY + table(__dict__=b"}") + b"b",
    "a method": DUMMY + table(predict=PASSES) + b"b",
    "a method by a function": DUMMY + table(predict=name("numpy", "sqrt")) + b"b",
    "slots": DUMMY + group(b"N", table(fit=PASSES)) + b"b",
    "no dictionary": DUMMY + text("x") + b"b",
    "a number for a key": DUMMY + b"}K\x01Nsb",
    "twice": DUMMY + table(a=b"N") + b"b" + table(b=b"N") + b"b",
    "twice, by the memo": DUMMY + b"\x94" + table(a=b"N") + b"b0h\x00" + table(b=b"N") + b"b",
    "a version that is compared": DUMMY + table(_sklearn_version=PASSES) + b"b",
    "a method that is named": new("sklearn.ensemble._stacking", "StackingClassifier")
    + table(stack_method_=items(text("tofile"))) + b"b",
    "a response that is named": new("sklearn.metrics._scorer", "_Scorer") + table(_response_method=text("eval")) + b"b",
    "a class as a value": DUMMY + table(a=name("sklearn.cluster._kmeans", "KMeans")) + b"b",
    "a constructor as a value": DUMMY + table(func=RECONSTRUCTOR) + b"b",
    "a constructor in a list of tuples": items(group(group(RECONSTRUCTOR))),
    "thresholds that are asked for their values": new("sklearn.isotonic", "IsotonicRegression")
    + table(X_thresholds_=PASSES, y_thresholds_=PASSES) + b"b",
    "nodes that are asked for their type": new("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor")
    + table(nodes=DUMMY) + b"b",
    "on a list": b"]}b",
    "on a text": text("x") + b"}b",
    "on a number of NumPy": call(name("numpy._core.multiarray", "scalar"), F8, FORMAT) + b"}b",
}  # fmt: skip
# Containers: what is compared, hashed or changed while loading.
CONTAINERS = {
    "a key that is an object": b"}" + DUMMY + b"Ns",
    "a key that holds an object": b"}" + DUMMY + b"\x85Ns",
    "a key of an old dictionary": b"(" + DUMMY + b"Nd",
    "a member that is an object": b"\x8f(" + DUMMY + b"\x90",
    "a member of a frozen set": b"(" + DUMMY + b"\x91",
    "a frozen set that changes": b"(K\x01\x91(K\x02\x90",
    "an attribute by SETITEM": DUMMY + text("a") + b"Ns",
    "an item by APPEND": DUMMY + b"Na",
    "items by APPENDS": DUMMY + b"(NNe",
    "members by ADDITEMS": b"](N\x90",
    "items of an array": NUMBERS + b"K\x00Ns",
    "a bunch with a number": new("sklearn.utils._bunch", "Bunch") + b"K\x01Ns",
}
# What ends the process, or takes all its memory.
CRASHES = {
    "a list that is too short": array(items(text("a"), b"N"), shape=b"K\x04\x85"),
    "a list that is too long": array(items(b"N", b"N")),
    "no list": array(b"C\x08" + bytes(8)),
    "a negative shape": array(FORMAT, F8, shape=b"J\xff\xff\xff\xff\x85"),
    "a shape beyond memory": array(items(), shape=group(b"J\xff\xff\xff\x7f", b"J\xff\xff\xff\x7f", b"K\x00")),
    "a shape that wraps around": array(b"C\x00", F8, shape=group(*[b"\x8a\x05" + (2**32).to_bytes(5, "little")] * 2)),
    "a shape of objects": array(FORMAT, F8, shape=group(DUMMY)),
    "too many dimensions": array(FORMAT, F8, shape=group(*[b"K\x01"] * 65)),
    "bytes that are too few": array(b"C\x04" + bytes(4), F8),
    "bytes that are too many": array(b"C\x10" + bytes(16), F8),
    "a buffer that is too small": call(
        name("numpy._core.numeric", "_frombuffer"), b"C\x04" + bytes(4), F8, b"K\x01\x85", text("C")
    ),
    "a second state": NUMBERS + group(b"K\x01", b"K\x00\x85", F8, b"\x89", b"C\x00") + b"b",
    "a type without its state": array(FORMAT, call(name("numpy", "dtype"), text("f8"), b"\x89", b"\x88")),
    "a tree that reads beyond its classes": call(TREE, b"K\x01", CLASSES, b"K\x09"),
    "a tree of a wrong number of nodes": call(TREE, b"K\x01", CLASSES, b"K\x01") + table(
        max_depth=b"K\x01", node_count=b"J\xff\xff\xff\x7f", nodes=NUMBERS, values=NUMBERS) + b"b",
    "a random state without numbers": call(
        name("numpy.random._pickle", "__randomstate_ctor"), call(BIT_GENERATOR, MERSENNE)
    ),
    "a random state that reads beyond its numbers": call(BIT_GENERATOR, MERSENNE) + group(
        table(bit_generator=text("MT19937"), state=table(pos=b"J\xff\xff\xff\x7f")), b"N") + b"b",
    "neighbors without arrays": call(NEW_OBJECT, name("sklearn.neighbors._kd_tree", "KDTree"))
    + group(*[b"N"] * 13) + b"b",
    "a memo entry far out": b"Nr\xff\xff\xff\x7f",
    "a memo entry that changes": b"K\x01q\x00K\x02q\x00",
    "two of one": DUMMY + b"2\x86",
    "a mask of another size": call(name("numpy.ma.core", "_mareconstruct"), name("numpy.ma", "MaskedArray"),
        name("numpy", "ndarray"), b"K\x00\x85", text("b"))
    + group(b"K\x01", b"K\x01\x85", F8, b"\x89", FORMAT, b"C\x00", b"N") + b"b",
}  # fmt: skip


def arrays_in_arrays(deep: int) -> bytes:
    made = b"N"
    for _ in range(deep):
        made = array(items(made))
    return made


def found_in(path: Path, program: bytes) -> Audit | None:
    """What the audit finds; None where it refuses the file."""
    try:
        return audit(written(path, BEGIN + program + b"."))
    except MlctlError:
        return None


@pytest.mark.parametrize("program", [*CODE.values(), *CONTAINERS.values()], ids=[*CODE, *CONTAINERS])
def test_what_runs_code_by_known_names_is_named(tmp_path: Path, program: bytes) -> None:
    found = found_in(tmp_path / "file", program)
    assert found is not None
    assert not found.recognised
    assert found.calls


@pytest.mark.parametrize("program", [*STATES.values(), *CRASHES.values()], ids=[*STATES, *CRASHES])
def test_a_state_of_another_form_is_not_recognised(tmp_path: Path, program: bytes) -> None:
    found = found_in(tmp_path / "file", program)
    assert found is None or not found.recognised
    # In an array of objects, as joblib nests it, it is no better.
    data = BEGIN + b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81" + table(
        subclass=name("numpy", "ndarray"), shape=b"K\x01\x85", order=text("C"), dtype=OBJECTS, allow_mmap=b"\x89"
    ) + b"b"  # fmt: skip
    found = found_in(tmp_path / "file", data[2:] + BEGIN + program + b".")
    assert found is None or not found.recognised


def test_the_pieces_of_the_attempts_are_recognised_by_themselves(tmp_path: Path) -> None:
    for program in (
        DUMMY, PASSES, NUMBERS, CLASSES, OBJECTS, array(items(b"N")), call(TREE, b"K\x01", CLASSES, b"K\x01"),
        DUMMY + table(a=b"N", b=PASSES, c=name("numpy", "sqrt"), d=items(group(text("x"), DUMMY))) + b"b",
        call(RECONSTRUCTOR, name(*RIDGE), name("builtins", "object"), b"N"), call(BIT_GENERATOR, MERSENNE),
        call(name("builtins", "set"), items(text("a"))), b"\x8f(K\x01\x90", b"(K\x01\x91", arrays_in_arrays(3),
        call(name("collections", "defaultdict"), name("builtins", "list")), b"}" + group(text("a"), b"K\x01") + b"Ns",
        call(name("sklearn._loss._loss", "CyHuberLoss"), b"G" + bytes(8)), new("sklearn.utils._bunch", "Bunch"),
    ):  # fmt: skip
        found = found_in(tmp_path / "file", program)
        assert found is not None
        assert found.recognised, (found, program)


def test_arrays_within_arrays_without_end_are_not_recognised(tmp_path: Path) -> None:
    # NumPy frees them one within the other, and runs out of stack.
    found = found_in(tmp_path / "file", arrays_in_arrays(1000))
    assert found is not None
    assert "numpy.ndarray (its state: arrays in arrays, too deep)" in found.calls


def test_a_data_type_that_all_arrays_share_is_never_changed(tmp_path: Path) -> None:
    # Without a copy NumPy would give the state to its own float64.
    for align, copy in ((b"\x89", b"\x89"), (b"\x88", b"\x88"), (b"K\x00", b"K\x00"), (b"\x89", b"N")):
        assert found_in(tmp_path / "file", dtype("f8", align=align, copy=copy)) is None
    for flags in (1, 2, 4, 32, 63):
        assert found_in(tmp_path / "file", dtype("f8", flags=flags)) is None
    # A date without its unit: NumPy reads where none is.
    assert found_in(tmp_path / "file", dtype("M8")) is None
    unit = group(b"N", group(b"C\x01D", b"K\x01", b"K\x01", b"K\x01"))
    date = dtype("M8").replace(b"(K\x03", b"(K\x04").replace(b"K\x00tb", b"K\x00" + unit + b"tb")
    found = found_in(tmp_path / "file", date)
    assert found is not None
    assert found.recognised
    assert found_in(tmp_path / "file", date.replace(unit, b"N")) is None
    assert found_in(tmp_path / "file", date.replace(b"(K\x04", b"(K\x03")) is None


def test_what_a_finding_says(tmp_path: Path) -> None:
    found = found_in(tmp_path / "file", CRASHES["a list that is too short"])
    assert found is not None
    assert found.unknown == found.dangerous == ()
    assert found.known == found.types == ("numpy._core.multiarray._reconstruct", "numpy.dtype", "numpy.ndarray")
    assert found.calls == ("numpy.ndarray (its state: a list whose length does not match its shape)",)
    found = found_in(tmp_path / "file", STATES["__setstate__"])
    assert found is not None
    assert found.calls == ("sklearn.dummy.DummyClassifier (its state: sets __setstate__)",)
    found = found_in(tmp_path / "file", call(name("os", "system"), text("true")))
    assert found is not None
    assert (found.dangerous, found.calls) == (("os.system",), ("os.system (called, and not recognised)",))
    # Texts of the file are shown in plain characters.
    found = found_in(tmp_path / "file", DUMMY + b"}" + text("__\x1b]0;title\x07") + b"Nsb")
    assert found is not None
    assert found.calls == ("sklearn.dummy.DummyClassifier (its state: sets __\\x1b]0;title\\x07)",)


@pytest.mark.parametrize(
    ("module", "qualname"),
    [
        ("sklearn.cluster._bicluster", "ABCMeta"),
        ("sklearn.cluster._kmeans", "BaseEstimator"),
        ("sklearn.utils", "os.system"),
        ("sklearn.svm._classes", "SVC.fit"),
        ("sklearn.svm._classes", "SVС"),  # noqa: RUF001 - a Cyrillic letter
        ("ｓklearn.svm._classes", "SVC"),  # noqa: RUF001 - a full-width letter
        ("sklearn.svm._classes", "SVC\x00"),
        ("sklearn..svm._classes", "SVC"),
        ("sklearn.linear_model._base", "sp"),
        ("sklearn.ensemble._forest", "threading"),
        ("sklearn.metrics._scorer", "partial"),
        ("sklearn.metrics._dist_metrics", "PyFuncDistance64"),
        ("scipy.stats._distn_infrastructure", "rv_continuous_frozen"),
        ("numpy.lib.npyio", "DataSource"),
        ("tempfile", "NamedTemporaryFile"),
        ("logging", "FileHandler"),
        ("_loss", "CyHuberLoss"),
    ],
)
def test_a_name_is_known_where_it_is_defined_and_nowhere_else(tmp_path: Path, module: str, qualname: str) -> None:
    found = found_in(tmp_path / "file", name(module, qualname))
    assert found is not None
    assert found.known == ()
    assert not found.recognised


def test_other_ways_to_a_call(tmp_path: Path) -> None:
    for program in (b"\x82\x07", b"\x83\x07\x01", b"\x84\x07\x00\x00\x01", b"Pid\n", b"NQ"):
        found = found_in(tmp_path / "file", program)
        assert found is not None
        assert not found.recognised
        assert found.dangerous
    # A name by texts that a call makes, and a protocol that changes what names mean.
    found = found_in(tmp_path / "file", call(name("builtins", "str"), text("os")) + text("system") + b"\x93")
    assert found is not None
    assert found.dangerous
    found = found_in(tmp_path / "file", b"N0\x80\x02c__builtin__\neval\n")
    assert found is not None
    assert found.dangerous == ("builtins.eval",)
    assert "pickle.PROTO (in the middle of the file)" in found.calls


def test_a_second_pickle_in_a_file_is_not_read_by_the_loader_either(tmp_path: Path) -> None:
    path = written(tmp_path / "file", pickle.dumps([1]) + b"cos\nsystem\n(S'false'\ntR.")
    assert audit(path).recognised
    assert joblib.load(path) == [1]


def test_tuples_that_double_are_not_walked(tmp_path: Path) -> None:
    # As a key its hash would take 2**200 steps.
    doubled = b"K\x01" + b"".join(b"q" + bytes([at]) + b"h" + bytes([at]) + b"\x86" for at in range(200))
    found = found_in(tmp_path / "file", b"}" + doubled + b"Ns")
    assert found is not None
    assert "builtins.dict (a key whose comparison may run code)" in found.calls
    assert "builtins.tuple (of too many parts to follow)" in found.calls


def test_a_class_of_the_users_own_is_unknown_and_no_call_of_a_finding(tmp_path: Path) -> None:
    for protocol in (0, 2, 5):
        path = written(tmp_path / "file", pickle.dumps({"mine": Mine(), "rows": ARRAY, "one": np.float64(1)}, protocol))
        found = audit(path)
        assert found.unknown == (f"{Mine.__module__}.Mine",)
        assert found.calls == ()
        assert not found.recognised
