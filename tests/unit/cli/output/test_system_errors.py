"""What the operating system refuses, told with what to do."""

import errno
import os
import signal
import subprocess
from pathlib import Path

import pytest

from mlctl.cli.output import errors, system_errors
from mlctl.disk import refuse_unwritable
from mlctl.errors import MlctlError
from mlctl.files import write_atomic
from mlctl.packaging import proof
from mlctl.packaging.build import Package


def _error(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path) if path else OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "path", "hint"),
    [
        (errno.ENOSPC, "/project/file", "Free some space on the disk and run"),
        (errno.EDQUOT, "/project/file", "Free some space on the disk and run"),
        (errno.ENOSPC, None, "the temporary folder (or set TMPDIR to another folder)"),
        (errno.EFBIG, None, "ulimit -f"),
        (errno.EMFILE, "/project/file", "ulimit -n"),
        (errno.ENFILE, None, "ulimit -n"),
        (errno.ENOMEM, None, "not enough memory"),
        (errno.EROFS, "/project/file", "read-only file system"),
        (errno.EACCES, "/project/file", "Give yourself write permission for /"),
        (errno.EPERM, "/project/file", "Give yourself write permission for /"),
        (errno.EIO, "/project/file", "Check the path, its permissions and the free disk space."),
    ],
)
def test_each_refusal_says_what_to_do(number: int, path: str | None, hint: str) -> None:
    explained = system_errors.to_mlctl_error(_error(number, path))
    assert (explained.code, explained.exit_code) == ("os_error", 1)
    assert os.strerror(number) in explained.message
    assert path is None or path in explained.message
    assert hint in explained.hint


@pytest.mark.parametrize(
    "number", [errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG]
)
def test_a_path_that_holds_another_kind_of_thing_is_bad_input(number: int) -> None:
    explained = system_errors.to_mlctl_error(_error(number, "/project/file"))
    assert (explained.code, explained.exit_code) == ("path_unusable", 3)
    assert explained.message == f"/project/file cannot be used: {os.strerror(number)}."


def test_a_symlink_loop_is_not_a_defect(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for error in (RuntimeError(f"Symlink loop from '{tmp_path}'"), _error(errno.ELOOP, str(tmp_path))):
        explained = errors.to_mlctl_error(error)
        assert (explained.code, explained.exit_code) == ("path_unusable", 3)
        assert str(tmp_path) in explained.message
    assert errors.to_mlctl_error(RuntimeError("Symlink loop")).code == "unexpected"


def test_a_file_in_a_folder_that_cannot_be_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    # As for a user who lacks the rights, which root has.
    monkeypatch.setattr(os, "stat", refused)
    explained = errors.to_mlctl_error(_error(errno.EACCES, "/project/locked/file"))
    assert (explained.code, explained.exit_code) == ("os_error", 1)
    assert "Give yourself" in explained.hint


@pytest.mark.parametrize("variable", ["MLCTL_STATE_DIR", "MLCTL_CACHE_DIR"])
def test_a_refusal_in_a_users_folder_names_the_variable_that_moves_it(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "home" / "mlctl"))
    for path in (tmp_path / "home" / "mlctl" / "lock", tmp_path / "home"):
        assert variable in system_errors.to_mlctl_error(_error(errno.EACCES, str(path))).hint


def test_a_home_that_is_unknown_does_not_hide_the_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLCTL_STATE_DIR", "relative")
    assert "write permission" in system_errors.to_mlctl_error(_error(errno.EACCES, "/project/file")).hint


def test_no_temporary_folder_is_told() -> None:
    assert (
        "TMPDIR"
        in system_errors.to_mlctl_error(OSError(errno.ENOENT, "No usable temporary directory found in []")).hint
    )


def test_a_file_that_cannot_be_read_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rows.csv"
    file.touch()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "read permission" in system_errors.to_mlctl_error(_error(errno.EACCES, str(file))).hint


@pytest.mark.parametrize("raised", [MemoryError(), UnicodeEncodeError("ascii", "größe", 2, 3, "ordinal")])
def test_what_else_the_system_lacks_is_no_defect(raised: Exception) -> None:
    explained = errors.to_mlctl_error(raised)
    assert explained.code in ("out_of_memory", "not_text")
    assert "defect" not in explained.hint


def test_the_name_of_a_file_is_told_and_may_have_255_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ("x" * 255)
    write_atomic(path, b"content")
    assert path.read_bytes() == b"content"

    def full(handle: int) -> None:
        raise _error(errno.ENOSPC)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space") as caught:
        write_atomic(path, b"other")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_where_a_folder_should_be_is_found_before_the_work(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "new" / "folder")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        refuse_unwritable(tmp_path / "file" / "folder")


def test_a_check_that_the_system_ended_is_no_defect(monkeypatch: pytest.MonkeyPatch, iris_package: Package) -> None:
    def killed(command: list[str], **_: object) -> None:
        raise subprocess.CalledProcessError(-signal.SIGKILL, command, "", "")

    monkeypatch.setattr("subprocess.run", killed)
    with pytest.raises(MlctlError, match="The system ended the process") as caught:
        proof.answers_of(iris_package.zip, [])
    assert (caught.value.exit_code, "memory" in caught.value.hint) == (1, True)
