"""Reads each source of settings as a nested dict: ``mlctl.toml``, ``.env`` and the environment."""

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
# These set the folders of code and trust records, and the project. Only the user may set them, not a project.
USER_VARIABLES = frozenset({"MLCTL_CACHE_DIR", "MLCTL_STATE_DIR", "MLCTL_PROJECT_DIR"})

# Far larger than a file written by a person. Both parsers take seconds for a megabyte.
_TOML_BYTES = 256_000
_DOTENV_BYTES = 64_000
_LONG_GAP = re.compile(r"[^\S\r\n]{400}")
_DOTS_IN_LINE = 300
_LEVELS = 20


@dataclass(frozen=True)
class Layer:
    """The values from one source, nested like the file. ``of_user``: from the user, not from a file of the project."""

    name: str
    values: dict[str, Any]
    is_environment: bool = False
    of_user: bool = False

    def has(self, path: tuple[str, ...]) -> bool:
        """Whether the layer sets a value at ``path``."""
        value: Any = self.values
        for part in path:
            if not isinstance(value, dict) or part not in value:
                return False
            value = value[part]
        return True


def layer_of(layers: Iterable[Layer], path: tuple[str, ...]) -> Layer | None:
    """The first of ``layers`` that sets a value at ``path``."""
    return next((layer for layer in layers if layer.has(path)), None)


def origin_of(layers: Iterable[Layer], path: tuple[str, ...]) -> str:
    """The origin of the value at ``path``: the name of a layer or variable, or ``default``."""
    layer = layer_of(layers, path)
    if layer is None:
        return "default"
    return PREFIX + "__".join(path).upper() if layer.is_environment else layer.name


def lay_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge two nested dicts; the values of ``above`` override those of ``below``."""
    both = {
        key: lay_over(below[key], value)
        for key, value in above.items()
        if isinstance(value, dict) and isinstance(below.get(key), dict)
    }
    return {**below, **above, **both}


def plain_value(text: str) -> Any:
    """Parse the text of a parameter: JSON, ``None``, ``True`` or ``False``; any other text is itself."""
    try:
        return json.loads({"None": "null", "True": "true", "False": "false"}.get(text, text))
    except ValueError:
        return text


def read_environment(model: type[BaseSettings]) -> dict[str, Any]:
    """The settings in ``MLCTL_*`` variables. Raises SettingsError of pydantic_settings for a table that is not JSON."""
    return _own(model, EnvSettingsSource(model, case_sensitive=False)())


def settings_in_dotenv(model: type[BaseSettings], variables: Mapping[str, str]) -> dict[str, Any]:
    """The settings among the variables of ``.env``; raises like ``read_environment``."""
    source = EnvSettingsSource(model, case_sensitive=False)
    source.env_vars = {name.lower(): value for name, value in variables.items()}
    return _own(model, source())


def read_dotenv(folder: Path) -> dict[str, str]:
    """The ``MLCTL_*`` variables in ``.env`` of ``folder``; empty if there is no such file.

    Variables of other programs are ignored, and the environment of this process does not change. Values are literal:
    ``${NAME}`` is not expanded.

    Raises MlctlError (exit 2) if it is not a regular file of UTF-8 text, is larger than 64 kB, has an invalid line with
    an ``MLCTL_*`` variable, or sets one of USER_VARIABLES.
    """
    text = read_text(folder, DOTENV_NAME, _DOTENV_BYTES) or ""
    if _LONG_GAP.search(text):
        # The parser takes seconds to minutes for such a text.
        raise invalid(f"{DOTENV_NAME} holds hundreds of spaces in a row.", "Write lines of NAME=VALUE in UTF-8.")
    variables = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error and PREFIX in binding.original.string.upper():
            raise invalid(
                f"{DOTENV_NAME}: line {binding.original.line} cannot be read.", "Write lines of NAME=VALUE in UTF-8."
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
    """The names of the ``MLCTL_*`` variables in the environment or ``in_dotenv``."""
    return {name for name in (*os.environ, *in_dotenv) if name.upper().startswith(PREFIX)}


def read_file(folder: Path) -> dict[str, Any]:
    """The content of ``mlctl.toml``; empty if there is none. Raises MlctlError (exit 2)."""
    text = read_text(folder, FILE_NAME, _TOML_BYTES)
    if text is None:
        return {}
    if any(line.count(".") > _DOTS_IN_LINE for line in text.splitlines()):
        # The parser takes quadratic time in the number of parts of a key.
        raise invalid(f"{FILE_NAME} has a line with more than {_DOTS_IN_LINE} dots.", "Break the line.")
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Thousands of digits raise a plain ValueError, thousands of nested brackets a RecursionError.
        reason = str(error).splitlines()[0] if isinstance(error, ValueError) else "its tables are nested too deeply"
        raise invalid(
            f"{FILE_NAME} is not valid TOML: {reason}.",
            "Correct that line. docs/SETTINGS.md shows a complete file.",
        ) from None
    if _is_deep(document):
        raise invalid(f"{FILE_NAME}: its tables are nested too deeply.", "No setting needs more than a few levels.")
    return document


def invalid(message: str, hint: str) -> MlctlError:
    """The error for invalid settings."""
    return MlctlError(message, code="settings_invalid", exit_code=ExitCode.USAGE, hint=hint)


def _is_deep(document: dict[str, Any]) -> bool:
    """Whether the document has more levels than recursive code can handle safely."""
    level: list[Any] = [document]
    for _ in range(_LEVELS):
        level = [
            child
            for container in level
            if isinstance(container, dict | list)
            for child in (container.values() if isinstance(container, dict) else container)
        ]
    return bool(level)


def _own(model: type[BaseSettings], values: dict[str, Any]) -> dict[str, Any]:
    """Keep only the settings from a source of variables, and parse parameters from text to values."""
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
