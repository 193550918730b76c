"""The wheel, installed in a clean environment, does the main job."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from tests.conftest import ROOT
from tests.e2e.conftest import make_project


def test_the_wheel_does_the_main_job(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "mlctl/_bundle/handler/app.py" in names
    assert "mlctl/stages/emulator-requirements.txt" in names
    assert not any(name.startswith(("handler/", "tests/")) for name in names)
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "-q", str(wheel)], check=True, capture_output=True)
    (tmp_path / "project").mkdir()
    # A handler.py of the user's own is shadowed by nothing of ours, and shadows nothing.
    (tmp_path / "project" / "handler.py").write_text("raise RuntimeError('imported by mistake')\n")
    for project in make_project(tmp_path / "project", [str(environment / "bin" / "mlctl")]):
        up = project.ok("up")
        assert up["prediction"]["class_name"] == "setosa"
        assert project.ok("status")["healthy"] is True
