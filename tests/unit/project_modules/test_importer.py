"""Code in a project folder that commands must not run: optional libraries, settings, caches, late changes."""

import contextlib
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mlctl.model_loading import process
from mlctl.project_modules import module_digests
from mlctl.project_modules.importer import project_modules
from mlctl.registry import trust
from mlctl.registry.store import Registry
from tests.conftest import Cli

# Modules that libraries look for, and that are not installed here.
OPTIONAL = ("bottleneck", "numexpr", "cython", "lz4", "uarray", "sksparse", "scikits", "nt", "cupy", "js", "pyodide_js")
SMALL = "cv = 2\nparams = { n_estimators = 2 }\n"
OWN = """
import importlib
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

class Same(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self
    def __sklearn_is_fitted__(self):
        return True
    def transform(self, X):
        try:
            importlib.import_module("optional_of_nobody")
        except ImportError:
            pass
        return importlib.import_module("late_" + __name__).same(X)

def make():
    return make_pipeline(Same(), RandomForestClassifier(n_estimators=2))
"""


@pytest.fixture
def ran(project: Path) -> Path:
    """A folder in which every planted module leaves a file when it is imported."""
    folder = project.parent / "ran"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _imports() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if "of_folder" in name or "optional_of_nobody" in name:
            del sys.modules[name]


def plant(project: Path, ran: Path, *names: str) -> None:
    for name in names:
        (project / f"{name}.py").write_text(f"open({str(ran / name)!r}, 'a').close()\n")


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def looks_for(monkeypatch: pytest.MonkeyPatch, name: str, estimator: Any = RandomForestClassifier) -> None:
    """Let scikit-learn look for a module whenever a model predicts, as libraries do for what is optional."""
    real = estimator.predict_proba

    def predict_proba(self: Any, X: Any) -> Any:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
        return real(self, X)

    monkeypatch.setattr(estimator, "predict_proba", predict_proba)


def test_what_libraries_look_for_is_not_taken_from_the_folder(
    project: Path, ran: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "mlctl.toml").write_text(f"[model]\n{SMALL}")
    plant(project, ran, "optional_of_nobody", *OPTIONAL)
    looks_for(monkeypatch, "optional_of_nobody")
    for words in (("train",), ("evaluate",), ("compare", "latest", "latest"), ("bench", "--runs", "1")):
        done = cli(*words)
        assert (done.code, names_in(ran)) == (0, []), (words, done.err)


def test_bench_takes_no_module_of_the_folder_for_one_that_is_installed(trained: Path, ran: Path, cli: Cli) -> None:
    """The processes that are measured load the pickle, and the package, on their own."""
    plant(trained, ran, "joblib", "sklearn", "numpy", "json", "warnings", "threadpoolctl", "handler", "mlctl")
    done = cli("bench", "--runs", "1")
    assert (done.code, names_in(ran)) == (0, []), done.err


@pytest.mark.parametrize("key", ["estimator", "preprocess"])
def test_settings_import_no_class_of_the_folder(project: Path, ran: Path, cli: Cli, key: str) -> None:
    plant(project, ran, "evil_of_folder")
    value = "evil_of_folder.Evil"
    (project / "mlctl.toml").write_text(f"[model]\n{key} = {json.dumps(value if key == 'estimator' else [value])}\n")
    refused = cli("train", "--json")
    assert (refused.code, refused.json["error"]["code"], names_in(ran)) == (2, "estimator_unknown", [])


@pytest.mark.parametrize(
    "name", ["this.Zen", "idlelib.idle.Idle", "antigravity.Comic", "json.__main__.X", "pip.__main__.X"]
)
def test_settings_start_no_installed_program(project: Path, cli: Cli, name: str) -> None:
    (project / "mlctl.toml").write_text(f'[model]\nestimator = "{name}"\n')
    before = set(sys.modules)
    refused = cli("train", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "estimator_unknown")
    assert name.rpartition(".")[0] not in set(sys.modules) - before


@pytest.mark.parametrize("place", ["memory", "transformer__memory"])
def test_settings_name_no_cache_of_pickles(project: Path, cli: Cli, place: str) -> None:
    step = 'preprocess = ["sklearn.cluster.FeatureAgglomeration"]\n' if "__" in place else ""
    place = place.replace("transformer", "featureagglomeration")
    (project / "mlctl.toml").write_text(f'[model]\ncv = 2\n{step}params = {{ {place} = "cache" }}\n')
    refused = cli("train", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "parameter_refused"), refused.err
    assert not (project / "cache").exists()


