"""Checks whether an object is a model that mlctl supports."""

from typing import Any

from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from mlctl.model_loading.refusals import Unusable


def checked(model: Any) -> BaseEstimator:
    """Return the fitted classifier or regressor in ``model``, which can be a search. Raises Unusable."""
    if hasattr(model, "refit") and not hasattr(model, "best_estimator_"):
        raise Unusable(
            f"holds {type(model).__name__} without a best estimator", "Fit the search with refit=True, then save it."
        )
    # Use the best estimator of a fitted search.
    model = getattr(model, "best_estimator_", model)
    name = type(model).__name__
    if not (isinstance(model, BaseEstimator) and (is_classifier(model) or is_regressor(model))):
        raise Unusable(f"holds {name}, which is not a scikit-learn classifier or regressor", "Save the model itself.")
    if isinstance(getattr(model, "classes_", None), list):
        raise Unusable("predicts several targets at once", "Save one model for each target.")
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise Unusable(f"holds {name} that was never fitted", "Save it after fit().") from None
    return model
