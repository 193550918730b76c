"""``mlctl config``: every setting, its value, and where that came from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from mlctl.settings import Resolved


@dataclass(frozen=True)
class SettingValue:
    """One setting. ``origin``: a flag, a variable, ``.env``, a table or the file, or ``default``."""

    key: str
    value: Any
    origin: str


def entries(resolved: Resolved) -> tuple[SettingValue, ...]:
    """Every setting as it holds for the stage that was resolved; the tables of other stages are left out."""
    return tuple(
        SettingValue(key=".".join(path), value=value, origin=resolved.origin(path))
        for path, value in _leaves(resolved.settings, ())
        if path[0] != "stage"
    )


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name), (*path, name))
    elif isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        yield path, list(value) if isinstance(value, tuple) else value
