"""The places that settings are read from, each as one nested dict."""

import io
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from pydantic_settings import BaseSettings, EnvSettingsSource

from mlctl.errors import ExitCode, MlctlError
from mlctl.settings.project_files import read_text

FILE_NAME = "mlctl.toml"
DOTENV_NAME = ".env"
PREFIX = "MLCTL_"
TOKEN_VARIABLE = "MLCTL_TOKEN"  # noqa: S105  # a name, not a token
# They say where mlctl keeps what it executes and trusts, and which project is meant: no project may.
USER_VARIABLES = frozenset({"MLCTL_CACHE_DIR", "MLCTL_STATE_DIR", "MLCTL_PROJECT_DIR"})

# Far above what a person writes; both parsers take seconds for a megabyte.
_TOML_BYTES = 256_000
_DOTENV_BYTES = 64_000
_LONG_GAP = re.compile(r"[^\S\r\n]{400}")
_DOTS_IN_LINE = 300
_LEVELS = 20


@dataclass(frozen=True)
class Layer:
    """What one place sets, nested like the file. ``of_user``: it is the user's own, not a file of the project."""

    name: str
    values: dict[str, Any]
    is_environment: bool = False
    of_user: bool = False

    def has(self, path: tuple[str, ...]) -> bool:
        """Whether it sets something at ``path``."""
        found: Any = self.values
        for part in path:
            if not isinstance(found, dict) or part not in found:
                return False
            found = found[part]
        return True


def layer_of(layers: Iterable[Layer], path: tuple[str, ...]) -> Layer | None:
    """The strongest of ``layers`` that sets something at ``path``."""
    return next((layer for layer in layers if layer.has(path)), None)


def origin_of(layers: Iterable[Layer], path: tuple[str, ...]) -> str:
    """Where the value at ``path`` came from: a layer's name, the variable, or ``default``."""
    layer = layer_of(layers, path)
    if layer is None:
        return "default"
    return PREFIX + "__".join(path).upper() if layer.is_environment else layer.name


def lay_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, table by table."""
    both = {
        key: lay_over(below[key], value)
        for key, value in above.items()
        if isinstance(value, dict) and isinstance(below.get(key), dict)
    }
    return {**below, **above, **both}


def plain_value(text: str) -> Any:
    """The value that a parameter's text stands for: JSON, ``None``, ``True``, ``False``, or else the text itself."""
    try:
        return json.loads({"None": "null", "True": "true", "False": "false"}.get(text, text))
    except ValueError:
        return text


def read_environment(model: type[BaseSettings]) -> dict[str, Any]:
    """What ``MLCTL_*`` variables set. Raises pydantic_settings' SettingsError for a table that is no JSON."""
    return _own(model, EnvSettingsSource(model, case_sensitive=False)())


def settings_in_dotenv(model: type[BaseSettings], variables: Mapping[str, str]) -> dict[str, Any]:
    """The settings among the variables of ``.env``; raises like ``read_environment``."""
    source = EnvSettingsSource(model, case_sensitive=False)
    source.env_vars = {name.lower(): value for name, value in variables.items()}
    return _own(model, source())


def read_dotenv(folder: Path) -> dict[str, str]:
    """The ``MLCTL_*`` variables in ``.env`` of ``folder``; empty where there is no such file.

    The one reader of that file. Variables of other programs are passed over: nothing of it becomes a variable of
    this process. Values are taken as they stand: ``${NAME}`` does not bring in a variable of the user.

    Raises MlctlError (exit 2) for what is not a regular file of UTF-8 text, larger than 64 kB, a line of ours that
    is none, and for a variable that decides for the user rather than for the project.
    """
    text = read_text(folder, DOTENV_NAME, _DOTENV_BYTES) or ""
    if _LONG_GAP.search(text):
        # The parser would take seconds to minutes for it.
        raise invalid(f"{DOTENV_NAME} holds hundreds of spaces in a row.", "It holds lines of NAME=VALUE in UTF-8.")
    variables = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error and PREFIX in binding.original.string.upper():
            raise invalid(
                f"{DOTENV_NAME}: line {binding.original.line} cannot be read.", "It holds lines of NAME=VALUE in UTF-8."
            )
        name = binding.key or ""
        if not name.upper().startswith(PREFIX):
            continue
        if name.upper() in USER_VARIABLES:
            raise invalid(
                f"{DOTENV_NAME} cannot set {name.upper()}, because only you may set it, not a project.",
                "Remove it there, and set it in your environment if you need it.",
            )
        variables[name] = binding.value or ""
    return variables


def variables_set(in_dotenv: Iterable[str]) -> set[str]:
    """The names of the ``MLCTL_*`` variables that are set, in the environment or ``in_dotenv``."""
    return {name for name in (*os.environ, *in_dotenv) if name.upper().startswith(PREFIX)}


def read_file(folder: Path) -> dict[str, Any]:
    """The content of ``mlctl.toml``; empty where there is none. Raises MlctlError (exit 2)."""
    text = read_text(folder, FILE_NAME, _TOML_BYTES)
    if text is None:
        return {}
    if any(line.count(".") > _DOTS_IN_LINE for line in text.splitlines()):
        # The parser's time grows with the square of the parts of a key.
        raise invalid(f"{FILE_NAME} has a line with more than {_DOTS_IN_LINE} dots.", "Break the line.")
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits is a plain ValueError, brackets in thousands of brackets a RecursionError.
        reason = str(error).splitlines()[0] if isinstance(error, ValueError) else "its tables are nested too deeply"
        raise invalid(
            f"{FILE_NAME} is not valid TOML: {reason}.",
            "Correct that line. docs/SETTINGS.md shows a complete file.",
        ) from None
    if _is_deep(document):
        raise invalid(f"{FILE_NAME}: its tables are nested too deeply.", "No setting needs more than a few levels.")
    return document


def invalid(message: str, hint: str) -> MlctlError:
    """The error for settings that cannot be used."""
    return MlctlError(message, code="settings_invalid", exit_code=ExitCode.USAGE, hint=hint)


def _is_deep(document: dict[str, Any]) -> bool:
    """Whether it has more levels than code that walks through it by recursion may be given."""
    level: list[Any] = [document]
    for _ in range(_LEVELS):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _own(model: type[BaseSettings], values: dict[str, Any]) -> dict[str, Any]:
    """What a source of variables gives, without other programs' ones, and with parameters as values, not text."""
    own = {key: value for key, value in values.items() if key in model.model_fields}
    params = own.get("model", {}).get("params")
    if isinstance(params, dict):
        plain = {key: plain_value(value) if isinstance(value, str) else value for key, value in params.items()}
        own["model"] = {**own["model"], "params": plain}
    data = own.get("data")
    if isinstance(data, dict) and isinstance(target := data.get("target"), str):
        names = plain_value(target)
        own["data"] = {**data, "target": names if isinstance(names, list) else target}
    return own
