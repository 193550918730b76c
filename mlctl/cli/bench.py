"""The ``mlctl bench`` command."""

from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.options import JsonFlag, VersionArgument
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from mlctl.core.bench import Bench, EngineFigures


def bench(
    ctx: typer.Context,
    version: VersionArgument = "latest",
    runs: Annotated[int, typer.Option("--runs", min=1, max=100, help="Cold starts for each engine.")] = 5,
    requests: Annotated[
        int, typer.Option("--requests-per-month", min=1, help="The traffic for the cost estimate.")
    ] = 1_000_000,
    cold_share: Annotated[
        float, typer.Option("--cold-share", min=0, max=100, help="Percent of requests with a cold start.")
    ] = 1.0,
    memory: Annotated[
        int | None,
        typer.Option(
            "--memory",
            min=128,
            max=10240,
            help="Memory of the function in MB, instead of [deploy] memory. An engine that needs more gets more.",
        ),
    ] = None,
    price_gb_second: Annotated[
        float | None,
        typer.Option("--price-gb-second", min=0, help="US dollars for a GB-second, instead of Lambda's price."),
    ] = None,
    price_request: Annotated[
        float | None,
        typer.Option("--price-request", min=0, help="US dollars for a request, instead of Lambda's price."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure a version on the portable engine and on scikit-learn: size, cold start, requests, memory and cost.

    Each cold start is a new process; the two engines take turns. Each request is one held-out row through the whole
    handler, with one thread. The cost is an estimate from Lambda's prices at one date, for the architecture in
    [deploy]. The size of scikit-learn is that of the libraries installed here, without bytecode and tests. This command
    opens model.joblib, a pickle: you must have made or trusted the version on this machine (see `mlctl models trust`).

    --json has: version, estimator, parity, agree (null with only one engine), difference (the first row that differs),
    reason (why it does not compile), rows; portable (null if it does not compile) and sklearn, each with zip_bytes,
    unzipped_bytes, cold_ms (median, min, max, runs), warm_ms (p50, p99, mean, requests), memory_bytes (peak, growth)
    and month (memory_mb, cpu, cold_ms, warm_ms, gb_seconds, requests_usd, duration_usd, total_usd); ratios (the same
    names, scikit-learn divided by portable); assumptions (the traffic, the prices with date and source, the platform).
    """
    for name, value in (
        ("--cold-share", cold_share),
        ("--price-gb-second", price_gb_second),
        ("--price-request", price_request),
    ):
        if value is not None and not isfinite(value):
            raise typer.BadParameter(f"{value} is not a finite number.", param_hint=name)
    session = Session(ctx, as_json)
    settings = session.settings()
    with session.progress() as report:
        from mlctl.bench.prices import Traffic
        from mlctl.core import bench as core

        result = core.run(
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
    session.emit(_document(result), lambda console: _render(console, result))


def _document(result: "Bench") -> dict[str, Any]:
    from mlctl.bench import prices

    portable = _engine(result.portable) if result.portable else None
    sklearn = _engine(result.sklearn)
    return {
        "version": result.version,
        "estimator": result.estimator,
        "parity": result.parity,
        "agree": result.agree,
        "difference": result.difference or None,
        "reason": result.reason or None,
        "rows": result.rows,
        "portable": portable,
        "sklearn": sklearn,
        "ratios": _ratios(portable, sklearn) if portable else None,
        "assumptions": {
            "requests_per_month": result.traffic.requests,
            "cold_share": result.traffic.cold_share,
            "architecture": result.architecture,
            "region": prices.REGION,
            "price_request_usd": result.price.request,
            "price_gb_second_usd": result.price.gb_second,
            "prices_as_of": prices.AS_OF,
            "prices_source": prices.SOURCE,
            "timeout_s": result.timeout,
            "memory_of_one_cpu_mb": prices.MEMORY_OF_ONE_CPU,
            "left_out": list(_NOT_INCLUDED),
            "python": result.python,
            "platform": result.platform,
            "libraries": list(result.libraries),
        },
    }


_NOT_INCLUDED = ("API Gateway", "logs", "traffic out", "the free tier", "Lambda's own part of a cold start")


def _engine(engine: "EngineFigures") -> dict[str, Any]:
    cost = engine.cost
    return {
        "zip_bytes": engine.weight.zipped if engine.weight else None,
        "unzipped_bytes": engine.weight.unzipped if engine.weight else None,
        "cold_ms": {
            "median": _ms(engine.cold_median()),
            "min": _ms(min(engine.cold)),
            "max": _ms(max(engine.cold)),
            "runs": len(engine.cold),
        },
        "warm_ms": {
            "p50": _ms(engine.percentile(0.5)),
            "p99": _ms(engine.percentile(0.99)),
            "mean": _ms(sum(engine.warm) / len(engine.warm)),
            "requests": len(engine.warm),
        },
        "memory_bytes": {"peak": engine.peak, "growth": engine.growth},
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
    """Return scikit-learn divided by portable, with the same names; None if a value is unknown or portable is 0."""
    ratios: dict[str, Any] = {}
    for name, value in portable.items():
        if isinstance(value, dict):
            ratios[name] = _ratios(value, sklearn[name])
        elif name not in ("runs", "requests", "cpu", "memory_mb", "requests_usd"):
            ratios[name] = sklearn[name] / value if sklearn[name] is not None and value else None
    return ratios


def _render(console: "Console", result: "Bench") -> None:
    from mlctl.cli.views import tables

    has_both = result.portable is not None
    engines = [engine for engine in (result.portable, result.sklearn) if engine is not None]
    parity = f" [dim]· parity {escape(result.parity)}[/]" if result.parity else ""
    title = f"[bold]Model version {tables.short(result.version)}[/] [dim]·[/] "
    title += escape(result.estimator.rpartition(".")[2])
    console.print(f"{title}{parity}\n")
    names = [*(["portable"] if has_both else []), "scikit-learn", *(["ratio"] if has_both else [])]
    table = tables.table("", *names, right=names)

    def row(
        name: str, text: "Callable[[EngineFigures], str]", value: "Callable[[EngineFigures], float] | None" = None
    ) -> None:
        ratio = _ratio(value(engines[1]), value(engines[0])) if value and has_both else ""
        table.add_row(name, *map(text, engines), *([f"[cyan]{ratio}[/]"] if has_both else []))

    known = all(engine.weight for engine in engines)
    row("package, zipped", _zipped, (lambda engine: engine.weight.zipped if engine.weight else 0) if known else None)
    row(
        "package, unzipped",
        _unzipped,
        (lambda engine: engine.weight.unzipped if engine.weight else 0) if known else None,
    )
    row("cold start, median", lambda engine: _time(engine.cold_median()), lambda engine: engine.cold_median())
    row(
        "[dim]  minimum to maximum[/]", lambda engine: f"[dim]{_time(min(engine.cold))} to {_time(max(engine.cold))}[/]"
    )
    for share in (0.5, 0.99):
        row(
            f"warm request, p{share * 100:.0f}",
            lambda engine, share=share: _time(engine.percentile(share)),  # type: ignore[misc]  # mypy cannot infer it
            lambda engine, share=share: engine.percentile(share),  # type: ignore[misc]  # as above
        )
    row("peak memory", lambda engine: _size(engine.peak), lambda engine: engine.peak)
    row("  above bare Python", lambda engine: _size(engine.growth), lambda engine: engine.growth)
    row(
        "[bold]Lambda, per month[/]",
        lambda engine: f"[bold]{_dollars(engine.cost.total)}[/]",
        lambda engine: engine.cost.total,
    )
    row("[dim]  with[/]", lambda engine: f"[dim]{engine.cost.memory} MB, {engine.cost.cpu:.2f} CPU[/]")
    console.print(table)
    console.print()
    if not has_both:
        console.print(
            f"[yellow]It does not compile to the portable engine:[/] {escape(result.reason)}.", soft_wrap=False
        )
    elif result.difference:
        console.print(f"[bold red]The answers differ:[/] {escape(result.difference)}.", soft_wrap=False)
    else:
        console.print(
            f"[green]✓[/] Both engines give the same answers for all {result.rows} held-out rows.", soft_wrap=False
        )
    for name, engine in zip(names, engines, strict=False):
        if engine.cost.cold_ms > result.timeout * 1000:
            warning = (
                f"A cold start of {name} with {engine.cost.memory} MB takes {_time(engine.cost.cold_ms / 1000)}, "
                f"more than the function's timeout of {result.timeout} s. It may fail."
            )
            console.print(f"[yellow]![/] {warning}", soft_wrap=False)
    for line in _assumptions(result):
        console.print(f"[dim]{escape(line)}[/]", soft_wrap=False)


def _assumptions(result: "Bench") -> list[str]:
    from mlctl.bench import prices

    traffic, price = result.traffic, result.price
    not_included = f"{', '.join(_NOT_INCLUDED[:-1])} and {_NOT_INCLUDED[-1]}"
    return [
        f"Cost: {traffic.requests:,} requests, {traffic.cold_share * 100:g} % of them cold, on {result.architecture} "
        f"in {prices.REGION} at {_dollars(price.request * 1e6)} per million and ${_plain(price.gb_second)} per "
        f"GB-second ({prices.AS_OF}). The times are scaled to the share of a CPU that the memory gives, and rounded up "
        f"to 1 ms. Not included: {not_included}.",
        f"Measured here with Python {result.python} on {result.platform}, one thread, one row per request; "
        f"{result.main_libraries()} as installed, without bytecode and tests.",
    ]


def _zipped(engine: "EngineFigures") -> str:
    from mlctl.aws.stack.desired import DIRECT_BYTES

    return _with_limit(engine.weight.zipped, DIRECT_BYTES, "yellow") if engine.weight else "unknown"


def _unzipped(engine: "EngineFigures") -> str:
    from mlctl.aws.stack.desired import UNZIPPED_BYTES

    return _with_limit(engine.weight.unzipped, UNZIPPED_BYTES, "bold red") if engine.weight else "unknown"


def _with_limit(size: int, limit: int, style: str) -> str:
    """Return a size, styled if it exceeds ``limit``."""
    text = _size(size)
    return f"[{style}]{text}[/]" if size > limit else text


def _digits(value: float) -> str:
    """Return a number with three significant digits, or all digits before the decimal point if there are more."""
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
    """Return an amount to the cent; below ten cents, with two significant digits."""
    if amount == 0 or amount >= 0.1:
        return f"${amount:,.2f}"
    return f"${amount:.{1 - floor(log10(amount))}f}"


def _ratio(numerator: float, denominator: float) -> str:
    if denominator <= 0:
        return ""
    ratio = numerator / denominator
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def _plain(number: float) -> str:
    """Return a price without exponent and trailing zeros."""
    return f"{number:.10f}".rstrip("0").rstrip(".")
