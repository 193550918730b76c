"""``compile_pipeline``: a fitted pipeline in, a portable model out, or the reason why not."""

from collections.abc import Callable
from typing import Any

from sklearn.pipeline import Pipeline

from mlctl.portable import linear, scaling, trees
from mlctl.portable.program import NotPortableError, PortableModel, Step

# Exact classes, never subclasses: those may compute differently.
COMPILERS: dict[type, Callable[[Any], Step]] = {**scaling.COMPILERS, **trees.COMPILERS, **linear.COMPILERS}


def compile_pipeline(pipeline: Pipeline, n_features: int) -> PortableModel:
    """The portable model of a fitted classification pipeline over ``n_features`` columns.

    Raises NotPortableError naming the first part that does not compile and the reason.
    """
    steps = []
    for name, part in pipeline.steps:
        compiler = COMPILERS.get(type(part))
        if compiler is None:
            known = ", ".join(sorted(each.__name__ for each in COMPILERS))
            raise NotPortableError(f"{type(part).__name__} (step '{name}') is not supported; supported: {known}")
        steps.append(compiler(part))
    return PortableModel(n_features=n_features, steps=tuple(steps))
