"""Ensembles of models: means (bagging, voting), AdaBoost votes, weighted medians and stacking.

Source: sklearn/ensemble/_bagging.py (``_parallel_predict_proba``, ``_parallel_predict_regression``), _voting.py,
_weight_boosting.py (``decision_function``, ``_get_median_predict``), _stacking.py (``_concatenate_predictions``).
"""

from __future__ import annotations

from handler.ops import InvalidModel, is_all_columns, positions
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
    """The weighted mean of regressors: numbers times weights, added in order, divided by ``total``."""
    kinds, models = _models(step, program, origins)
    weights, total = _numbers(step["weights"], len(models)), _total(step)
    pairs = list(zip(models, weights, strict=True))
    if kinds == {"regressor"}:

        def number(row: Row) -> float:
            weighted = 0.0
            for predict, weight in pairs:
                weighted += predict(row) * weight
            return weighted / total

        return "regressor", number, []
    if kinds != {"regressors"}:
        raise InvalidModel("a mean needs regressors")

    def numbers(row: Row) -> list[float]:
        weighted = [[number * weight for number in predict(row)] for predict, weight in pairs]
        sums = [0.0] * len(weighted[0])
        for outputs in weighted:
            sums = [number + addend for number, addend in zip(sums, outputs, strict=True)]
        return [number / total for number in sums]

    return "regressors", numbers, []


def mean_classifier(step: Any, program: Program, origins: Origins) -> Built:
    """The weighted mean of the probabilities of classifiers. One without probabilities counts as 1 for its class.

    ``classes`` has for each model the positions of its classes among all ``n_classes``.
    """
    n_classes = _n_classes(step, program)
    models, classes = _classifiers(step, program, origins, n_classes)
    weights, total = _numbers(step["weights"], len(models)), _total(step)
    members = list(zip(models, classes, weights, strict=True))

    def predict(row: Row) -> tuple[int, list[float]]:
        shares = [0.0] * n_classes
        for (model, has_probabilities), places, weight in members:
            index, probabilities = model(row)
            if has_probabilities:
                for place, probability in zip(places, probabilities, strict=True):
                    shares[place] += probability * weight
            else:
                shares[places[index]] += weight
        shares = [share / total for share in shares]
        return shares.index(max(shares)), shares

    return "classifier", predict, []


