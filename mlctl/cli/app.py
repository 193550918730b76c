"""``mlctl``: the commands, and what happens to their errors."""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from mlctl import __version__
from mlctl.cli import (
    bench,
    compare,
    config,
    data,
    deploy,
    destroy,
    doctor,
    evaluate,
    export,
    import_model,
    init,
    invoke,
    local,
    logs,
    models,
    package,
    promote,
    releases,
    rollback,
    status,
    train,
    up,
)
from mlctl.cli.help import GroupedHelp, help_without_command
from mlctl.cli.output import terminal
from mlctl.cli.output.errors import interrupted, output_failed, to_mlctl_error
from mlctl.cli.output.streams import abandon_output, fault_of_output, standard_streams
from mlctl.cli.session import Globals, LogFormat
from mlctl.errors import ExitCode, MlctlError

app = typer.Typer(
    name="mlctl",
    cls=GroupedHelp,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("init")(init.init)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("import")(import_model.import_model)
app.command("compare")(compare.compare)
app.add_typer(models.app, name="models")
app.command("package")(package.package)
app.command("bench")(bench.bench)
app.command("doctor")(doctor.doctor)
app.command("deploy")(deploy.deploy)
app.command("promote")(promote.promote)
app.command("rollback")(rollback.rollback)
app.command("releases")(releases.releases)
app.command("export")(export.export)
app.command("invoke", context_settings=invoke.CONTEXT)(invoke.invoke)
app.command("logs")(logs.logs)
app.command("status")(status.status)
app.command("destroy")(destroy.destroy)
app.add_typer(local.app, name="local")
app.add_typer(config.app, name="config")


def _version(wanted: bool) -> None:
    if wanted:
        terminal.echo(f"mlctl {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    project_dir: Annotated[
        Path | None,
        typer.Option(
            "--project-dir",
            "-C",
            envvar="MLCTL_PROJECT_DIR",
            show_envvar=True,
            help="The project folder, whoever owns it. Default: the nearest folder with mlctl.toml, from here upwards.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    log_format: Annotated[
        LogFormat,
        typer.Option("--log-format", help="How progress is told on stderr: for people, or a JSON object a line."),
    ] = LogFormat.text,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """From a table of data to a live prediction API on AWS Lambda, and what comes after.

    Start with `mlctl up`: it trains, packages and deploys on this machine, with no AWS account.
    """
    ctx.obj = Globals(project_dir=project_dir, debug=debug, log_format=log_format)
    help_without_command(ctx)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; every error becomes one or two lines, or JSON."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    if "--debug" in words:
        # Wherever it stands: it is added to a command that has just failed.
        words = ["--debug", *(word for word in words if word != "--debug")]
    with standard_streams():
        terminal.guard_warnings()
        code, failure = _run(words)
        unwritten = fault_of_output()
        if unwritten is not None:
            abandon_output()
            as_json = False
            # Whoever reads a pipe (head, less) may have had enough of it: that is no failure.
            if not isinstance(unwritten, BrokenPipeError):
                failure = output_failed(unwritten)
        return code if failure is None else _fail(failure, as_json, debug="--debug" in words)


def _run(words: list[str]) -> tuple[int, MlctlError | None]:
    """The exit code of a command that did what it should, or what kept it from it."""
    try:
        code = app(words, prog_name="mlctl", standalone_mode=False)
    except (BrokenPipeError, SystemExit):
        # The reader of a pipe has had enough, which rich and typer tell by SystemExit.
        abandon_output()
        return ExitCode.OK, None
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED, interrupted()
    except Exception as error:  # the last barrier: a line for a person, the trace on request
        failure = to_mlctl_error(error)
        return failure.exit_code, failure
    # Typer turns Ctrl-C into this code and says nothing.
    return int(code or ExitCode.OK), interrupted() if code == ExitCode.INTERRUPTED else None


def _fail(error: MlctlError, as_json: bool, *, debug: bool) -> int:
    if debug:
        terminal.echo_trace(error)
    # Neither stream may be writable; the exit code still tells.
    with contextlib.suppress(OSError):
        terminal.echo_error(error.lines, error.hint, coloured=not os.environ.get("NO_COLOR"))
    if as_json:
        try:
            terminal.echo_json({"error": error.to_document()})
        except OSError:
            abandon_output()
    return int(error.exit_code)


def run() -> NoReturn:
    """The console script."""
    raise SystemExit(main())
