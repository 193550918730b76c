"""Readers of all formats, and the errors for files that they cannot read."""

import csv
import gzip
import io
import json
import os
import random
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlctl.data import loading, readers, source, target
from mlctl.data.dataset import Dataset
from mlctl.data.source import Table
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event
from mlctl.settings import DataSettings, Settings


def read(folder: Path, content: str | bytes, name: str = "rows.csv", **data: Any) -> Table:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return source.read(name, Settings(data=DataSettings(**data)), folder)


def refused(folder: Path, content: str | bytes, name: str = "rows.csv", **data: Any) -> tuple[str, str]:
    """The message and the hint; the exit code is that of bad input."""
    with pytest.raises(MlctlError) as raised:
        read(folder, content, name, **data)
    assert raised.value.exit_code == ExitCode.BAD_INPUT
    return raised.value.message, raised.value.hint


def parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def held(table: Table) -> dict[str, tuple[str, list[Any]]]:
    """Kind and values of each column, as a request would hold them."""
    return {name: (column.kind, column.for_request()) for name, column in table.columns.items()}


# One table in every format.
ROWS: list[dict[str, Any]] = [
    {"whole": 1, "gaps": 10, "real": 1.5, "flag": True, "name": "red", "day": "2024-02-29", "y": "yes"},
    {"whole": 2, "gaps": None, "real": -0.25, "flag": None, "name": None, "day": None, "y": "no"},
    {"whole": 300, "gaps": 30, "real": 3.0, "flag": False, "name": 'blue, "deep"', "day": "2024-03-01", "y": "yes"},
]
AS_HELD = {
    "whole": ("number", [1, 2, 300]),
    "gaps": ("number", [10, None, 30]),
    "real": ("number", [1.5, -0.25, 3]),
    "flag": ("boolean", [True, None, False]),
    "name": ("category", ["red", None, 'blue, "deep"']),
    "day": ("date", ["2024-02-29", None, "2024-03-01"]),
    "y": ("category", ["yes", "no", "yes"]),
}


def delimited(delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ROWS[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


def as_arrow() -> pa.Table:
    days = [None if row["day"] is None else date.fromisoformat(row["day"]) for row in ROWS]
    return pa.Table.from_pylist(ROWS).set_column(5, "day", pa.array(days, pa.date32()))


FORMATS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "csv": ("rows.csv", lambda: delimited(",")),
    "tsv": ("rows.tsv", lambda: delimited("\t")),
    "json lines": ("rows.jsonl", lambda: "\n".join(map(json.dumps, ROWS)).encode()),
    "json list": ("rows.json", lambda: json.dumps(ROWS, indent=1).encode()),
    "json with 1.0 for 1": (
        "rows.jsonl",
        lambda: "\n".join(json.dumps(row | {"whole": float(row["whole"])}) for row in ROWS).encode(),
    ),
    "parquet": ("rows.parquet", lambda: parquet(as_arrow())),
    "csv with a mark": ("rows.csv", lambda: b"\xef\xbb\xbf" + delimited(",")),
    "csv in utf-16": ("rows.csv", lambda: delimited(",").decode().encode("utf-16")),
    "csv with lines of an old mac": ("rows.csv", lambda: delimited(",").replace(b"\r\n", b"\r")),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_table_is_the_same_through_every_format(tmp_path: Path, form: str, zipped: bool) -> None:
    name, content = FORMATS[form]
    table = read(tmp_path, gzip.compress(content()) if zipped else content(), name + ".gz" * zipped)
    assert held(table) == AS_HELD
    assert table.rows == 3
    dataset = target.dataset(table, DataSettings(target="y"))
    plain = target.dataset(read(tmp_path, delimited(","), "plain.csv"), DataSettings(target="y"))
    assert dataset.digest == plain.digest
    changed = delimited(",").replace(b"300", b"301")
    assert target.dataset(read(tmp_path, changed), DataSettings(target="y")).digest != plain.digest


@pytest.mark.parametrize("form", ["csv", "json lines", "parquet"])
def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    content = FORMATS[form][1]()
    told: list[Event] = []
    for is_terminal in (False, True):
        stdin = SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda is_terminal=is_terminal: is_terminal)
        monkeypatch.setattr("sys.stdin", stdin)
        table = source.read(source.STDIN, Settings(), tmp_path, told.append)
        assert held(table) == AS_HELD
        assert table.name == "standard input"
    notes = [event.text for event in told if event.kind == "note"]
    assert notes == ["Reading rows from standard input; end with Ctrl-D."]


def test_standard_input_without_a_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(), isatty=lambda: False))
    with pytest.raises(MlctlError, match=r"^standard input is empty\.$"):
        source.read(source.STDIN, Settings(), tmp_path)