def ada_boost(step: Any, program: Program, origins: Origins) -> Built:
    """The votes of trees, whose leaves have a vote for each class, or of the models in blocks, divided by ``total``.

    Discrete SAMME: a model votes for its class with its weight, and for each other class with the weight times
    -1 / (n_classes - 1).
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
        decision = [vote / total for vote in votes(row)]
        return decision.index(max(decision)), softmax([share / (n_classes - 1) for share in decision])

    return "classifier", binary if n_classes == 2 else highest, []


def weighted_median(step: Any, program: Program, origins: Origins) -> Built:
    """The weighted median of trees or of the models in blocks: the first number that reaches half of the weights."""
    if "roots" in step:
        (n_models,) = counts([step["n_trees"]], program)
        if step["width"] != 1:
            raise InvalidModel("a median needs trees with one number in each leaf")
        # Each tree has its own total.
        numbers_of = sums_over_trees(step, program, origins, [0.0] * n_models)
    else:
        kinds, models = _models(step, program, origins)
        if kinds != {"regressor"}:
            raise InvalidModel("a median needs regressors")
        n_models = len(models)

        def numbers_of(row: Row) -> list[float]:
            return [predict(row) for predict in models]

    weights = _numbers(step["weights"], n_models)

    def median(row: Row) -> float:
        numbers = numbers_of(row)
        order = sorted(range(n_models), key=numbers.__getitem__)
        sums, total = [], 0.0
        for model in order:
            total += weights[model]
            sums.append(total)
        half = 0.5 * sums[-1]
        return numbers[next((model for model, reached in zip(order, sums, strict=True) if reached >= half), order[0])]

    return "regressor", median, []


def predictions(step: Any, program: Program, origins: Origins) -> Built:
    """The predictions of models as columns, for the final model of a stack.

    ``take`` has for each model the prediction to take: ``probabilities``, the probability of the ``second`` class,
    ``scores``, ``number``, or a list with a number for each class. ``widths`` has the number of columns of each model.
    """
    models = []
    takes, widths = step["take"], step["widths"]
    blocks = step["blocks"]
    if not len(takes) == len(widths) == len(blocks):
        raise InvalidModel("a stack needs take and widths for each of its models")
    for block, take, width in zip(blocks, takes, widths, strict=True):
        kind, predict = _model(block, program, origins)
        if type(width) is not int or not 0 < width <= MAX_CLASSES:
            raise InvalidModel("a model gives one column or more")
        program.lay_out(width)
        models.append((_column_maker(kind, take), predict, width))

    def transform(row: Row) -> Row:
        stacked: list[float] = []
        for columns, predict, width in models:
            added = columns(predict(row))
            if len(added) != width:
                raise InvalidModel("a model gives another number of columns than the stack expects")
            stacked += added
        return stacked

    # A prediction depends on all columns; its origin is the first.
    return "transformer", transform, [origins[0]] * sum(widths)


def _column_maker(kind: str, take: Any) -> Callable[[Any], list[float]]:
    """A function from the prediction of a model of this kind to the columns of the stack."""
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
        raise InvalidModel("a stack takes a prediction that its model does not have")
    return makers[kind, take]


def _votes(step: Any, program: Program, origins: Origins, n_classes: int) -> Sums:
    models, classes = _classifiers(step, program, origins, n_classes)
    weights = _numbers(step["weights"], len(models))
    program.work(n_classes * len(models))
    members = [
        (model, places, weight, -1 / (n_classes - 1) * weight)
        for (model, _), places, weight in zip(models, classes, weights, strict=True)
    ]

    def votes(row: Row) -> list[float]:
        totals = [0.0] * n_classes
        for model, places, won, lost in members:
            chosen = places[model(row)[0]]
            totals = [total + (won if place == chosen else lost) for place, total in enumerate(totals)]
        return totals

    return votes


def _classifiers(
    step: Any, program: Program, origins: Origins, n_classes: int
) -> tuple[list[tuple[Predict, bool]], list[list[int]]]:
    """The models, whether each has probabilities, and the positions of the classes of each among all classes."""
    models, classes = [], step["classes"]
    for block in step["blocks"]:
        kind, predict = _model(block, program, origins)
        if kind not in ("classifier", "scorer"):
            raise InvalidModel("an ensemble of classifiers has only classifiers")
        models.append((predict, kind == "classifier"))
    if type(classes) is not list or len(classes) != len(models) or not models:
        raise InvalidModel("an ensemble needs the classes of each of its models")
    places = [positions(document, n_classes) for document in classes]
    if any(len(set(columns)) != len(columns) for columns in places):
        raise InvalidModel("a model has each class once")
    return models, places


def _models(step: Any, program: Program, origins: Origins) -> tuple[set[str], list[Predict]]:
    """The kinds and the functions of the models in the blocks."""
    models = [_model(block, program, origins) for block in step["blocks"]]
    return {kind for kind, _ in models}, [predict for _, predict in models]


def _model(block: Any, program: Program, origins: Origins) -> tuple[str, Predict]:
    """The kind of the model in a block, and its function of a row, which takes the columns of the block."""
    inputs = positions(block["columns"], len(origins))
    kind, transformers, predictor = program.model(block["steps"], [origins[column] for column in inputs])
    if is_all_columns(inputs, len(origins)):
        if not transformers:
            return kind, predictor

        def whole(row: Row) -> Any:
            for transform in transformers:
                row = transform(row)
            return predictor(row)

        return kind, whole

    def part(row: Row) -> Any:
        row = [row[column] for column in inputs]
        for transform in transformers:
            row = transform(row)
        return predictor(row)

    return kind, part


def _n_classes(step: Any, program: Program) -> int:
    (n_classes,) = counts([step["n_classes"]], program)
    if not 2 <= n_classes <= MAX_CLASSES:
        raise InvalidModel(f"an ensemble of classifiers has 2 to {MAX_CLASSES} classes")
    return n_classes


def _total(step: Any) -> float:
    (total,) = _numbers([step["total"]], 1)
    if total == 0.0:
        raise InvalidModel("the weights of an ensemble add up to 0")
    return total


def _numbers(document: Any, length: int) -> list[float]:
    """Parse ``length`` finite numbers, at least one. Raises InvalidModel for anything else."""
    if (
        type(document) is not list
        or not document
        or len(document) != length
        or not all(type(number) in (int, float) and number - number == 0 for number in document)
    ):
        raise InvalidModel("an ensemble needs a finite number for each of its models")
    return [float(number) for number in document]


BUILDERS = {
    "mean": mean,
    "mean_classifier": mean_classifier,
    "ada_boost": ada_boost,
    "weighted_median": weighted_median,
    "predictions": predictions,
}
