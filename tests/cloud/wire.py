"""Answers as AWS puts them on the wire, so that botocore's own parsers and retries read them."""

import json
from datetime import datetime
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.model import OperationModel, Shape, StructureShape

ACCOUNT = "123456789012"  # moto's
REGION = "eu-west-1"


class Refusal(Exception):
    """An error answer of a service: HTTP status, error code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class _Raw(BytesIO):
    """What botocore reads a body from."""

    def stream(self, **_: Any) -> Any:
        while block := self.read(1 << 16):
            yield block


def response(url: str, status: int, headers: dict[str, str], body: bytes) -> AWSResponse:
    """An HTTP answer."""
    told = HTTPHeaders()
    for name, value in headers.items():
        told[name] = value
    return AWSResponse(url, status, told, _Raw(body))


def answer(url: str, model: OperationModel, document: dict[str, Any]) -> AWSResponse:
    """A REST-JSON answer: members to body, headers or status, as the service model says."""
    shape = model.output_shape
    status, headers = int(model.http.get("responseCode", 200)), {"content-type": "application/json"}
    if not isinstance(shape, StructureShape):
        return response(url, status, headers, b"")
    payload = shape.serialization.get("payload")
    body = b"" if payload else json.dumps(_plain(shape, document)).encode()
    for name, member in shape.members.items():
        if document.get(name) is None:
            continue
        place = member.serialization.get("location")
        if place == "header":
            headers[member.serialization["name"]] = str(document[name])
        elif place == "statusCode":
            status = document[name]
        elif name == payload:
            body = document[name]
    return response(url, status, headers, body)


def refused(url: str, model: OperationModel, refusal: Refusal) -> AWSResponse:
    """An error in the service's own protocol."""
    code, message = refusal.code, refusal.message
    protocol = model.service_model.resolved_protocol
    headers = {"x-amzn-errortype": code, "content-type": "application/json"}
    if protocol in ("query", "rest-xml"):
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        text = error if protocol == "rest-xml" else f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"
        return response(url, refusal.status, {"content-type": "text/xml"}, text.encode())
    # Lambda writes Message, the others message; botocore reads either.
    return response(url, refusal.status, headers, json.dumps({"__type": code, "message": message}).encode())


def _plain(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {
            member.serialization.get("name", name): _plain(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None and "location" not in member.serialization
        }
    if shape.type_name == "list":
        return [_plain(shape.member, each) for each in value]  # type: ignore[attr-defined]  # a ListShape
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value
