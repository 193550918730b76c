"""What is asked of the cloud over HTTP: requests to an API, and the packages that GetFunction gives an address of."""

import email.message
import fnmatch
import io
import json
import urllib.request
import urllib.response
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.cloud.gateway import Gateway
from tests.cloud.lambda_ import Lambda
from tests.cloud.wire import Refusal


@dataclass(frozen=True)
class Served:
    """What an HTTP request got: the status, the body as JSON, and which release answered, if one did."""

    status: int
    body: Any
    release: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Web:
    """The way in: route, integration, permission, alias, at the very moment of the request."""

    def __init__(self, lambda_: Lambda, gateway: Gateway) -> None:
        self._lambda = lambda_
        self._gateway = gateway
        self._build_opener = urllib.request.build_opener

    def request(
        self, api: dict[str, Any] | None, method: str, path: str, body: str | None, *, authorized: bool
    ) -> Served:
        """One request to an API; None is one that is not there."""
        event = {
            "version": "2.0",
            "rawPath": path,
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
            "body": body,
            "isBase64Encoded": False,
        }
        try:
            if api is None:
                raise Refusal(404, "", "Not Found")
            uri, source = self._gateway.route(api, method, path, authorized=authorized)
            answer = self._invoke(uri, source, event)
        except Refusal as refusal:
            return Served(refusal.status, {"message": refusal.message})
        if answer["FunctionError"]:
            return Served(500, {"message": "Internal Server Error"}, answer["ExecutedVersion"])
        told = json.loads(answer["Payload"])
        return Served(told["statusCode"], json.loads(told["body"]), answer["ExecutedVersion"], told["headers"])

    def _invoke(self, uri: str, source: str, event: dict[str, Any]) -> dict[str, Any]:
        arn = uri.removesuffix("/invocations").rpartition("/functions/")[2] or uri
        try:
            if self._permitted(arn, source):
                return self._lambda.call("Invoke", {"FunctionName": arn, "Payload": json.dumps(event).encode()})
        except Refusal:
            pass
        # All that a caller gets to know of an integration that cannot be invoked.
        raise Refusal(500, "", "Internal Server Error")

    def _permitted(self, arn: str, source: str) -> bool:
        name, _, qualifier = arn.rpartition(":function:")[2].partition(":")
        function = self._lambda.functions.get(name)
        statements = function.policies.get(qualifier or None, {}) if function else {}
        sources = [
            each.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*") for each in statements.values()
        ]
        return any(fnmatch.fnmatchcase(source, pattern) for pattern in sources)

    def open(self, asked: urllib.request.Request) -> urllib.response.addinfourl:
        """Answer what urllib is asked for."""
        url = urlsplit(asked.full_url)
        status, headers, content = self._answer(asked, str(url.hostname), url.path)
        message = email.message.Message()
        for name, value in headers.items():
            message[name] = value
        found = urllib.response.addinfourl(io.BytesIO(content), message, asked.full_url, status)
        found.msg = ""  # type: ignore[attr-defined]  # urllib's own processors read it
        return found

    def _answer(self, asked: urllib.request.Request, host: str, path: str) -> tuple[int, Mapping[str, str], bytes]:
        for function in self._lambda.functions.values():
            for version in (function.latest, *function.versions.values()):
                if urlsplit(self._lambda.location(version)).path == path:
                    return 200, {}, version.code
        body = asked.data.decode() if isinstance(asked.data, bytes) else None
        api = self._gateway.apis.get(host.partition(".")[0])
        closed = "Authorization" not in asked.headers
        served = self.request(api, asked.get_method(), path, body, authorized=not closed)
        return served.status, served.headers, json.dumps(served.body).encode()

    def build_opener(self, *handlers: Any) -> urllib.request.OpenerDirector:
        """``urllib.request.build_opener``, with us in place of the network."""
        web = self

        class Https(urllib.request.HTTPSHandler):
            def https_open(self, req: urllib.request.Request) -> Any:
                return web.open(req)

        return self._build_opener(Https, *handlers)
