"""Makes ``mlctl/pickle_audit/known.json``: the classes and functions that a fitted scikit-learn model holds.

Run ``python -m tests.support.known_types`` once with each supported release of scikit-learn installed: what a release
adds is merged into the file, and nothing is taken out, because older models name older classes.
"""

import importlib
import inspect
import json
import pkgutil
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import sklearn

from mlctl.pickle_audit import names

PATH = Path(names.__file__).with_name("known.json")
Table = dict[str, dict[str, list[str]]]

# Packages of scikit-learn whose classes no fitted model holds, or which open files, connections and threads.
_LEFT_OUT = re.compile(
    r"sklearn\.(?:.*\.)?(?:_build_utils|tests|conftest|callback|datasets|externals|experimental|inspection)\b.*"
)
_UTILS = ("sklearn.utils._bunch", "sklearn.utils._metadata_requests")
# Base classes: whatever is derived from them in scikit-learn is made with no arguments and gets a dictionary.
_BASES = {
    "sklearn.base": ["BaseEstimator"],
    "sklearn._loss.link": ["BaseLink", "Interval"],
    "sklearn._loss.loss": ["BaseLoss"],
    "sklearn.ensemble._gb_losses": ["LossFunction"],
    "sklearn.gaussian_process.kernels": ["Kernel"],
    "sklearn.metrics._scorer": ["_BaseScorer", "_PassthroughScorer", "_MultimetricScorer"],
    "sklearn.model_selection._split": [
        "BaseCrossValidator", "BaseShuffleSplit", "_BaseKFold", "_RepeatedSplits", "_CVIterableWrapper",
    ],
    "sklearn.neural_network._stochastic_optimizers": ["BaseOptimizer"],
    "sklearn.calibration": ["_CalibratedClassifier"],
    "sklearn.cluster._birch": ["_CFNode", "_CFSubcluster"],
    "sklearn.cluster._bisect_k_means": ["_BisectingTree"],
    "sklearn.compose._column_transformer": ["make_column_selector"],
    "sklearn.ensemble._hist_gradient_boosting.predictor": ["TreePredictor"],
    "sklearn.utils._metadata_requests": ["MetadataRequest", "MethodMetadataRequest"],
}  # fmt: skip
# Compiled classes, each kind with a form of its own.
_COMPILED = {
    "loss": {
        "sklearn._loss._loss": ["CyLossFunction", "CyHalfMultinomialLoss"],
        "sklearn.linear_model._sgd_fast": ["CyLossFunction", "LossFunction", "Regression", "Classification"],
    },
    "distance": {"sklearn.metrics._dist_metrics": ["DistanceMetric"]},
    "neighbors": {"sklearn.neighbors._kd_tree": ["BinaryTree64", "BinaryTree32", "KDTree"],
                  "sklearn.neighbors._ball_tree": ["BinaryTree64", "BinaryTree32", "BallTree"]},
}  # fmt: skip
_FUNCTIONS = {
    "sklearn.metrics": re.compile(r"[a-z]\w*"),
    "sklearn.feature_selection": re.compile(r"(?:mutual_info|f)_(?:classif|regression|oneway)|r_regression|chi2"),
    "sklearn.cluster._kmeans": re.compile(r"_kmeans_single_\w+"),
}
_SPECIAL = ("BaseEstimator", "PyFuncDistance", "PyFuncDistance64", "PyFuncDistance32")


def _modules() -> Iterator[ModuleType]:
    for package in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        if _LEFT_OUT.fullmatch(package.name):
            continue
        if package.name.startswith("sklearn.utils") and package.name not in _UTILS:
            continue
        yield importlib.import_module(package.name)


def _bases(given: dict[str, list[str]]) -> tuple[type, ...]:
    made = []
    for module, wanted in given.items():
        try:
            home = importlib.import_module(module)
        except ImportError:  # not in this release
            continue
        made += [getattr(home, name) for name in wanted if hasattr(home, name)]
    return tuple(made)


def generated() -> Table:
    """What the installed release defines: kind → module → names; ``methods`` under its own key."""
    table: dict[str, dict[str, set[str]]] = {}
    kinds = {"plain": _bases(_BASES)} | {kind: _bases(given) for kind, given in _COMPILED.items()}
    methods: set[str] = set()

    def add(kind: str, module: str, name: str) -> None:
        table.setdefault(kind, {}).setdefault(module, set()).add(name)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in _modules():
            for name, value in vars(module).items():
                home = getattr(value, "__module__", None)
                # Only where it is defined; the compiled losses gave their module without its package until 1.7.
                if home not in (module.__name__, module.__name__.rsplit(".", 1)[-1]) or name in _SPECIAL:
                    continue
                if not isinstance(value, type) or value.__qualname__ != name:
                    continue
                for kind, bases in kinds.items():
                    if issubclass(value, bases) and not inspect.isabstract(value):
                        add(kind, module.__name__, name)
                        if home != module.__name__:
                            add(kind, home, name)
                        if "__call__" in dir(value):
                            add("callable", module.__name__, name)
                        methods |= {each for each in dir(value) if callable(getattr(value, each, None))}
        for module_name, wanted in _FUNCTIONS.items():
            for name, value in vars(importlib.import_module(module_name)).items():
                home = str(getattr(value, "__module__", ""))
                if (
                    wanted.fullmatch(name)
                    and inspect.isfunction(value)
                    and home.startswith(module_name)
                    and not home.endswith("._scorer")
                ):
                    add("function", home, value.__qualname__)
    plain = {kind: {module: sorted(named) for module, named in sorted(by.items())} for kind, by in table.items()}
    plain["methods"] = {"": sorted(each for each in methods if not each.startswith("__"))}
    return plain


def merged(first: Table, second: Table) -> Table:
    """Both."""
    made: Any = {}
    for table in (first, second):
        for kind, modules in table.items():
            for module, found in modules.items():
                place = made.setdefault(kind, {})
                place[module] = sorted({*place.get(module, ()), *found})
    return {kind: dict(sorted(modules.items())) for kind, modules in sorted(made.items())}


def main() -> None:
    """Merge what is installed into the file."""
    before = json.loads(PATH.read_text()) if PATH.exists() else {}
    text = json.dumps(merged(before, generated()), indent=1)
    # One line a module.
    text = re.sub(r"\[\s+([^\]]*?)\s+\]", lambda found: "[" + re.sub(r"\s+", " ", found[1]) + "]", text)
    PATH.write_text(text + "\n")


if __name__ == "__main__":
    main()
