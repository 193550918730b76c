"""Settings, resolved in one place.

Flags win over ``MLCTL_*`` variables (nested: ``MLCTL_DEPLOY__MEMORY``), those over ``.env``, then
``[stage.X]``, then the rest of ``mlctl.toml``, then the defaults below.
"""

import json
import os
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from mlctl.errors import ExitCode, MlctlError, did_you_mean

FILE_NAME = "mlctl.toml"
# Variables that are read elsewhere.
_OTHER_VARIABLES = {"MLCTL_CACHE_DIR"}

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
LambdaPython = Literal["3.11", "3.12", "3.13", "3.14"]
LAMBDA_PYTHONS: tuple[LambdaPython, ...] = get_args(LambdaPython)
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LogRetention = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
# Names of functions and roles are made of these; both are limited to 64 characters.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=40)]


def default_python() -> LambdaPython:
    """This interpreter's minor version where Lambda has it, else the newest one that it has."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return next((python for python in LAMBDA_PYTHONS if python == running), LAMBDA_PYTHONS[-1])


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(_Strict):
    """``[data]``: the table, its target, and how rows are held out."""

    source: str = "iris"
    target: str | None = None
    test_size: float = Field(0.2, gt=0, lt=1)
    seed: int = Field(42, ge=0, le=2**32 - 1)


class ModelSettings(_Strict):
    """``[model]``: the pipeline by dotted names, and the number of cross-validation folds."""

    estimator: str = "sklearn.ensemble.RandomForestClassifier"
    params: dict[str, Any] = Field(default_factory=dict)
    preprocess: tuple[str, ...] = ("sklearn.preprocessing.StandardScaler",)
    cv: int = Field(5, ge=2)


class Throttle(_Strict):
    """Requests a second that API Gateway lets through (``rate``), and in a burst (``burst``)."""

    rate: float = Field(50, gt=0)
    burst: int = Field(100, gt=0)


class DeploySettings(_Strict):
    """``[deploy]``, and with any of its keys ``[stage.X]``."""

    engine: Literal["auto", "portable", "sklearn"] = "auto"
    auth: Literal["none"] = "none"
    memory: int = Field(256, ge=128, le=10240)
    timeout: int = Field(10, ge=1, le=29)
    architecture: Literal["arm64", "x86_64"] = "arm64"
    python: LambdaPython = Field(default_factory=default_python)
    log_retention: LogRetention = 14
    region: str | None = None
    profile: str | None = None
    throttle: Throttle = Throttle()


class Settings(BaseSettings):
    """All settings of a project, for one stage where the command has one."""

    model_config = SettingsConfigDict(
        env_prefix="MLCTL_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    project: Name = "iris"
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    gates: dict[str, float] = Field(default_factory=dict)
    deploy: DeploySettings = Field(default_factory=DeploySettings)
    stage: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    local_port: int | None = Field(None, ge=1, le=65535)
    local_endpoint: str | None = Field(None, pattern=r"^https?://")

    def identity(self) -> dict[str, Any]:
        """The settings that a model version depends on, as plain JSON values."""
        return {"data": self.data.model_dump(mode="json"), "model": self.model.model_dump(mode="json")}


def find_project(start: Path) -> Path:
    """The nearest folder at or above ``start`` that holds ``mlctl.toml``, else ``start``."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    return start


