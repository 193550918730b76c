"""Converts a ValidationError of the settings to one line, with the origin of the value and the closest key."""

from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mlctl.errors import MlctlError, did_you_mean
from mlctl.settings.sources import PREFIX, Layer, invalid, origin_of

_SHOWN_CHARACTERS = 200


def explain(
    error: ValidationError, layers: tuple[Layer, ...], settings: type[BaseModel], table: tuple[str, ...] = ()
) -> MlctlError:
    """The error for the first problem of a ValidationError, with the origin of the value and the closest key."""
    first = error.errors(include_url=False)[0]
    # If a key itself is invalid, pydantic appends "[key]" to the location.
    path = (*table, *(str(part) for part in first["loc"] if part != "[key]"))
    origin, dotted = origin_of(layers, path), ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _keys_at(settings, path[:-1])
        return invalid(
            f"{origin}: unknown key '{dotted}'.{did_you_mean(path[-1], known)}",
            f"Known here: {', '.join(sorted(known))}.",
        )
    if first["type"] == "value_error":
        # The rule covers several keys, so a single variable is not necessarily the cause.
        origin = "The settings" if origin.startswith(PREFIX) else origin
        # The message of a rule between the keys of one table.
        return invalid(f"{origin}: [{dotted}] {first['ctx']['error']}.", "Correct the table and run the command again.")
    return invalid(
        f"{origin}: {dotted} = {_shortened(first['input'])}: {first['msg']}.",
        "Correct the value and run the command again.",
    )


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _keys_at(settings: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    """The known keys of a table in the file."""
    if path[:1] == ("stage",):
        path = ("deploy", *path[2:])
    model = settings
    for part in path:
        field = model.model_fields.get(part)
        table = _table_of(field.annotation) if field else None
        if table is None:
            return []
        model = table
    return list(model.model_fields)


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a field that is a table, optional or not."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
