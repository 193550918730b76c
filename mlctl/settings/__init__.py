"""Settings, resolved in one place.

Flags win over ``MLCTL_*`` variables (nested: ``MLCTL_DEPLOY__MEMORY``), those over ``.env``, then
``[stage.X]``, then the rest of ``mlctl.toml``, then the defaults below.
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

# Variables that are read elsewhere.
_OTHER_VARIABLES = {*USER_VARIABLES, TOKEN_VARIABLE}

# Names of functions and roles are made of these; both are limited to 64 characters.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=40)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Kind = Literal["number", "category", "boolean", "date"]


class DataSettings(_Strict):
    """``[data]``: the table, its target or targets, how it is read, and how rows are held out."""

    source: str = Field("iris", min_length=1)
    # Not decoded: the text of a variable is a name, also one like 5 or true; see settings_sources for a list.
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
    def _target_is_named(cls, given: Any) -> Any:
        """A name, or several: one in a list is that one."""
        if given is None or isinstance(given, str):
            return given
        if not (isinstance(given, list | tuple) and given and all(isinstance(name, str) for name in given)):
            raise PydanticCustomError("target", "Input should be the name of a column, or a list of several")
        names = tuple(dict.fromkeys(given))
        return names if len(names) > 1 else names[0]

    def target_names(self, columns: Container[str]) -> tuple[str, ...]:
        """The names in ``target``, among those of ``columns``; none where it is not set.

        A text is one name, or several parted by commas where no column has the whole of it as its name.
        """
        if not isinstance(self.target, str):
            return self.target or ()
        parts = tuple(dict.fromkeys(name.strip() for name in self.target.split(",")))
        is_whole = len(parts) == 1 or self.target in columns or not any(name in columns for name in parts)
        return (self.target,) if is_whole else parts

    @model_validator(mode="after")
    def _split_is_whole(self) -> Self:
        if (self.split in ("group", "time")) != (self.split_by is not None):
            raise ValueError('split = "group" or "time" and split_by = "a column" go together')
        return self


class ModelSettings(_Strict):
    """``[model]``: the pipeline, by dotted names or made by the user's own function, and the number of folds.

    ``estimator`` "auto" is a random forest for the task; ``preprocess`` "auto" fits the schema.
    ``pipeline`` ("module:function", from the project's folder) takes the place of both. Only ``train``, and what
    begins with it (``up``), imports that module to make a pipeline: it is code, which then runs as the user. What
    runs a fitted pipeline (``evaluate``, ``compare``, ``bench``) imports the classes that it is made of.
    """

    estimator: str = "auto"
    params: dict[str, Any] = Field(default_factory=dict)
    preprocess: Literal["auto"] | tuple[str, ...] = "auto"
    pipeline: str | None = Field(None, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    cv: int = Field(5, ge=2)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.pipeline and (self.estimator != "auto" or self.preprocess != "auto"):
            raise ValueError("pipeline takes the place of estimator and preprocess; give one or the other")
        return self


def _of_server(url: str) -> str:
    try:
        server_url(url)
    except ValueError as error:
        raise PydanticCustomError("url", "{why}", {"why": str(error)}) from None
    return url


class Settings(BaseSettings):
    """All settings of a project, for one stage where the command has one."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        # A key in another case would be a setting that no check of the layers sees. Variables may have any case.
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
        """Only what ``resolve`` hands over: it reads the sources itself, to know where each value came from."""
        return (init_settings,)

    def identity(self) -> dict[str, Any]:
        """The settings that a model version depends on, as plain JSON values; of a file its name, not its place."""
        data = self.data.model_dump(mode="json")
        return {"data": data | {"source": PurePath(self.data.source).name}, "model": self.model.model_dump(mode="json")}


def find_project(start: Path) -> Path:
    """The nearest folder at or above ``start`` that holds ``mlctl.toml``, else ``start``.

    See ``project_folder`` for where the search ends and whose files count. Raises MlctlError (exit 2) for a
    project of somebody else.
    """
    return project_folder.find(start, FILE_NAME, (DOTENV_NAME, "artifacts"))


@dataclass(frozen=True)
class Resolved:
    """Settings, and the layers that they were resolved from, the strongest first."""

    settings: Settings
    layers: tuple[Layer, ...]

    def origin(self, path: Iterable[str]) -> str:
        """Where the value at ``path`` came from: a layer's name, or ``default``."""
        return origin_of(self.layers, tuple(path))


def load(folder: Path, *, stage: str | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of the project in ``folder``, for ``stage`` where given; see ``resolve``."""
    return resolve(folder, stage=stage, flags=flags).settings


def resolve(folder: Path, *, stage: str | None = None, flags: Mapping[str, Any] | None = None) -> Resolved:
    """The settings of the project in ``folder``, for ``stage`` where given, with where each came from.

    ``flags`` holds what the command line sets, nested like the file. Raises MlctlError (exit 2)
    for a file that is no TOML, an unknown key (naming the nearest), or a value that is not allowed.
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
        raise invalid(f"A {PREFIX}* variable cannot be read: {error}.", "Tables are given as JSON objects.") from None
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
    # The keys of a stage are those of [deploy]; the model keeps them as a plain table until one is chosen.
    schema["properties"]["stage"]["additionalProperties"] = {"$ref": "#/$defs/DeploySettings"}
    return schema


def _stage_table(document: dict[str, Any], stage: str | None) -> dict[str, Any]:
    own = document.get("stage", {}).get(stage) if isinstance(document.get("stage"), dict) else None
    return {"deploy": own} if isinstance(own, dict) else {}


def _check_endpoint(resolved: Resolved) -> None:
    """Only the user sends requests, and with them a token, to another machine; a project's files do not."""
    endpoint, layer = resolved.settings.local_endpoint, layer_of(resolved.layers, ("local_endpoint",))
    if endpoint is None or layer is None or layer.of_user or is_loopback_url(endpoint):
        return
    raise MlctlError(
        f"{layer.name}: local_endpoint = {endpoint!r} is not on this machine.",
        code="endpoint_not_local",
        exit_code=ExitCode.USAGE,
        hint="A project may name a loopback address only, such as http://127.0.0.1:4566. "
        "Set MLCTL_LOCAL_ENDPOINT in your environment for another one.",
    )


def _check_names(names: Iterable[str]) -> None:
    """A misspelt variable is refused like a misspelt key of the file."""
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields if field != "stage"} | _OTHER_VARIABLES
    for name in sorted(names):
        if name.upper().split("__")[0] not in known:
            raise invalid(
                f"There is no setting for the variable {name}.{did_you_mean(name.upper(), known)}",
                f"Known: {', '.join(sorted(known))}; nested as MLCTL_DEPLOY__MEMORY.",
            )


def _check_case(stages: Iterable[str]) -> None:
    """Two spellings of one stage: what [stage.Prod] sets would not hold for ``--stage prod``."""
    spelt: dict[str, str] = {}
    for name in stages:
        other = spelt.setdefault(name.casefold(), name)
        if other != name:
            raise invalid(
                f"The stages '{other}' and '{name}' differ only in upper and lower case.",
                f"Spell a stage the same everywhere: in --stage, and in the tables [stage.NAME] of {FILE_NAME}.",
            )


def _check_stages(document: dict[str, Any]) -> None:
    """Check the table of every stage, not only of the one in use: a typo is found where it is made."""
    stages, common = document.get("stage", {}), document.get("deploy", {})
    for name, own in stages.items() if isinstance(stages, dict) else ():
        both = lay_over(common, own) if isinstance(own, dict) and isinstance(common, dict) else own
        try:
            DeploySettings.model_validate(both)
        except ValidationError as error:
            raise explain(error, (Layer(FILE_NAME, document),), Settings, ("stage", name)) from None