def test_how_far_a_file_is_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n" + "1,2222222222\n" * 200_000)
    told: list[Event] = []
    assert source.read("rows.csv", Settings(), tmp_path, told.append).rows == 200_000
    assert told[0] == Event("start", "read", "Reading rows.csv", total=2, unit="MB")
    assert [event.done for event in told if event.kind == "advance"][-1] == 2
    assert told[-1] == Event("finish", "read", "200,000 rows, 2 columns")


# Parquet


def test_the_types_of_parquet(tmp_path: Path) -> None:
    zone = timezone(timedelta(hours=2))
    table = pa.table(
        {
            "uint64": pa.array([2**63, 1], pa.uint64()),
            "int8": pa.array([None, -1], pa.int8()),
            "half": pa.array([np.float16(0.5), None], pa.float16()),
            "single": pa.array([0.5, float("nan")], pa.float32()),
            "decimal": pa.array([Decimal("1.10"), None]),
            "bool": [False, None],
            "large": pa.array(["a", None], pa.large_string()),
            "codes": pa.array(["b", "a"]).dictionary_encode(),
            "numbers": pa.array([7, 8]).dictionary_encode(),
            "second": pa.array([-1, None], pa.timestamp("s")),
            "milli": pa.array([-1, None], pa.timestamp("ms")),
            "micro": pa.array([-1, None], pa.timestamp("us")),
            "nano": pa.array([-1, None], pa.timestamp("ns")),
            "zone": pa.array([datetime(2024, 3, 1, 1, tzinfo=zone), None], pa.timestamp("us", "Europe/Madrid")),
            "day": pa.array([date(1, 1, 1), date(9999, 12, 31)], pa.date32()),
            "date64": pa.array([date(1970, 1, 2), None], pa.date64()),
            "nothing": pa.nulls(2),
            "words": ["true", "false"],
            "figures": ["01", "2.5"],
        }
    )
    assert held(read(tmp_path, parquet(table), "rows.parquet")) == {
        "uint64": ("number", [2.0**63, 1]),
        "int8": ("number", [None, -1]),
        "half": ("number", [0.5, None]),
        "single": ("number", [0.5, None]),
        "decimal": ("number", [1.1, None]),
        "bool": ("boolean", [False, None]),
        "large": ("category", ["a", None]),
        "codes": ("category", ["b", "a"]),
        "numbers": ("number", [7, 8]),
        "second": ("date", ["1969-12-31T23:59:59", None]),
        # To the millisecond, rounded down.
        "milli": ("date", ["1969-12-31T23:59:59.999", None]),
        "micro": ("date", ["1969-12-31T23:59:59.999", None]),
        "nano": ("date", ["1969-12-31T23:59:59.999", None]),
        "zone": ("date", ["2024-02-29T23:00:00", None]),
        "day": ("date", ["0001-01-01", "9999-12-31"]),
        "date64": ("date", ["1970-01-02", None]),
        "nothing": ("number", [None, None]),
        "words": ("boolean", [True, False]),
        "figures": ("number", [1, 2.5]),
    }


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([time(1)]), "time64[us]"),
        (pa.array([timedelta(1)]), "duration[us]"),
        (pa.array([b"x"]), "binary"),
        (pa.array([[1]]), "list<element: int64>"),
        (pa.array([{"a": 1}]), "struct<a: int64>"),
    ],
)
def test_a_type_of_parquet_that_is_no_value_is_named(tmp_path: Path, values: pa.Array, kind: str) -> None:
    content = parquet(pa.table({"my col": values, "b": [1]}))
    assert refused(tmp_path, content, "rows.parquet") == (
        f"rows.parquet: column my col holds values of type {kind}.",
        'Use one value per cell, or exclude the column: [data] ignore = ["my col"].',
    )
    assert held(read(tmp_path, content, "rows.parquet", ignore=("my col",))) == {"b": ("number", [1])}


