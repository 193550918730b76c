"""Lambda's Runtime API on loopback, and the environment in which ``awslambdaric`` finds it."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any


class RuntimeApi(ThreadingHTTPServer):
    """Hands out ``events`` in turn, collects what comes back in ``answers``: ``("response" or "error", body)``.

    ``asked`` and ``answered`` tell when, as ``time.perf_counter`` of this process: a client asks for its
    first event once it has imported the handler.
    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.events: Queue[dict[str, Any]] = Queue()
        self.answers: Queue[tuple[str, Any]] = Queue()
        self.asked: Queue[float] = Queue()
        self.answered: Queue[float] = Queue()

    def environment(self, package: Path) -> dict[str, str]:
        """What Lambda sets for a function whose unpacked code is ``package``."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(package),
            "LAMBDA_TASK_ROOT": str(package),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "iris-prod",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
        }


class _Request(BaseHTTPRequestHandler):
    server: RuntimeApi

    def do_GET(self) -> None:
        self.server.asked.put(time.perf_counter())
        body = json.dumps(self.server.events.get()).encode()
        self.send_response(200)
        for name, value in (
            ("Lambda-Runtime-Aws-Request-Id", "request-1"),
            ("Lambda-Runtime-Deadline-Ms", "9999999999999"),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:1:function:iris-prod:1"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.answered.put(time.perf_counter())
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answers.put((self.path.rpartition("/")[2], json.loads(body or b"null")))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[RuntimeApi]:
    """A RuntimeApi that serves until the block ends."""
    with RuntimeApi() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
