"""A rich console that escapes all control characters except rich's own."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from mlctl.text import printable_lines


class Console(RichConsole):
    r"""Makes text printable that a command did not escape. Line breaks stay.

    Strings become printable before rich measures them, everything else when rich draws it. Commands still have to
    escape outside text in markup (``terminal.escape``): only that keeps a record on one line.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the Text of a string of markup."""
        return super().render_str(printable_lines(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of a renderable. Control segments, which move the cursor, come from rich itself."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable_lines(segment.text))