@pytest.mark.parametrize("values", [pa.array([10**12], pa.timestamp("s")), pa.array([2**62], pa.timestamp("ms"))])
def test_dates_that_iso_8601_does_not_reach_are_refused(tmp_path: Path, values: pa.Array) -> None:
    message, _ = refused(tmp_path, parquet(pa.table({"t": values})), "rows.parquet")
    assert message == "rows.parquet: column t holds dates outside of the years 1 to 9999."


def test_the_index_that_pandas_writes_is_no_column(tmp_path: Path) -> None:
    content = parquet(pa.table({"a": [1], "a.b": [2], "__index_level_0__": [0]}))
    assert list(read(tmp_path, content, "rows.parquet").columns) == ["a", "a.b"]


def broken_parquet() -> dict[str, bytes]:
    whole = parquet(pa.table({"a": np.arange(10_000) * 0.5}))
    middle = len(whole) // 2
    return {
        "cut off": whole[:middle],
        "its mark alone": b"PAR1",
        "a damaged page": whole[:10] + bytes(each ^ 0xA5 for each in whole[10:40]) + whole[40:],
        "a damaged footer": whole[:-20] + bytes(each ^ 0xA5 for each in whole[-20:-8]) + whole[-8:],
    }


@pytest.mark.parametrize("damage", broken_parquet())
def test_broken_parquet(tmp_path: Path, damage: str) -> None:
    message, hint = refused(tmp_path, broken_parquet()[damage], "rows.parquet")
    assert message.startswith("rows.parquet is not valid Parquet: ")
    assert "\n" not in message
    assert hint == "It may be truncated or damaged; write it again."


# A value that stands for none


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", "a,b\n?,-999\n1,-999.0\n2,5\n"),
        ("rows.jsonl", '{"a": "?", "b": -999}\n{"a": 1, "b": -999.0}\n{"a": "2", "b": 5}\n'),
        ("rows.parquet", parquet(pa.table({"a": ["?", "1", "2"], "b": [-999, -999, 5]}))),
        (
            "codes.parquet",
            parquet(pa.table({"a": pa.array(["?", "1", "2"]).dictionary_encode(), "b": [-999, -999, 5]})),
        ),
    ],
)
def test_missing_holds_for_every_format(tmp_path: Path, name: str, content: str | bytes) -> None:
    table = read(tmp_path, content, name, missing=("?", "-999"))
    assert held(table) == {"a": ("number", [None, 1, 2]), "b": ("number", [None, None, 5])}


# Bad files


def test_nothing_to_read(tmp_path: Path) -> None:
    below = "A table needs a header line with the column names, and rows below it."
    assert refused(tmp_path, "") == ("rows.csv is empty.", below)
    for content in ("a,b\n", "a,b", "\n\n", "[]"):
        assert refused(tmp_path, content) == ("rows.csv has no rows.", below)
    for table in (pa.table({}), pa.table({"a": pa.array([], pa.int64())})):
        assert refused(tmp_path, parquet(table)) == ("rows.csv has no rows.", below)
    assert refused(tmp_path, "{}\n{}\n")[0] == "rows.csv has no columns left after [data] ignore."


def test_nothing_is_there(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        ("none.csv", "There is no file none.csv."),
        ("folder", "folder is a folder, not a file."),
        ("pipe", "pipe is a pipe, a socket or a device, not a file."),
        ("/dev/zero", "/dev/zero is a pipe, a socket or a device, not a file."),
    ):
        with pytest.raises(MlctlError) as raised:
            source.read(name, Settings(), tmp_path)
        assert (raised.value.message, raised.value.exit_code) == (message, ExitCode.NOT_FOUND)
        assert raised.value.hint == (
            f"[data] source is a path from {tmp_path}, s3://BUCKET/KEY, - (stdin), or a built-in set."
        )


