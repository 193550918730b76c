"""Builds a Column from the parts of a file, and infers or checks its kind."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlctl.data.chunks import Part, floor_to_ms
from mlctl.data.columns import NO_BOOLEAN, NO_CODE, NO_DATE, Column, compact
from mlctl.data.values import Kind, milliseconds
from mlctl.errors import ExitCode, MlctlError
from mlctl.toml import toml_key, toml_text

# If this share of a text column parses as numbers (or dates), the other values are mistakes.
DOMINANT = 0.9
_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"
_BOOLEANS = {"true": 1, "false": 0}
_DESCRIPTIONS = {"number": "a number", "date": "an ISO 8601 date", "boolean": "true or false"}


class MixedFormsError(Exception):
    """The parts of a column have different forms, such as numbers and text: it must be read again as text."""


def column(name: str, parts: Sequence[Part], requested: Kind | None, source: str, decimal: str = ".") -> Column:
    """Build a column of the kind ``requested``, or of the kind inferred from its values.

    ``decimal`` is the decimal separator of numbers in text. Raises MixedFormsError if the column must be read again
    as text, and MlctlError (exit 3) naming the first row with a value of another kind. Row numbers start at 1.
    """
    forms = {part.form for part in parts} - {"empty"}
    if len(forms) > 1 or "mixed" in forms or (requested == "category" and forms - {"text"}):
        raise MixedFormsError(name)
    form = forms.pop() if forms else "empty"
    if form == "text":
        return _from_text(name, parts, requested, source, decimal)
    if form == "boolean" and requested in (None, "boolean"):
        return Column(name, "boolean", _concatenated(parts, np.int8(NO_BOOLEAN)))
    if form == "date" and requested in (None, "date"):
        return Column(name, "date", _concatenated(parts, np.int64(NO_DATE)))
    if form in ("number", "empty") and requested in (None, "number"):
        return Column(name, "number", _concatenated(parts, np.float64(np.nan)))
    return _converted(name, parts, form, requested, source)


def _converted(name: str, parts: Sequence[Part], form: str, requested: Kind | None, source: str) -> Column:
    """Convert numbers to booleans or booleans to numbers. Raises MlctlError (exit 3) for any other conversion."""
    if form == "empty":
        rows = sum(part.rows for part in parts)
        if requested == "category":
            return Column(name, requested, np.full(rows, NO_CODE, dtype=np.int8), pa.array([], pa.string()))
        missing = NO_DATE if requested == "date" else NO_BOOLEAN
        return Column(
            name, requested or "number", np.full(rows, missing, dtype=np.int64 if requested == "date" else np.int8)
        )
    if form == "boolean" and requested == "number":
        return Column(name, "number", Column(name, "boolean", _concatenated(parts, np.int8(NO_BOOLEAN))).floats())
    if form == "number" and requested == "boolean":
        values = _concatenated(parts, np.float64(np.nan)).astype(np.float64)
        bad = np.flatnonzero(~(np.isnan(values) | (values == 0) | (values == 1)))
        if len(bad) == 0:
            return Column(name, "boolean", np.where(np.isnan(values), NO_BOOLEAN, values).astype(np.int8))
        text = np.format_float_positional(values[bad[0]], trim="-")
        raise _kind_error(source, name, int(bad[0]) + 1, text, "boolean", len(bad), is_requested=True)
    raise MlctlError(
        f"{source}: {name} holds {'dates' if form == 'date' else form + 's'}, "
        f"which cannot be read as kind '{requested}'.",
        code="kind_impossible",
        exit_code=ExitCode.BAD_INPUT,
        hint="Correct [data] kinds in mlctl.toml.",
    )


def _from_text(name: str, parts: Sequence[Part], requested: Kind | None, source: str, decimal: str) -> Column:
    codes, texts = _encoded(parts)
    if requested == "category":
        return _category(name, codes, texts)
    distinct = texts.to_pylist()
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    for kind, parsed in _interpretations(distinct, requested, decimal):
        is_parsed = np.array([value is not None for value in parsed], dtype=bool)
        share = float(counts[is_parsed].sum()) / max(int(counts.sum()), 1)
        if is_parsed.all():
            return _from_codes(name, kind, codes, parsed)
        if requested == kind or share >= DOMINANT:
            first = int(np.flatnonzero(np.isin(codes, np.flatnonzero(~is_parsed)))[0])
            text, count = str(distinct[codes[first]]), int(counts[~is_parsed].sum())
            raise _kind_error(source, name, first + 1, text, kind, count, is_requested=requested == kind)
    return _category(name, codes, texts)


def _interpretations(distinct: list[str], requested: Kind | None, decimal: str) -> list[tuple[Kind, list[Any]]]:
    """The distinct texts parsed as each possible kind; None for a text that is not of that kind."""
    interpretations: list[tuple[Kind, list[Any]]] = []
    if requested in (None, "boolean"):
        interpretations.append(("boolean", [_BOOLEANS.get(text.lower()) for text in distinct]))
    if requested in (None, "date"):
        interpretations.append(("date", _dates(distinct)))
    if requested in (None, "number"):
        # With another decimal separator, a text with a point is not a number.
        texts = [_with_decimal_point(text, decimal) for text in distinct] if decimal != "." else distinct
        # pandas decides which texts are numbers. Python parses them, to the same bits in every version.
        is_number = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").notna().tolist()
        interpretations.append(
            (
                "number",
                [float(text) if numeric and text else None for text, numeric in zip(texts, is_number, strict=True)],
            )
        )
    return interpretations


def _with_decimal_point(text: str, decimal: str) -> str | None:
    return None if "." in text else text.replace(decimal, ".")


def _dates(distinct: list[str]) -> list[int | None]:
    array = pa.array(distinct, pa.string())
    matches = pc.match_substring_regex(array, _DATE).to_pylist()
    if all(matches):
        try:
            return list(floor_to_ms(array.cast(pa.timestamp("us"))).tolist())
        except ValueError:
            pass  # offsets, digits after microseconds, or the year 0; Arrow's errors are ValueErrors too
    return [_milliseconds(text) if matched else None for text, matched in zip(distinct, matches, strict=True)]


def _milliseconds(text: str) -> int | None:
    try:
        return milliseconds(text)
    except ValueError:
        return None


def _from_codes(name: str, kind: Kind, codes: NDArray[Any], parsed: list[Any]) -> Column:
    """Build a column from codes and the parsed value of each code. Code -1 selects the missing value at the end."""
    if kind == "boolean":
        return Column(name, kind, np.array([*parsed, NO_BOOLEAN], dtype=np.int8)[codes])
    if kind == "date":
        return Column(name, kind, np.array([*parsed, NO_DATE], dtype=np.int64)[codes])
    return Column(name, kind, np.array([*parsed, np.nan], dtype=np.float64)[codes])


def _category(name: str, codes: NDArray[Any], texts: pa.Array) -> Column:
    return Column(name, "category", compact(codes), texts)


def _encoded(parts: Sequence[Part]) -> tuple[NDArray[Any], pa.Array]:
    """Merge the dictionaries of all parts into ``(codes, distinct texts)``."""
    chunks = [
        part.values if part.form == "text" else pa.nulls(part.rows, pa.string()).dictionary_encode() for part in parts
    ]
    merged = pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
    if isinstance(merged, pa.ChunkedArray):
        merged = merged.chunk(0)
    return merged.indices.fill_null(NO_CODE).to_numpy(zero_copy_only=False), merged.dictionary


def _concatenated(parts: Sequence[Part], missing: Any) -> NDArray[Any]:
    """Concatenate all parts; ``missing`` fills the empty ones."""
    chunks = [np.full(part.rows, missing) if part.form == "empty" else part.values for part in parts]
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)


def _kind_error(
    source: str, name: str, row: int, text: str, kind: Kind, count: int, *, is_requested: bool
) -> MlctlError:
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    reason = "which [data] kinds requires" if is_requested else "unlike the other values"
    more = f" (and {count - 1} more {'row' if count == 2 else 'rows'})" if count > 1 else ""
    missing = f"missing = [{toml_text(text)}] if it means a missing value, or " if len(text) <= 40 else ""
    return MlctlError(
        f"{source}: {name}, row {row}: '{shown}' is not {_DESCRIPTIONS[kind]}, {reason}{more}.",
        code="kind_broken",
        exit_code=ExitCode.BAD_INPUT,
        hint=f"Correct the row; or set, under [data] in mlctl.toml, {missing}"
        f'kinds = {{ {toml_key(name)} = "category" }} if the column holds categories.',
    )
