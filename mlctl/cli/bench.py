"""``mlctl bench``."""

from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session, VersionArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from mlctl.core.bench import Bench, EngineFigures


def bench(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    runs: Annotated[int, typer.Option("--runs", min=1, max=100, help="Cold starts of each side.")] = 5,
    requests: Annotated[
        int, typer.Option("--requests-per-month", min=1, help="The traffic that the cost is for.")
    ] = 1_000_000,
    cold_share: Annotated[
        float, typer.Option("--cold-share", min=0, max=100, help="Percent of requests that meet a cold start.")
    ] = 1.0,
    memory: Annotated[
        int | None,
        typer.Option(
            "--memory",
            min=128,
            max=10240,
            help="MB of the function, instead of [deploy] memory; a side that needs more is given more.",
        ),
    ] = None,
    price_gb_second: Annotated[
        float | None, typer.Option("--price-gb-second", min=0, help="US dollars, instead of the table's.")
    ] = None,
    price_request: Annotated[
        float | None, typer.Option("--price-request", min=0, help="US dollars of one request, instead of the table's.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure a version on the portable engine and on scikit-learn: size, cold start, requests, memory, cost.

    Each cold start is a process of its own, both sides in turn; each request is one held-out row through the whole
    handler, with one thread. The cost is estimated with Lambda's prices at one date, for the architecture
    in [deploy]; scikit-learn's size is that of the libraries installed here, without bytecode and tests. Opens the
    version's model.joblib, a pickle, which you must have made or trusted on this machine: see `mlctl models trust`.

    --json has: version, estimator, parity, agree (null with one side alone), difference (the first row that differs),
    reason (why it does not compile), rows;
    portable (null when it does not compile) and sklearn, each with zip_bytes, unzipped_bytes, cold_ms (median, min,
    max, runs), warm_ms (p50, p99, mean, requests), memory_bytes (peak, growth) and month (memory_mb, cpu, cold_ms,
    warm_ms, gb_seconds, requests_usd, duration_usd, total_usd); ratios (of the same names, scikit-learn over
    portable); assumptions (the traffic, prices with date and source, and where it was measured).
    """
    for name, value in (
        ("--cold-share", cold_share),
        ("--price-gb-second", price_gb_second),
        ("--price-request", price_request),
    ):
        if value is not None and not isfinite(value):
            raise typer.BadParameter(f"{value} is no number to reckon with.", param_hint=name)
    session = Session(ctx, as_json)
    settings = session.settings()
    with session.progress() as report:
        from mlctl.bench.prices import Traffic
        from mlctl.core import bench as core

        measured = core.run(
            session.folder,
            settings,
            version=version,
            runs=runs,
            traffic=Traffic(requests=requests, cold_share=cold_share / 100),
            memory=memory,
            price_request=price_request,
            price_gb_second=price_gb_second,
            report=report,
        )
    session.emit(_document(measured), lambda console: _render(console, measured))


def _document(measured: "Bench") -> dict[str, Any]:
    from mlctl.bench import prices

    portable = _side(measured.portable) if measured.portable else None
    sklearn = _side(measured.sklearn)
    return {
        "version": measured.version,
        "estimator": measured.estimator,
        "parity": measured.parity,
        "agree": measured.agree,
        "difference": measured.difference or None,
        "reason": measured.reason or None,
        "rows": measured.rows,
        "portable": portable,
        "sklearn": sklearn,
        "ratios": _ratios(portable, sklearn) if portable else None,
        "assumptions": {
            "requests_per_month": measured.traffic.requests,
            "cold_share": measured.traffic.cold_share,
            "architecture": measured.architecture,
            "region": prices.REGION,
            "price_request_usd": measured.price.request,
            "price_gb_second_usd": measured.price.gb_second,
            "prices_as_of": prices.AS_OF,
            "prices_source": prices.SOURCE,
            "timeout_s": measured.timeout,
            "memory_of_one_cpu_mb": prices.MEMORY_OF_ONE_CPU,
            "left_out": list(_LEFT_OUT),
            "python": measured.python,
            "platform": measured.platform,
            "libraries": list(measured.libraries),
        },
    }


_LEFT_OUT = ("API Gateway", "logs", "traffic out", "the free tier", "Lambda's own part of a cold start")


def _side(side: "EngineFigures") -> dict[str, Any]:
    cost = side.cost
    return {
        "zip_bytes": side.weight.zipped if side.weight else None,
        "unzipped_bytes": side.weight.unzipped if side.weight else None,
        "cold_ms": {
            "median": _ms(side.cold_median()),
            "min": _ms(min(side.cold)),
            "max": _ms(max(side.cold)),
            "runs": len(side.cold),
        },
        "warm_ms": {
            "p50": _ms(side.percentile(0.5)),
            "p99": _ms(side.percentile(0.99)),
            "mean": _ms(sum(side.warm) / len(side.warm)),
            "requests": len(side.warm),
        },
        "memory_bytes": {"peak": side.peak, "growth": side.growth},
        "month": {
            "memory_mb": cost.memory,
            "cpu": cost.cpu,
            "cold_ms": cost.cold_ms,
            "warm_ms": cost.warm_ms,
            "gb_seconds": cost.gb_seconds,
            "requests_usd": cost.requests,
            "duration_usd": cost.duration,
            "total_usd": cost.total,
        },
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 6)


def _ratios(portable: dict[str, Any], sklearn: dict[str, Any]) -> dict[str, Any]:
    """scikit-learn over portable, by the same names; None where either is not known or nothing."""
    found: dict[str, Any] = {}
    for name, ours in portable.items():
        if isinstance(ours, dict):
            found[name] = _ratios(ours, sklearn[name])
        elif name not in ("runs", "requests", "cpu", "memory_mb", "requests_usd"):
            theirs = sklearn[name]
            found[name] = theirs / ours if theirs is not None and ours else None
    return found


def _render(console: "Console", measured: "Bench") -> None:
    from mlctl.cli.views import tables

    both = measured.portable is not None
    sides = [side for side in (measured.portable, measured.sklearn) if side is not None]
    parity = f" [dim]· parity {escape(measured.parity)}[/]" if measured.parity else ""
    title = f"[bold]Model version {tables.short(measured.version)}[/] [dim]·[/] "
    title += escape(measured.estimator.rpartition(".")[2])
    console.print(f"{title}{parity}\n")
    names = [*(["portable"] if both else []), "scikit-learn", *(["ratio"] if both else [])]
    made = tables.table("", *names, right=names)

    def row(
        name: str, shown: "Callable[[EngineFigures], str]", value: "Callable[[EngineFigures], float] | None" = None
    ) -> None:
        compared = _ratio(value(sides[1]), value(sides[0])) if value and both else ""
        made.add_row(name, *map(shown, sides), *([f"[cyan]{compared}[/]"] if both else []))

    known = all(side.weight for side in sides)
    row("package, zipped", _zipped, (lambda side: side.weight.zipped if side.weight else 0) if known else None)
    row("package, unzipped", _unzipped, (lambda side: side.weight.unzipped if side.weight else 0) if known else None)
    row("cold start, median", lambda side: _time(side.cold_median()), lambda side: side.cold_median())
    row("[dim]  least to most[/]", lambda side: f"[dim]{_time(min(side.cold))} to {_time(max(side.cold))}[/]")
    for part in (0.5, 0.99):
        row(
            f"warm request, p{part * 100:.0f}",
            lambda side, part=part: _time(side.percentile(part)),  # type: ignore[misc]  # mypy cannot infer its type
            lambda side, part=part: side.percentile(part),  # type: ignore[misc]  # as above
        )
    row("peak memory", lambda side: _size(side.peak), lambda side: side.peak)
    row("  over a bare Python", lambda side: _size(side.growth), lambda side: side.growth)
    row("[bold]Lambda, a month[/]", lambda side: f"[bold]{_dollars(side.cost.total)}[/]", lambda side: side.cost.total)
    row(
        "[dim]  with[/]",
        lambda side: f"[dim]{side.cost.memory} MB, {side.cost.cpu:.2f} CPU[/]",
    )
    console.print(made)
    console.print()
    if not both:
        console.print(
            f"[yellow]It does not compile to the portable engine:[/] {escape(measured.reason)}.", soft_wrap=False
        )
    elif measured.difference:
        console.print(f"[bold red]The answers differ:[/] {escape(measured.difference)}.", soft_wrap=False)
    else:
        console.print(f"[green]✓[/] Both sides answer all {measured.rows} held-out rows alike.", soft_wrap=False)
    for name, side in zip(names, sides, strict=False):
        if side.cost.cold_ms > measured.timeout * 1000:
            words = f"A cold start of {name} with {side.cost.memory} MB takes {_time(side.cost.cold_ms / 1000)}: "
            words += f"more than the function's timeout of {measured.timeout} s: it may fail."
            console.print(f"[yellow]![/] {words}", soft_wrap=False)
    for line in _assumed(measured):
        console.print(f"[dim]{escape(line)}[/]", soft_wrap=False)


def _assumed(measured: "Bench") -> list[str]:
    from mlctl.bench import prices

    traffic, price = measured.traffic, measured.price
    left_out = f"{', '.join(_LEFT_OUT[:-1])} and {_LEFT_OUT[-1]}"
    return [
        f"Cost: {traffic.requests:,} requests, {traffic.cold_share * 100:g} % of them cold, on {measured.architecture} "
        f"in {prices.REGION} at {_dollars(price.request * 1e6)} a million and ${_plain(price.gb_second)} a GB-second "
        f"({prices.AS_OF}); the times above stretched to the share of a CPU that comes with the memory, each rounded "
        f"up to 1 ms. Not in it: {left_out}.",
        f"Measured here with Python {measured.python} on {measured.platform}, one thread, one row a request; "
        f"{measured.told_libraries()} as installed, without bytecode and tests.",
    ]


def _zipped(side: "EngineFigures") -> str:
    from mlctl.aws.stack.desired import DIRECT_BYTES

    return _against(side.weight.zipped, DIRECT_BYTES, "yellow") if side.weight else "unknown"


def _unzipped(side: "EngineFigures") -> str:
    from mlctl.aws.stack.desired import UNZIPPED_BYTES

    return _against(side.weight.unzipped, UNZIPPED_BYTES, "bold red") if side.weight else "unknown"


def _against(size: int, limit: int, style: str) -> str:
    shown = _size(size)
    return f"[{style}]{shown}[/]" if size > limit else shown


def _digits(value: float) -> str:
    """Three digits that count; all of those before the point."""
    if value == 0:
        return "0"
    return f"{value:,.{max(2 - floor(log10(abs(float(f'{value:.2e}')))), 0)}f}"


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if seconds * scale >= 0.9995:
            return f"{_digits(seconds * scale)} {unit}"
    return f"{_digits(seconds * 1e6)} µs"


def _size(size: int) -> str:
    return f"{_digits(size / 1e6)} MB" if size >= 999_500 else f"{_digits(size / 1e3)} kB"


def _dollars(amount: float) -> str:
    """To the cent; what is less than ten cents with the two digits that count."""
    if amount == 0 or amount >= 0.1:
        return f"${amount:,.2f}"
    return f"${amount:.{1 - floor(log10(amount))}f}"


def _ratio(theirs: float, ours: float) -> str:
    if ours <= 0:
        return ""
    ratio = theirs / ours
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def _plain(number: float) -> str:
    """A price in full: no exponent, no idle zeros."""
    return f"{number:.10f}".rstrip("0").rstrip(".")
