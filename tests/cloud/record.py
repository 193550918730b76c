"""What was asked of the cloud, in order."""

from dataclasses import dataclass
from typing import Any

_READING = ("Get", "List", "Describe", "Filter", "Head", "Invoke")


@dataclass(frozen=True)
class Call:
    """One call of a client, however often botocore tried it. ``number`` counts from 1 since the last ``begin``."""

    number: int
    service: str
    operation: str
    params: dict[str, Any]

    @property
    def mutates(self) -> bool:
        """Whether it can change something."""
        return not self.operation.startswith(_READING)

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"


class Calls(list[Call]):
    """The calls in their order."""

    @property
    def names(self) -> list[str]:
        """The operations: ``CreateRole``, …."""
        return [call.operation for call in self]

    @property
    def mutating(self) -> list[str]:
        """The operations that can change something."""
        return [call.operation for call in self if call.mutates]

    def params(self, operation: str) -> dict[str, Any]:
        """What the last call of that operation was given."""
        return next(call.params for call in reversed(self) if call.operation == operation)