def load(folder: Path, *, stage: str | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of the project in ``folder``, for ``stage`` where given.

    ``flags`` holds what the command line sets, nested like the file. Raises MlctlError (exit 2)
    for a file that is no TOML, an unknown key (naming the nearest), or a value that is not allowed.
    """
    document = _read_file(folder / FILE_NAME)
    _check_stages(document)
    _check_names({*os.environ, *_dotenv_names(folder)})
    merged = _for_stage(document, stage)

    class _Resolved(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            above = (_Env(settings_cls), _DotEnv(settings_cls, env_file=folder / ".env", env_file_encoding="utf-8"))
            return init_settings, *above, InitSettingsSource(settings_cls, init_kwargs=merged)

    try:
        return _Resolved(**(flags or {}))
    except ValidationError as error:
        raise _explain(error, document) from None
    except SettingsError as error:
        raise _invalid(f"A MLCTL_* variable cannot be read: {error}.", "Tables are given as JSON objects.") from None


def plain_value(text: str) -> Any:
    """The value that a parameter's text stands for: JSON, ``None``, ``True``, ``False``, or else the text itself."""
    try:
        return json.loads({"None": "null", "True": "true", "False": "false"}.get(text, text))
    except ValueError:
        return text


def _own(values: dict[str, Any]) -> dict[str, Any]:
    """What a source of variables gives, without other programs' ones, and with parameters as values, not text."""
    own = {key: value for key, value in values.items() if key in Settings.model_fields}
    params = own.get("model", {}).get("params")
    if isinstance(params, dict):
        plain = {key: plain_value(value) if isinstance(value, str) else value for key, value in params.items()}
        own["model"] = {**own["model"], "params": plain}
    return own


class _Env(EnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return _own(super().__call__())


class _DotEnv(DotEnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return _own(super().__call__())


def _dotenv_names(folder: Path) -> list[str]:
    try:
        return list(dotenv_values(folder / ".env", encoding="utf-8", interpolate=False))
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(f".env cannot be read: {error}.", "It holds lines of NAME=VALUE in UTF-8.") from None


def _check_names(names: Iterable[str]) -> None:
    """A misspelt variable is refused like a misspelt key of the file."""
    known = {f"MLCTL_{field.upper()}" for field in Settings.model_fields if field != "stage"} | _OTHER_VARIABLES
    for name in sorted(names):
        if name.upper().startswith("MLCTL_") and name.upper().split("__")[0] not in known:
            raise _invalid(
                f"There is no setting for the variable {name}.{did_you_mean(name.upper(), known)}",
                f"Known: {', '.join(sorted(known))}; nested as MLCTL_DEPLOY__MEMORY.",
            )


def _check_stages(document: dict[str, Any]) -> None:
    """Check the table of every stage, not only of the one in use: a typo is found where it is made."""
    stages = document.get("stage", {})
    for name, own in stages.items() if isinstance(stages, dict) else ():
        try:
            DeploySettings.model_validate(own)
        except ValidationError as error:
            raise _explain(error, document, ("stage", name)) from None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _invalid(
            f"{path.name} is not valid TOML: {error}.", "Mend that line; README.md shows a whole file under Settings."
        ) from None
    except OSError as error:
        raise _invalid(f"{path} cannot be read: {error.strerror}.", "It must be a file of TOML.") from None


def _for_stage(document: dict[str, Any], stage: str | None) -> dict[str, Any]:
    """The document with ``[stage.X]`` laid over ``[deploy]``."""
    stages = document.get("stage")
    own = stages.get(stage) if isinstance(stages, dict) and stage else None
    if not isinstance(own, dict):
        return document
    deploy = document.get("deploy")
    return {**document, "deploy": _laid_over(deploy if isinstance(deploy, dict) else {}, own)}


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, table by table."""
    both = {key: _laid_over(below[key], value) for key, value in above.items() if _are_tables(below.get(key), value)}
    return {**below, **above, **both}


def _are_tables(*values: object) -> bool:
    return all(isinstance(value, dict) for value in values)


def _explain(error: ValidationError, document: dict[str, Any], table: tuple[str, ...] = ()) -> MlctlError:
    """The first problem of a ValidationError in one line, with where it was read and the nearest key."""
    first = error.errors(include_url=False)[0]
    path = [*table, *(str(part) for part in first["loc"])]
    dotted = ".".join(path)
    where = FILE_NAME if _holds(document, path, first["input"]) else "MLCTL_* or a flag"
    if first["type"] == "extra_forbidden":
        known = _keys_at(path[:-1])
        message = f"{where}: unknown key '{dotted}'.{did_you_mean(path[-1], known)}"
        hint = f"Known here: {', '.join(sorted(known))}."
    else:
        message = f"{where}: {dotted} = {first['input']!r}: {first['msg']}."
        hint = "Correct the value and run the command again."
    return _invalid(message, hint)


def _invalid(message: str, hint: str) -> MlctlError:
    return MlctlError(message, code="settings_invalid", exit_code=ExitCode.USAGE, hint=hint)


def _holds(document: Any, path: list[str], value: object) -> bool:
    """Whether the file has ``value`` at ``path``; a variable may have overlaid it with another."""
    for part in path:
        if not isinstance(document, dict) or part not in document:
            return False
        document = document[part]
    return bool(document == value)


def _keys_at(path: list[str]) -> list[str]:
    """The keys that are known at a place in the file."""
    if path[:1] == ["stage"]:
        path = ["deploy", *path[2:]]
    model: type[BaseModel] = Settings
    for part in path:
        field = model.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)
