"""``manifest.json``: what a model version is. Its SHA-256 is the version's id."""

import platform
import re
import sys
from dataclasses import dataclass
from typing import Any

from mlctl.files import canonical_json, sha256
from mlctl.registry import strict_json, validation

FORMAT = 2
FILE_NAME = "manifest.json"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Manifest:
    """The facts of a model version. Nothing here tells of a time or a place.

    ``files`` maps each file's name to its SHA-256; ``portable`` says whether the pipeline compiled,
    with ``parity`` (``exact`` or ``close``) or the ``reason`` why not.
    """

    project: str
    estimator: str
    preprocess: list[str]
    settings: dict[str, Any]
    data: dict[str, Any]
    libraries: dict[str, str]
    platform: str
    portable: dict[str, Any]
    files: dict[str, str]

    def to_bytes(self) -> bytes:
        """The canonical JSON whose digest is the id."""
        return canonical_json({"format": FORMAT, **self.__dict__})

    @property
    def id(self) -> str:
        """The version's id: 64 hexadecimal digits."""
        return sha256(self.to_bytes())

    @classmethod
    def from_document(cls, document: Any) -> "Manifest":
        """Raises ValueError for a document that is no manifest of this format."""
        if not isinstance(document, dict) or "format" not in document:
            raise ValueError(f"{FILE_NAME} is not an object with a format")
        if document["format"] != FORMAT:
            raise ValueError(f"manifest format {document['format']!r:.40}; this mlctl reads format {FORMAT}")
        names = document.get("files")
        strange = [name for name in names if not _PLAIN_NAME.fullmatch(name)] if isinstance(names, dict) else []
        if strange:
            # A version may come from elsewhere: its names must not lead out of its folder.
            raise ValueError(f"{strange[0]!r:.100} is not a plain file name")
        validation.check_manifest(document)
        return cls(**{name: document[name] for name in cls.__dataclass_fields__})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """The manifest in a file. Raises ValueError, also for bytes that are not the one spelling of what they say."""
        found = cls.from_document(strict_json.parsed(data))
        found.check_spelling(data)
        return found

    def check_spelling(self, data: bytes) -> None:
        """Raise ValueError for ``data`` that says the same in other bytes, or more: its digest would not be the id."""
        if self.to_bytes() != data:
            raise ValueError(f"{FILE_NAME} holds more than a manifest, or is not in its canonical form")


def library_versions() -> dict[str, str]:
    """The versions that a pickled pipeline depends on."""
    import joblib
    import numpy
    import pandas
    import scipy  # type: ignore[import-untyped]  # scipy ships no types
    import sklearn

    return {
        "python": platform.python_version(),
        "scikit-learn": str(sklearn.__version__),
        "numpy": numpy.__version__,
        "scipy": str(scipy.__version__),
        "joblib": str(joblib.__version__),
        "pandas": str(pandas.__version__),
    }


def platform_tag() -> str:
    """Operating system and processor: floating-point libraries differ between them."""
    return f"{sys.platform}-{platform.machine()}"
