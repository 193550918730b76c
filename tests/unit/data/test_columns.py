"""The kind and storage of columns, and their values for models and requests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlctl.data import source, target
from mlctl.data.chunks import arrow_part
from mlctl.data.columns import NO_DATE, Column, compact, numbers
from mlctl.data.source import Table
from mlctl.data.values import FIRST_MS, LAST_MS, MISSING_TEXTS, MS_A_DAY, iso_text, milliseconds
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings import DataSettings, Settings


def read(folder: Path, content: str, **data: Any) -> Table:
    (folder / "rows.csv").write_text(content)
    return source.read("rows.csv", Settings(data=DataSettings(**data)), folder)


def column(folder: Path, *cells: str, kind: str | None = None, **data: Any) -> Column:
    """The column ``a`` with these cells; another one beside it keeps lines from being empty."""
    kinds = {"a": kind} if kind else {}
    return read(folder, "a;z\n" + "".join(f"{cell};1\n" for cell in cells), delimiter=";", kinds=kinds, **data).columns[
        "a"
    ]


def refused(folder: Path, *cells: str, kind: str | None = None, **data: Any) -> tuple[str, str]:
    with pytest.raises(MlctlError) as raised:
        column(folder, *cells, kind=kind, **data)
    assert raised.value.exit_code == ExitCode.BAD_INPUT
    return raised.value.message, raised.value.hint


# How it is kept


@pytest.mark.parametrize(
    ("low", "high", "kept"),
    [
        (-128, 127, np.int8),
        (-129, 0, np.int16),
        (0, 32_767, np.int16),
        (0, 32_768, np.int32),
        (-(2**31), 0, np.int32),
        (0, 2**31, np.int64),
        (-(2**53), 2**53, np.int64),
        # What float64 cannot hold, a model could not see.
        (0, 2**53 + 1, np.float64),
    ],
)
def test_whole_numbers_are_kept_in_the_smallest_type(low: int, high: int, kept: type) -> None:
    found = compact(np.array([low, high]))
    assert found.dtype == kept
    assert found.tolist() == [low, float(high) if kept is np.float64 else high]
    assert numbers("a", np.array([low, high])).floats().tolist() == [float(low), float(high)]


def test_what_else_numbers_are_kept_in() -> None:
    assert compact(np.array([], dtype=np.int64)).dtype == np.int8
    assert compact(np.array([2**64 - 1], dtype=np.uint64)).tolist() == [2.0**64]
    assert compact(np.array([200], dtype=np.uint8)).dtype == np.int16
    assert compact(np.array([0.5], dtype=np.float32)).dtype == np.float64


def test_a_table_from_a_file_is_kept_small(tmp_path: Path) -> None:
    lines = "".join(f"{at % 100},{at},{'yes' if at % 2 else 'no'},true,{at}.5\n" for at in range(1000))
    table = read(tmp_path, "a,b,c,d,e\n" + lines)
    assert [each.values.dtype for each in table.columns.values()] == [np.int8, np.int16, np.int8, np.int8, np.float64]


# Kinds


@pytest.mark.parametrize(
    ("cells", "kind", "held", "is_whole"),
    [
        (["1", "-2"], "number", [1.0, -2.0], True),
        (["1", ""], "number", [1.0, None], True),
        (["1.0", "2"], "number", [1.0, 2.0], True),
        (["1.5", "1e3"], "number", [1.5, 1000.0], False),
        (["inf", "1"], "number", [float("inf"), 1.0], True),
        (["", ""], "number", [None, None], False),
        (["true", "false"], "boolean", [True, False], False),
        (["True", "", "FALSE"], "boolean", [True, None, False], False),
        (["TRUE", "False", "true"], "boolean", [True, False, True], False),
        (["tRUE", "fALSE"], "boolean", [True, False], False),
        (["true", "1"], "category", ["true", "1"], False),
        (["2024-03-01", ""], "date", ["2024-03-01", None], False),
        (["2024-3-1", "2024-03-01"], "category", ["2024-3-1", "2024-03-01"], False),
        (["red", "", "NA", "n/a"], "category", ["red", None, None, None], False),
        (["1", "red"], "category", ["1", "red"], False),
        (["1,5", "2"], "category", ["1,5", "2"], False),
    ],
)
def test_kinds(tmp_path: Path, cells: list[str], kind: str, held: list[Any], is_whole: bool) -> None:
    found = column(tmp_path, *cells)
    assert (found.kind, found.for_request(), found.is_whole) == (kind, held, is_whole)
    assert found.missing == held.count(None)
    assert found.is_missing.tolist() == [each is None for each in held]


def test_what_a_pipeline_gets(tmp_path: Path) -> None:
    table = read(tmp_path, "n,b,d,c,y\n1.5,true,1970-01-02T12:00,red,1\n,,,,2\n3,false,1969-12-31,blue,3\n", target="y")
    frame = target.dataset(table, DataSettings(target="y")).frame()
    nan = float("nan")
    expected = pd.DataFrame(
        {"n": [1.5, nan, 3.0], "b": [1.0, nan, 0.0], "d": [1.5, nan, -1.0]},
    )
    pd.testing.assert_frame_equal(frame[["n", "b", "d"]], expected)
    assert frame["c"].dtype == object
    assert [type(each) for each in frame["c"]] == [str, float, str]
    assert frame["c"].tolist()[::2] == ["red", "blue"]
    some = target.dataset(table, DataSettings(target="y", ignore=("c",))).frame(np.array([2, 0]))
    assert some.to_numpy().tolist() == [[3.0, 0.0, -1.0], [1.5, 1.0, 1.5]]


def test_some_rows_of_a_column(tmp_path: Path) -> None:
    found = column(tmp_path, "red", "", "blue", "red").take(np.array([3, 1]))
    assert (found.rows, found.missing, found.for_request()) == (2, 1, ["red", None])


def test_settings_decide_where_values_do_not(tmp_path: Path) -> None:
    assert column(tmp_path, "01234", "00002", kind="category").for_request() == ["01234", "00002"]
    assert column(tmp_path, "1.50", "True", kind="category").for_request() == ["1.50", "True"]
    assert column(tmp_path, "1", "0", "", kind="boolean").for_request() == [True, False, None]
    assert column(tmp_path, "true", "false", "", kind="number").for_request() == [1.0, 0.0, None]
    for kind in ("number", "category", "boolean", "date"):
        found = column(tmp_path, "", "", kind=kind)
        assert (found.kind, found.for_request(), found.missing) == (kind, [None, None], 2)


def test_kinds_that_the_values_cannot_be(tmp_path: Path) -> None:
    hint = "Correct [data] kinds in mlctl.toml."
    told = "rows.csv: a holds {}, which cannot be read as kind '{}'."
    assert refused(tmp_path, "1", kind="date") == (told.format("numbers", "date"), hint)
    assert refused(tmp_path, "true", kind="date") == (told.format("booleans", "date"), hint)
    assert refused(tmp_path, "yes", "no", "yes", kind="boolean")[0] == (
        "rows.csv: a, row 1: 'yes' is not true or false, which [data] kinds requires (and 2 more rows)."
    )
    assert refused(tmp_path, "0", "0.5", kind="boolean")[0] == (
        "rows.csv: a, row 2: '0.5' is not true or false, which [data] kinds requires."
    )
    assert refused(tmp_path, "1", "2", "x", kind="number")[0] == (
        "rows.csv: a, row 3: 'x' is not a number, which [data] kinds requires."
    )
    assert refused(tmp_path, "2024-01-01", "soon", kind="date")[0] == (
        "rows.csv: a, row 2: 'soon' is not an ISO 8601 date, which [data] kinds requires."
    )


# Text among numbers


def test_text_in_a_number_column(tmp_path: Path) -> None:
    content = "my col,b\n" + "1,x\n" * 9 + "?,x\n" + "1,x\n" * 9 + "?,x\n"
    with pytest.raises(MlctlError) as raised:
        read(tmp_path, content)
    assert raised.value.message == (
        "rows.csv: my col, row 10: '?' is not a number, unlike the other values (and 1 more row)."
    )
    assert raised.value.hint == (
        'Correct the row; or set, under [data] in mlctl.toml, missing = ["?"] if it means a missing value, '
        'or kinds = { "my col" = "category" } if the column holds categories.'
    )
    assert (raised.value.code, raised.value.exit_code) == ("kind_broken", ExitCode.BAD_INPUT)
    mended = read(tmp_path, content, missing=("?",)).columns["my col"]
    assert (mended.kind, mended.missing, mended.floats()[0]) == ("number", 2, 1.0)
    named = read(tmp_path, content, kinds={"my col": "category"}).columns["my col"]
    assert (named.kind, named.texts()) == ("category", ["1", "?"])


def test_every_kind_has_its_strangers(tmp_path: Path) -> None:
    assert refused(tmp_path, *["2024-01-01"] * 19, "2024-02-30")[0] == (
        "rows.csv: a, row 20: '2024-02-30' is not an ISO 8601 date, unlike the other values."
    )
    assert refused(tmp_path, *["true"] * 19, "maybe")[0] == (
        "rows.csv: a, row 20: 'maybe' is not true or false, unlike the other values."
    )
    # At fewer than nine in ten, a column is one of names.
    assert column(tmp_path, *["1"] * 8, "x").kind == "category"
    assert column(tmp_path, *["1"] * 9, "", "", missing=("1",)).missing == 11


def test_a_long_text_is_shortened_and_quotes_are_spelled(tmp_path: Path) -> None:
    message, hint = refused(tmp_path, *["1"] * 19, "y" * 60)
    assert f"'{'y' * 40}…'" in message
    assert "missing" not in hint
    assert 'missing = ["\\"x\\\\"]' in refused(tmp_path, *["1"] * 19, '"""x\\"')[1]


