"""A version contains only those portable files that agree with scikit-learn."""

from pathlib import Path
from typing import Any

import pytest

from mlctl import settings
from mlctl.core import train
from mlctl.packaging import portable_files
from mlctl.packaging.build import GENERATED_FILE, PORTABLE_FILE
from mlctl.portable.codegen.generator import generate
from mlctl.portable.compile import compile_pipeline
from mlctl.portable.ir.program import PortableModel
from mlctl.registry.store import Registry

SMALL = "[model.params]\nn_estimators = 5\n"


def train_version(project: Path) -> tuple[dict[str, Any], set[str]]:
    """The ``portable`` entry of a new version's manifest, and the names of the version's files."""
    (project / "mlctl.toml").write_text(SMALL)
    trained = train.run(project, settings.load(project))
    manifest = Registry(project, settings.load(project).project).get(trained.version).manifest
    return manifest.portable, set(manifest.files)


def test_generated_code_with_different_answers_is_left_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(model: PortableModel) -> str:
        return f"{generate(model)}\nright = sums\n\n\ndef sums(row):\n return right(row)[::-1]\n"

    monkeypatch.setattr(portable_files, "generate", wrong)
    portable, files = train_version(project)
    assert portable == {"compiled": True, "parity": "exact"}
    assert PORTABLE_FILE in files
    assert GENERATED_FILE not in files


def test_a_model_with_different_answers_is_not_portable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> PortableModel:
        model = compile_pipeline(*arguments)
        values = model.steps[-1].tensors["values"]
        values[:] = values[:, ::-1].copy()
        return model

    monkeypatch.setattr(portable_files, "compile_pipeline", wrong)
    portable, files = train_version(project)
    assert portable["compiled"] is False
    assert portable["reason"].startswith("no parity with scikit-learn: row ")
    assert not files & {PORTABLE_FILE, GENERATED_FILE}
