"""The session of a command: project folder, settings, output and progress."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from mlctl.cli.output.terminal import echo, echo_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlctl.cli.output.console import Console
    from mlctl.errors import MlctlError
    from mlctl.progress import Report
    from mlctl.settings import Resolved, Settings

# The width of output that does not go to a terminal.
_FILE_WIDTH = 240


class LogFormat(StrEnum):
    """The values of ``--log-format``."""

    text = "text"
    json = "json"


@dataclass(frozen=True)
class Globals:
    """The options that come before the command."""

    project_dir: Path | None
    debug: bool
    log_format: LogFormat
    as_json: bool = False


def _columns() -> int:
    """Return the width in COLUMNS, or 0 if COLUMNS is not set or invalid."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isdecimal() else 0


class Session:
    """One run of a command. Results go to stdout, progress and notes to stderr."""

    def __init__(self, ctx: typer.Context, as_json: bool) -> None:
        self._globals: Globals = ctx.obj
        self.as_json = as_json or self._globals.as_json
        if not _columns():
            # With a width of 0, rich shows nothing.
            os.environ.pop("COLUMNS", None)

    @cached_property
    def folder(self) -> Path:
        """The project folder."""
        from mlctl.settings import find_project

        if self._project_dir:
            return self._project_dir
        current = Path.cwd()
        folder = find_project(current)
        if folder != current and not self.log_is_json:
            self.err.print(f"Project folder: {folder}", style="dim", markup=False)
        return folder

    @cached_property
    def new_folder(self) -> Path:
        """The folder for a new project: the current folder, even inside another project."""
        return self._project_dir or Path.cwd()

    @cached_property
    def _project_dir(self) -> Path | None:
        from mlctl.errors import ExitCode, MlctlError

        folder = self._globals.project_dir
        if folder is not None and not folder.is_dir():
            raise MlctlError(
                f"There is no folder {folder}.",
                code="project_not_found",
                exit_code=ExitCode.NOT_FOUND,
                hint="Set -C or MLCTL_PROJECT_DIR to a project folder.",
            )
        return folder.resolve() if folder else None

    def settings(self, stage: str | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
        """Return the settings for ``stage``; ``flags`` are the settings from the command line."""
        return self.resolve(stage, flags).settings

    def resolve(self, stage: str | None = None, flags: Mapping[str, Any] | None = None) -> Resolved:
        """Return the settings for ``stage`` with the origin of each value."""
        from mlctl.settings import resolve

        return resolve(self.folder, stage=stage, flags=flags)

    def show_profile(self, stage: str) -> None:
        """Show the AWS profile that a command uses to change ``stage``, if it comes from a file of the project."""
        from mlctl.settings.sources import PREFIX

        resolved = self.resolve(stage)
        profile, origin = resolved.settings.deploy.profile, resolved.origin(("deploy", "profile"))
        if stage != "local" and profile and not origin.startswith(PREFIX) and not self.log_is_json:
            self.err.print(f"AWS profile: {profile} (from {origin})", style="dim", markup=False)

    @cached_property
    def out(self) -> Console:
        """Standard output."""
        from mlctl.cli.output.console import Console

        console = Console(highlight=False, emoji=False, soft_wrap=True)
        if not console.is_terminal and not _columns():
            console.width = _FILE_WIDTH
        return console

    @cached_property
    def err(self) -> Console:
        """Standard error."""
        from mlctl.cli.output.console import Console

        return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

    def emit(self, document: Any, render: Callable[[Console], None]) -> None:
        """Write the result to stdout: ``document`` with --json, otherwise the output of ``render``."""
        if self.as_json:
            echo_json(document)
        elif self.out.is_terminal:
            render(self.out)
        else:
            # Without a terminal, drop the padding of tables at the end of lines.
            with self.out.capture() as captured:
                render(self.out)
            text = "\n".join(line.rstrip() for line in captured.get().removesuffix("\n").split("\n"))
            if text:
                echo(text)

    @property
    def log_is_json(self) -> bool:
        """Whether progress on stderr is JSON."""
        return self._globals.log_format is LogFormat.json

    def fail_after_output(self, error: MlctlError) -> NoReturn:
        """End the command with ``error`` after ``emit`` has written the result, which contains it with --json."""
        if not self.as_json:
            raise error
        raise typer.Exit(int(error.exit_code))

    @contextmanager
    def progress(self) -> Iterator[Report]:
        """Yield a Report for the core that shows progress on stderr."""
        if self.log_is_json:
            from mlctl.cli.output.reporters import json_report

            yield json_report()
        else:
            from mlctl.cli.output.reporters import TerminalReport

            with TerminalReport(self.err) as report:
                yield report
