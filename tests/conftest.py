"""What the tests share: projects in temporary folders, the command line, a trained version, a loaded handler."""

import importlib
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from mlctl import settings
from mlctl.cli.app import main
from mlctl.core import train
from mlctl.packaging import build
from mlctl.registry import answers
from mlctl.registry.store import ModelVersion, Registry
from mlctl.settings import deploy
from tests.support import tier

if TYPE_CHECKING:
    from tests.cloud import Cloud

ROOT = Path(__file__).parent.parent
# Where the emulator's environment and the state of projects are kept: the same for every test of one run.
SHARED_VARIABLES = ("MLCTL_CACHE_DIR", "MLCTL_STATE_DIR")

_QUIET = [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow]
for _tier in (tier.DEFAULT, tier.FULL):
    hypothesis.settings.register_profile(
        _tier.name, deadline=None, max_examples=_tier.examples, derandomize=True, suppress_health_check=_QUIET
    )
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=3000, suppress_health_check=_QUIET)
hypothesis.settings.load_profile(tier.DEFAULT.name)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options for longer runs than the default."""
    parser.addoption("--full", action="store_true", help="the full tier: every row, fault and example")
    parser.addoption("--csv-mb", type=int, default=100, help="size of the large CSV that is read (default 100)")
    parser.addoption("--faults", choices=("some", "all"), default="some", help="of the fault matrix (default some)")
    parser.addoption("--kills", type=int, default=8, help="how often the registry's writers are killed (default 8)")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the tier, here and in each worker of pytest-xdist."""
    if config.getoption("--full"):
        tier.current = tier.FULL
        config.option.faults, config.option.kills = "all", max(config.option.kills, 100)
        if not config.getoption("--hypothesis-profile"):
            hypothesis.settings.load_profile(tier.FULL.name)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the end-to-end tests, and leave slow tests to the full tier unless one is named by its id."""
    for item in items:
        if item.path.is_relative_to(ROOT / "tests" / "e2e"):
            item.add_marker(pytest.mark.e2e)
    if tier.current is tier.FULL or any("::" in argument for argument in config.args):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


@dataclass(frozen=True)
class Result:
    """What one run of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


Cli = Callable[..., Result]


@pytest.fixture(autouse=True, scope="session")
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's state folder is one of this run, for fixtures that tests share too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLCTL_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests reaches them; the emulator's environment may be shared."""
    for name in list(os.environ):
        if name.startswith(("MLCTL_", "AWS_")) and name not in SHARED_VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, which is the current folder too."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs ``mlctl`` in this process."""

    def run(*words: str) -> Result:
        capsys.readouterr()
        code = main(words)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def iris_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one model version, the default one. Only to be read."""
    folder = tmp_path_factory.mktemp("iris")
    train.run(folder, settings.load(folder))
    return folder


@pytest.fixture
def trained(project: Path, iris_folder: Path) -> Path:
    """A project of the test's own with one model version."""
    shutil.copytree(iris_folder, project, dirs_exist_ok=True)
    return project


@pytest.fixture(scope="session")
def iris(iris_folder: Path) -> ModelVersion:
    """The default model version of Iris. Only to be read."""
    return Registry(iris_folder, "iris").get()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    """A model version of Iris of two trees, for what looks at many files. Only to be read."""
    folder = tmp_path_factory.mktemp("small")
    train.run(folder, settings.load(folder, flags={"model": {"params": {"n_estimators": 2}, "cv": 2}}))
    return Registry(folder, "iris").get()


@pytest.fixture(scope="session")
def iris_package(iris: ModelVersion) -> build.Package:
    """The package of that version."""
    return build.build_package(iris, engine="auto", python=deploy.default_python())


@pytest.fixture
def cloud(iris: ModelVersion) -> Iterator["Cloud"]:
    """AWS in this process, which knows the golden examples of that version: ``tests/cloud``."""
    from tests.cloud import Cloud

    with Cloud() as found:
        found.expect_golden(iris.id, answers.from_document(iris.read_json("golden.json")))
        yield found


@pytest.fixture(scope="session")
def unpacked(iris_package: build.Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, unzipped."""
    folder = tmp_path_factory.mktemp("package")
    zipfile.ZipFile(BytesIO(iris_package.zip)).extractall(folder)
    return folder


@pytest.fixture(scope="session")
def handler_app(unpacked: Path) -> ModuleType:
    """``handler.app`` as the zip holds it, imported into this process."""
    return import_handler(unpacked)


def import_handler(folder: Path) -> ModuleType:
    """Import ``handler.app`` from ``folder``, apart from the source's handler: a package holds only a part of it."""
    before = _handler_modules()
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("handler.app")
    finally:
        sys.path.remove(str(folder))
        _handler_modules()
        sys.modules.update(before)


def _handler_modules() -> dict[str, ModuleType]:
    """The handler's modules, taken out of ``sys.modules``."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "handler"}


class LambdaContext:
    """The part of Lambda's context that the handler reads."""

    aws_request_id = "11111111-2222-3333-4444-555555555555"


def http_event(method: str, path: str, body: str | None = None, **more: Any) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload format 2.0."""
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "body": body,
        "isBase64Encoded": False,
        **more,
    }
