"""`models import` accepts an archive completely, or refuses it with one line and exit code 3."""

import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlctl import settings
from mlctl.core import model_archive
from mlctl.errors import MlctlError
from mlctl.packaging import archive, unzip
from mlctl.registry.store import ModelVersion, Registry
from tests.conftest import Cli
from tests.support.versions import files_of, forged, planted


def refused(cli: Cli, path: Path | str) -> str:
    """The message of the refusal of the file at ``path``, after which nothing was added."""
    done = cli("models", "import", str(path))
    lines = done.err.splitlines()
    assert (done.code, done.out, len(lines)) == (3, "", 2), done.err
    assert lines[0].isprintable()
    assert len(lines[0]) < 500
    assert lines[0].startswith(f"Error: {path} ")
    told = cli("models", "import", str(path), "--json").json["error"]
    assert (told["code"], told["message"]) == ("import_refused", lines[0].removeprefix("Error: "))
    assert not Path("artifacts").exists()
    message: str = told["message"]
    return message


def zipped(entries: Sequence[tuple[zipfile.ZipInfo | str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, data in entries:
            made.writestr(name, data)
    return buffer.getvalue()


def entry(name: str, **more: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    for key, value in more.items():
        setattr(made, key, value)
    return made


def test_a_valid_archive_is_imported(project: Path, cli: Cli, small: ModelVersion) -> None:
    Path("file.zip").write_bytes(archive.write(files_of(small)))
    assert cli("models", "import", "file.zip", "--json").json["version"] == small.id


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../evil", "is not a plain file name"),
        ("/evil", "is not a plain file name"),
        ("a/b", "is not a plain file name"),
        ("a\\b", "is not a plain file name"),
        ("C:evil", "is not a plain file name"),
        (".hidden", "is not a plain file name"),
        ("folder/", "is not a plain file name"),
        ("line\nbreak\x1b[2J", "is not a plain file name"),
        ("näme", "is not a plain file name"),
        ("x" * 60_000, "is not a plain file name"),
        ("nul\0l", "is not a plain file name"),
        ("", "is not a plain file name"),
        ("model.pyc", "model.pyc does not match its manifest"),
    ],
)
def test_names_that_no_version_has(project: Path, cli: Cli, small: ModelVersion, name: str, told: str) -> None:
    odd = entry("x")
    odd.filename = name
    Path("file.zip").write_bytes(zipped([*files_of(small).items(), (odd, b"x")]))
    assert told in refused(cli, "file.zip")


@pytest.mark.parametrize(
    ("mode", "dos"),
    [(stat.S_IFLNK, 0), (stat.S_IFDIR, 0), (stat.S_IFIFO, 0), (stat.S_IFCHR, 0), (stat.S_IFSOCK, 0), (0, 0x10)],
)
def test_entries_that_are_not_files(project: Path, cli: Cli, small: ModelVersion, mode: int, dos: int) -> None:
    files = files_of(small)
    odd = entry("golden.json", external_attr=(mode | 0o644) << 16 | dos, create_system=3)
    others = [(name, data) for name, data in files.items() if name != "golden.json"]
    Path("file.zip").write_bytes(zipped([*others, (odd, files["golden.json"])]))
    assert "golden.json is not a regular file" in refused(cli, "file.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_appears_twice(project: Path, cli: Cli, small: ModelVersion) -> None:
    Path("file.zip").write_bytes(zipped([*files_of(small).items(), ("golden.json", b"{}")]))
    assert "it has golden.json twice" in refused(cli, "file.zip")


def patched(data: bytes, name: str, change: Callable[[bytearray, int, int], None]) -> bytes:
    """``data`` with ``change`` made at the local header and the directory's entry of ``name``."""
    found = bytearray(data)
    central = data.index(b"PK\x01\x02")
    while data[central + 46 : central + 46 + len(name)] != name.encode():
        central = data.index(b"PK\x01\x02", central + 4)
    (local,) = struct.unpack_from("<L", data, central + 42)
    change(found, local, central)
    return bytes(found)


def set_flag(data: bytearray, local: int, central: int) -> None:
    data[local + 6] |= 1
    data[central + 8] |= 1


def set_method(data: bytearray, local: int, central: int) -> None:
    struct.pack_into("<H", data, local + 8, 14)
    struct.pack_into("<H", data, central + 10, 14)


def longer(data: bytearray, local: int, central: int) -> None:
    struct.pack_into("<L", data, central + 24, 2**31)


def shorter(data: bytearray, local: int, central: int) -> None:
    struct.pack_into("<L", data, central + 24, 10)


def other_sum(data: bytearray, local: int, central: int) -> None:
    data[central + 16] ^= 1


def broken_data(data: bytearray, local: int, central: int) -> None:
    (name, extra) = struct.unpack_from("<2H", data, local + 26)
    data[local + 30 + name + extra] = 0xFF


def overlapping(data: bytearray, local: int, central: int) -> None:
    struct.pack_into("<L", data, central + 42, 10)


def far_away(data: bytearray, local: int, central: int) -> None:
    struct.pack_into("<L", data, central + 42, 2**31)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (set_flag, "model.joblib is encrypted"),
        (set_method, "model.joblib has a compression method that mlctl does not support"),
        (longer, "model.joblib is cut off"),
        (shorter, "model.joblib is damaged"),
        (other_sum, "model.joblib is damaged: Bad CRC-32"),
        (broken_data, "model.joblib is damaged: Error -3"),
        (overlapping, "its entries overlap"),
        (far_away, "its entries overlap"),
    ],
)
def test_entries_with_wrong_sizes_or_checksums(
    project: Path, cli: Cli, small: ModelVersion, change: Callable[[bytearray, int, int], None], told: str
) -> None:
    Path("file.zip").write_bytes(patched(archive.write(files_of(small)), "model.joblib", change))
    assert told in refused(cli, "file.zip")


def test_data_around_the_archive_and_missing_parts(project: Path, cli: Cli, small: ModelVersion) -> None:
    good = archive.write(files_of(small))
    commented = bytearray(good) + b"x" * 65535
    struct.pack_into("<H", commented, len(good) - 2, 65535)
    many = bytearray(good)
    struct.pack_into("<2H", many, len(good) - 14, 65535, 65535)
    locator = good[:-22] + struct.pack("<4sLQL", b"PK\x06\x07", 0, 2**60, 1) + good[-22:]
    for data in (b"", b"PK", good[:-1], good[:-100], good + b"x", b"x" + good, bytes(commented), bytes(many), locator):
        Path("file.zip").write_bytes(data)
        assert "is not an exported model version: " in refused(cli, "file.zip")


def test_a_file_that_is_not_an_archive(project: Path, cli: Cli) -> None:
    Path("folder").mkdir()
    os.mkfifo("pipe")
    for name in ("folder", "pipe", "/dev/null"):
        refused(cli, name)
    assert cli("models", "import", "nothing").code == 6
    assert "cannot be read: File name too long" in refused(cli, "x" * 300)


def test_a_million_entries_are_not_listed(project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    central = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *[0] * 6, *[0] * 3, 1, *[0] * 4, 0, 0) + b"x"
    count = 60_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, count * len(central), 0, 0)
    Path("file.zip").write_bytes(central * count + end)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the entries were read"))
    assert "it has more than 100 entries" in refused(cli, "file.zip")


