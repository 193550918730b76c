"""The emulator's process: ministack behind the guard. Its own interpreter executes this file, with ``-I``.

The argument is the file descriptor of a listening socket, the first line of standard input is the secret: neither a
command line nor an environment shows it. What ministack does wrong for us is put right here.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

_KEEP_ALIVE_SECONDS = 75
_SAVES_AT_MOST = 3
# Variables that make a loader or an interpreter execute something.
_LOADING = ("LD_", "DYLD_", "PYTHON")
# What functions get of the environment of the emulator.
_SHARED = ("PATH", "LANG", "TMPDIR")


class Snapshot(dict[Any, Any]):
    """A dictionary that can be iterated while threads add to it."""

    def __iter__(self) -> Iterator[Any]:
        return iter(list(super().keys()))

    def values(self) -> Any:
        """The values of now."""
        return dict(list(super().items())).values()

    def items(self) -> Any:
        """The items of now."""
        return dict(list(super().items())).items()


def keep_log_streams_whole(logs: ModuleType) -> None:
    """DescribeLogGroups walks the streams of a group while functions, in threads, add some."""
    plain = type(logs._log_groups)

    class Groups(plain):  # type: ignore[misc, valid-type]  # the class is known when the emulator runs
        __slots__ = ()

        def __setitem__(self, name: Any, group: Any) -> None:
            super().__setitem__(name, _whole(group))

        def update(self, other: Any) -> None:
            super().update(other)
            for group in self._data.values():
                _whole(group)

    logs._log_groups.__class__ = Groups


def _whole(group: dict[str, Any]) -> dict[str, Any]:
    group["streams"] = Snapshot(group.get("streams", {}))
    return group


def isolate_functions(*runtimes: ModuleType) -> None:
    """Functions run with ``-I``, and their variables load nothing: those come from the settings of a project."""
    isolated = ModuleType("subprocess")
    vars(isolated).update(vars(subprocess))
    for name in ("Popen", "run"):
        setattr(isolated, name, _isolated(getattr(subprocess, name)))
    for runtime in runtimes:
        vars(runtime)["subprocess"] = isolated


def _isolated(execute: Callable[..., Any]) -> Callable[..., Any]:
    def isolated(command: list[str], **options: Any) -> Any:
        if command[0] in (sys.executable, "python3"):
            command = [sys.executable, "-I", *command[1:]]
        environment = options.pop("env", None) or dict(os.environ)
        if "PYTHONHOME" in environment:
            # Lambda's interpreter does not start with one either; this one would execute what lies there.
            command = [sys.executable, "-I", "-c", "raise SystemExit('PYTHONHOME is set: Python cannot start.')"]
        harmless = {
            name: value
            for name, value in environment.items()
            # What the emulator was started with is none of a function's business, nor where its files are.
            if not name.startswith(_LOADING) and (name in _SHARED or os.environ.get(name) != value)
        }
        return execute(command, env=harmless | {"PATH": os.environ["PATH"]}, **options)

    return isolated


class Unanswered(str):
    """The method of a request that the emulator would answer itself; for a function it is the same text."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Never: that is how the emulator finds out whether to answer."""
        return False

    __hash__ = str.__hash__


def forward_options(gateway: ModuleType) -> None:
    """``OPTIONS`` takes the route ``$default`` where an API has no CORS; the emulator answers it with 403.

    Only with CORS does an HTTP API answer it by itself:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    """
    answer = gateway._handle_execute_in_scope

    async def answered(api_id: str, stage: str, path: str, method: str, *others: Any) -> Any:
        if method == "OPTIONS" and not gateway._apis.get(api_id, {}).get("corsConfiguration"):
            method = Unanswered(method)
        return await answer(api_id, stage, path, method, *others)

    vars(gateway)["_handle_execute_in_scope"] = answered


class Saving(logging.Handler):
    """Whether the emulator wrote its whole state: it only logs what went wrong.

    ``marker`` is a file that exists from a save without an error until the next start.
    """

    def __init__(self, marker: Path) -> None:
        super().__init__(logging.ERROR)
        self._marker = marker
        self._failed = False
        logging.getLogger("persistence").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Something could not be saved."""
        self._failed = True

    def begin(self) -> None:
        """The state is loaded: from here on, what is on disk is older than what is here."""
        self._marker.unlink(missing_ok=True)

    def checked(self, save: Callable[[Any], None]) -> Callable[[Any], None]:
        """``save``, which leaves the marker when all of it has worked."""

        def checked(services: Any) -> None:
            for _ in range(_SAVES_AT_MOST):
                self._failed = False
                save(services)
                if not self._failed:
                    self._marker.write_bytes(b"saved\n")
                    return

        return checked


def main() -> None:
    """Serve on the socket until SIGTERM. Raises what ministack raises."""
    descriptor, secret = int(sys.argv[1]), sys.stdin.readline().strip()
    if not secret:
        raise SystemExit("mlctl ended before it gave the secret.")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    guard = _beside("guard")
    emulator = importlib.import_module("ministack.app")
    config = importlib.import_module("hypercorn.config").Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    config.loglevel = "INFO"
    saving = Saving(Path(os.environ["STATE_DIR"]).with_name("saved"))
    vars(emulator)["save_all"] = saving.checked(emulator.save_all)
    _put_right(guard, secret)
    _allow_many_files()
    application = guard.Guard(_beginning(emulator.app, saving), secret)
    asyncio.run(importlib.import_module("hypercorn.asyncio").serve(application, config))


def _put_right(guard: ModuleType, secret: str) -> None:
    keep_log_streams_whole(importlib.import_module("ministack.services.cloudwatch_logs"))
    functions = importlib.import_module("ministack.services.lambda_svc")
    isolate_functions(importlib.import_module("ministack.core.lambda_runtime"), functions)
    location = functions._presigned_code_url
    # Like that of AWS, the URL of a function's package carries the right to fetch it.
    vars(functions)["_presigned_code_url"] = lambda name: f"{location(name)}&X-Amz-Credential={secret}"
    gateway = importlib.import_module("ministack.services.apigateway")
    # Its own knows neither "https://*" nor that a request without an origin gets no such headers.
    vars(gateway)["_cors_response_headers"] = guard.cors_headers
    forward_options(gateway)


def _beginning(app: Any, saving: Saving) -> Any:
    async def begun(scope: Any, receive: Any, send: Any) -> None:
        async def noticed(message: Any) -> None:
            if message["type"] == "lifespan.startup.complete":
                saving.begin()
            await send(message)

        await app(scope, receive, noticed if scope["type"] == "lifespan" else send)

    return begun


def _beside(name: str) -> ModuleType:
    """The module ``name`` in this folder, which is not on the path of an isolated interpreter."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there for their own module
    sys.dont_write_bytecode = True  # the folder is mlctl's, and its owner another user perhaps
    spec.loader.exec_module(module)
    sys.dont_write_bytecode = False
    return module


def _allow_many_files() -> None:
    """Many connections at once need more files than the usual soft limit."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
