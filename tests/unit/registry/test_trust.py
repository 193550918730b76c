"""A pickle is opened only if this user made or trusted the version on this machine."""

import json
import os
import pickle
import py_compile
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from mlctl import settings
from mlctl.core import train
from mlctl.errors import MlctlError
from mlctl.project_modules import module_digests
from mlctl.registry import trust
from mlctl.registry.store import ModelVersion, Registry
from mlctl.user_folders import state_folder
from tests.conftest import Cli
from tests.support.versions import Canary, forged, planted

OPENERS = (("evaluate",), ("compare", "latest"), ("bench", "--runs", "1"))


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A state folder in which nothing is recorded yet."""
    folder = tmp_path / "state"
    monkeypatch.setenv("MLCTL_STATE_DIR", str(folder))
    return folder


def test_a_version_from_elsewhere_is_used_by_every_command_without_its_pickle_being_opened(
    trained: Path, cli: Cli, iris: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    evil = planted(trained / "artifacts" / "iris", iris, {"model.joblib": pickle.dumps(Canary(canary))})
    (trained / "mlctl.toml").write_text("[stage.prod]\nregion = 'eu-west-1'\n")
    monkeypatch.setenv("MLCTL_LOCAL_ENDPOINT", "http://127.0.0.1:9")
    (trained / "rows.csv").write_text("sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n")
    for words in (
        ("models", "show", evil),
        ("models", "verify", evil),
        ("models", "export", evil, "-o", "evil.zip"),
        ("models", "import", "evil.zip"),
        ("package", evil),
        ("export", evil, "--stage", "prod"),
        ("data", "validate", "rows.csv", "--version", evil),
    ):
        done = cli(*words)
        assert (done.code, canary.exists()) == (0, False), (words, done.err)
    for line in ("models", f"deploy {evil}", "status", "doctor", "up", "invoke 5.1,3.5,1.4,0.2", "releases", "logs"):
        # They need a stage that answers, and there is none.
        cli(*line.split())
        assert not canary.exists(), line
    for line in (f"evaluate {evil}", f"compare {iris.id} {evil}", f"bench {evil} --runs 1"):
        refused = cli(*line.split(), "--json")
        assert (refused.code, refused.json["error"]["code"]) == (4, "version_not_trusted"), refused.err
        assert refused.json["error"]["hint"].startswith("If you trust its source, run `mlctl models trust")
        assert not canary.exists(), line
    assert cli("models", "show", evil, "--json").json["trusted"] is False
    # Trusting it opens nothing, but tells what it would do.
    trusted = cli("models", "trust", evil)
    assert "names objects that mlctl does not recognise: " in trusted.out
    assert "pathlib" in trusted.out
    assert not canary.exists()
    cli("evaluate", evil)
    assert canary.exists()


def test_a_version_without_a_record_is_refused_until_it_is_trusted(
    trained: Path, cli: Cli, nobody: Path, iris: ModelVersion
) -> None:
    for words in OPENERS[:2]:
        refused = cli(*words)
        assert refused.code == 4
        assert f"Model version {iris.id[:12]} was neither trained nor trusted by you on this machine" in refused.err
    assert "│" not in cli("models", "show").out
    assert cli("models", "show", "--json").json["trusted"] is False
    assert cli("models", "trust", iris.id[:8]).out == f"Model version {iris.id[:12]} is trusted on this machine.\n"
    shown = cli("models", "trust", "latest", "--json").json
    assert shown == {"version": iris.id, "trusted": True, "modules": {}, "unrecognised": []}
    assert cli("models", "show", "--json").json["trusted"] is True
    assert cli("evaluate").code == 0
    record = nobody / "trusted" / f"{iris.id}.json"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700
    assert cli("models", "trust").code == 2


def test_import_trusts_only_when_it_is_told_to(
    trained: Path, cli: Cli, nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "version.zip"
    assert cli("models", "export", "-o", str(out)).code == 0
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert cli("models", "import", str(out)).code == 0
    assert cli("evaluate").code == 4
    assert cli("package").code == 0
    assert cli("models", "import", str(out), "--trust").code == 0
    assert cli("evaluate").code == 0


def test_training_and_importing_a_model_are_recorded(project: Path, cli: Cli, nobody: Path) -> None:
    version = cli("train", "-p", "n_estimators=2", "--json").json["version"]
    assert [path.name for path in (nobody / "trusted").iterdir()] == [f"{version}.json"]
    assert cli("evaluate").code == 0
    model = Path("artifacts") / "iris" / version / "model.joblib"
    shutil.copy(model, "model.joblib")
    imported = cli("import", "model.joblib", "--data", "iris", "--yes", "--json")
    if imported.code == 0:
        assert cli("evaluate", imported.json["version"]).code == 0


def test_a_changed_version_is_not_trusted(trained: Path, cli: Cli) -> None:
    (Registry(trained, "iris").get().path / "metrics.json").write_text("{}")
    assert cli("models", "trust", "latest").code == 4


@pytest.mark.parametrize("spoil", ["text", "link", "mode", "folder mode", "format"])
def test_a_record_that_is_not_the_users_alone_counts_for_nothing(
    trained: Path, nobody: Path, iris: ModelVersion, spoil: str, tmp_path: Path
) -> None:
    trust.record(iris.id, iris.read("model.joblib"), trained)
    trust.check(iris.id, trained)
    path = nobody / "trusted" / f"{iris.id}.json"
    if spoil == "text":
        path.write_text("[" * 100_000)
    elif spoil == "format":
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    elif spoil == "link":
        path.rename(tmp_path / "elsewhere.json")
        path.symlink_to(tmp_path / "elsewhere.json")
    else:
        (path if spoil == "mode" else path.parent).chmod(0o722)
    with pytest.raises(MlctlError, match="neither trained nor trusted"):
        trust.check(iris.id, trained)


def test_where_nothing_can_be_recorded_training_ends_well_with_a_warning(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLCTL_STATE_DIR", str(tmp_path / "file" / "state"))
    (project / "mlctl.toml").write_text("[model]\nparams = { n_estimators = 2 }\n")
    events: list[Any] = []
    kept = train.run(project, settings.load(project), events.append)
    (warning,) = [event.text for event in events if (event.kind, event.name) == ("warning", "models")]
    assert f"run `mlctl models trust {kept.version[:12]}`" in warning
    assert Registry(project, "iris").get().trusted is False


def test_a_user_without_a_home_folder_has_no_state_in_the_project(
    trained: Path, monkeypatch: pytest.MonkeyPatch, iris: ModelVersion
) -> None:
    monkeypatch.delenv("MLCTL_STATE_DIR")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr("platformdirs.user_state_path", lambda name: Path("~/.local/state") / name)
    with pytest.raises(MlctlError, match="Your home folder is unknown"):
        state_folder()
    assert iris.trusted is False


# What the project's own modules do.


def written(folder: Path, **sources: str) -> Path:
    for name, source in sources.items():
        path = folder / name.replace("__", "/")
        path = path.with_name(f"{path.name}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder


def test_modules_are_followed_as_python_finds_them(tmp_path: Path) -> None:
    written(
        tmp_path,
        shop="import helpers\ndef lazy():\n    from package import inner, other\n    import json, numpy.linalg\n",
        helpers="x = 1\n",
        package__deep__leaf="y = 2\n",
        package__inner="from .deep import leaf\nfrom . import sibling\n",
        package__sibling="from ..outside import z\n",
        unrelated="z = 3\n",
        space__name="import spoken\n",
        spoken="not python (",
    )
    (tmp_path / "package" / "__init__.py").touch()
    found = module_digests.fingerprints(["shop.Cleaner.clean", "sklearn.pipeline.Pipeline", "builtins.set"], tmp_path)
    assert set(found) == {
        "shop.py", "helpers.py", "package/__init__.py", "package/inner.py", "package/deep/leaf.py",
        "package/sibling.py",
    }  # fmt: skip
    # A folder without __init__ is a package too.
    assert set(module_digests.fingerprints(["space.name"], tmp_path)) == {"space/name.py", "spoken.py"}
    # A package comes before the module of its name.
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    assert set(module_digests.fingerprints(["shop.Cleaner"], tmp_path)) == {"shop/__init__.py"}
    assert module_digests.fingerprints(["..", "", "a b", "shop..x"], tmp_path).keys() <= {"shop/__init__.py"}
    assert {"shop", "helpers", "package", "space"} <= set(module_digests.importable(tmp_path))


SHOP = """
import helpers_of_{0}
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

