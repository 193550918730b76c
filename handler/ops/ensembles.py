"""Models made of models: means of them (bagging, voting), boosted votes, weighted medians, and stacking.

Source: sklearn/ensemble/_bagging.py (``_parallel_predict_proba``, ``_parallel_predict_regression``), _voting.py,
_weight_boosting.py (``decision_function``, ``_get_median_predict``), _stacking.py (``_concatenate_predictions``).
"""

from __future__ import annotations

from handler.ops import InvalidModel, everything, positions
from handler.ops.link_functions import softmax
from handler.ops.trees import counts, sums_over_trees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handler.ops import Built, Origins, Program, Row
    from handler.ops.trees import Sums

    Predict = Callable[[Row], Any]

MAX_CLASSES = 65_536


def mean(step: Any, program: Program, origins: Origins) -> Built:
    """The mean of models, a regressor each: their numbers times their weights, in order, divided by ``total``."""
    kinds, models = _models(step, program, origins)
    weights, total = _numbers(step["weights"], len(models)), _total(step)
    pairs = list(zip(models, weights, strict=True))
    if kinds == {"regressor"}:

        def number(row: Row) -> float:
            found = 0.0
            for predict, weight in pairs:
                found += predict(row) * weight
            return found / total

        return "regressor", number, []
    if kinds != {"regressors"}:
        raise InvalidModel("a mean is one of regressors")

    def numbers(row: Row) -> list[float]:
        each = [[number * weight for number in predict(row)] for predict, weight in pairs]
        found = [0.0] * len(each[0])
        for several in each:
            found = [one + other for one, other in zip(found, several, strict=True)]
        return [number / total for number in found]

    return "regressors", numbers, []


def mean_classifier(step: Any, program: Program, origins: Origins) -> Built:
    """The mean of the probabilities of classifiers, as ``mean``; one that knows none gives its class 1.

    ``classes``: of each model the positions of its classes among all ``n_classes``.
    """
    n_classes = _n_classes(step, program)
    models, classes = _classifiers(step, program, origins, n_classes)
    weights, total = _numbers(step["weights"], len(models)), _total(step)
    of_each = list(zip(models, classes, weights, strict=True))

    def predict(row: Row) -> tuple[int, list[float]]:
        found = [0.0] * n_classes
        for (model, has_probabilities), places, weight in of_each:
            index, probabilities = model(row)
            if has_probabilities:
                for place, probability in zip(places, probabilities, strict=True):
                    found[place] += probability * weight
            else:
                found[places[index]] += weight
        found = [each / total for each in found]
        return found.index(max(found)), found

    return "classifier", predict, []


def ada_boost(step: Any, program: Program, origins: Origins) -> Built:
    """Votes of models, divided by ``total``: of trees whose leaves hold a vote for each class, or of blocks.

    Discrete SAMME: the weight of a model for its class, and for each other that weight times -1 / (n_classes - 1).
    """
    n_classes, total = _n_classes(step, program), _total(step)
    if "roots" in step:
        votes = sums_over_trees(step, program, origins, [0.0] * n_classes)
    else:
        votes = _votes(step, program, origins, n_classes)

    def binary(row: Row) -> tuple[int, list[float]]:
        first, second = votes(row)
        decision = -(first / total) + second / total
        return int(decision > 0), softmax([-decision / 2, decision / 2])

    def highest(row: Row) -> tuple[int, list[float]]:
        decision = [each / total for each in votes(row)]
        return decision.index(max(decision)), softmax([each / (n_classes - 1) for each in decision])

    return "classifier", binary if n_classes == 2 else highest, []


def weighted_median(step: Any, program: Program, origins: Origins) -> Built:
    """The number of one of the models, of trees or of blocks: the first at which half of the weights is reached."""
    if "roots" in step:
        (n_models,) = counts([step["n_trees"]], program)
        if step["width"] != 1:
            raise InvalidModel("a median is one of trees with a number in each leaf")
        # Each tree goes to a total of its own.
        each = sums_over_trees(step, program, origins, [0.0] * n_models)
    else:
        kinds, models = _models(step, program, origins)
        if kinds != {"regressor"}:
            raise InvalidModel("a median is one of regressors")
        n_models = len(models)

        def each(row: Row) -> list[float]:
            return [predict(row) for predict in models]

    weights = _numbers(step["weights"], n_models)

    def median(row: Row) -> float:
        found = each(row)
        order = sorted(range(n_models), key=found.__getitem__)
        sums, reached = [], 0.0
        for at in order:
            reached += weights[at]
            sums.append(reached)
        return found[next((at for at, reached in zip(order, sums, strict=True) if reached >= 0.5 * sums[-1]), order[0])]

    return "regressor", median, []


