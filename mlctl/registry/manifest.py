"""``manifest.json``: the content of a model version. Its SHA-256 is the id of the version."""

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
    """The facts that identify a model version, without times and paths.

    ``files`` maps the name of each file to its SHA-256. ``portable`` says whether the pipeline compiled, with its
    ``parity`` (``exact`` or ``close``) or the ``reason`` why it did not.
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
        """The manifest as canonical JSON; its digest is the id."""
        return canonical_json({"format": FORMAT, **self.__dict__})

    @property
    def id(self) -> str:
        """The id of the version: 64 hexadecimal digits."""
        return sha256(self.to_bytes())

    @classmethod
    def from_document(cls, document: Any) -> "Manifest":
        """Convert a JSON document. Raises ValueError if it is not a manifest of this format."""
        if not isinstance(document, dict) or "format" not in document:
            raise ValueError(f"{FILE_NAME} is not an object with a format")
        if document["format"] != FORMAT:
            raise ValueError(f"manifest format {document['format']!r:.40}; this mlctl reads format {FORMAT}")
        names = document.get("files")
        unsafe = [name for name in names if not _PLAIN_NAME.fullmatch(name)] if isinstance(names, dict) else []
        if unsafe:
            # A version can come from elsewhere: its file names must not lead out of its folder.
            raise ValueError(f"{unsafe[0]!r:.100} is not a plain file name")
        validation.check_manifest(document)
        return cls(**{name: document[name] for name in cls.__dataclass_fields__})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Parse the content of ``manifest.json``. Raises ValueError, also for JSON that is not canonical."""
        manifest = cls.from_document(strict_json.parsed(data))
        manifest.check_canonical(data)
        return manifest

    def check_canonical(self, data: bytes) -> None:
        """Raise ValueError if ``data`` is not the canonical form of this manifest: its digest is not the id then."""
        if self.to_bytes() != data:
            raise ValueError(f"{FILE_NAME} has additional keys, or is not canonical JSON")


def library_versions() -> dict[str, str]:
    """The installed versions of the libraries that a pickled pipeline depends on."""
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
    """Operating system and processor, because floating-point results differ between them."""
    return f"{sys.platform}-{platform.machine()}"
