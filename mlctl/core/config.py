"""Lists every setting with its value and origin, for ``mlctl config``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from mlctl.settings import Resolved


@dataclass(frozen=True)
class SettingValue:
    """One setting. ``origin``: a flag, a variable, ``.env``, a table of ``mlctl.toml``, or ``default``."""

    key: str
    value: Any
    origin: str


def entries(resolved: Resolved) -> tuple[SettingValue, ...]:
    """Return every setting of the resolved stage, without the tables of other stages."""
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
        for name, item in value.items():
            yield from _leaves(item, (*path, str(name)))
    else:
        yield path, list(value) if isinstance(value, tuple) else value
