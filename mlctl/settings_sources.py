"""The places that settings are read from, each as one nested dict."""

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

from mlctl.errors import ExitCode, MlctlError

FILE_NAME = "mlctl.toml"
PREFIX = "MLCTL_"


@dataclass(frozen=True)
class Layer:
    """What one place sets, nested like the file."""

    name: str
    values: dict[str, Any]
    is_environment: bool = False

    def has(self, path: tuple[str, ...]) -> bool:
        """Whether it sets something at ``path``."""
        found: Any = self.values
        for part in path:
            if not isinstance(found, dict) or part not in found:
                return False
            found = found[part]
        return True


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
    return _own(model, EnvSettingsSource(model)())


def read_dotenv(model: type[BaseSettings], folder: Path) -> dict[str, Any]:
    """What ``.env`` in ``folder`` sets; raises like ``read_environment``."""
    return _own(model, DotEnvSettingsSource(model, env_file=folder / ".env", env_file_encoding="utf-8")())


def variable_names(folder: Path) -> set[str]:
    """The ``MLCTL_*`` variables that are set, in the environment or in ``.env``."""
    try:
        in_file = dotenv_values(folder / ".env", encoding="utf-8", interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise invalid(f".env cannot be read: {error}.", "It holds lines of NAME=VALUE in UTF-8.") from None
    return {name for name in (*os.environ, *in_file) if name.upper().startswith(PREFIX)}


def read_file(folder: Path) -> dict[str, Any]:
    """The content of ``mlctl.toml``; empty where there is none. Raises MlctlError (exit 2)."""
    path = folder / FILE_NAME
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise invalid(
            f"{FILE_NAME} is not valid TOML: {error}.", "Mend that line; README.md shows a whole file under Settings."
        ) from None
    except OSError as error:
        raise invalid(f"{path} cannot be read: {error.strerror}.", "It must be a file of TOML.") from None


def invalid(message: str, hint: str) -> MlctlError:
    """The error for settings that cannot be used."""
    return MlctlError(message, code="settings_invalid", exit_code=ExitCode.USAGE, hint=hint)


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
