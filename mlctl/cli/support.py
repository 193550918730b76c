"""The ``mlctl models support`` command: which scikit-learn classes compile to the portable engine."""

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from mlctl.cli.options import JsonFlag
from mlctl.cli.output.terminal import echo, escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.portable.support import Support


def support(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Only classes whose name contains this text, such as Boosting.")] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables of docs/PORTABLE.md.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the scikit-learn classes that compile to the portable engine, and why the others do not.

    Parity `exact` means the same bits as scikit-learn. Parity `close` means the same class, and numbers within 1e-9.

    --json has for each class: name, module, kind, parity (null: it does not compile; delegated: the parity of its
    parts), otherwise (another parity, and the parameters that cause it) and note (what does not compile, and why).
    """
    session = Session(ctx, as_json)
    from mlctl.core import support as core

    if markdown:
        echo(core.markdown(name).removesuffix("\n"))
        return
    rows = core.run(name)
    session.emit([asdict(row) for row in rows], lambda console: _render(console, rows))


def _render(console: "Console", rows: "tuple[Support, ...]") -> None:
    from mlctl.cli.views import tables

    compiled = [row for row in rows if row.parity]
    parities = {"exact": "[green]exact[/]", "close": "[cyan]close[/]", "delegated": "[dim]of its parts[/]"}
    if compiled:
        table = tables.table("compiles", "kind", "parity", "except")
        for column in table.columns[-2:]:
            column.no_wrap, column.overflow = False, "fold"
        for row in compiled:
            module = row.module.removeprefix("sklearn.")
            parity = parities[row.parity or "delegated"] + (f"; {escape(row.otherwise)}" if row.otherwise else "")
            table.add_row(f"[dim]{module}.[/]{row.name}", row.kind, parity, escape(row.note))
        console.print(table)
    not_compiled = sorted((row for row in rows if not row.parity), key=lambda row: (row.note, row.name))
    for note, same_note in groupby(not_compiled, key=lambda row: row.note):
        console.print(f"\n[yellow]✗[/] Not compiled: {note}")
        console.print(f"  [dim]{', '.join(row.name for row in same_note)}[/]")
    if len(rows) > 1:
        console.print(f"\n{len(compiled)} of {len(rows)} classes compile.")
