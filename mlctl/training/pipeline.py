"""Makes a scikit-learn pipeline from the settings, and runs fitted pipelines reproducibly."""

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
# The input of a fitted pipeline: columns by name, or an array if it was fitted without names.
Takes = Literal["frame", "array"]


def make_pipeline(settings: ModelSettings, dataset: Dataset, seed: int, folder: Path) -> Pipeline:
    """Make the unfitted pipeline of ``[model]`` for a dataset; the last step is named ``model``.

    Every ``random_state`` that is not set becomes ``seed``. A custom pipeline is the result of the function in
    ``[model] pipeline``, imported from ``folder``. Raises MlctlError: exit 2 for an unknown name or parameter, with the
    closest known one; exit 3 if the function of the user fails.
    """
    if settings.pipeline:
        pipeline = _custom_pipeline(settings.pipeline, folder)
    else:
        dotted = settings.estimator if settings.estimator != "auto" else DEFAULT_ESTIMATOR[dataset.task]
        pipeline = Pipeline([*_preprocessing(settings, dataset), (ESTIMATOR_STEP, _make(dotted, settings.params))])
    matches_task = is_regressor(pipeline) if dataset.is_regression else is_classifier(pipeline)
    if not matches_task:
        required = "regressor" if dataset.is_regression else "classifier"
        raise _unusable(
            settings.pipeline or settings.estimator,
            f"is not a {required}, which the target {dataset.target_name} ({dataset.task}) needs",
        )
    _set_params(pipeline, settings.params)
    _seed(pipeline, seed, settings.params)
    return pipeline


def estimator_name(pipeline: Pipeline) -> str:
    """The importable dotted name of the class of the last step."""
    estimator_class = type(pipeline.steps[-1][1])
    return f"{estimator_class.__module__.split('._')[0]}.{estimator_class.__qualname__}"


def step_names(pipeline: Pipeline) -> list[str]:
    """The dotted names of the classes before the last step."""
    return [
        step if isinstance(step, str) else f"{type(step).__module__.split('._')[0]}.{type(step).__qualname__}"
        for _, step in pipeline.steps[:-1]
        if step is not None
    ]


def inputs(dataset: Dataset, rows: Integers | slice, takes: Takes) -> Any:
    """Rows of a dataset as input of a fitted pipeline, shape (rows, columns)."""
    frame = dataset.frame(rows)
    if takes == "frame":
        return frame
    numeric = all(column.kind != "category" for column in dataset.features)
    return np.ascontiguousarray(frame.to_numpy(dtype=np.float64 if numeric else object))


@contextmanager
def one_thread(pipeline: Pipeline) -> Iterator[None]:
    """Set every ``n_jobs`` to 1 within the block, because threads sum the trees of a forest in any order.

    OpenMP and BLAS use one thread too, which is also several times faster for a single row.
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
    """Make the modules of the project importable within the block, if ``[model] pipeline`` is set."""
    with project_modules(folder) if settings.pipeline else stdout_apart():
        yield


@contextmanager
def running(version_id: str, folder: Path) -> Iterator[None]:
    """Run the pipeline of a version in the block, with the project modules that it needs.

    Hides warnings of scikit-learn, which training has reported. Converts exceptions to MlctlError (exit 3).
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
            hint="Code of the project may have changed since training; `mlctl --debug` shows the trace.",
        ) from error


def _preprocessing(settings: ModelSettings, dataset: Dataset) -> list[tuple[str, BaseEstimator]]:
    if settings.preprocess == "auto":
        return [(PREPROCESS_STEP, preprocessing.auto(dataset))]
    steps: list[tuple[str, BaseEstimator]] = []
    for dotted in settings.preprocess:
        transformer = _make(dotted, {})
        if not hasattr(transformer, "transform"):
            raise _unusable(dotted, "is not a transformer, but [model] preprocess needs one")
        name = type(transformer).__name__.lower()
        steps.append((name if name not in dict(steps) else f"{name}{len(steps)}", transformer))
    return steps