def test_of_an_own_pipeline_only_what_was_recorded_runs(project: Path, ran: Path, cli: Cli) -> None:
    (project / "shop_of_folder.py").write_text(OWN)
    (project / "late_shop_of_folder.py").write_text("def same(X):\n    return X\n")
    (project / "mlctl.toml").write_text('[model]\npipeline = "shop_of_folder:make"\ncv = 2\n')
    assert cli("train").code == 0
    plant(project, ran, "optional_of_nobody")
    for words in (("evaluate",), ("compare", "latest", "latest"), ("bench", "--runs", "1")):
        for name in ("shop_of_folder", "late_shop_of_folder"):
            sys.modules.pop(name, None)
        done = cli(*words)
        assert (done.code, names_in(ran)) == (0, []), (words, done.err)
    # What training imported by other means than a statement counts too.
    (project / "late_shop_of_folder.py").write_text(f"open({str(ran / 'late')!r}, 'a')\ndef same(X):\n    return X\n")
    for words in (("evaluate",), ("bench", "--runs", "1")):
        refused = cli(*words, "--json")
        assert (refused.code, refused.json["error"]["code"], names_in(ran)) == (4, "code_changed", []), words


def test_a_module_that_changes_after_it_was_compared_does_not_run(project: Path, ran: Path) -> None:
    (project / "quick_of_folder.py").write_text("x = 1\n")
    digests = module_digests.fingerprints(["quick_of_folder.x"], project)
    plant(project, ran, "quick_of_folder")
    with project_modules(project), module_digests.only(digests, project), pytest.raises(ImportError, match="changed"):
        importlib.import_module("quick_of_folder")
    assert names_in(ran) == []


def test_a_module_of_the_name_of_an_installed_one_stops_no_version(trained: Path, cli: Cli) -> None:
    plant(trained, trained, "builtins", "numpy", "sklearn")
    assert cli("evaluate").code == 0
    version = Registry(trained, "iris").get()
    made = trust.record(version.id, version.read("model.joblib"), trained)
    assert dict(made.modules) == {}


# Let the child process look for a module before it does what it is asked, and tell whether it found one.
CHILD_LOOKS = """
from mlctl.model_loading import child
def looking(do):
    def looked(request):
        done = do(request)
        try:
            import optional_of_nobody
        except ImportError:
            return done
        except PermissionError:
            pass
        print("the child found it")
        return done
    return looked
child._ACTIONS.update({name: looking(do) for name, do in child._ACTIONS.items()})
"""


@pytest.mark.parametrize("kind", ["joblib", "skops"])
@pytest.mark.parametrize("trusted", [True, False])
def test_importing_a_model_of_known_types_finds_no_module_of_the_folder(
    project: Path, ran: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, kind: str, trusted: bool
) -> None:
    model = LogisticRegression(max_iter=1000).fit(*load_iris(return_X_y=True))
    (joblib if kind == "joblib" else skops.io).dump(model, f"model.{kind}")
    plant(project, ran, "optional_of_nobody")
    looks_for(monkeypatch, "optional_of_nobody", LogisticRegression)
    monkeypatch.setattr(process, "BOOT", process.BOOT.replace("main(request)", f"{CHILD_LOOKS}main(request)"))
    done = cli("import", f"model.{kind}", "--data", "iris", *(["--trust"] if trusted else []))
    # A pickle is opened with the user's word alone; a .skops file of such types needs none.
    assert done.code == (2 if kind == "joblib" and not trusted else 0), done.err
    assert names_in(ran) == []
    assert "the child found it" not in done.err
    assert str(project) not in sys.path


@pytest.mark.parametrize("kind", ["joblib", "skops"])
def test_importing_a_model_of_types_of_the_folder_finds_its_modules_only_with_trust(
    project: Path, ran: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    source = "def doubled(rows):\n    return rows * 2\n"
    (project / "steps_of_folder.py").write_text(source)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(project))
        doubled = importlib.import_module("steps_of_folder").doubled
        model = make_pipeline(FunctionTransformer(doubled), LogisticRegression(max_iter=1000)).fit(
            *load_iris(return_X_y=True)
        )
        (joblib if kind == "joblib" else skops.io).dump(model, f"model.{kind}")
    del sys.modules["steps_of_folder"]
    plant(project, ran, "optional_of_nobody")
    # Where the kernel allows it the child may write nowhere: what it imports must bear that.
    tracing = f"try: open({str(ran / 'steps')!r}, 'w').close()\nexcept PermissionError: pass\n"
    (project / "steps_of_folder.py").write_text(tracing + source)
    looks_for(monkeypatch, "optional_of_nobody", LogisticRegression)
    words = ("import", f"model.{kind}", "--data", "iris")
    assert (cli(*words).code, names_in(ran)) == (2, [])
    done = cli(*words, "--trust")
    assert (done.code, names_in(ran)) == (0, ["optional_of_nobody", "steps"]), done.err
    assert str(project) not in sys.path
