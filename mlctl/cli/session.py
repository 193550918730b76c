"""What every command needs: the project, its settings, and where output goes."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from mlctl.cli import completion
from mlctl.cli.output.terminal import echo, echo_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlctl.cli.output.console import Console
    from mlctl.errors import MlctlError
    from mlctl.progress import Report
    from mlctl.settings import Resolved, Settings

# Where there is no terminal to tell one.
_FILE_WIDTH = 240

JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
StageName = Annotated[
    str,
    typer.Option(
        "--stage", "-s", help="Where: local, or the name of a stage on AWS.", autocompletion=completion.stages
    ),
]
TokenFlag = Annotated[
    str | None,
    typer.Option("--token", envvar="MLCTL_TOKEN", show_envvar=True, help='A token, where [deploy] auth = "jwt".'),
]
VersionArgument = Annotated[
    str,
    typer.Argument(
        metavar="[VERSION]",
        help="A model version: an id, the beginning of one, latest or previous.",
        autocompletion=completion.versions,
    ),
]


class LogFormat(StrEnum):
    """How progress is told on stderr."""

    text = "text"
    json = "json"


@dataclass(frozen=True)
class Globals:
    """The options before the command."""

    project_dir: Path | None
    debug: bool
    log_format: LogFormat
    as_json: bool = False


def _columns() -> int:
    """The width that COLUMNS names; 0 where it names none, or none that text could have."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isdecimal() else 0


class Session:
    """One run of one command. Results go to stdout, progress and prose to stderr."""

    def __init__(self, ctx: typer.Context, as_json: bool) -> None:
        self._globals: Globals = ctx.obj
        self.as_json = as_json or self._globals.as_json
        if not _columns():
            # rich takes a width of 0 as it is, and shows nothing.
            os.environ.pop("COLUMNS", None)

    @cached_property
    def folder(self) -> Path:
        """The project's folder."""
        from mlctl.settings import find_project

        if self._chosen:
            return self._chosen
        here = Path.cwd()
        folder = find_project(here)
        if folder != here and not self.log_is_json:
            self.err.print(f"Project folder: {folder}", style="dim", markup=False)
        return folder

    @cached_property
    def new_folder(self) -> Path:
        """Where a project is to be made: the current folder, whatever lies above it."""
        return self._chosen or Path.cwd()

    @cached_property
    def _chosen(self) -> Path | None:
        from mlctl.errors import ExitCode, MlctlError

        chosen = self._globals.project_dir
        if chosen is not None and not chosen.is_dir():
            raise MlctlError(
                f"There is no folder {chosen}.",
                code="project_not_found",
                exit_code=ExitCode.NOT_FOUND,
                hint="Give -C, or MLCTL_PROJECT_DIR, the folder of a project.",
            )
        return chosen.resolve() if chosen else None

    def settings(self, stage: str | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
        """The settings for ``stage``, with what the command line sets in ``flags``."""
        return self.resolve(stage, flags).settings

    def resolve(self, stage: str | None = None, flags: Mapping[str, Any] | None = None) -> Resolved:
        """The same, with where each value came from."""
        from mlctl.settings import resolve

        return resolve(self.folder, stage=stage, flags=flags)

    def tell_profile(self, stage: str) -> None:
        """Say which AWS profile a command that changes ``stage`` uses, where a file of the project chose it."""
        from mlctl.settings.sources import PREFIX

        resolved = self.resolve(stage)
        profile, origin = resolved.settings.deploy.profile, resolved.origin(("deploy", "profile"))
        if stage != "local" and profile and not origin.startswith(PREFIX) and not self.log_is_json:
            self.err.print(f"AWS profile: {profile}, as {origin} says", style="dim", markup=False)

    @cached_property
    def out(self) -> Console:
        """Standard output."""
        from mlctl.cli.output.console import Console

        made = Console(highlight=False, emoji=False, soft_wrap=True)
        if not made.is_terminal and not _columns():
            made.width = _FILE_WIDTH
        return made

    @cached_property
    def err(self) -> Console:
        """Standard error."""
        from mlctl.cli.output.console import Console

        return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

    def emit(self, document: Any, render: Callable[[Console], None]) -> None:
        """The result: ``document`` as JSON where that was asked for, else what ``render`` makes of it."""
        if self.as_json:
            echo_json(document)
        elif self.out.is_terminal:
            render(self.out)
        else:
            # A file wants neither the padding of tables nor lines cut to the width of a terminal.
            with self.out.capture() as captured:
                render(self.out)
            text = "\n".join(line.rstrip() for line in captured.get().removesuffix("\n").split("\n"))
            if text:
                echo(text)

    @property
    def log_is_json(self) -> bool:
        """Whether stderr is for programs."""
        return self._globals.log_format is LogFormat.json

    def fail_after_output(self, error: MlctlError) -> NoReturn:
        """End with ``error`` when the result, which holds it too, stands on stdout already."""
        if not self.as_json:
            raise error
        raise typer.Exit(int(error.exit_code))

    @contextmanager
    def progress(self) -> Iterator[Report]:
        """A Report for the core, shown on stderr while the block runs."""
        if self.log_is_json:
            from mlctl.cli.output.reporters import json_report

            yield json_report()
        else:
            from mlctl.cli.output.reporters import TerminalReport

            with TerminalReport(self.err) as report:
                yield report
