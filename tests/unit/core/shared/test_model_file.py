"""What `mlctl import` is given as a file: folders, pipes, links, files that change, and the copy that is opened."""

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
from sklearn.tree import DecisionTreeClassifier

from mlctl import pickle_audit
from mlctl.core.shared import model_file
from mlctl.errors import ExitCode, MlctlError
from mlctl.model_loading import limits, source
from tests.conftest import Cli


def refused(path: Path) -> MlctlError:
    with pytest.raises(MlctlError) as caught:
        model_file.examine(path)
    return caught.value


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary folders are made, which is empty."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _nothing(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_pipe, "model.joblib is a pipe, a socket or a device, not a file."),
        (_folder, "model.joblib is a folder, not a file."),
        (_device, "model.joblib is a pipe, a socket or a device, not a file."),
        (_nothing, "There is no file model.joblib."),
    ],
)
def test_what_is_no_file_is_refused_without_waiting(
    project: Path, cli: Cli, make: Callable[[Path], None], message: str
) -> None:
    make(project / "model.joblib")
    done = cli("import", "model.joblib", "--trust", "--json")
    assert (done.code, done.json["error"]["code"], done.json["error"]["message"]) == (6, "model_not_found", message)


def test_a_pipe_that_takes_the_place_of_a_file_is_refused_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"x")
    status = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda *_: status)
    assert "not a file" in refused(path).message


def test_a_link_to_a_model_is_followed(tmp_path: Path) -> None:
    joblib.dump(DecisionTreeClassifier(), tmp_path / "model.joblib")
    (tmp_path / "link").symlink_to("model.joblib")
    found = model_file.examine(tmp_path / "link")
    assert found.audit == model_file.examine(tmp_path / "model.joblib").audit


def test_a_loop_of_links_is_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").symlink_to("model.joblib")
    error = refused(tmp_path / "model.joblib")
    assert (error.exit_code, error.code) == (ExitCode.BAD_INPUT, "model_unusable")
    assert error.message.startswith("model.joblib cannot be read: Too many levels of symbolic links")


def test_a_file_without_the_right_to_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"x")

    def denied(*_: Any, **__: Any) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    # Root may read every file.
    monkeypatch.setattr(os, "open", denied)
    error = refused(path)
    assert (error.exit_code, error.message) == (
        ExitCode.BAD_INPUT,
        "model.joblib cannot be read: Permission denied.",
    )
    assert error.hint == "Give yourself read permission for it."


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    with path.open("wb") as file:
        file.truncate(source.MAX_BYTES + 1)
    assert refused(path).message == "model.joblib is larger than 16 GiB."


@pytest.mark.parametrize("change", [b"more", b""])
def test_a_file_that_grows_or_shrinks_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"first")
    read = os.read

    def changing(descriptor: int, size: int) -> bytes:
        with path.open("ab" if change else "wb") as file:
            file.write(change)
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", changing)
    error = refused(path)
    assert (error.exit_code, error.message) == (ExitCode.BAD_INPUT, "model.joblib changes while it is read.")


def test_the_audit_reads_the_bytes_that_have_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file at the same path, there only while the audit runs, changes nothing."""
    path = tmp_path / "model.joblib"
    joblib.dump(DecisionTreeClassifier(), path)
    honest = path.read_bytes()
    joblib.dump({"other": Path()}, path)
    wanted = model_file.examine(path)
    audit = pickle_audit.audit

    def exchanging(copy: Path) -> Any:
        path.write_bytes(honest)
        return audit(copy)

    monkeypatch.setattr(pickle_audit, "audit", exchanging)
    assert model_file.examine(path) == wanted


def test_errors_of_the_audit_name_the_users_file(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"a,b\n1,2\n")
    message = refused(path).message
    assert message.startswith(f"{path}: no readable pickle or joblib file")
    assert "mlctl-scratch" not in message


def test_the_copy_is_private_and_removed(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"x")
    mask = os.umask(0)
    try:
        with source.copied(path) as copy:
            (private,) = temporary.iterdir()
            assert copy.path.parent == private
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
            assert copy.path.read_bytes() == b"x"
    finally:
        os.umask(mask)
    assert not any(temporary.iterdir())
    with pytest.raises(KeyError), source.copied(path):
        raise KeyError
    assert not any(temporary.iterdir())


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"PK\x03\x04", "skops"), (b"PK\x05\x06", "skops"), (b"\x80\x04N.", "pickle"), (b"", "pickle")],
)
@pytest.mark.parametrize("name", ["model.skops", "model.joblib"])
def test_the_content_tells_the_kind_of_a_file_and_not_its_name(
    tmp_path: Path, content: bytes, kind: str, name: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with source.copied(tmp_path / name) as copy:
        assert copy.kind == kind


def test_limits_grow_with_the_file_and_never_beyond_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        total = 16 * 2**30

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    assert [limits.for_file(size).memory / 2**30 for size in (0, 2**27, 2**40)] == [8, 10.5, 16]
    Memory.total = 2**30
    assert limits.for_file(2**40).memory == 4 * 2**30


def test_the_help_says_that_opening_runs_code_and_what_is_safer(cli: Cli) -> None:
    said = " ".join(cli("import", "--help").out.split())
    assert "Opening a pickle or joblib file runs the code in it." in said
    assert "A .skops file is safer" in said
    assert "pip install 'mlctl[skops]'" in said
