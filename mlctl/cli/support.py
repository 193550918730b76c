"""``mlctl models support``: what compiles to the portable engine."""

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from mlctl.cli.output.terminal import echo, escape
from mlctl.cli.session import JsonFlag, Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.portable.support import Support


def support(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Only classes whose name holds this, such as Boosting.")] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as docs/PORTABLE.md has it.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the classes of scikit-learn that compile to the portable engine, and why the others do not.

    Parity `exact`: the very bits of scikit-learn. `close`: the same class, and numbers within 1e-9.

    --json has for each class: name, module, kind, parity (null: it does not compile; inner: that of its parts),
    otherwise (another parity, and with which parameters) and note (of what compiles what of it does not; else why).
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
    words = {"exact": "[green]exact[/]", "close": "[cyan]close[/]", "delegated": "[dim]of its parts[/]"}
    if compiled:
        made = tables.table("compiles", "kind", "parity", "but not")
        for column in made.columns[-2:]:
            column.no_wrap, column.overflow = False, "fold"
        for row in compiled:
            module = row.module.removeprefix("sklearn.")
            parity = words[row.parity or "delegated"] + (f"; {escape(row.otherwise)}" if row.otherwise else "")
            made.add_row(f"[dim]{module}.[/]{row.name}", row.kind, parity, escape(row.note))
        console.print(made)
    rest = sorted((row for row in rows if not row.parity), key=lambda row: (row.note, row.name))
    for note, each in groupby(rest, key=lambda row: row.note):
        console.print(f"\n[yellow]✗[/] Not compiled: {note}")
        console.print(f"  [dim]{', '.join(row.name for row in each)}[/]")
    if len(rows) > 1:
        console.print(f"\n{len(compiled)} of {len(rows)} classes compile.")
