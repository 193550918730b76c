"""From a class of scikit-learn to its compiler: exact classes, never subclasses, which may compute differently."""

from mlctl.portable.entry import Entry
from mlctl.portable.families import (
    binning,
    boosting,
    composition,
    dummy,
    encoding,
    ensembles,
    functions,
    imputing,
    isotonic,
    linear,
    linear_classifiers,
    multioutput,
    normalizing,
    polynomials,
    power,
    projection,
    quantiles,
    scaling,
    searching,
    selection,
    splines,
    target,
    trees,
)

# A module a family. Each has ENTRIES; the operations that they write are run by handler/ops/.
FAMILIES = (
    composition,
    functions,
    selection,
    searching,
    target,
    multioutput,
    imputing,
    encoding,
    scaling,
    normalizing,
    binning,
    polynomials,
    splines,
    power,
    quantiles,
    projection,
    trees,
    boosting,
    ensembles,
    linear,
    linear_classifiers,
    isotonic,
    dummy,
)

ENTRIES: dict[type, Entry] = {found: entry for family in FAMILIES for found, entry in family.ENTRIES.items()}
