"""Requests to the API of a stage, however it is closed, and what API Gateway answers in the handler's stead."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import api_resources, resources
from mlctl.errors import ExitCode, MlctlError
from mlctl.http import Response, request
from mlctl.settings import Settings
from mlctl.settings.deploy import Auth
from mlctl.settings.sources import TOKEN_VARIABLE, read_dotenv
from mlctl.stages import Stage

# What may stand in a header; a token is never shown in an error.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class Api:
    """The API of a stage. ``url`` is its base; ``token`` is for ``auth = "jwt"``."""

    stage: Stage
    id: str
    url: str
    auth: Auth
    token: str | None = None

    def ask(self, method: str, path: str, body: bytes | None = None) -> Response:
        """Send one request, signed or with the token as the API wants it, and return what the handler answers.

        Raises MlctlError where API Gateway answers itself: exit 5, and exit 3 for a body that is too large.
        """
        url = f"{self.url}{path}"
        response = request(method, url, body, self._headers(method, url, body))
        said = _gateway_words(response)
        if said is not None:
            raise self._explained(response, said)
        return response

    def _headers(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        if self.auth == "iam":
            with translate_errors():
                return self.stage.aws.sign(method, url, body)
        return {"authorization": f"Bearer {self.token}"} if self.auth == "jwt" and self.token else {}

    def _explained(self, response: Response, said: str) -> MlctlError:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html and http-api-throttling."""
        status, throttle = response.status, self.stage.settings.deploy.throttle
        logs = f"`mlctl logs{self.stage.flag()}`"
        if status in (401, 403):
            return self._closed(response, said)
        if status == 429:
            return MlctlError(
                f"API Gateway lets no more requests through (429): {said}.",
                code="throttled",
                exit_code=ExitCode.AWS,
                hint=f"Ask again in a moment; [deploy] throttle: {throttle.rate:g} a second, {throttle.burst} at once.",
            )
        if status == 413:
            return MlctlError(
                f"API Gateway takes no request as large as this (413): {said}.",
                code="body_too_large",
                exit_code=ExitCode.BAD_INPUT,
                hint="Split the file: 10 MB are its limit, of which the handler takes less.",
            )
        if status == 503:
            return MlctlError(
                f"API Gateway got no answer from the function (503): {said}.",
                code="api_unavailable",
                exit_code=ExitCode.AWS,
                hint=f"Ask again in a moment; {logs} tells what it did.",
            )
        return MlctlError(
            f"API Gateway answered {status}: {said}.",
            code="api_error",
            exit_code=ExitCode.AWS,
            hint=f"{logs} may tell why.",
        )

    def _closed(self, response: Response, said: str) -> MlctlError:
        challenge = response.headers.get("www-authenticate", "")
        described = re.search(r'error_description="([^"]+)"', challenge)
        told = described[1] if described else said
        return MlctlError(
            f"The API did not let the request in ({response.status}): {told}.",
            code="api_closed",
            exit_code=ExitCode.AWS,
            hint=self._way_in(response.status, challenged=bool(challenge)),
        )

    def _way_in(self, status: int, *, challenged: bool) -> str:
        if self.auth == "iam" and status == 403:
            return self._permission()
        if self.auth == "jwt" and (status == 401 or challenged):
            return _give_token(self.stage.settings)
        where = self.stage.flag()
        return (
            f'It was asked as for auth = "{self.auth}" and wants something else: `mlctl status{where}` shows '
            f"what differs from the settings, `mlctl deploy{where}` puts it right."
        )

    def _permission(self) -> str:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html."""
        try:
            with translate_errors():
                who = resources.identity(self.stage.aws)
        except MlctlError:
            return f"Whoever asks needs execute-api:Invoke on the API {self.id}, and credentials that have not expired."
        arn = f"arn:{who.partition}:execute-api:{who.region}:{who.account}:{self.id}/*"
        return f"{who.caller} needs execute-api:Invoke on {arn}."


def open_api(stage: Stage, auth: Auth, token: str | None) -> Api:
    """The API of a stage. Raises MlctlError: exit 6 when nothing is deployed there, exit 5 when AWS refuses."""
    with translate_errors():
        address = api_resources.address(stage.aws, stage.names)
    if address is None:
        raise stage.not_deployed()
    return Api(stage=stage, id=address[0], url=stage.api_url(*address), auth=auth, token=token)


def find_token(project_folder: Path, given: str | None) -> str | None:
    """The token for an API with ``auth = "jwt"``: the one given, else that of MLCTL_TOKEN, there or in ``.env``.

    ``Bearer`` before it is left out. Raises MlctlError (exit 2) for what cannot be one.
    """
    found = given or os.environ.get(TOKEN_VARIABLE) or read_dotenv(project_folder).get(TOKEN_VARIABLE) or ""
    token = re.sub(r"^bearer\s+", "", found.strip(), flags=re.IGNORECASE)
    if token and not _TOKEN.fullmatch(token):
        raise MlctlError(
            "The token is none: it has spaces or letters in it that a header cannot hold.",
            code="token_invalid",
            exit_code=ExitCode.USAGE,
            hint="Give the token alone, as its issuer made it.",
        )
    return token or None


def token_needed(settings: Settings, stage_name: str) -> MlctlError:
    """The error of a request that would go without a token to an API that wants one (exit 2)."""
    return MlctlError(
        f"The API of stage '{stage_name}' lets in only who has a token, and there is none.",
        code="token_needed",
        exit_code=ExitCode.USAGE,
        hint=_give_token(settings),
    )


def _give_token(settings: Settings) -> str:
    deploy = settings.deploy
    made = f" of {deploy.jwt_issuer} for {' or '.join(deploy.jwt_audience)}" if deploy.jwt_issuer else ""
    return f"Give one{made} that has not expired: --token TOKEN, or the variable {TOKEN_VARIABLE}."


def _gateway_words(response: Response) -> str | None:
    """What API Gateway says where it refuses by itself; None for what the handler answers, which names its model."""
    if response.status < 400 or "x-model-version" in response.headers:
        return None
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        said = str(document.get("message") or document.get("Message") or "")
    else:
        said = response.body[:_SHOWN_CHARACTERS].decode(errors="replace")
    return said.strip().rstrip(".") or "it does not say why"