def predictions(step: Any, program: Program, origins: Origins) -> Built:
    """What models predict, as the columns of a row: the stack on which a last model is fitted.

    ``take``, of each model: its ``probabilities``, that of the ``second`` class alone, its ``scores``, its
    ``number``, or a list of the numbers that stand for its classes. ``widths``: how many columns each gives.
    """
    models = []
    takes, widths = step["take"], step["widths"]
    blocks = step["blocks"]
    if not len(takes) == len(widths) == len(blocks):
        raise InvalidModel("a stack takes something of each of its models")
    for block, take, width in zip(blocks, takes, widths, strict=True):
        kind, predict = _model(block, program, origins)
        if type(width) is not int or not 0 < width <= MAX_CLASSES:
            raise InvalidModel("a model gives one column or more")
        program.lay_out(width)
        models.append((_column_maker(kind, take), predict, width))

    def transform(row: Row) -> Row:
        made: list[float] = []
        for columns, predict, width in models:
            added = columns(predict(row))
            if len(added) != width:
                raise InvalidModel("a model gives another number of columns than the stack tells")
            made += added
        return made

    # A prediction comes from all columns: the first stands for them.
    return "transformer", transform, [origins[0]] * sum(widths)


def _column_maker(kind: str, take: Any) -> Callable[[Any], list[float]]:
    """From what a model of this kind predicts to the columns that are taken of it."""
    if type(take) is list and kind in ("classifier", "scorer"):
        values = _numbers(take, len(take))
        return lambda answer: [values[answer[0]]]
    makers: dict[tuple[str, Any], Callable[[Any], list[float]]] = {
        ("classifier", "probabilities"): lambda answer: list(answer[1]),
        ("classifier", "second"): lambda answer: list(answer[1][1:]),
        ("scorer", "scores"): lambda answer: list(answer[1]),
        ("regressor", "number"): lambda answer: [answer],
    }
    if type(take) is not str or (kind, take) not in makers:
        raise InvalidModel("a stack takes of a model what it does not give")
    return makers[kind, take]


def _votes(step: Any, program: Program, origins: Origins, n_classes: int) -> Sums:
    models, classes = _classifiers(step, program, origins, n_classes)
    weights = _numbers(step["weights"], len(models))
    program.work(n_classes * len(models))
    of_each = [
        (model, places, weight, -1 / (n_classes - 1) * weight)
        for (model, _), places, weight in zip(models, classes, weights, strict=True)
    ]

    def votes(row: Row) -> list[float]:
        found = [0.0] * n_classes
        for model, places, won, lost in of_each:
            chosen = places[model(row)[0]]
            found = [each + (won if place == chosen else lost) for place, each in enumerate(found)]
        return found

    return votes


def _classifiers(
    step: Any, program: Program, origins: Origins, n_classes: int
) -> tuple[list[tuple[Predict, bool]], list[list[int]]]:
    """The models, each with whether it knows probabilities, and where the classes of each stand among all."""
    models, classes = [], step["classes"]
    for block in step["blocks"]:
        kind, predict = _model(block, program, origins)
        if kind not in ("classifier", "scorer"):
            raise InvalidModel("an ensemble of classifiers holds no other model")
        models.append((predict, kind == "classifier"))
    if type(classes) is not list or len(classes) != len(models) or not models:
        raise InvalidModel("an ensemble needs the classes of each of its models")
    places = [positions(each, n_classes) for each in classes]
    if any(len(set(each)) != len(each) for each in places):
        raise InvalidModel("a model knows a class once")
    return models, places


def _models(step: Any, program: Program, origins: Origins) -> tuple[set[str], list[Predict]]:
    """The kinds of the models in the blocks, and what each makes of a row."""
    models = [_model(block, program, origins) for block in step["blocks"]]
    return {kind for kind, _ in models}, [predict for _, predict in models]


def _model(block: Any, program: Program, origins: Origins) -> tuple[str, Predict]:
    """The kind of the model in a block, and what it makes of a row, of which it takes the block's columns."""
    taken = positions(block["columns"], len(origins))
    kind, transformers, predictor = program.model(block["steps"], [origins[each] for each in taken])
    if everything(taken, len(origins)):
        if not transformers:
            return kind, predictor

        def whole(row: Row) -> Any:
            for transform in transformers:
                row = transform(row)
            return predictor(row)

        return kind, whole

    def part(row: Row) -> Any:
        row = [row[each] for each in taken]
        for transform in transformers:
            row = transform(row)
        return predictor(row)

    return kind, part


def _n_classes(step: Any, program: Program) -> int:
    (found,) = counts([step["n_classes"]], program)
    if not 2 <= found <= MAX_CLASSES:
        raise InvalidModel(f"an ensemble of classifiers has 2 to {MAX_CLASSES} classes")
    return found


def _total(step: Any) -> float:
    (total,) = _numbers([step["total"]], 1)
    if total == 0.0:
        raise InvalidModel("the weights of an ensemble add up to 0")
    return total


def _numbers(given: Any, length: int) -> list[float]:
    """``given`` as finite numbers, so many and at least one; InvalidModel for anything else."""
    if (
        type(given) is not list
        or not given
        or len(given) != length
        or not all(type(each) in (int, float) and each - each == 0 for each in given)
    ):
        raise InvalidModel("an ensemble needs a finite number for each of its models")
    return [float(each) for each in given]


BUILDERS = {
    "mean": mean,
    "mean_classifier": mean_classifier,
    "ada_boost": ada_boost,
    "weighted_median": weighted_median,
    "predictions": predictions,
}
