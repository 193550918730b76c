"""Atomic writes, leftovers of killed writers, and links that lead elsewhere."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from mlctl.errors import MlctlError
from mlctl.files import TEMPORARY, read_regular, refuse_links_out, write_atomic

WRITER = """
import os, sys
from pathlib import Path
from typing import Any
import mlctl.files
def wait(handle):
    print("writing", flush=True)
    sys.stdin.read()
mlctl.files.os.fsync = wait
mlctl.files.write_atomic(Path(sys.argv[1]), b"whole")
"""


def writer(path: Path) -> "subprocess.Popen[str]":
    """A process that stands between writing its temporary file and giving it its name."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def test_what_a_killed_writer_left_is_removed_by_the_next_write(tmp_path: Path) -> None:
    with writer(tmp_path / "one") as process:
        process.send_signal(signal.SIGKILL)
    assert len(list(tmp_path.glob(f"{TEMPORARY}*"))) == 1
    write_atomic(tmp_path / "two", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["two"]


def test_the_temporary_file_of_a_live_writer_stays(tmp_path: Path) -> None:
    with writer(tmp_path / "one") as process:
        write_atomic(tmp_path / "two", b"x")
        assert len(list(tmp_path.glob(f"{TEMPORARY}*"))) == 1
        process.communicate()
        assert process.returncode == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"whole", "two": b"x"}


def test_only_our_temporary_files_are_removed(tmp_path: Path) -> None:
    for name in (".two.backup", f"{TEMPORARY}link", "other"):
        (tmp_path / name).touch()
    (tmp_path / f"{TEMPORARY}link").unlink()
    (tmp_path / f"{TEMPORARY}link").symlink_to(tmp_path / "other")
    (tmp_path / f"{TEMPORARY}folder").mkdir()
    os.mkfifo(tmp_path / f"{TEMPORARY}pipe")
    write_atomic(tmp_path / "two", b"x")
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {".two.backup", "other", "two", f"{TEMPORARY}folder"}


def test_a_writer_whose_new_file_was_taken_for_a_leftover_takes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tempfile.mkstemp
    calls = []

    def swept(*, prefix: str, **place: Any) -> tuple[int, str]:
        handle, name = made(prefix=prefix, **place)
        calls.append(name)
        if len(calls) == 1:
            Path(name).unlink()
        return handle, name

    monkeypatch.setattr(tempfile, "mkstemp", swept)
    write_atomic(tmp_path / "file", b"x")
    assert (len(calls), (tmp_path / "file").read_bytes()) == (2, b"x")


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomic(tmp_path / "link", b"new")
    assert ((tmp_path / "target").read_bytes(), (tmp_path / "link").is_symlink()) == (b"old", False)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"12345")
    assert read_regular(folder / "file", limit=5) == b"12345"
    (folder / "link").symlink_to("file")
    os.mkfifo(folder / "pipe")
    (tmp_path / "to_folder").symlink_to("folder")
    for path in (folder / "link", folder / "pipe", folder, tmp_path / "to_folder" / "file", folder / "none"):
        with pytest.raises(OSError):  # noqa: PT011  # each kind of file has an errno of its own
            read_regular(path)
    with pytest.raises(OSError, match="Larger than 4 bytes"):
        read_regular(folder / "file", limit=4)


def test_a_link_out_of_the_project_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (project / "inner").mkdir(parents=True)
    elsewhere.mkdir()
    (project / "out").symlink_to(elsewhere)
    (project / "near").symlink_to("inner")
    monkeypatch.chdir(project)
    for name in ("out/file", "out/deep/file", "near/../out/file"):
        with pytest.raises(MlctlError, match=r"leads .* out of the project") as refused:
            refuse_links_out(project, Path(name))
        assert (refused.value.code, refused.value.exit_code) == ("link_refused", 3)
    for path in (Path("near/file"), Path("file"), elsewhere / "file", Path("new/file"), Path("../elsewhere/file")):
        refuse_links_out(project, path)
