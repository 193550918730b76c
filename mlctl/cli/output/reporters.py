"""Shows progress on stderr: live lines on a terminal, plain lines elsewhere, or JSON."""

import logging
import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mlctl.cli.output.terminal import escape
from mlctl.progress import Event, Report
from mlctl.text import printable

# Without a terminal, the interval between two status lines of a part.
_STATUS_SECONDS = 30.0


class TerminalReport:
    """A Report that shows a spinner, or a bar with the remaining time, for each part, and then one line of result."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = _ProgressWithStatus(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            _IfCounted(BarColumn(bar_width=24)),
            _IfCounted(MofNCompleteColumn()),
            TextColumn("{task.fields[unit]}"),
            _IfCounted(TimeRemainingColumn()),
            console=console,
            transient=True,
        )
        self._is_live = console.is_terminal
        self._parts: dict[str, tuple[str, TaskID]] = {}
        self._next_status = 0.0

    def __enter__(self) -> Self:
        if self._is_live:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, task in self._parts.values():
            self._progress.remove_task(task)
        if self._is_live:
            self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if event.kind == "start":
            task = self._progress.add_task(
                printable(event.text), total=event.total, completed=event.done, unit=event.unit, status=""
            )
            self._parts[event.name] = (event.text, task)
        elif event.kind == "advance" and event.name in self._parts:
            text, task = self._parts[event.name]
            self._progress.update(task, completed=event.done)
            if event.text:
                self._progress.update(task, status=printable(event.text))
            if event.text and not self._is_live and time.monotonic() >= self._next_status:
                self._next_status = time.monotonic() + _STATUS_SECONDS
                self._console.print(f"[dim]{escape(text)}: {escape(event.text)}[/]")
        elif event.kind == "finish" and event.name in self._parts:
            text, task = self._parts.pop(event.name)
            self._progress.remove_task(task)
            mark = "[green]✓[/]" if event.ok else "[yellow]![/]"
            self._console.print(f"{mark} {escape(text)}: [dim]{escape(event.text)}[/]")
        elif event.kind == "warning":
            self._console.print(f"[yellow]![/] {escape(event.text)}")
        elif event.kind == "note":
            self._console.print(f"[dim]{escape(event.text)}[/]")


class _ProgressWithStatus(Progress):
    """One line for each part, and below them the status of each part over the whole width."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the lines that rich draws again and again."""
        yield from super().get_renderables()
        for task in self.tasks:
            if task.fields["status"]:
                # Fold here, because the console has soft_wrap, which leaves long lines to the terminal.
                yield Padding(Text(task.fields["status"], style="dim", no_wrap=False, overflow="fold"), (0, 0, 0, 2))


class _IfCounted(ProgressColumn):
    """A column that is empty for a part without a total."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> "Text":
        return Text() if task.total is None else self._column.render(task)  # type: ignore[return-value]  # a bar renders too


def json_report() -> Report:
    """Return a Report that writes each event as one line of JSON to stderr."""
    from pythonjsonlogger.json import JsonFormatter

    class Formatter(JsonFormatter):
        """Also escapes DEL, the only control character that json.dumps does not escape."""

        def format(self, record: logging.LogRecord) -> str:
            """Return the record as a JSON object on one line."""
            return super().format(record).replace("\x7f", "\\u007f")

    logger = logging.getLogger("mlctl.progress")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        Formatter(
            "{asctime}{levelname}{message}",
            style="{",
            rename_fields={"asctime": "timestamp", "levelname": "level"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )
    )
    logger.handlers = [handler]

    parts_with_status: set[str] = set()

    def report(event: Event) -> None:
        if event.kind == "advance":
            if event.text:
                parts_with_status.add(event.name)
            elif event.name in parts_with_status:
                return  # the next status comes soon, so the steps in between are noise
        counts = {"done": event.done, "total": event.total} if event.total else {}
        logger.info(event.text, extra={"event": event.kind, "part": event.name, **counts})

    return report