def _custom_pipeline(name: str, folder: Path) -> Pipeline:
    module_name, _, function_name = name.partition(":")
    top = module_name.partition(".")[0]
    if top in hidden_modules(folder):
        raise MlctlError(
            f"The module {top} of the project has the name of an installed module, which Python would import instead.",
            code="pipeline_failed",
            exit_code=ExitCode.BAD_INPUT,
            hint=f"Rename it, in the project folder and in [model] pipeline = {json.dumps(name)}.",
        )
    try:
        with project_modules(folder), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(module_name)
            if not hasattr(module, function_name):
                near = did_you_mean(function_name, [name for name in vars(module) if not name.startswith("_")])
                raise AttributeError(f"{module_name} has no function '{function_name}'.{near}")
            result = getattr(module, function_name)()
    except (Exception, SystemExit) as error:
        # The code of the user can raise any exception.
        raise MlctlError(
            f"The pipeline {name} failed: {type(error).__name__}: {first_line(error)}",
            code="pipeline_failed",
            exit_code=ExitCode.BAD_INPUT,
            hint=f"[model] pipeline must name a function without arguments in {module_name.replace('.', '/')}.py "
            f"of the project folder that returns a pipeline.{_hidden(folder)} `mlctl --debug` shows the trace.",
        ) from error
    if isinstance(result, type):
        raise _unusable(name, f"returned the class {result.__name__}, not an instance of it")
    if isinstance(result, Pipeline) and not (result.steps and _can_predict(result.steps[-1][1])):
        last_step = type(result.steps[-1][1]).__name__ if result.steps else ""
        problem = f"whose last step, {last_step}, cannot predict" if last_step else "without steps"
        raise _unusable(name, f"returned a pipeline {problem}")
    if not (isinstance(result, BaseEstimator) and hasattr(result, "fit") and _can_predict(result)):
        raise _unusable(name, f"returned {type(result).__name__}, which is not a scikit-learn estimator")
    return result if isinstance(result, Pipeline) else Pipeline([(ESTIMATOR_STEP, result)])


def _hidden(folder: Path) -> str:
    names = hidden_modules(folder)
    return f" Modules that have the name of an installed one are not imported: {', '.join(names[:5])}." if names else ""


def _can_predict(estimator: Any) -> bool:
    # Check the class: an instance of a stack or a search has the method only after fit().
    return hasattr(type(estimator), "predict")


def _set_params(pipeline: Pipeline, params: Mapping[str, Any]) -> None:
    """Set parameters of the estimator by name, and nested parameters by path (``preprocess__…``)."""
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
                hint=f"Set its parameters as {name}__NAME. [model] estimator and preprocess select the steps.",
            )
        if name not in of_estimator and name not in nested:
            title = "The pipeline" if "__" in name else type(pipeline.steps[-1][1]).__name__
            raise MlctlError(
                f"{title} has no parameter '{name}'.{did_you_mean(name, [*of_estimator, *nested])}",
                code="parameter_unknown",
                exit_code=ExitCode.USAGE,
                hint=f"Its parameters: {', '.join(sorted(of_estimator))}."
                + (
                    f" Parameters of other steps are written like {_example(nested)}."
                    if len(pipeline.steps) > 1
                    else ""
                ),
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
    """Set every ``random_state`` that neither the settings nor the function of the user has set."""
    of_estimator = f"{pipeline.steps[-1][0]}__"
    free = {
        name: seed
        for name, value in pipeline.get_params().items()
        if name.endswith("random_state") and value is None and not {name, name.removeprefix(of_estimator)} & {*given}
    }
    pipeline.set_params(**free)


def _make(dotted: str, params: Mapping[str, Any]) -> BaseEstimator:
    """Make an estimator with its defaults; parameters without a default come from ``params``."""
    estimator_class = _find(dotted)
    required = [
        name
        for name, parameter in inspect.signature(estimator_class).parameters.items()
        if parameter.default is parameter.empty and name in params
    ]
    try:
        return estimator_class(**{name: params[name] for name in required})
    except TypeError as error:
        raise _unusable(dotted, f"does not accept these parameters: {error}") from None


def _unusable(dotted: str, problem: str) -> MlctlError:
    return MlctlError(
        f"{dotted} {problem}.",
        code="estimator_unusable",
        exit_code=ExitCode.USAGE,
        hint="Correct [model] in mlctl.toml, or the -p flags.",
    )


def _may_be_named(module_name: str) -> bool:
    """Whether settings may name a class of the module. Some modules of the standard library act on import."""
    top, *_ = parts = module_name.split(".")
    return top not in sys.stdlib_module_names and "__main__" not in parts


def _plain(value: Any) -> Any:
    # Interned, because pickle writes the same object only once: the bytes of the model would otherwise depend on
    # whether a flag or a file had set the string.
    return sys.intern(value) if isinstance(value, str) else value


def _find(dotted: str) -> type[BaseEstimator]:
    module_name, _, class_name = dotted.rpartition(".")
    try:
        estimator_class = (
            getattr(importlib.import_module(module_name), class_name) if _may_be_named(module_name) else None
        )
    except (Exception, SystemExit):
        # Settings can name any installed module, and its import can raise any exception.
        estimator_class = None
    if not (isinstance(estimator_class, type) and issubclass(estimator_class, BaseEstimator)):
        public = {name: f"{candidate.__module__.split('._')[0]}.{name}" for name, candidate in all_estimators()}
        nearest = did_you_mean(dotted, public.values())
        if not nearest:
            matches = difflib.get_close_matches(class_name, public, n=1)
            nearest = f" Did you mean '{public[matches[0]]}'?" if matches else ""
        raise MlctlError(
            f"Unknown estimator '{dotted}'.{nearest}",
            code="estimator_unknown",
            exit_code=ExitCode.USAGE,
            hint="Use the dotted name of a scikit-learn class, such as sklearn.linear_model.LogisticRegression.",
        )
    return estimator_class
