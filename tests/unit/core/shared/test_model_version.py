"""What is kept of a fitted pipeline: portable only as far as it agrees with scikit-learn."""

from pathlib import Path
from typing import Any

import pytest

from mlctl import settings
from mlctl.core import train
from mlctl.core.shared import model_version
from mlctl.packaging.build import GENERATED_FILE, PORTABLE_FILE
from mlctl.portable.codegen.generator import generate
from mlctl.portable.compile import compile_pipeline
from mlctl.portable.ir.program import PortableModel
from mlctl.registry.store import Registry

SMALL = "[model.params]\nn_estimators = 5\n"


def kept(project: Path) -> tuple[dict[str, Any], set[str]]:
    """What the manifest of a new version says of the portable engine, and the version's files."""
    (project / "mlctl.toml").write_text(SMALL)
    made = train.run(project, settings.load(project))
    manifest = Registry(project, settings.load(project).project).get(made.version).manifest
    return manifest.portable, set(manifest.files)


def test_generated_code_that_answers_otherwise_is_left_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(model: PortableModel) -> str:
        return f"{generate(model)}\nright = sums\n\n\ndef sums(row):\n return right(row)[::-1]\n"

    monkeypatch.setattr(model_version, "generate", wrong)
    portable, files = kept(project)
    assert portable == {"compiled": True, "parity": "exact"}
    assert PORTABLE_FILE in files
    assert GENERATED_FILE not in files


def test_a_model_that_answers_otherwise_is_not_portable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*given: Any) -> PortableModel:
        model = compile_pipeline(*given)
        values = model.steps[-1].tensors["values"]
        values[:] = values[:, ::-1].copy()
        return model

    monkeypatch.setattr(model_version, "compile_pipeline", wrong)
    portable, files = kept(project)
    assert portable["compiled"] is False
    assert portable["reason"].startswith("no parity with scikit-learn: row ")
    assert not files & {PORTABLE_FILE, GENERATED_FILE}
