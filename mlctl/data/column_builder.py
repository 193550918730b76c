"""From the parts of a column, as a file is read, to one Column of one kind."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlctl.data.chunks import Part, floor_to_ms
from mlctl.data.columns import NO_CODE, NO_DATE, NO_TRUTH, Column, compact
from mlctl.data.values import Kind, milliseconds
from mlctl.errors import ExitCode, MlctlError
from mlctl.toml import toml_key, toml_text

# A text column of which this share reads as numbers (or dates) is one of numbers with mistakes in it.
DOMINANT = 0.9
_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"
_TRUTHS = {"true": 1, "false": 0}
_WHAT = {"number": "a number", "date": "an ISO 8601 date", "boolean": "true or false"}


class MixedFormsError(Exception):
    """A column that reads as numbers in one part of the file and as something else in another."""


def column(name: str, parts: Sequence[Part], wanted: Kind | None, source: str, decimal: str = ".") -> Column:
    """The whole column, of the kind ``wanted``, or else of the kind that its values tell.

    ``decimal`` is what stands before the fraction of a number in text. Raises MixedFormsError when it must
    be read again as text, and MlctlError (exit 3) naming the first row that is not of its kind. Rows are
    counted from 1.
    """
    forms = {each.form for each in parts} - {"empty"}
    if len(forms) > 1 or "mixed" in forms or (wanted == "category" and forms - {"text"}):
        raise MixedFormsError(name)
    form = forms.pop() if forms else "empty"
    if form == "text":
        return _from_text(name, parts, wanted, source, decimal)
    if form == "boolean" and wanted in (None, "boolean"):
        return Column(name, "boolean", _joined(parts, np.int8(NO_TRUTH)))
    if form == "date" and wanted in (None, "date"):
        return Column(name, "date", _joined(parts, np.int64(NO_DATE)))
    if form in ("number", "empty") and wanted in (None, "number"):
        return Column(name, "number", _joined(parts, np.float64(np.nan)))
    return _turned(name, parts, form, wanted, source)


def _turned(name: str, parts: Sequence[Part], form: str, wanted: Kind | None, source: str) -> Column:
    """Numbers that the settings call booleans, booleans that they call numbers; anything else is refused."""
    if form == "empty":
        rows = sum(each.rows for each in parts)
        if wanted == "category":
            return Column(name, wanted, np.full(rows, NO_CODE, dtype=np.int8), pa.array([], pa.string()))
        missing = NO_DATE if wanted == "date" else NO_TRUTH
        return Column(name, wanted or "number", np.full(rows, missing, dtype=np.int64 if wanted == "date" else np.int8))
    if form == "boolean" and wanted == "number":
        return Column(name, "number", Column(name, "boolean", _joined(parts, np.int8(NO_TRUTH))).floats())
    if form == "number" and wanted == "boolean":
        values = _joined(parts, np.float64(np.nan)).astype(np.float64)
        bad = np.flatnonzero(~(np.isnan(values) | (values == 0) | (values == 1)))
        if len(bad) == 0:
            return Column(name, "boolean", np.where(np.isnan(values), NO_TRUTH, values).astype(np.int8))
        text = np.format_float_positional(values[bad[0]], trim="-")
        raise _misfit(source, name, int(bad[0]) + 1, text, "boolean", len(bad), is_wanted=True)
    raise MlctlError(
        f"{source}: {name} holds {'dates' if form == 'date' else form + 's'}, which cannot be read as kind '{wanted}'.",
        code="kind_impossible",
        exit_code=ExitCode.BAD_INPUT,
        hint="Correct [data] kinds in mlctl.toml.",
    )


def _from_text(name: str, parts: Sequence[Part], wanted: Kind | None, source: str, decimal: str) -> Column:
    codes, texts = _encoded(parts)
    if wanted == "category":
        return _category(name, codes, texts)
    distinct = texts.to_pylist()
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    for kind, parsed in _readings(distinct, wanted, decimal):
        good = np.array([each is not None for each in parsed], dtype=bool)
        share = float(counts[good].sum()) / max(int(counts.sum()), 1)
        if good.all():
            return _filled(name, kind, codes, parsed)
        if wanted == kind or share >= DOMINANT:
            first = int(np.flatnonzero(np.isin(codes, np.flatnonzero(~good)))[0])
            text, count = str(distinct[codes[first]]), int(counts[~good].sum())
            raise _misfit(source, name, first + 1, text, kind, count, is_wanted=wanted == kind)
    return _category(name, codes, texts)


def _readings(distinct: list[str], wanted: Kind | None, decimal: str) -> list[tuple[Kind, list[Any]]]:
    """The distinct texts as each kind that they may be of, None where one is not."""
    readings: list[tuple[Kind, list[Any]]] = []
    if wanted in (None, "boolean"):
        readings.append(("boolean", [_TRUTHS.get(text.lower()) for text in distinct]))
    if wanted in (None, "date"):
        readings.append(("date", _dates(distinct)))
    if wanted in (None, "number"):
        # A text with a point in it, where another sign stands before fractions, is no number.
        texts = [_pointed(text, decimal) for text in distinct] if decimal != "." else distinct
        # pandas says which are numbers; what they are, Python reads to the last bit in every version.
        is_number = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").notna().tolist()
        readings.append(
            ("number", [float(text) if good and text else None for text, good in zip(texts, is_number, strict=True)])
        )
    return readings


def _pointed(text: str, decimal: str) -> str | None:
    return None if "." in text else text.replace(decimal, ".")


def _dates(distinct: list[str]) -> list[int | None]:
    array = pa.array(distinct, pa.string())
    like = pc.match_substring_regex(array, _DATE).to_pylist()
    if all(like):
        try:
            return list(floor_to_ms(array.cast(pa.timestamp("us"))).tolist())
        except ValueError:
            pass  # offsets, digits beyond microseconds, the year 0; Arrow's own errors are ValueErrors too
    return [_milliseconds(text) if plausible else None for text, plausible in zip(distinct, like, strict=True)]


def _milliseconds(text: str) -> int | None:
    try:
        return milliseconds(text)
    except ValueError:
        return None


def _filled(name: str, kind: Kind, codes: NDArray[Any], parsed: list[Any]) -> Column:
    """A column from what each distinct text stands for; the last item is what a missing one is."""
    if kind == "boolean":
        return Column(name, kind, np.array([*parsed, NO_TRUTH], dtype=np.int8)[codes])
    if kind == "date":
        return Column(name, kind, np.array([*parsed, NO_DATE], dtype=np.int64)[codes])
    return Column(name, kind, np.array([*parsed, np.nan], dtype=np.float64)[codes])


def _category(name: str, codes: NDArray[Any], texts: pa.Array) -> Column:
    return Column(name, "category", compact(codes), texts)


def _encoded(parts: Sequence[Part]) -> tuple[NDArray[Any], pa.Array]:
    """``(codes, distinct texts)`` over all parts."""
    chunks = [
        each.values if each.form == "text" else pa.nulls(each.rows, pa.string()).dictionary_encode() for each in parts
    ]
    whole = pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0)
    return whole.indices.fill_null(NO_CODE).to_numpy(zero_copy_only=False), whole.dictionary


def _joined(parts: Sequence[Part], missing: Any) -> NDArray[Any]:
    """One array of all parts, with ``missing`` for those that have no value."""
    chunks = [np.full(each.rows, missing) if each.form == "empty" else each.values for each in parts]
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)


def _misfit(source: str, name: str, row: int, text: str, kind: Kind, count: int, *, is_wanted: bool) -> MlctlError:
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    why = "which [data] kinds asks for" if is_wanted else "as the other values are"
    more = f" (and {count - 1} more {'row' if count == 2 else 'rows'})" if count > 1 else ""
    missing = f"missing = [{toml_text(text)}] if it stands for no value, or " if len(text) <= 40 else ""
    return MlctlError(
        f"{source}: {name}, row {row}: '{shown}' is not {_WHAT[kind]}, {why}{more}.",
        code="kind_broken",
        exit_code=ExitCode.BAD_INPUT,
        hint=f"Correct the row; or, in mlctl.toml under [data], {missing}"
        f'kinds = {{ {toml_key(name)} = "category" }} if the column is one of names.',
    )