def test_decimal_commas(tmp_path: Path) -> None:
    assert column(tmp_path, "1,5", "-2", "3,25", decimal=",").for_request() == [1.5, -2.0, 3.25]
    assert refused(tmp_path, *["1,5"] * 19, "x", decimal=",")[0] == (
        "rows.csv: a, row 20: 'x' is not a number, unlike the other values."
    )
    assert refused(tmp_path, *["1,5"] * 19, "1.5", decimal=",")[0].startswith("rows.csv: a, row 20: '1.5' is not")


# Dates


def days(text: str) -> float:
    """The rule in other words: whole milliseconds, rounded down, over those of a day."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000) / 86_400_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1970-01-01", "1970-01-01"),
        ("1969-12-31T23:59:59.9999", "1969-12-31T23:59:59.999"),
        ("0001-01-01", "0001-01-01"),
        ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999"),
        ("2024-02-29T10:00", "2024-02-29T10:00:00"),
        ("2024-02-29 10:00:01", "2024-02-29T10:00:01"),
        ("2024-02-29T10:00:00Z", "2024-02-29T10:00:00"),
        ("2024-02-29T00:30:00+02:00", "2024-02-28T22:30:00"),
        ("2024-02-29T10:00:00-0530", "2024-02-29T15:30:00"),
        ("2024-02-29T10:00:00.123456789", "2024-02-29T10:00:00.123"),
        ("2024-02-29T10:00:00.1Z", "2024-02-29T10:00:00.100"),
    ],
)
def test_dates(tmp_path: Path, text: str, told: str) -> None:
    for cells in ([text], [text, "2024-01-01T00:00:00+01:00"], ["2024-01-01", text]):
        found = column(tmp_path, *cells)
        at = cells.index(text)
        assert found.kind == "date"
        assert found.for_request()[at] == told
        assert found.floats()[at] == days(text)
        assert found.values[at] == milliseconds(text)
    # What is told back is the same moment.
    assert milliseconds(told) == milliseconds(text)


@pytest.mark.parametrize(
    "text",
    [
        "2024-13-01",
        "2024-02-30",
        "0000-01-01",
        "2024-01-01T25:00",
        "9999-12-31T23:00:00-02:00",
        "0001-01-01T00:00+01:00",
    ],
)
def test_texts_that_are_no_dates(tmp_path: Path, text: str) -> None:
    assert column(tmp_path, text, "2024-01-01").kind == "category"
    with pytest.raises(ValueError, match=r"."):
        milliseconds(text)


def test_the_ends_of_time() -> None:
    assert (iso_text(FIRST_MS), iso_text(LAST_MS)) == ("0001-01-01", "9999-12-31T23:59:59.999")
    assert milliseconds("0001-01-01") == FIRST_MS
    assert milliseconds("9999-12-31T23:59:59.999999") == LAST_MS
    assert NO_DATE < FIRST_MS


@given(st.lists(st.datetimes(timezones=st.sampled_from([None, UTC])), min_size=1, max_size=5))
def test_dates_are_what_plain_python_computes(
    tmp_path_factory: pytest.TempPathFactory, moments: list[datetime]
) -> None:
    texts = [moment.isoformat() for moment in moments]
    found = column(tmp_path_factory.getbasetemp(), *texts)
    assert found.floats().tolist() == [days(text) for text in texts]
    exact = [moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC) for moment in moments]
    assert found.values.tolist() == [each // timedelta(milliseconds=1) for each in exact]
    assert [milliseconds(str(text)) for text in found.for_request()] == found.values.tolist()
    assert [value / MS_A_DAY for value in found.values.tolist()] == found.floats().tolist()


# Arrow


def test_a_view_of_strings_is_text() -> None:
    part = arrow_part(pa.array(["a", None], pa.string_view()))
    assert (part.form, part.values.to_pylist()) == ("text", ["a", None])
    assert arrow_part(pa.nulls(2)).form == "empty"


def test_texts_for_missing_values_are_those_of_the_installed_pandas() -> None:
    # pandas documents the list, but exports it under a private name only.
    from pandas._libs.parsers import STR_NA_VALUES  # type: ignore[import-not-found]

    assert MISSING_TEXTS == STR_NA_VALUES