def test_a_word_that_is_neither_a_set_nor_a_file(tmp_path: Path) -> None:
    with pytest.raises(MlctlError) as raised:
        loading.load(Settings(data=DataSettings(source="irs")), tmp_path)
    assert raised.value.message == (
        "There is no built-in dataset 'irs', and no file of that name. Did you mean 'iris'?"
    )
    assert raised.value.exit_code == ExitCode.BAD_INPUT


def test_names_of_columns(tmp_path: Path) -> None:
    assert list(read(tmp_path, ' my col , "b, c",\n1,2,3\n').columns) == ["my col", "b, c", "column_3"]
    named_twice = ("rows.csv has more than one column named 'a'.", "Rename one: column names must be unique.")
    assert refused(tmp_path, "a,b,a\n1,2,3\n") == named_twice
    twins = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert refused(tmp_path, parquet(twins)) == named_twice


def test_a_header_may_be_long(tmp_path: Path) -> None:
    names = [f"a_column_with_a_long_name_{at}" for at in range(5000)]
    table = read(tmp_path, ",".join(names) + "\n" + ",".join(["1"] * 5000) + "\n")
    assert list(table.columns) == names


@pytest.mark.parametrize(
    ("name", "content", "told", "delimiter"),
    [
        ("rows.csv", "a;b\n1;2\n", "semicolons, not by commas", ";"),
        ("rows.csv", "a\tb\n1\t2\n", "tabs, not by commas", "\t"),
        ("rows.csv", "a|b\n1|2\n", "vertical bars, not by commas", "|"),
        ("rows.tsv", "a,b\n1,2\n", "commas, not by tabs", ","),
    ],
)
def test_a_wrong_delimiter(tmp_path: Path, name: str, content: str, told: str, delimiter: str) -> None:
    spelled = delimiter.replace("\t", "\\t")
    assert refused(tmp_path, content, name) == (
        f"{name} looks separated by {told}.",
        f'Set [data] delimiter = "{spelled}" in mlctl.toml.',
    )
    table = read(tmp_path, content, name, delimiter=delimiter)
    assert held(table) == {"a": ("number", [1]), "b": ("number", [2])}


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
@pytest.mark.parametrize("before", [0, 20_000])
def test_bytes_of_another_encoding(tmp_path: Path, name: str, before: int) -> None:
    content = ("a,b\n" + "1,ordinary\n" * before + "2,é\n").encode("latin-1")
    content = gzip.compress(content) if name.endswith("gz") else content
    with pytest.raises(MlctlError) as raised:
        read(tmp_path, content, name)
    assert (raised.value.code, raised.value.exit_code) == ("encoding_wrong", ExitCode.BAD_INPUT)
    assert raised.value.message == f"{name}: line {before + 2} is not UTF-8 text (byte 0xe9)."
    assert raised.value.hint == 'Save the file as UTF-8, or set [data] encoding, such as encoding = "latin-1".'
    assert read(tmp_path, content, name, encoding="latin-1").columns["b"].for_request()[-1] == "é"


def test_json_of_another_encoding(tmp_path: Path) -> None:
    content = '{"a": 1}\n{"a": "é"}\n'.encode("latin-1")
    assert refused(tmp_path, content)[0] == "rows.csv: line 2 is not UTF-8 text (byte 0xe9)."
    assert held(read(tmp_path, content, encoding="latin-1")) == {"a": ("category", ["1", "é"])}


def test_utf_16_that_is_cut_off(tmp_path: Path) -> None:
    content = "a,b\n1,2\n".encode("utf-16")[:-1]
    assert refused(tmp_path, content)[0] == "rows.csv: line 3 is not UTF-16 text (byte 0x0a)."


def test_a_mark_is_stronger_than_the_settings(tmp_path: Path) -> None:
    content = "a\né\n".encode("utf-8-sig")
    assert held(read(tmp_path, content, encoding="latin-1")) == {"a": ("category", ["é"])}