class Same(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self
    def __sklearn_is_fitted__(self):
        return True
    def transform(self, X):
        return X

def make():
    return make_pipeline(Same(), RandomForestClassifier(n_estimators=2))
"""


@pytest.fixture
def own(project: Path, cli: Cli, request: pytest.FixtureRequest) -> str:
    """The name of a module whose pipeline a version was trained with; a later run has imported nothing of it."""
    name = f"shop_{abs(hash(request.node.name))}"
    written(project, **{name: SHOP.format(name), f"helpers_of_{name}": "x = 1\n"})
    (project / "mlctl.toml").write_text(f'[model]\npipeline = "{name}:make"\ncv = 2\n')
    assert cli("train").code == 0
    forget(name)
    return name


def forget(name: str) -> None:
    for each in (name, f"helpers_of_{name}"):
        sys.modules.pop(each, None)


def test_a_module_that_the_pickle_imports_must_be_what_it_was(project: Path, cli: Cli, own: str) -> None:
    assert cli("evaluate").code == 0
    forget(own)
    marker = project / "marker"
    evil = f"from pathlib import Path\nPath({str(marker)!r}).touch()\nx = 1\n"
    for name in (f"helpers_of_{own}.py", f"{own}.py", f"{own}/__init__.py", f"helpers_of_{own}/__init__.py"):
        path = project / name
        before = path.read_text() if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        path.write_text(evil + (before or ""))
        for words in OPENERS:
            refused = cli(*words, "--json")
            assert (refused.code, refused.json["error"]["code"]) == (4, "code_changed"), (name, words, refused.err)
            assert name in refused.json["error"]["message"]
        assert not marker.exists()
        if before is None:
            shutil.rmtree(path.parent)
        else:
            path.write_text(before)
    assert cli("evaluate").code == 0


def test_a_missing_module_is_reported(project: Path, cli: Cli, own: str) -> None:
    (project / f"{own}.py").unlink()
    refused = cli("evaluate", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (4, "code_missing")


def test_bytecode_beside_a_module_is_not_taken_for_it(project: Path, cli: Cli, own: str) -> None:
    source, marker = project / f"{own}.py", project / "marker"
    shutil.rmtree(project / "__pycache__", ignore_errors=True)
    text, times = source.read_text(), source.stat()
    source.write_text(text + f"\nfrom pathlib import Path\nPath({str(marker)!r}).touch()\n")
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    source.write_text(text)
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert list((project / "__pycache__").iterdir())
    for words in OPENERS:
        forget(own)
        done = cli(*words)
        assert (done.code, marker.exists()) == (0, False), (words, done.err)


def test_a_pickle_that_names_no_module_of_the_project_imports_none(
    trained: Path, cli: Cli, iris: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[object] = []
    monkeypatch.setattr("mlctl.registry.trust.project_modules", reached.append)
    iris.load_pipeline()
    assert reached == []


def test_of_a_pickle_that_cannot_be_audited_all_modules_of_the_project_count(project: Path, nobody: Path) -> None:
    written(project, shop="x = 1\n", other__inner="y = 2\n")
    (project / "other" / "__init__.py").touch()
    made = trust.record("a" * 64, b"no pickle at all", project)
    assert set(made.modules) == {"shop.py", "other/__init__.py"}
    assert trust.unrecognised(b"no pickle at all") is None


def test_a_forged_version_has_another_id(iris: ModelVersion) -> None:
    assert forged(iris)[0] == iris.id
    assert forged(iris, {"model.joblib": b"x"})[0] != iris.id


def test_trust_that_would_not_count_is_not_announced(
    trained: Path, cli: Cli, nobody: Path, iris: ModelVersion, tmp_path: Path
) -> None:
    nobody.mkdir(mode=0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (nobody / "trusted").symlink_to(elsewhere)
    refused = cli("models", "trust", iris.id, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "trust_not_recorded")
    assert cli("evaluate").code == 4
    (nobody / "trusted").unlink()
    assert cli("models", "trust", iris.id).code == 0
    assert cli("evaluate").code == 0
