"""From settings to a scikit-learn pipeline, and back to one thread for predictions that must repeat."""

import difflib
import importlib
import inspect
import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import all_estimators
from threadpoolctl import threadpool_limits

from mlctl.data.columns import Integers
from mlctl.data.dataset import Dataset
from mlctl.errors import ExitCode, MlctlError, did_you_mean, first_line
from mlctl.project_modules.importer import hidden_modules, stdout_apart
from mlctl.project_modules.importer import project_modules as project_modules  # noqa: PLC0414  # its callers know it from here
from mlctl.registry import trust
from mlctl.settings import ModelSettings
from mlctl.training import preprocessing

ESTIMATOR_STEP = "model"
PREPROCESS_STEP = "preprocess"
DEFAULT_ESTIMATOR = {
    "binary": "sklearn.ensemble.RandomForestClassifier",
    "multiclass": "sklearn.ensemble.RandomForestClassifier",
    "regression": "sklearn.ensemble.RandomForestRegressor",
}
# What a fitted pipeline is given: columns by name, or an array where it was fitted without names.
Takes = Literal["frame", "array"]


def make_pipeline(settings: ModelSettings, dataset: Dataset, seed: int, folder: Path) -> Pipeline:
    """The unfitted pipeline that ``[model]`` describes for a dataset; the last step is named ``model``.

    Every ``random_state`` that is not given is ``seed``. A user's own pipeline is made by the function
    that ``[model] pipeline`` names, imported from ``folder``. Raises MlctlError: exit 2 for a name or a
    parameter that does not exist, naming the nearest; exit 3 when the user's function fails.
    """
    if settings.pipeline:
        made = _own(settings.pipeline, folder)
    else:
        dotted = settings.estimator if settings.estimator != "auto" else DEFAULT_ESTIMATOR[dataset.task]
        made = Pipeline([*_preprocessing(settings, dataset), (ESTIMATOR_STEP, _make(dotted, settings.params))])
    fits = is_regressor(made) if dataset.is_regression else is_classifier(made)
    if not fits:
        wanted = "regressor" if dataset.is_regression else "classifier"
        raise _unusable(
            settings.pipeline or settings.estimator,
            f"is not a {wanted}, which the target {dataset.target_name} ({dataset.task}) needs",
        )
    _set_params(made, settings.params)
    _seed(made, seed, settings.params)
    return made


def estimator_name(pipeline: Pipeline) -> str:
    """The dotted name of the last step's class, as one would import it."""
    found = type(pipeline.steps[-1][1])
    return f"{found.__module__.split('._')[0]}.{found.__qualname__}"


def step_names(pipeline: Pipeline) -> list[str]:
    """The dotted names of the classes before the last step."""
    return [
        step if isinstance(step, str) else f"{type(step).__module__.split('._')[0]}.{type(step).__qualname__}"
        for _, step in pipeline.steps[:-1]
        if step is not None
    ]


def inputs(dataset: Dataset, rows: Integers | slice, takes: Takes) -> Any:
    """Rows of a dataset as a fitted pipeline takes them, shape (rows, columns)."""
    frame = dataset.frame(rows)
    if takes == "frame":
        return frame
    numeric = all(column.kind != "category" for column in dataset.features)
    return np.ascontiguousarray(frame.to_numpy(dtype=np.float64 if numeric else object))


@contextmanager
def one_thread(pipeline: Pipeline) -> Iterator[None]:
    """Within it, every ``n_jobs`` of the pipeline is 1: threads add a forest's trees in any order.

    OpenMP and BLAS keep to one thread too, which for one row is also several times faster.
    """
    before = {key: value for key, value in pipeline.get_params().items() if key.endswith("n_jobs")}
    pipeline.set_params(**dict.fromkeys(before, 1))
    try:
        with threadpool_limits(1):
            yield
    finally:
        pipeline.set_params(**before)


@contextmanager
def own_modules(settings: ModelSettings, folder: Path) -> Iterator[None]:
    """Within it, the modules of the project can be imported, if ``[model] pipeline`` names one; else none can."""
    with project_modules(folder) if settings.pipeline else stdout_apart():
        yield