@pytest.mark.parametrize("encoding", ["utf-9", "base64"])
def test_an_encoding_that_is_none(tmp_path: Path, encoding: str) -> None:
    assert refused(tmp_path, "a\n1\n", encoding=encoding) == (
        f"rows.csv cannot be read: unknown encoding '{encoding}'.",
        'Correct [data] encoding in mlctl.toml, such as encoding = "latin-1".',
    )


@pytest.mark.parametrize("content", [b"PK\x03\x04\x00\x00\x8a", bytes(range(256)), "a,b\n1,2\n".encode("utf-16-le")])
def test_no_text_at_all(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, content) == (
        "rows.csv is not a table: it is neither text nor Parquet.",
        "Use CSV, TSV, JSON lines or Parquet (save a spreadsheet as CSV). UTF-16 without a byte order mark needs "
        '[data] encoding = "utf-16-le".',
    )


def test_utf_16_without_a_mark(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b\n1,2\n".encode("utf-16-le"), encoding="utf-16-le")
    assert held(table) == {"a": ("number", [1]), "b": ("number", [2])}


@pytest.mark.parametrize("part_rows", [1, 2, 100])
@pytest.mark.parametrize("ignore", [(), ("a",)], ids=["all", "one ignored"])
def test_a_row_that_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignore: tuple[str, ...], part_rows: int
) -> None:
    monkeypatch.setattr(readers, "_PART_ROWS", part_rows)
    assert refused(tmp_path, "a,b\n1,2\n3,4\n5,6,7\n8,9\n", ignore=ignore) == (
        "rows.csv: line 4 has 3 values, but the header has 2 columns.",
        "Correct that line, and quote values that contain the delimiter.",
    )
    for content in ("a,b\n1,2,3\n1,2,3\n", "a,b\n1,2,3\n1,2\n"):
        message, _ = refused(tmp_path, content, ignore=ignore)
        assert message in {
            "rows.csv has rows with more values than the 2 columns in its header.",
            "rows.csv: line 2 has 3 values, but the header has 2 columns.",
        }


def test_values_at_the_end_of_a_row_may_be_left_out(tmp_path: Path) -> None:
    assert held(read(tmp_path, "a,b\n1,2\n3\n"))["b"] == ("number", [2, None])
    # A delimiter at the end of every line names no column.
    assert held(read(tmp_path, "a,b\n1,2,\n3,4,\n")) == {"a": ("number", [1, 3]), "b": ("number", [2, 4])}


def test_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    hint = 'Close it, and write a quote inside a value as "".'
    assert refused(tmp_path, 'a,b\n1,2\n3,"4\n5,6\n') == (
        "rows.csv has a quote in row 2 that is never closed.",
        hint,
    )
    assert refused(tmp_path, 'a,"b\n1,2\n') == ("rows.csv has a quote in its header that is never closed.", hint)


def noise() -> bytes:
    chance = random.Random(1)
    return ("a,b\n" + "".join(f"{chance.random()},{chance.random()}\n" for _ in range(5000))).encode()


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"a,b\n1,2\n")[:-12],
        gzip.compress(b'{"a": 1}\n' * 9)[:-12],
        gzip.compress(noise())[:50_000],
        gzip.compress(noise())[:-8] + b"12345678",
        b"\x1f\x8b\x08\x00" + bytes(6) + b"\xff" * 50,
    ],
    ids=["csv", "json", "far in", "checksum", "damaged"],
)
def test_a_gzip_that_is_cut_off_or_damaged(tmp_path: Path, content: bytes) -> None:
    message, hint = refused(tmp_path, content, "rows.csv.gz")
    assert message.startswith("rows.csv.gz cannot be decompressed: ")
    assert hint == "It may be truncated or damaged; download it again."


_OBJECTS = "Use one JSON object per line, or a single list of objects."


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"a": 1}\n{"a":\n{"a": 2}\n', "rows.csv: line 2 is not valid JSON: Expecting value."),
        ('{"a": 1}\n\n[2]\n', "rows.csv: line 3 is not a JSON object."),
        ('{"a": 1}{"a": 2}\n', "rows.csv: line 1 is not valid JSON: Extra data."),
        ('[{"a": 1}, 2]', "rows.csv: item 2 is not a JSON object."),
        ('[{"a": 1}', "rows.csv is not valid JSON: Expecting ',' delimiter: line 1 column 10 (char 9)."),
    ],
)
def test_json_that_is_broken(tmp_path: Path, content: str, told: str) -> None:
    assert refused(tmp_path, content) == (told, _OBJECTS)


