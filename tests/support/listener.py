"""An HTTP server on this machine in the place of a deployed API: records what is sent, answers what it is told."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Sent:
    """One request; ``headers`` with names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What a request gets. ``version``: the model version of a handler that answers; None where API Gateway does."""

    status: int
    document: Any
    version: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Listener:
    """The server, its URL, and what came. ``answers`` gives each request its Answer."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answers: Callable[[Sent], Answer] = lambda sent: Answer(404, {"message": "Not Found"})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}"

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """The server while the block runs."""
        made = cls()
        thread = threading.Thread(target=made._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            made._server.shutdown()
            thread.join()
            made._server.server_close()


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            sent = Sent(self.command, self.path, headers, body)
            listener.sent.append(sent)
            answer = listener.answers(sent)
            told = answer.document if isinstance(answer.document, bytes) else json.dumps(answer.document).encode()
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if answer.version is not None:
                self.send_header("x-model-version", answer.version)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class SilentServer:
    """A port that accepts connections and never answers: how a stopped process looks from outside.

    With ``said`` it sends those bytes to whoever sends something, and with ``again`` these for ever, until it is told
    to end. It closes a connection then, unless ``hold``.
    """

    def __init__(self) -> None:
        self.connections: list[socket.socket] = []
        self.said = self.again = b""
        self.pause_seconds = 0.0
        self.hold = True
        self._ended = threading.Event()
        self._talks: list[threading.Thread] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """The server while the block runs."""
        made = cls()
        thread = threading.Thread(target=made._accept)
        thread.start()
        try:
            yield made
        finally:
            made._ended.set()
            # Wakes a thread that waits in accept, which closing alone does not.
            made._socket.shutdown(socket.SHUT_RDWR)
            thread.join()
            made._socket.close()
            for connection in made.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for talk in made._talks:
                talk.join()
            for connection in made.connections:
                connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            self._talks.append(threading.Thread(target=self._talk, args=(connection,)))
            self._talks[-1].start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self.hold and not (self.said or self.again):
                return
            connection.recv(65536)
            connection.sendall(self.said)
            while self.again and not self._ended.is_set():
                connection.sendall(self.again)
                self._ended.wait(self.pause_seconds)
            if not self.hold:
                connection.shutdown(socket.SHUT_RDWR)
