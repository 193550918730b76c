"""Temporary folders are private, removed at the end, and swept after a kill."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mlctl.scratch import PREFIX, scratch_folder


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_scratch_folder_is_private_and_goes_with_its_block(tmp_path: Path) -> None:
    with scratch_folder() as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").write_bytes(b"content")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_with_the_next_and_what_is_in_use_stays(tmp_path: Path) -> None:
    held = (
        "import sys, time; from mlctl.scratch import scratch_folder\n"
        "with scratch_folder() as folder: (folder / 'file').touch(); print(folder, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", held]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as run:
        assert run.stdout is not None
        left = Path(run.stdout.readline().strip())
        with scratch_folder():
            assert (left / "file").exists()
        run.send_signal(signal.SIGKILL)
    assert (left / "file").exists()
    with scratch_folder():
        assert not left.exists()


def test_a_link_and_a_file_of_that_name_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    (other / "file").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(other)
    (tmp_path / f"{PREFIX}file").touch()
    with scratch_folder():
        pass
    assert (other / "file").exists()
    assert (tmp_path / f"{PREFIX}file").exists()