def test_json_that_is_nested_without_end(tmp_path: Path) -> None:
    deep = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    for content in (deep, f"[{deep}]"):
        message, hint = refused(tmp_path, content)
        assert "is not valid JSON: maximum recursion depth exceeded" in message
        assert hint == _OBJECTS


@pytest.mark.parametrize("kinds", [{}, {"a": "category"}])
@pytest.mark.parametrize("value", ["[1]", '{"b": 1}'])
def test_json_with_a_list_for_a_value(tmp_path: Path, value: str, kinds: dict[str, str]) -> None:
    assert refused(tmp_path, f'{{"a": 1}}\n{{"a": {value}}}\n', kinds=kinds) == (
        "rows.csv: line 2: column a holds lists or objects.",
        'Use one value per cell, or exclude the column: [data] ignore = ["a"].',
    )


def test_json_with_half_a_surrogate_pair(tmp_path: Path) -> None:
    assert refused(tmp_path, '{"a": "\\ud800"}')[0] == (
        "rows.csv: column a holds half of a surrogate pair, which is not valid text."
    )
    assert refused(tmp_path, '{"\\ud800": 1}')[0] == "rows.csv has a column name that is not valid Unicode: '\\ud800'."


def test_json_with_numbers_of_every_size(tmp_path: Path) -> None:
    lines = f'{{"a": 1{"0" * 400}}}\n{{"a": -1{"0" * 400}}}\n{{"a": NaN}}\n{{"a": 99999999999999999999}}\n'
    assert held(read(tmp_path, lines))["a"] == ("number", [float("inf"), float("-inf"), None, 1e20])


@pytest.mark.parametrize("part_rows", [4, 8, 100])
def test_json_names_a_column_where_it_will(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_rows: int) -> None:
    monkeypatch.setattr(readers, "_PART_ROWS", part_rows)
    table = read(tmp_path, '{}\n{"z": 1}\n{"a": 1}\n{}\n{"b": true, "a": 2}\n', ignore=("z",))
    assert held(table) == {
        "a": ("number", [None, None, 1, None, 2]),
        "b": ("boolean", [None, None, None, None, True]),
    }


# Parts


def test_text_far_behind_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "a,b\n" + "01,1\n" * 5 + "1.50,2\nTrue,3\nx,4\n" * 3
    for part_rows in (1, 3, 5, 100):
        monkeypatch.setattr(readers, "_PART_ROWS", part_rows)
        table = read(tmp_path, content)
        assert held(table)["a"] == ("category", ["01"] * 5 + ["1.50", "True", "x"] * 3)


def test_text_behind_so_many_numbers_that_pandas_parses_them_apart(tmp_path: Path) -> None:
    width = 16
    line = ",".join(["0.50"] * width) + "\n"
    content = ",".join(f"c{at}" for at in range(width)) + "\n" + line * 70_000 + line.replace("0.50", "x", 1) * 30_000
    table = read(tmp_path, content)
    assert table.columns["c0"].texts() == ["0.50", "x"]
    assert table.columns["c1"].kind == "number"


def test_gaps_beside_numbers_of_more_than_64_bits(tmp_path: Path) -> None:
    huge = "99999999999999999999"
    assert held(read(tmp_path, f"a,b\n,1\n{huge},2\n1.5,3\n"))["a"] == ("number", [None, 1e20, 1.5])
    assert held(read(tmp_path, f"a,b\nNA,1\n{huge},2\nx,3\n"))["a"] == ("category", [None, huge, "x"])
    content = "a,b\n-1,1\n?,2\n18446744073709551615,3\n"
    assert held(read(tmp_path, content, missing=("?",)))["a"] == ("number", [-1, None, 2.0**64])


