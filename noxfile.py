"""Development sessions: ``nox -l`` lists them, ``nox -s tests`` runs one. CONTRIBUTING.md explains the tiers."""

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "venv"

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
IN_PARALLEL = ("-n", "2", "--dist", "worksteal")


def install(session: nox.Session) -> None:
    """Install the project and its development tools into the session's environment."""
    session.install("-e", ".[dev]")


@nox.session
def fast(session: nox.Session) -> None:
    """Run the unit tests."""
    install(session)
    session.run("pytest", *IN_PARALLEL, "tests/unit", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the default tier: what the README's test command runs."""
    install(session)
    session.run("pytest", *IN_PARALLEL, *session.posargs)


@nox.session(python=PYTHONS)
def pythons(session: nox.Session) -> None:
    """Run the default tier on each supported Python."""
    install(session)
    session.run("pytest", *IN_PARALLEL, *session.posargs)


@nox.session
def full(session: nox.Session) -> None:
    """Run the full tier: every row, fault, example and kill."""
    install(session)
    session.run("pytest", *IN_PARALLEL, "--full", *session.posargs)


@nox.session
@nox.parametrize("kernel", ["Haswell", "SkylakeX", "Prescott"])
def kernels(session: nox.Session, kernel: str) -> None:
    """Run the default tier with one of OpenBLAS's kernels."""
    install(session)
    session.run("pytest", *IN_PARALLEL, *session.posargs, env={"OPENBLAS_CORETYPE": kernel, "OPENBLAS_L2_SIZE": ""})


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, lint rules, types and import contracts."""
    install(session)
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Check the documents against the code."""
    install(session)
    session.run("pytest", "tests/repository", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Print the benchmarks of the portable engine: ratios of both sides in one run."""
    session.install("-e", ".[dev,bench]")
    session.run("python", "-m", "tests.benchmarks.portable", *session.posargs)
