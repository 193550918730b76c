"""Which names the audit knows, which it calls dangerous, and which neither."""

import importlib
import pkgutil

import pytest
import sklearn

from mlctl.model.pickle_audit.names import is_dangerous, is_known


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


@pytest.mark.filterwarnings("ignore")
def test_the_rule_for_scikit_learn_admits_its_own_classes_alone() -> None:
    outside = {"MaskedArray", "BSpline", "LinAlgError", "SparseEfficiencyWarning"}
    for package in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        module = package.name
        if "tests" in module.split(".") or not is_known(module, "Anything"):
            continue
        for name, value in vars(importlib.import_module(module)).items():
            if not is_known(module, name) or name in outside:
                continue
            if not isinstance(value, type):
                assert callable(value), (module, name)
                assert name[0].islower() or name.startswith(("__pyx_unpickle_", "_kmeans_single_")), (module, name)
                continue
            home = value.__module__
            # Until 1.7 the compiled losses give their module without its package.
            assert home.startswith(("sklearn.", "abc", "enum")) or home == "_loss", (module, name)
            assert not home.startswith(("sklearn.externals", "sklearn.datasets", "sklearn.callback")), (module, name)
            assert home not in ("sklearn.utils.parallel", "sklearn.utils._testing"), (module, name)