def test_a_zip_bomb_is_read_only_up_to_the_limit(
    project: Path, cli: Cli, small: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is what was read, whatever the archive says of its sizes."""
    _, files = forged(small, {"model.joblib": bytes(30_000_000)})
    path = Path("file.zip")
    path.write_bytes(archive.write(files))
    assert path.stat().st_size * unzip.MAX_RATIO < 30_000_000
    monkeypatch.setattr(unzip, "FREE_BYTES", 1_000_000)
    read = []
    inner = zipfile.ZipExtFile.read

    def counted(file: zipfile.ZipExtFile, size: int) -> bytes:
        data = inner(file, size)
        read.append(len(data))
        return data

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    assert "it is too large: model.joblib unpacks to more than" in refused(cli, path)
    allowed = path.stat().st_size * unzip.MAX_RATIO
    # Twice, since it was refused twice.
    assert sum(read) < 2 * (allowed + unzip._CHUNK)
    # Beyond its share of the size an archive may always unpack to FREE_BYTES.
    monkeypatch.setattr(unzip, "FREE_BYTES", 40_000_000)
    assert cli("models", "import", str(path)).code == 0


def test_content_that_compresses_too_well_is_exported_uncompressed(
    project: Path, cli: Cli, small: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "artifacts" / "iris").mkdir(parents=True)
    version = planted(project / "artifacts" / "iris", small, {"model.joblib": bytes(30_000_000)})
    monkeypatch.setattr(unzip, "FREE_BYTES", 1_000_000)
    assert cli("models", "export", "-o", "file.zip").code == 0
    assert Path("file.zip").stat().st_size > 30_000_000
    assert cli("models", "import", "file.zip", "--json").json["version"] == version


def test_the_manifest_has_its_own_limit(project: Path, cli: Cli, small: ModelVersion) -> None:
    files = {**files_of(small), "manifest.json": b" " * 5_000_000}
    Path("file.zip").write_bytes(archive.write(files))
    assert "it is too large: manifest.json unpacks to more than 4,000,000 bytes" in refused(cli, "file.zip")


def test_an_archive_beyond_two_gigabytes_would_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such ones end in a record of their own (zip64)."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    (tmp_path / "file.zip").write_bytes(archive.write({"one": b"1" * 100, "two": b"2" * 100}))
    monkeypatch.undo()
    assert b"PK\x06\x06" in (tmp_path / "file.zip").read_bytes()
    with unzip.opened(tmp_path / "file.zip", 1000) as opened:
        assert {name: opened.read(name)[:1] for name in opened.names} == {"one": b"1", "two": b"2"}


@given(
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=0, max_size=8), st.integers(0, 8)),
        min_size=1,
        max_size=4,
    ),
    near_end=st.booleans(),
)
def test_any_change_of_bytes_is_refused_or_makes_no_difference(
    small: ModelVersion,
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[float, bytes, int]],
    near_end: bool,
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    data = archive.write(files_of(small))
    start = len(data) - 1500 if near_end else 0
    for place, inserted, removed in changes:
        at = start + int(place * (len(data) - start))
        data = data[:at] + inserted + data[at + removed :]
    path = folder / "file.zip"
    path.write_bytes(data)
    refusal = None
    try:
        done = model_archive.import_(folder, settings.load(folder), path)
    except MlctlError as error:
        refusal = error
    if refusal:
        assert (refusal.code, refusal.exit_code, refusal.message.isprintable()) == ("import_refused", 3, True)
        assert not (folder / "artifacts").exists()
    else:
        assert done.version == small.id
        assert Registry(folder, "iris").get().problems() == []
