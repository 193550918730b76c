"""Text for the columns of a dataset: kind and values."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlctl.core.shared.column_description import ColumnDescription

# Characters for the values of a category. Values that do not fit are counted.
_VALUES_WIDTH = 28


def kind_text(column: "ColumnDescription") -> str:
    """Return the kind of a column, such as ``whole number``."""
    return "whole number" if column.entry.get("integer") else column.kind


def values_text(column: "ColumnDescription") -> str:
    """Return the range of a number or date with its median, or the values of a category."""
    entry = column.entry
    if column.kind == "category":
        return _category_values(entry["values"])
    if column.kind == "boolean":
        total = max(entry["true"] + entry["false"], 1)
        return f"true {entry['true'] / total:.0%}"
    if entry["min"] is None:
        return ""
    if column.kind == "date":
        return f"{entry['min']} to {entry['max']}"
    low, median, high = (f"{value:.6g}" for value in (entry["min"], entry["quantiles"][2], entry["max"]))
    return f"{low} to {high}, median {median}"


def _category_values(values: list[str]) -> str:
    """Return the first values that fit in _VALUES_WIDTH characters, at least one, and the number of all values."""
    shown = values[:1]
    for value in values[1:]:
        if len(", ".join([*shown, value])) > _VALUES_WIDTH:
            break
        shown.append(value)
    text = ", ".join(shown)
    text = text if len(text) <= _VALUES_WIDTH else f"{text[:_VALUES_WIDTH]}…"
    return text if len(shown) == len(values) else f"{text}, … ({len(values)} values)"
