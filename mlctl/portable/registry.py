"""Maps each class of scikit-learn to its compiler. Subclasses may compute differently and do not compile."""

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

# One module for each family, with its ENTRIES. handler/ops/ runs the operations.
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

ENTRIES: dict[type, Entry] = {estimator: entry for family in FAMILIES for estimator, entry in family.ENTRIES.items()}
