"""Differences between two records by field, in the form that a plan shows."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from mlctl.aws.stack.state import FunctionConfig

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def config_changes(before: FunctionConfig, after: FunctionConfig) -> tuple[str, ...]:
    """The fields of a release's configuration that differ. Values of variables are not shown: they may be secrets."""
    plain = [each.name for each in fields(FunctionConfig) if each.name != "environment"]
    changes = differences({name: (getattr(before, name), getattr(after, name)) for name in plain})
    return changes + _variables(before.environment, after.environment)


def differences(compared: Mapping[str, tuple[object, object]]) -> tuple[str, ...]:
    """``name: old → new`` for each pair that differs."""
    return tuple(f"{name}: {text_of(old)} → {text_of(new)}" for name, (old, new) in compared.items() if old != new)


def field_changes(old: "DataclassInstance", new: "DataclassInstance") -> tuple[str, ...]:
    """The same for the fields of two records of one kind."""
    return differences({each.name: (getattr(old, each.name), getattr(new, each.name)) for each in fields(new)})


def text_of(value: object) -> str:
    """A value as a plan shows it."""
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _variables(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    lines = []
    for name in sorted({*before, *after}):
        if name not in before:
            lines.append(f"environment: {name} is new")
        elif name not in after:
            lines.append(f"environment: {name} goes")
        elif before[name] != after[name]:
            lines.append(f"environment: {name} changes")
    return tuple(lines)