ODD = [
    *("", "NA", "x", "é y", "a,b", 'say "so"', "two\nlines", "true", "TRUE", "False", " 7", "8 ", "1,5"),
    *("0", "1", "-0", "+1", "01", "1.50", ".5", "5.", "1e5", "0x10", "1_0", "inf", "-Infinity"),
    *("99999999999999999999", "9007199254740993", "2024-01-01", "2024-01-01 10:00", "2024-01-01T10:00:00.5Z"),
    *("2024-1-1", "0001-01-01", "0000-01-01"),
]
CELLS = st.one_of(
    st.sampled_from(ODD),
    st.integers(-(2**65), 2**65).map(str),
    st.floats(allow_nan=False).map(repr),
)
# Most columns are of one sort, with a stranger here and there.
COLUMN = st.one_of(
    st.lists(CELLS, min_size=12, max_size=12),
    st.tuples(CELLS, CELLS, st.integers(0, 11)).map(
        lambda drawn: [drawn[0]] * drawn[2] + [drawn[1]] + [drawn[0]] * (11 - drawn[2])
    ),
    st.lists(st.floats(allow_nan=False).map(repr), min_size=12, max_size=12),
    st.lists(st.dates().map(str), min_size=12, max_size=12),
    st.lists(st.sampled_from(["true", "False", ""]), min_size=12, max_size=12),
)


def outcome(folder: Path, content: str, part_rows: int) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "_PART_ROWS", part_rows)
        try:
            table = read(folder, content)
        except MlctlError as error:
            return error.message, error.hint, error.exit_code
    columns = tuple(table.columns.values())
    whole = Dataset("rows", columns[1:], (columns[0],), "regression", np.empty(0, dtype=np.int64))
    return held(table), whole.digest


@given(st.lists(COLUMN, min_size=2, max_size=3), st.integers(1, 12))
def test_parts_do_not_change_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, columns: list[list[str]], rows: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([f"c{at}" for at in range(len(columns))])
    writer.writerows(list(zip(*columns, strict=True))[:rows])
    at_once = outcome(folder, text.getvalue(), 1000)
    for part_rows in (1, 2, 7):
        assert outcome(folder, text.getvalue(), part_rows) == at_once


VALUE = {
    "whole": st.integers(-(2**53), 2**53),
    "real": st.floats(allow_nan=False, allow_infinity=False),
    "flag": st.booleans(),
    "word": st.sampled_from(["red", "blue, deep", "ω"]),
    "day": st.dates().map(str),
}


@given(
    st.lists(st.fixed_dictionaries({name: st.none() | value for name, value in VALUE.items()}), min_size=1, max_size=9)
)
def test_every_format_gives_the_same_digest(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    rows = [{name: row[name] for name in VALUE} | {"at": at} for at, row in enumerate(rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*VALUE, "at"])
    writer.writeheader()
    writer.writerows(rows)
    days = [None if row["day"] is None else date.fromisoformat(row["day"]) for row in rows]
    arrow = pa.Table.from_pylist(rows).set_column(4, "day", pa.array(days, pa.date32()))
    digests = set()
    for name, content in (
        ("rows.csv", text.getvalue().encode()),
        ("rows.jsonl", "\n".join(map(json.dumps, rows)).encode()),
        ("rows.parquet", parquet(arrow)),
    ):
        # A column without any value tells its kind in Parquet alone.
        kinds = {"whole": "number", "real": "number", "flag": "boolean", "word": "category", "day": "date"}
        columns = tuple(read(folder, content, name, kinds=kinds).columns.values())
        digests.add(Dataset("rows", columns[:-1], (columns[-1],), "regression", np.empty(0, dtype=np.int64)).digest)
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'{"a": 1, "b": 2}\n{"a": 3, "b": 4, "a": 5}\n', "line 2"),
        (b'[{"a": 1, "b": 2},\n{"b": 4, "a": 3, "a": 3}]', "item 2"),
        (b'{"a": 1, "a": 2, "a": 3}\n', "line 1"),
    ],
)
def test_a_name_that_stands_twice_in_an_object_is_refused_with_its_place(
    tmp_path: Path, content: bytes, place: str
) -> None:
    told, hint = refused(tmp_path, content)[:2]
    assert told == f"rows.csv: {place} has the key 'a' twice."
    assert hint == "Keep one of the two values."
