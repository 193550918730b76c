"""``mlctl``: the commands, and what happens to their errors."""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

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
    system_errors,
    terminal,
    train,
    up,
)
from mlctl.cli.help import GroupedHelp, help_without_command
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
            help="The project's folder, instead of this one or a parent with mlctl.toml; taken whoever owns it.",
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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character gets a ?, not an error.
            stream.reconfigure(errors="replace")
    terminal.guard_warnings()
    try:
        system_errors.refuse_undecodable(words)
        code = app(words, prog_name="mlctl", standalone_mode=False)
    except (BrokenPipeError, SystemExit):
        # The reader of a pipe (head, less) has had enough, which rich and typer tell by SystemExit.
        # Python must not try to flush into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.OK
    except (KeyboardInterrupt, typer.Abort):
        failure = _interrupted()
    except Exception as error:  # the last barrier: a line for a person, the trace on request
        failure = _explained(error)
    else:
        if code != ExitCode.INTERRUPTED:
            return int(code or ExitCode.OK)
        # Typer turns Ctrl-C into this code and says nothing.
        failure = _interrupted()
    return _fail(failure, as_json, debug="--debug" in words)


def _explained(error: Exception) -> MlctlError:
    """Any exception as one that a user can act on."""
    if isinstance(error, MlctlError):
        return error
    if isinstance(error, TyperException):
        usage = MlctlError(error.format_message(), code="usage", exit_code=ExitCode.USAGE, hint=_usage_hint(error))
        return _caused_by(usage, error)
    if isinstance(error, OSError):
        return _caused_by(system_errors.explained(error), error)
    if isinstance(error, MemoryError):
        return _caused_by(system_errors.out_of_memory(), error)
    if isinstance(error, UnicodeEncodeError):
        return _caused_by(system_errors.not_encodable(error), error)
    unexpected = MlctlError(
        f"Unexpected {type(error).__name__}: {error}",
        code="unexpected",
        exit_code=ExitCode.UNEXPECTED,
        hint="This is a defect of mlctl. `mlctl --debug …` shows the trace; please report it.",
    )
    return _caused_by(unexpected, error)


def _caused_by(failure: MlctlError, error: Exception) -> MlctlError:
    failure.__cause__ = error
    return failure


def _interrupted() -> MlctlError:
    return MlctlError("Interrupted.", code="interrupted", exit_code=ExitCode.INTERRUPTED)


def _fail(error: MlctlError, as_json: bool, *, debug: bool) -> int:
    if debug:
        terminal.echo_trace(error)
    if as_json:
        terminal.echo_json({"error": error.to_document()})
    terminal.echo_error(error.lines, error.hint, coloured=not os.environ.get("NO_COLOR"))
    return int(error.exit_code)


def _usage_hint(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path} --help` shows how it is used." if context else "`mlctl --help` lists the commands."


def run() -> NoReturn:
    """The console script."""
    raise SystemExit(main())