@contextmanager
def running(version_id: str, folder: Path) -> Iterator[None]:
    """Within it, the pipeline of a version is run: with the modules that it needs, and what it raises told in words.

    What scikit-learn warns of was told when the version was made. Raises MlctlError (exit 3).
    """
    try:
        with trust.modules_of(version_id, folder), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MlctlError:
        raise
    except (Exception, SystemExit) as error:
        raise MlctlError(
            f"Model version {version_id[:12]} cannot predict: {type(error).__name__}: {first_line(error)}",
            code="prediction_failed",
            exit_code=ExitCode.BAD_INPUT,
            hint="Code of the project that it uses may have changed since it was made; `mlctl --debug` shows where.",
        ) from error


def _preprocessing(settings: ModelSettings, dataset: Dataset) -> list[tuple[str, BaseEstimator]]:
    if settings.preprocess == "auto":
        return [(PREPROCESS_STEP, preprocessing.auto(dataset))]
    steps: list[tuple[str, BaseEstimator]] = []
    for dotted in settings.preprocess:
        made = _make(dotted, {})
        if not hasattr(made, "transform"):
            raise _unusable(dotted, "is not a transformer, which [model] preprocess takes")
        name = type(made).__name__.lower()
        steps.append((name if name not in dict(steps) else f"{name}{len(steps)}", made))
    return steps


def _own(name: str, folder: Path) -> Pipeline:
    module_name, _, function_name = name.partition(":")
    top = module_name.partition(".")[0]
    if top in hidden_modules(folder):
        raise MlctlError(
            f"The module {top} of the project has the name of an installed module, which would be imported instead.",
            code="pipeline_failed",
            exit_code=ExitCode.BAD_INPUT,
            hint=f"Rename it, in the project folder and in [model] pipeline = {json.dumps(name)}.",
        )
    try:
        with project_modules(folder), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(module_name)
            if not hasattr(module, function_name):
                near = did_you_mean(function_name, [each for each in vars(module) if not each.startswith("_")])
                raise AttributeError(f"{module_name} has no function '{function_name}'.{near}")
            made = getattr(module, function_name)()
    except (Exception, SystemExit) as error:
        # Whatever the user's own code raises is theirs to see, and `--debug` shows where.
        raise MlctlError(
            f"The pipeline {name} cannot be made: {type(error).__name__}: {first_line(error)}",
            code="pipeline_failed",
            exit_code=ExitCode.BAD_INPUT,
            hint=f"[model] pipeline names a function without arguments in {module_name.replace('.', '/')}.py "
            f"of the project's folder, which returns a pipeline.{_hidden(folder)} `mlctl --debug` shows the trace.",
        ) from error
    if isinstance(made, type):
        raise _unusable(name, f"returned the class {made.__name__}, not an estimator made of it")
    if isinstance(made, Pipeline) and not (made.steps and _can_predict(made.steps[-1][1])):
        last = f"last step, {type(made.steps[-1][1]).__name__}, cannot predict" if made.steps else "steps are none"
        raise _unusable(name, f"returned a pipeline whose {last}")
    if not (isinstance(made, BaseEstimator) and hasattr(made, "fit") and _can_predict(made)):
        raise _unusable(name, f"returned {type(made).__name__}, which is not a scikit-learn estimator")
    return made if isinstance(made, Pipeline) else Pipeline([(ESTIMATOR_STEP, made)])


def _hidden(folder: Path) -> str:
    names = hidden_modules(folder)
    return f" Modules that have the name of an installed one are not imported: {', '.join(names[:5])}." if names else ""


def _can_predict(estimator: Any) -> bool:
    # Of the class: a stack or a search has the method itself only once it is fitted.
    return hasattr(type(estimator), "predict")


