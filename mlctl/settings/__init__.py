"""Resolves the settings of a project.

The precedence is: flags, ``MLCTL_*`` variables (nested: ``MLCTL_DEPLOY__MEMORY``), ``.env``, ``[stage.X]``, the rest of
``mlctl.toml``, and the defaults below.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from mlctl.errors import ExitCode, MlctlError, did_you_mean
from mlctl.hosts import is_loopback_url, server_url
from mlctl.settings import project_folder
from mlctl.settings.deploy import DeploySettings
from mlctl.settings.errors import explain
from mlctl.settings.sources import (
    DOTENV_NAME,
    FILE_NAME,
    PREFIX,
    TOKEN_VARIABLE,
    USER_VARIABLES,
    Layer,
    invalid,
    lay_over,
    layer_of,
    origin_of,
    read_dotenv,
    read_environment,
    read_file,
    settings_in_dotenv,
    variables_set,
)

# Variables that other modules read.
_OTHER_VARIABLES = {*USER_VARIABLES, TOKEN_VARIABLE}

# Names of functions and roles contain these names; both are limited to 64 characters.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=40)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Kind = Literal["number", "category", "boolean", "date"]


class DataSettings(_Strict):
    """``[data]``: the table, its targets, how to read it, and how to hold out rows."""

    source: str = Field("iris", min_length=1)
    # NoDecode: the text of a variable is a name, even 5 or true. `sources` parses lists.
    target: Annotated[str | tuple[str, ...] | None, NoDecode] = None
    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    test_size: float = Field(0.2, gt=0, lt=1)
    seed: int = Field(42, ge=0, le=2**32 - 1)
    split: Literal["auto", "stratified", "plain", "group", "time"] = "auto"
    split_by: str | None = None
    ignore: tuple[str, ...] = ()
    kinds: dict[str, Kind] = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    encoding: str = "utf-8"
    decimal: str = Field(".", min_length=1, max_length=1)

    @field_validator("target", mode="before")
    @classmethod
    def _normalise_target(cls, value: Any) -> Any:
        """Convert a list with one name to that name, and remove duplicates."""
        if value is None or isinstance(value, str):
            return value
        if not (isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value)):
            raise PydanticCustomError("target", "Input should be a column name or a list of column names")
        names = tuple(dict.fromkeys(value))
        return names if len(names) > 1 else names[0]

    def target_names(self, columns: Container[str]) -> tuple[str, ...]:
        """The target columns in ``target``; empty if it is not set.

        A text is one name, or several names separated by commas if no column has the whole text as its name.
        """
        if not isinstance(self.target, str):
            return self.target or ()
        parts = tuple(dict.fromkeys(name.strip() for name in self.target.split(",")))
        is_one_name = len(parts) == 1 or self.target in columns or not any(name in columns for name in parts)
        return (self.target,) if is_one_name else parts

    @model_validator(mode="after")
    def _split_matches_split_by(self) -> Self:
        if (self.split in ("group", "time")) != (self.split_by is not None):
            raise ValueError('split = "group" or "time" and split_by = "a column" go together')
        return self


class ModelSettings(_Strict):
    """``[model]``: the pipeline, by dotted names or from a function of the user, and the number of folds.

    ``estimator`` "auto" is a random forest for the task; ``preprocess`` "auto" matches the schema. ``pipeline``
    ("module:function", in the project folder) replaces both. Only ``train`` and ``up`` import that module to make a
    pipeline, and its code then runs as the user. ``evaluate``, ``compare`` and ``bench`` run a fitted pipeline and
    import the classes in it.
    """

    estimator: str = "auto"
    params: dict[str, Any] = Field(default_factory=dict)
    preprocess: Literal["auto"] | tuple[str, ...] = "auto"
    pipeline: str | None = Field(None, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    cv: int = Field(5, ge=2)

    @model_validator(mode="after")
    def _pipeline_or_estimator(self) -> Self:
        if self.pipeline and (self.estimator != "auto" or self.preprocess != "auto"):
            raise ValueError("pipeline replaces estimator and preprocess; set one or the other")
        return self


def _of_server(url: str) -> str:
    try:
        server_url(url)
    except ValueError as error:
        raise PydanticCustomError("url", "{why}", {"why": str(error)}) from None
    return url


class Settings(BaseSettings):
    """All settings of a project, for one stage if the command has one."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        # The checks of the layers would not see a key in another case. Variables can have any case.
        case_sensitive=True,
    )

    project: Name = "iris"
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    gates: dict[str, float] = Field(default_factory=dict)
    deploy: DeploySettings = Field(default_factory=DeploySettings)
    stage: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    local_port: int | None = Field(None, ge=1, le=65535)
    local_endpoint: Annotated[str, AfterValidator(_of_server)] | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only the values from ``resolve``, which reads the sources itself to know the origin of each value."""
        return (init_settings,)

    def identity(self) -> dict[str, Any]:
        """The settings that a model version depends on, as JSON values. A data file is its name without the folder."""
        data = self.data.model_dump(mode="json")
        return {"data": data | {"source": PurePath(self.data.source).name}, "model": self.model.model_dump(mode="json")}


def find_project(start: Path) -> Path:
    """The nearest folder at or above ``start`` with a ``mlctl.toml``, else ``start``.

    See ``project_folder`` for where the search ends and whose files mlctl uses. Raises MlctlError (exit 2) for a
    project of another user.
    """
    return project_folder.find(start, FILE_NAME, (DOTENV_NAME, "artifacts"))


@dataclass(frozen=True)
class Resolved:
    """Settings, and the layers that they were resolved from, highest precedence first."""

    settings: Settings
    layers: tuple[Layer, ...]

    def origin(self, path: Iterable[str]) -> str:
        """The origin of the value at ``path``: the name of a layer or variable, or ``default``."""
        return origin_of(self.layers, tuple(path))


def load(folder: Path, *, stage: str | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of the project in ``folder``, optionally for ``stage``; see ``resolve``."""
    return resolve(folder, stage=stage, flags=flags).settings


