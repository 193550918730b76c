"""The main function of the child process, which restricts itself before it imports anything large."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from mlctl.model_loading import answers, confinement
from mlctl.model_loading.refusals import CODES, Unusable, other_release

_LOAD_HINT = "Install the libraries that it was made with. Put modules of your own in the project folder."
_SYSTEM_HINT = (
    "It is opened without network, and can write only to an empty folder. Save a model that needs nothing else."
)
_SAVE_HINT = "Use functions that are defined at the top level of a module, not lambdas or inner functions."


def main(request: dict[str, Any]) -> None:
    """Do what ``process.ask`` asks for, write the answer, and end without running what the file left behind.

    ``request``: ``action`` ("inspect", "rewrite" or "predict"), ``file``, ``kind`` ("pickle" or "skops"),
    ``trusted`` (names), ``modules`` (the project's folder, or None), ``answer`` and ``rewritten`` (descriptors),
    ``limits``, ``parent``.
    """
    limits = request["limits"]
    confinement.confine(limits["memory"], limits["cpu"], limits["processes"], request["parent"])
    try:
        document = {"done": _ACTIONS[request["action"]](request)}
    except Unusable as refusal:
        document = {"error": {"code": refusal.code, "what": refusal.what, "hint": refusal.hint}}
    except MemoryError:
        doing = "predicting with it" if request["action"] == "predict" else "opening it"
        what = f"needs more memory than the {limits['memory'] / 2**30:.1f} GiB that {doing} may use"
        document = {"error": {"code": CODES[0], "what": what, "hint": "Save a smaller model."}}
    data = json.dumps(document).encode()
    if len(data) > answers.MAX_BYTES:
        os._exit(1)
    with os.fdopen(request["answer"], "wb") as file:
        file.write(data)
    sys.stdout.flush()
    sys.stderr.flush()
    # Neither threads nor exit functions of the file's modules have a say in when this ends.
    os._exit(0)


def _inspect(request: dict[str, Any]) -> dict[str, Any]:
    from mlctl.model_loading import skops_files

    found = skops_files.inspect(request["file"], request["limits"]["memory"])
    return {"types": found.types, "untrusted": found.untrusted, "sklearn_version": found.sklearn_version}


def _rewrite(request: dict[str, Any]) -> dict[str, Any]:
    """Load the model, check it, and write it again."""
    import pickle
    import warnings

    import joblib
    import sklearn
    from sklearn.exceptions import InconsistentVersionWarning

    from mlctl.errors import first_line
    from mlctl.model_loading import estimators, skops_files

    if request["modules"] is not None:
        # At the end: the project's folder must not stand in for installed packages.
        sys.path.append(request["modules"])
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            if request["kind"] == "skops":
                model = skops_files.load(request["file"], request["trusted"], request["limits"]["memory"])
            else:
                with Path(request["file"]).open("rb") as file:
                    model = joblib.load(file)
        except (Unusable, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            # A pickle is a program; it may raise anything.
            hint = _SYSTEM_HINT if isinstance(error, OSError) else _LOAD_HINT
            raise Unusable(f"cannot be opened: {type(error).__name__}: {first_line(error)}", hint) from error
        for warning in warned:
            if isinstance(warning.message, InconsistentVersionWarning):
                raise other_release(warning.message.original_sklearn_version, sklearn.__version__)
        try:
            model = estimators.checked(model)
        except (Unusable, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise Unusable(f"cannot be used: {type(error).__name__}: {first_line(error)}", _LOAD_HINT) from error
        try:
            with os.fdopen(request["rewritten"], "wb") as file:
                joblib.dump(model, file)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise Unusable(f"cannot be saved again: {first_line(error)}", _SAVE_HINT, "pipeline_unsavable") from error
        except MemoryError:
            raise
        except (Exception, SystemExit) as error:
            raise Unusable(
                f"cannot be saved again: {type(error).__name__}: {first_line(error)}",
                "Check the space on the disk, and save the fitted model itself.",
            ) from error
    return {}


def _predict(request: dict[str, Any]) -> dict[str, Any]:
    """Ask a model for everything that mlctl asks it for. What it raises, the caller's process raises again."""
    import warnings

    import joblib

    if request["modules"] is not None:
        sys.path.append(request["modules"])
    warnings.simplefilter("ignore")
    with Path(request["file"]).open("rb") as file:
        model, rows = joblib.load(file)
    for name in ("predict", "predict_proba", "decision_function"):
        try:
            if hasattr(model, name):
                getattr(model, name)(rows)
        except MemoryError:
            raise
        except (Exception, SystemExit):  # noqa: S112 - the caller's process says what it is
            continue
    return {}


_ACTIONS = {"inspect": _inspect, "rewrite": _rewrite, "predict": _predict}
