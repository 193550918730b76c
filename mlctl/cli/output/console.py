"""rich's console, which shows no control character but those that rich itself writes."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from mlctl.text import printable_lines


class Console(RichConsole):
    r"""The last barrier: what a command forgot to escape is made printable, line breaks excepted.

    Strings are made printable before they are measured, everything else when it is drawn. Commands escape text
    from outside where they put it into markup (``terminal.escape``), which alone keeps a record on one line.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """The Text of a string of markup."""
        return super().render_str(printable_lines(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of anything; those that move the cursor or clear a line are rich's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable_lines(segment.text))
