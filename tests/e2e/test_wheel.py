"""The wheel, installed in a clean environment, does the main job."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

from tests.conftest import ROOT
from tests.e2e.conftest import make_project
from tests.support import tier


def install(wheel: Path, environment: Path) -> None:
    """Install the wheel in an environment of its own.

    The full tier installs its dependencies too, which takes a minute. The default tier finds them where the tests do:
    a folder that a .pth file names is searched, but its own .pth files, such as that of the checkout, are not read.
    """
    is_whole = tier.current is tier.FULL
    venv.create(environment, with_pip=is_whole, symlinks=True)
    python = str(environment / "bin" / "python")
    installer = [python] if is_whole else [sys.executable]
    options = [] if is_whole else ["--python", python, "--no-deps"]
    subprocess.run([*installer, "-m", "pip", *options[:2], "install", "-q", *options[2:], str(wheel)], check=True)
    if not is_whole:
        (packages,) = environment.glob("lib/python*/site-packages")
        (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")


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
    install(wheel, environment)
    (tmp_path / "project").mkdir()
    # A handler.py of the user's own is shadowed by nothing of ours, and shadows nothing.
    (tmp_path / "project" / "handler.py").write_text("raise RuntimeError('imported by mistake')\n")
    for project in make_project(tmp_path / "project", [str(environment / "bin" / "mlctl")]):
        place = "import mlctl, sys; print(mlctl.__file__)"
        used = subprocess.run(
            [str(environment / "bin" / "python"), "-P", "-c", place], check=True, capture_output=True, text=True
        )
        assert Path(used.stdout.strip()).is_relative_to(environment)
        up = project.ok("up", "-p", "n_estimators=5")
        assert up["prediction"]["class_name"] == "setosa"
        assert project.ok("status")["healthy"] is True