def _set_params(pipeline: Pipeline, params: Mapping[str, Any]) -> None:
    """Set parameters of the estimator by their names, and any nested one by its path (``preprocess__…``)."""
    last = pipeline.steps[-1][0]
    of_estimator = pipeline.steps[-1][1].get_params()
    nested = pipeline.get_params()
    given = {}
    for name, value in params.items():
        if name == "steps" or (name in pipeline.named_steps and name not in of_estimator):
            raise MlctlError(
                f"'{name}' is a step of the pipeline, not a parameter.",
                code="parameter_unknown",
                exit_code=ExitCode.USAGE,
                hint=f"A parameter of it is set as {name}__NAME; another step by [model] estimator or preprocess.",
            )
        if name not in of_estimator and name not in nested:
            title = "The pipeline" if "__" in name else type(pipeline.steps[-1][1]).__name__
            raise MlctlError(
                f"{title} has no parameter '{name}'.{did_you_mean(name, [*of_estimator, *nested])}",
                code="parameter_unknown",
                exit_code=ExitCode.USAGE,
                hint=f"It takes: {', '.join(sorted(of_estimator))}."
                + (f" Of the steps before it, such as {_example(nested)}." if len(pipeline.steps) > 1 else ""),
            )
        if name.rpartition("__")[2] == "memory" and value is not None:
            raise _no_cache(name)
        given[f"{last}__{name}" if name in of_estimator else name] = _plain(value)
    pipeline.set_params(**given)


def _no_cache(name: str) -> MlctlError:
    return MlctlError(
        f"The parameter '{name}' names a folder of pickles, which scikit-learn would open; settings cannot set it.",
        code="parameter_refused",
        exit_code=ExitCode.USAGE,
        hint="Remove it from [model] params. A function that [model] pipeline names may set it.",
    )


def _example(nested: Mapping[str, Any]) -> str:
    return max((name for name in nested if "__" in name and not name.startswith(ESTIMATOR_STEP)), key=len, default="")


def _seed(pipeline: Pipeline, seed: int, given: Mapping[str, Any]) -> None:
    """Give every random part of the pipeline its seed, unless the settings or its maker gave one."""
    of_estimator = f"{pipeline.steps[-1][0]}__"
    free = {
        name: seed
        for name, value in pipeline.get_params().items()
        if name.endswith("random_state") and value is None and not {name, name.removeprefix(of_estimator)} & {*given}
    }
    pipeline.set_params(**free)


def _make(dotted: str, params: Mapping[str, Any]) -> BaseEstimator:
    """An estimator with its defaults; parameters that have none are taken from ``params``."""
    found = _find(dotted)
    required = [
        name
        for name, parameter in inspect.signature(found).parameters.items()
        if parameter.default is parameter.empty and name in params
    ]
    try:
        return found(**{name: params[name] for name in required})
    except TypeError as error:
        raise _unusable(dotted, f"cannot be made with these parameters: {error}") from None


def _unusable(dotted: str, why: str) -> MlctlError:
    return MlctlError(
        f"{dotted} {why}.",
        code="estimator_unusable",
        exit_code=ExitCode.USAGE,
        hint="Correct [model] in mlctl.toml, or the -p flags.",
    )


def _may_be_named(module_name: str) -> bool:
    """Whether settings may name a class of the module: some of the standard library, and programs, act on import."""
    top, *_ = parts = module_name.split(".")
    return top not in sys.stdlib_module_names and "__main__" not in parts


def _plain(value: Any) -> Any:
    # One object a string, wherever it was read: pickle writes a string that it meets twice only
    # once, so the bytes of the model would depend on whether a flag or a file had set it.
    return sys.intern(value) if isinstance(value, str) else value


def _find(dotted: str) -> type[BaseEstimator]:
    module_name, _, class_name = dotted.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), class_name) if _may_be_named(module_name) else None
    except (Exception, SystemExit):
        # Any installed module may be named, and does what it does.
        found = None
    if not (isinstance(found, type) and issubclass(found, BaseEstimator)):
        public = {name: f"{each.__module__.split('._')[0]}.{name}" for name, each in all_estimators()}
        nearest = did_you_mean(dotted, public.values())
        if not nearest:
            like = difflib.get_close_matches(class_name, public, n=1)
            nearest = f" Did you mean '{public[like[0]]}'?" if like else ""
        raise MlctlError(
            f"There is no estimator '{dotted}'.{nearest}",
            code="estimator_unknown",
            exit_code=ExitCode.USAGE,
            hint="Give the dotted name of a scikit-learn class, such as sklearn.linear_model.LogisticRegression.",
        )
    return found
