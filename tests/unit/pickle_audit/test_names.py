"""Known, dangerous and unknown names in the audit."""

import importlib
import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import pytest

from mlctl.pickle_audit.names import PLAIN, is_dangerous, is_known
from tests.support import known_types


@pytest.mark.parametrize(
    "name",
    [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("subprocess", "Popen"),
        ("sys", "modules"),
        ("shutil", "rmtree"),
        ("socket", "socket"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "compile"),
        ("builtins", "__import__"),
        ("builtins", "getattr"),
        ("builtins", "setattr"),
        ("builtins", "open"),
        ("importlib", "import_module"),
        ("importlib._bootstrap", "_call_with_frames_removed"),
        ("runpy", "run_path"),
        ("pickle", "loads"),
        ("_pickle", "loads"),
        ("joblib", "load"),
        ("joblib.numpy_pickle", "load"),
        ("pty", "spawn"),
        ("ctypes", "CDLL"),
        ("code", "interact"),
        ("operator", "attrgetter"),
        ("operator", "methodcaller"),
        ("numpy", "load"),
        ("numpy", "save"),
        ("numpy", "loadtxt"),
        ("numpy", "fromfile"),
        ("numpy.testing", "rundocs"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy.f2py", "compile"),
        ("numpy.lib.npyio", "NpzFile"),
        ("numpy.ctypeslib", "load_library"),
        ("numpy.core", "_ufunc_reconstruct"),
        ("pandas", "read_pickle"),
        ("pandas", "eval"),
        ("pandas.io.common", "get_handle"),
        ("scipy.io", "loadmat"),
        ("torch.storage", "_load_from_bytes"),
        ("sklearn.utils", "os.system"),
        ("sklearn.svm", "SVC.__init__.__globals__"),
        ("sklearn.svm", "SVC.__init__.__globals__.__getitem__"),
    ],
)
def test_what_opens_the_machine_is_dangerous(name: tuple[str, str]) -> None:
    assert is_dangerous(*name)
    assert not is_known(*name)


@pytest.mark.parametrize(
    "name",
    [
        # its distributions execute a text of their state
        ("scipy.stats._distn_infrastructure", "rv_continuous_frozen"),
        ("functools", "partial"),
        ("sklearn.cluster._bicluster", "ABCMeta"),
        ("sklearn.ensemble._forest", "ForestRegressor"),
        ("sklearn.tests.test_base", "MyEstimator"),
        ("builtins", "type"),
        ("numpy", "object_"),
        ("numpy", "memmap"),
        ("numpy", "ndarray.tofile"),
        ("joblib", "numpy_pickle.Other"),
        ("joblib.memory", "Memory"),
        ("sklearn", "svm.SVC"),
        ("sklearn.svm", "SVC.fit"),
        ("sklearn.svm\n", "SVC"),
        ("sklearn.svm", "SVC\n"),
        ("sklearn.svm", "SVС"),  # noqa: RUF001 - a Cyrillic letter
        ("sklearnx.svm", "SVC"),
        ("sklearn.ensemble._forest", "Parallel"),
        ("sklearn.ensemble.tests.test_forest", "Anything"),
        ("sklearn.tree._tree", "NODE_DTYPE"),
        ("sklearn.callback._transport", "Listener"),
        ("sklearn.datasets._base", "NamedTemporaryFile"),
        ("sklearn.externals._arff", "Data"),
        ("sklearn.utils._testing", "TempMemmap"),
    ],
)
def test_what_is_not_certain_is_unknown(name: tuple[str, str]) -> None:
    assert not is_known(*name)
    assert not is_dangerous(*name)


def test_the_table_holds_what_scikit_learn_defines_and_nothing_that_it_imports() -> None:
    table = json.loads(known_types.PATH.read_text())
    installed = known_types.generated()
    # Whoever changes the rules, or installs a later release, runs `python -m tests.support.known_types`.
    assert known_types.merged(table, installed) == table
    for kind in ("plain", "function", "loss", "distance", "neighbors"):
        for module, found in table[kind].items():
            # What other releases have is beside it; what this release defines otherwise is not.
            for name in found if importlib.util.find_spec(module.split(".")[0]) else ():
                home = _module(module)
                value = getattr(home, name, None)
                assert value is None or value.__module__ == module, (module, name)


def _module(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ImportError:  # of another release
        return None


def plain_classes() -> Iterator[type]:
    for module, name in sorted(PLAIN):
        value = getattr(_module(module), name, None)
        if value is not None:
            assert isinstance(value, type)
            yield value


def test_plain_classes_run_no_code_of_their_own_when_they_are_loaded() -> None:
    # What was read and has a rule in states.py. A later release that adds to it needs a look at its code.
    own: dict[str, set[str]] = {}
    for kind in plain_classes():
        # A deprecated class warns, and does no more.
        made: Any = kind.__new__
        assert made == object.__new__ or made.__qualname__.startswith("deprecated."), kind
        assert type(kind).__name__ in ("type", "ABCMeta"), kind
        assert kind.__dictoffset__, kind
        for method in ("__setstate__", "__reduce__", "__reduce_ex__", "__getattr__", "__getattribute__", "__setattr__",
                       "__del__", "__hash__", "__getinitargs__"):  # fmt: skip
            found = getattr(kind, method, None)
            if found is not None and found is not getattr(object, method, None):
                own.setdefault(method, set()).add(found.__qualname__.split(".")[0])
    # SciPy's only moves two entries of the dictionary.
    assert own.get("__setstate__", set()) - {"coo_matrix"} == {"BaseEstimator", "IsotonicRegression", "TreePredictor"}
    del own["__setstate__"]
    assert own == {
        "__getattr__": {"FrozenEstimator", "MetadataRequest"},
    }


def test_each_kind_of_name_is_known() -> None:
    for name in (("sklearn.svm._classes", "SVC"), ("sklearn.tree._tree", "Tree"), ("sklearn.utils._bunch", "Bunch"),
                 ("sklearn.metrics._classification", "f1_score"), ("numpy", "float64"), ("numpy", "log1p"),
                 ("builtins", "slice"), ("scipy.sparse._csr", "csr_array"), ("copyreg", "_reconstructor")):  # fmt: skip
        assert is_known(*name)
        assert not is_dangerous(*name)
