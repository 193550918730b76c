"""Whether two models that answered the same rows differ, or whether chance explains it."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest  # type: ignore[import-untyped]  # scipy ships no types

from mlctl.data.dataset import Floats, Integers
from mlctl.model.gates import METRICS

RESAMPLES = 2000
LEVEL = 0.05


@dataclass(frozen=True)
class Interval:
    """The difference (second minus first) of one metric, and the bounds that hold 95 % of its resamples."""

    difference: float
    low: float
    high: float

    @property
    def is_noise(self) -> bool:
        """Whether zero lies within the bounds."""
        return self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class McNemar:
    """Rows that only the first, or only the second model answered rightly, and the exact two-sided p-value."""

    only_first: int
    only_second: int
    p_value: float

    @property
    def is_noise(self) -> bool:
        """Whether so uneven a split happens by chance more often than LEVEL."""
        return self.p_value >= LEVEL


def mcnemar(expected: Integers, first: Integers, second: Integers) -> McNemar:
    """McNemar's exact test on the rows where exactly one model is right.

    Were both equally good, such a row would fall to either with probability 1/2. All arrays have
    shape (rows,). Source: McNemar, Psychometrika 12 (1947) 153-157; exact form by the binomial test.
    """
    only_first = int(np.sum((first == expected) & (second != expected)))
    only_second = int(np.sum((first != expected) & (second == expected)))
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(only_first=only_first, only_second=only_second, p_value=p_value)


def bootstrap(
    expected: Integers, first: Integers, second: Integers, *, n_classes: int, seed: int
) -> dict[str, Interval]:
    """The differences of METRICS with their 95 % percentile intervals.

    Rows are drawn with replacement, the same rows for both models, RESAMPLES times; the same ``seed``
    gives the same intervals. Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 13.
    """

    def difference(rows: Integers) -> Floats:
        return _scores(expected[rows], second[rows], n_classes) - _scores(expected[rows], first[rows], n_classes)

    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(expected), (RESAMPLES, len(expected)))
    low, high = np.quantile([difference(rows) for rows in drawn], [LEVEL / 2, 1 - LEVEL / 2], axis=0)
    found = difference(np.arange(len(expected)))
    return {
        name: Interval(difference=float(found[at]), low=float(low[at]), high=float(high[at]))
        for at, name in enumerate(METRICS)
    }


def _scores(expected: Integers, predicted: Integers, n_classes: int) -> Floats:
    """METRICS of one resample, as ``mlctl.model.metrics.compute`` defines them: here thousands are needed."""
    matrix = np.bincount(expected * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
    right, true, said = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    ratios = [right / np.maximum(part, 1) for part in (said, true)]
    f1 = 2 * right / np.maximum(true + said, 1)
    return np.array([right.sum() / len(expected), ratios[0].mean(), ratios[1].mean(), f1.mean()])
