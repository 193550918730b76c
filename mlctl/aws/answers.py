"""Answers that are none of AWS's: what botocore's parsers would break on, found before they see it."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError

_JSON = ("json", "rest-json")
# Larger ones are not read twice.
_SMALL_BYTES = 65_536


class ForeignAnswerError(BotoCoreError):
    """Something else answers in the place of AWS."""

    fmt = "{operation} got an answer that is not AWS's ({why})"


def watch(client: Any) -> None:
    """Check the answers that ``client`` gets."""
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"before-parse.{service}", _check, unique_id=f"mlctl-answers-{service}")


def _check(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Raise ForeignAnswerError for a body that is no JSON object; what is no JSON at all is a message to botocore."""
    is_stream = operation_model.has_streaming_output and response_dict["status_code"] < 300
    body = response_dict["body"]
    if is_stream or not body or operation_model.service_model.resolved_protocol not in _JSON:
        return
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ForeignAnswerError(operation=operation_model.name, why="it is no text") from None
    if len(body) > _SMALL_BYTES and text.lstrip()[:1] == "{":
        return
    try:
        document = json.loads(text)
    except RecursionError:
        raise ForeignAnswerError(operation=operation_model.name, why="it is nested too deeply") from None
    except ValueError:
        return
    if not isinstance(document, dict):
        raise ForeignAnswerError(operation=operation_model.name, why="it is no JSON object")