def resolve(folder: Path, *, stage: str | None = None, flags: Mapping[str, Any] | None = None) -> Resolved:
    """Resolve the settings of the project in ``folder``, optionally for ``stage``, with the origin of each.

    ``flags`` has the values from the command line, nested like the file. Raises MlctlError (exit 2) for invalid TOML,
    an unknown key (with the closest known one), or an invalid value.
    """
    document = read_file(folder)
    _check_stages(document)
    in_dotenv = read_dotenv(folder)
    _check_names(variables_set(in_dotenv))
    try:
        layers = (
            Layer("a flag", dict(flags or {}), of_user=True),
            Layer(PREFIX, read_environment(Settings), is_environment=True, of_user=True),
            Layer(DOTENV_NAME, settings_in_dotenv(Settings, in_dotenv)),
            Layer(f"{FILE_NAME}, [stage.{stage}]", _stage_table(document, stage)),
            Layer(FILE_NAME, document),
        )
    except (SettingsError, RecursionError) as error:
        raise invalid(f"A {PREFIX}* variable cannot be read: {error}.", "Write tables as JSON objects.") from None
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        merged = lay_over(merged, layer.values)
    try:
        resolved = Resolved(Settings(**merged), layers)
    except ValidationError as error:
        raise explain(error, layers, Settings) from None
    _check_endpoint(resolved)
    _check_case(("local", *resolved.settings.stage, *([stage] if stage else [])))
    return resolved


def json_schema() -> dict[str, Any]:
    """JSON Schema of ``mlctl.toml``, for editors."""
    schema = Settings.model_json_schema()
    schema["title"] = FILE_NAME
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    # A stage has the keys of [deploy]. The model keeps it as a plain dict until a stage is selected.
    schema["properties"]["stage"]["additionalProperties"] = {"$ref": "#/$defs/DeploySettings"}
    return schema


def _stage_table(document: dict[str, Any], stage: str | None) -> dict[str, Any]:
    table = document.get("stage", {}).get(stage) if isinstance(document.get("stage"), dict) else None
    return {"deploy": table} if isinstance(table, dict) else {}


def _check_endpoint(resolved: Resolved) -> None:
    """Refuse a remote endpoint from a file of the project: requests would send a token to that machine."""
    endpoint, layer = resolved.settings.local_endpoint, layer_of(resolved.layers, ("local_endpoint",))
    if endpoint is None or layer is None or layer.of_user or is_loopback_url(endpoint):
        return
    raise MlctlError(
        f"{layer.name}: local_endpoint = {endpoint!r} is not on this machine.",
        code="endpoint_not_local",
        exit_code=ExitCode.USAGE,
        hint="A project can only set a loopback address, such as http://127.0.0.1:4566. "
        "For another address, set MLCTL_LOCAL_ENDPOINT in your environment.",
    )


def _check_names(names: Iterable[str]) -> None:
    """Raise MlctlError (exit 2) for an unknown variable, such as a typo."""
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields if field != "stage"} | _OTHER_VARIABLES
    for name in sorted(names):
        if name.upper().split("__")[0] not in known:
            raise invalid(
                f"Unknown variable {name}.{did_you_mean(name.upper(), known)}",
                f"Known: {', '.join(sorted(known))}; nested: MLCTL_DEPLOY__MEMORY.",
            )


def _check_case(stages: Iterable[str]) -> None:
    """Refuse two spellings of a stage: ``--stage prod`` would not use the settings of [stage.Prod]."""
    spellings: dict[str, str] = {}
    for name in stages:
        other = spellings.setdefault(name.casefold(), name)
        if other != name:
            raise invalid(
                f"The stages '{other}' and '{name}' differ only in case.",
                f"Use one spelling in --stage and in the tables [stage.NAME] of {FILE_NAME}.",
            )


def _check_stages(document: dict[str, Any]) -> None:
    """Check the tables of all stages, so that a typo in another stage is an error too."""
    stages, common = document.get("stage", {}), document.get("deploy", {})
    for name, table in stages.items() if isinstance(stages, dict) else ():
        merged = lay_over(common, table) if isinstance(table, dict) and isinstance(common, dict) else table
        try:
            DeploySettings.model_validate(merged)
        except ValidationError as error:
            raise explain(error, (Layer(FILE_NAME, document),), Settings, ("stage", name)) from None
