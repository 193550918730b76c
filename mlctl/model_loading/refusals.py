"""The reasons why a model file is unusable."""

from typing import Final

# The error codes that a child process can return.
CODES: Final = ("model_unusable", "pipeline_unsavable", "extra_missing")


class Unusable(Exception):
    """A file is unusable: ``what`` continues a sentence after the file name, ``hint`` says what to do next."""

    def __init__(self, what: str, hint: str, code: str = "model_unusable") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.code = code


def other_release(saved_by: str, installed: str) -> Unusable:
    """The error for a model that another release of scikit-learn saved."""
    return Unusable(
        f"was saved by scikit-learn {saved_by}, and {installed} is installed: its predictions may silently differ",
        f"Install scikit-learn=={saved_by}, or save the model again with the installed version.",
    )


def printable(text: str, most: int = 300) -> str:
    """A text from outside as one safe line for a terminal."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[:most]}…"
