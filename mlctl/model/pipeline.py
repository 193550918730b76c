"""From settings to a scikit-learn pipeline, and back to one thread for predictions that must repeat."""

import difflib
import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import all_estimators

from mlctl.errors import ExitCode, MlctlError, did_you_mean
from mlctl.settings import ModelSettings

ESTIMATOR_STEP = "model"


def build(settings: ModelSettings, seed: int) -> Pipeline:
    """The unfitted pipeline that ``[model]`` describes; the last step is named ``model``.

    An estimator that takes ``random_state`` gets ``seed`` unless the settings give one. Raises
    MlctlError (exit 2) for a name or a parameter that does not exist, naming the nearest.
    """
    steps: list[tuple[str, BaseEstimator]] = []
    for dotted in settings.preprocess:
        made = _make(dotted, {}, seed)
        if not hasattr(made, "transform"):
            raise _unusable(dotted, "is not a transformer, which [model] preprocess takes")
        name = type(made).__name__.lower()
        steps.append((name if name not in dict(steps) else f"{name}{len(steps)}", made))
    estimator = _make(settings.estimator, settings.params, seed)
    if not is_classifier(estimator):
        raise _unusable(settings.estimator, "is not a classifier")
    steps.append((ESTIMATOR_STEP, estimator))
    return Pipeline(steps)


@contextmanager
def one_thread(pipeline: Pipeline) -> Iterator[None]:
    """Within it, every ``n_jobs`` of the pipeline is 1: threads add a forest's trees in any order."""
    before = {key: value for key, value in pipeline.get_params().items() if key.endswith("n_jobs")}
    pipeline.set_params(**dict.fromkeys(before, 1))
    try:
        yield
    finally:
        pipeline.set_params(**before)


def _make(dotted: str, params: Mapping[str, Any], seed: int) -> BaseEstimator:
    found = _find(dotted)
    known = found._get_param_names()
    for name in params:
        if name not in known:
            raise MlctlError(
                f"{found.__name__} has no parameter '{name}'.{did_you_mean(name, known)}",
                code="parameter_unknown",
                exit_code=ExitCode.USAGE,
                hint=f"It takes: {', '.join(sorted(known))}.",
            )
    given = {name: _plain(value) for name, value in params.items()}
    if "random_state" in known:
        given.setdefault("random_state", seed)
    try:
        return found(**given)
    except TypeError as error:
        raise _unusable(dotted, f"cannot be made with these parameters: {error}") from None


def _unusable(dotted: str, why: str) -> MlctlError:
    return MlctlError(
        f"{dotted} {why}.",
        code="estimator_unusable",
        exit_code=ExitCode.USAGE,
        hint="Correct [model] in mlctl.toml, or the -p flags.",
    )


def _plain(value: Any) -> Any:
    # One object a string, wherever it was read: pickle writes a string that it meets twice only
    # once, so the bytes of the model would depend on whether a flag or a file had set it.
    return sys.intern(value) if isinstance(value, str) else value


def _find(dotted: str) -> type[BaseEstimator]:
    module_name, _, class_name = dotted.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError):
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
