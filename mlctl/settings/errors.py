"""What pydantic says of settings, in one line, with the place that it was read from and the nearest key."""

from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mlctl.errors import MlctlError, did_you_mean
from mlctl.settings.sources import PREFIX, Layer, invalid, origin_of

_SHOWN_CHARACTERS = 200


def explain(
    error: ValidationError, layers: tuple[Layer, ...], settings: type[BaseModel], table: tuple[str, ...] = ()
) -> MlctlError:
    """The first problem of a ValidationError in one line, with where it was read and the nearest key."""
    first = error.errors(include_url=False)[0]
    # Of a key that is refused itself, pydantic ends the place with "[key]".
    path = (*table, *(str(part) for part in first["loc"] if part != "[key]"))
    where, dotted = origin_of(layers, path), ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _keys_at(settings, path[:-1])
        return invalid(
            f"{where}: unknown key '{dotted}'.{did_you_mean(path[-1], known)}",
            f"Known here: {', '.join(sorted(known))}.",
        )
    if first["type"] == "value_error":
        # Which of several keys is to blame, and so which of several places, cannot be told of a variable.
        where = "The settings" if where.startswith(PREFIX) else where
        # A rule between keys of one table, in its own words.
        return invalid(f"{where}: [{dotted}] {first['ctx']['error']}.", "Correct the table and run the command again.")
    return invalid(
        f"{where}: {dotted} = {_in_short(first['input'])}: {first['msg']}.",
        "Correct the value and run the command again.",
    )


def _in_short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _keys_at(settings: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    """The keys that are known at a place in the file."""
    if path[:1] == ("stage",):
        path = ("deploy", *path[2:])
    model = settings
    for part in path:
        field = model.model_fields.get(part)
        found = _table_of(field.annotation) if field else None
        if found is None:
            return []
        model = found
    return list(model.model_fields)


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a field that is a table, optional or not."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
