"""Significance tests for the difference between two models on the same rows."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest  # type: ignore[import-untyped]  # scipy ships no types
from scipy.stats import wilcoxon as signed_rank

from mlctl.data.columns import Floats, Integers
from mlctl.registry.gates import OF_CLASSES, OF_NUMBERS

RESAMPLES = 2000
_RESAMPLES_AT_LEAST = 200
_ROWS_AT_ONCE = 20_000
LEVEL = 0.05


@dataclass(frozen=True)
class Interval:
    """The difference (second minus first) of one metric, and its 95 % bootstrap interval."""

    difference: float
    low: float
    high: float

    @property
    def is_noise(self) -> bool:
        """Whether the interval contains zero."""
        return self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class McNemar:
    """The rows that only the first or only the second model predicts correctly, and the exact two-sided p-value."""

    only_first: int
    only_second: int
    p_value: float

    @property
    def is_noise(self) -> bool:
        """Whether the p-value is at least LEVEL, so chance can explain the difference."""
        return self.p_value >= LEVEL


def mcnemar(expected: Integers, first: Integers, second: Integers) -> McNemar:
    """McNemar's exact test on the rows where exactly one model is right.

    If both models were equally good, each would be the correct one with probability 1/2. All arrays have
    shape (rows,). Source: McNemar, Psychometrika 12 (1947) 153-157; exact form by the binomial test.
    """
    only_first = int(np.sum((first == expected) & (second != expected)))
    only_second = int(np.sum((first != expected) & (second == expected)))
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(only_first=only_first, only_second=only_second, p_value=p_value)


@dataclass(frozen=True)
class Wilcoxon:
    """The rows where the first or the second model has the smaller error, and the two-sided p-value."""

    first_nearer: int
    second_nearer: int
    p_value: float

    @property
    def is_noise(self) -> bool:
        """Whether the p-value is at least LEVEL, so chance can explain the difference."""
        return self.p_value >= LEVEL


def wilcoxon(expected: Floats, first: Floats, second: Floats) -> Wilcoxon:
    """Wilcoxon's signed-rank test on the absolute errors of two models for the same rows.

    If both models were equally good, the differences would be symmetric around zero. All arrays have shape (rows,), or
    (rows, targets) with several targets, where the error of a row is the mean over the targets.
    Source: Wilcoxon, Biometrics Bulletin 1 (1945) 80-83.
    """
    rows = len(expected)
    errors = [np.abs(predicted - expected).reshape(rows, -1).mean(axis=1) for predicted in (first, second)]
    differences = errors[0] - errors[1]
    nonzero = differences[differences != 0]
    p_value = float(signed_rank(nonzero).pvalue) if len(nonzero) else 1.0
    return Wilcoxon(int(np.sum(differences < 0)), int(np.sum(differences > 0)), p_value)


def of_classes(
    expected: Integers, first: Integers, second: Integers, *, n_classes: int, seed: int
) -> dict[str, Interval]:
    """The differences of the metrics of classes with their 95 % percentile intervals.

    Rows are drawn with replacement, the same rows for both models, RESAMPLES times; the same ``seed``
    gives the same intervals. All that counts of a row is which of the n_classes³ cells (true, first,
    second) it is in, so the cells are drawn: the same distribution, whatever the number of rows.
    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 13.
    """
    cells, counts = np.unique((expected * n_classes + first) * n_classes + second, return_counts=True)
    true, one, other = cells // n_classes**2, cells // n_classes % n_classes, cells % n_classes

    def difference(weights: Integers) -> Floats:
        return _class_scores(true, other, weights, n_classes) - _class_scores(true, one, weights, n_classes)

    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(expected), counts / len(expected), size=RESAMPLES)
    return _intervals(OF_CLASSES, difference(counts), [difference(weights) for weights in drawn])


def of_numbers(expected: Floats, first: Floats, second: Floats, *, seed: int) -> dict[str, Interval]:
    """The differences of the metrics of a regression with their 95 % percentile intervals.

    As ``of_classes``, but rows are drawn. Above _ROWS_AT_ONCE rows fewer resamples are taken, which
    makes the bounds a little rougher and keeps the time the same.
    """
    rows = len(expected)

    def difference(drawn: Integers | slice) -> Floats:
        truth = expected[drawn]
        return _number_scores(truth, second[drawn]) - _number_scores(truth, first[drawn])

    generator = np.random.default_rng(seed)
    times = int(np.clip(RESAMPLES * _ROWS_AT_ONCE // rows, _RESAMPLES_AT_LEAST, RESAMPLES))
    resampled = [difference(generator.integers(0, rows, rows)) for _ in range(times)]
    return _intervals(OF_NUMBERS, difference(slice(None)), resampled)


def _intervals(names: tuple[str, ...], found: Floats, resampled: list[Floats]) -> dict[str, Interval]:
    low, high = np.quantile(resampled, [LEVEL / 2, 1 - LEVEL / 2], axis=0)
    return {
        name: Interval(difference=float(found[at]), low=float(low[at]), high=float(high[at]))
        for at, name in enumerate(names)
    }


def _class_scores(expected: Integers, predicted: Integers, weights: Integers, n_classes: int) -> Floats:
    """OF_CLASSES of one resample, as ``mlctl.training.metrics.of_classes`` defines them: here thousands are needed."""
    matrix = np.bincount(expected * n_classes + predicted, weights, n_classes**2).reshape(n_classes, n_classes)
    right, true, said = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    ratios = [right / np.maximum(part, 1) for part in (said, true)]
    f1 = 2 * right / np.maximum(true + said, 1)
    return np.array([right.sum() / weights.sum(), ratios[0].mean(), ratios[1].mean(), f1.mean()])


def _number_scores(expected: Floats, predicted: Floats) -> Floats:
    """OF_NUMBERS of one resample, as ``mlctl.training.metrics.compute`` defines them."""
    if expected.ndim > 1:
        each = [_number_scores(*pair) for pair in zip(expected.T, predicted.T, strict=True)]
        return np.asarray(np.mean(each, axis=0))
    off = np.abs(predicted - expected)
    squares, spread = np.mean(off**2), np.var(expected)
    r2 = 1 - squares / spread if spread else float(squares == 0)
    return np.array([r2, off.mean(), np.sqrt(squares), np.median(off)])
