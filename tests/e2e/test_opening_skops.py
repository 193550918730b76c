"""`mlctl import` of `.skops` files: what skops trusts needs no trust, and the rest is named."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlctl.core.shared import model_file
from mlctl.errors import ExitCode, MlctlError
from mlctl.model_loading import process
from mlctl.model_loading.answers import Contents
from mlctl.registry.store import Registry
from tests.conftest import Cli, Result
from tests.unit.model_loading.test_skops_files import FEATURES, LABELS, archive, members


@pytest.fixture
def bring(cli: Cli, project: Path) -> Callable[..., Result]:
    """Imports `model.skops`, having saved a model there if one is given."""
    pd.DataFrame(FEATURES, columns=["length", "width"]).assign(species=LABELS).to_csv("rows.csv", index=False)

    def run(model: Any, *words: str) -> Result:
        if model is not None:
            skops.io.dump(model, "model.skops")
        return cli("import", "model.skops", "--data", "rows.csv", "--target", "species", *words)

    return run


def test_a_file_of_types_that_skops_trusts_needs_no_trust(project: Path, bring: Callable[..., Result]) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(FEATURES, LABELS)
    done = bring(model, "--json")
    assert done.code == 0, done.err
    document = done.json
    assert "sklearn.linear_model._logistic.LogisticRegression" in document["types"]
    assert document["metrics"]["accuracy"] == model.score(FEATURES, LABELS)
    version = Registry(project, "iris").get()
    assert version.load_pipeline().predict(FEATURES).tolist() == model.predict(FEATURES).tolist()
    again = bring(None, "--json")
    assert (again.json["version"], again.json["created"]) == (document["version"], False)


def test_what_skops_does_not_trust_is_named_and_needs_trust(project: Path, bring: Callable[..., Result]) -> None:
    model = DecisionTreeClassifier(random_state=0).fit(FEATURES, LABELS)
    refused = bring(model)
    assert refused.code == 2
    assert "not recognised by mlctl, or not trusted by skops: sklearn.tree._tree.Tree\n" in refused.err
    assert (
        "Error: model.skops was not opened: not all of its types are safe to load. "
        "It names sklearn.tree._tree.Tree.\nNext:  Give --trust if you know who made it.\n"
    ) in refused.err
    assert bring(None, "--json").json["error"]["code"] == "not_trusted"
    assert not (project / "artifacts").exists()
    done = bring(None, "--trust", "--json")
    assert done.code == 0, done.err
    assert done.json["metrics"]["accuracy"] == 1.0


def test_modules_of_the_project_are_imported_only_with_trust(
    project: Path, bring: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def doubled(rows):\n    return rows * 2\n"
    trace = project / "trace"
    (project / "their_doubling.py").write_text(source)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(project))
        import their_doubling  # type: ignore[import-not-found]  # the test wrote it

        model = make_pipeline(FunctionTransformer(their_doubling.doubled), LogisticRegression()).fit(FEATURES, LABELS)
        skops.io.dump(model, "model.skops")
    sys.modules.pop("their_doubling")
    # Only this process, not the child's, may write there.
    tracing = f"try: open({str(trace)!r}, 'w').close()\nexcept PermissionError: pass\n"
    (project / "their_doubling.py").write_text(tracing + source)
    assert bring(None).code == 2
    assert not trace.exists()
    done = bring(None, "--trust", "--json")
    sys.modules.pop("their_doubling", None)
    assert done.code == 0, done.err
    assert "their_doubling.doubled" in done.json["types"]
    assert trace.exists()


def test_without_the_extra_the_command_to_install_it_is_told(
    project: Path, bring: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "BOOT", f"import sys\nsys.modules['skops'] = None\n{process.BOOT}")
    failed = bring(LogisticRegression().fit(FEATURES, LABELS))
    assert failed.code == 3
    assert (
        "Error: model.skops is a .skops file, and skops is not installed.\nNext:  Run: pip install 'mlctl[skops]'\n"
    ) in failed.err
    assert bring(None, "--json").json["error"]["code"] == "extra_missing"


@pytest.mark.parametrize("part", [LogisticRegression, StandardScaler])
def test_a_model_of_another_scikit_learn_is_refused(
    project: Path, bring: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, part: Any
) -> None:
    """Whichever of its parts says so: the outermost, or one inside."""
    model: Any = LogisticRegression().fit(FEATURES, LABELS)
    if part is StandardScaler:
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(FEATURES, LABELS)
    original = part.__getstate__

    def forged(self: Any) -> dict[str, Any]:
        return {**original(self), "_sklearn_version": "1.2.3"}

    with monkeypatch.context() as patched:
        patched.setattr(part, "__getstate__", forged)
        skops.io.dump(model, "model.skops")
    failed = bring(None, "--json")
    assert (failed.code, failed.json["error"]["code"]) == (3, "model_unusable")
    assert failed.json["error"]["message"].startswith("model.skops was saved by scikit-learn 1.2.3, and ")


def test_what_is_no_fitted_model(project: Path, bring: Callable[..., Result]) -> None:
    failed = bring(StandardScaler().fit(FEATURES))
    assert failed.code == 3
    assert "model.skops holds StandardScaler, which is not a scikit-learn classifier or regressor." in failed.err


def test_a_broken_archive_is_one_line_and_names_the_users_file(project: Path, bring: Callable[..., Result]) -> None:
    Path("model.skops").write_bytes(b"PK\x03\x04" + bytes(100))
    failed = bring(None)
    assert failed.code == 3
    assert failed.err.splitlines()[-2:] == [
        "Error: model.skops is not a readable .skops file: BadZipFile: File is not a zip file.",
        "Next:  Save the fitted model again: skops.io.dump(model, 'model.skops')",
    ]


def test_a_type_in_a_place_that_skops_does_not_read_is_never_called_known(tmp_path: Path) -> None:
    content = members(LogisticRegression().fit(FEATURES, LABELS))
    document = json.loads(content["schema.json"])
    document["aside"] = {"__module__": "os", "__class__": "system"}
    content["schema.json"] = json.dumps(document).encode()
    examined = model_file.examine(archive(tmp_path / "model", content))
    assert examined.audit.unknown == ("os.system",)
    assert examined.needs_trust


def test_a_child_that_lies_about_the_types_gains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """skops checks again, in the process that loads."""
    path = tmp_path / "model.skops"
    skops.io.dump(DecisionTreeClassifier().fit(FEATURES, LABELS), path)
    monkeypatch.setattr(process, "inspect", lambda *_: Contents((), (), None))
    examined = model_file.examine(path)
    assert not examined.needs_trust
    with pytest.raises(MlctlError) as caught:
        model_file.open_model(examined, tmp_path, trusted=False)
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert "cannot be opened: UntrustedTypesFoundException: " in caught.value.message
