"""HTTP client for the API of a stage: signs requests and maps errors of API Gateway."""

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

# The characters that a header can contain. Errors never show a token.
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

    def send(self, method: str, path: str, body: bytes | None = None) -> Response:
        """Send one request, signed or with the token, and return the response of the handler.

        Raises MlctlError if the response comes from API Gateway: exit 3 for a body that is too large, otherwise exit 5.
        """
        url = f"{self.url}{path}"
        response = request(method, url, body, self._headers(method, url, body))
        message = _gateway_message(response)
        if message is not None:
            raise self._gateway_error(response, message)
        return response

    def _headers(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        if self.auth == "iam":
            with translate_errors():
                return self.stage.aws.sign(method, url, body)
        return {"authorization": f"Bearer {self.token}"} if self.auth == "jwt" and self.token else {}

    def _gateway_error(self, response: Response, message: str) -> MlctlError:
        """Return the error for a response of API Gateway.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html and http-api-throttling.html
        """
        status, throttle = response.status, self.stage.settings.deploy.throttle
        logs = f"`mlctl logs{self.stage.flag()}`"
        if status in (401, 403):
            return self._access_denied(response, message)
        if status == 429:
            return MlctlError(
                f"API Gateway throttled the request (429): {message}.",
                code="throttled",
                exit_code=ExitCode.AWS,
                hint=f"Try again later. [deploy] throttle allows {throttle.rate:g} requests per second, "
                f"and bursts of {throttle.burst}.",
            )
        if status == 413:
            return MlctlError(
                f"The request is too large for API Gateway (413): {message}.",
                code="body_too_large",
                exit_code=ExitCode.BAD_INPUT,
                hint="Split the file: the limit of API Gateway is 10 MB, and the handler accepts less.",
            )
        if status == 503:
            return MlctlError(
                f"API Gateway got no response from the function (503): {message}.",
                code="api_unavailable",
                exit_code=ExitCode.AWS,
                hint=f"Try again later; {logs} shows what the function did.",
            )
        return MlctlError(
            f"API Gateway answered {status}: {message}.",
            code="api_error",
            exit_code=ExitCode.AWS,
            hint=f"{logs} may show the reason.",
        )

    def _access_denied(self, response: Response, message: str) -> MlctlError:
        challenge = response.headers.get("www-authenticate", "")
        description = re.search(r'error_description="([^"]+)"', challenge)
        return MlctlError(
            f"The API denied access ({response.status}): {description[1] if description else message}.",
            code="api_closed",
            exit_code=ExitCode.AWS,
            hint=self._access_hint(response.status, challenged=bool(challenge)),
        )

    def _access_hint(self, status: int, *, challenged: bool) -> str:
        if self.auth == "iam" and status == 403:
            return self._permission_hint()
        if self.auth == "jwt" and (status == 401 or challenged):
            return _token_hint(self.stage.settings)
        flag = self.stage.flag()
        return (
            f'The request was sent for auth = "{self.auth}", but the API expects something else: `mlctl status{flag}` '
            f"shows the differences from the settings, `mlctl deploy{flag}` restores the settings."
        )

    def _permission_hint(self) -> str:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html."""
        try:
            with translate_errors():
                identity = resources.identity(self.stage.aws)
        except MlctlError:
            return f"The caller needs execute-api:Invoke on the API {self.id}, and credentials that have not expired."
        arn = f"arn:{identity.partition}:execute-api:{identity.region}:{identity.account}:{self.id}/*"
        return f"{identity.caller} needs execute-api:Invoke on {arn}."


def open_api(stage: Stage, auth: Auth, token: str | None) -> Api:
    """Return the API of a stage. Raises MlctlError: exit 6 if nothing is deployed; exit 5 if AWS rejects a call."""
    with translate_errors():
        address = api_resources.address(stage.aws, stage.names)
    if address is None:
        raise stage.not_deployed()
    return Api(stage=stage, id=address[0], url=stage.api_url(*address), auth=auth, token=token)


def find_token(project_folder: Path, token: str | None) -> str | None:
    """Return the token for ``auth = "jwt"``: ``token``, or the value of MLCTL_TOKEN in the environment or ``.env``.

    Removes a leading ``Bearer``. Raises MlctlError (exit 2) for an invalid token.
    """
    text = token or os.environ.get(TOKEN_VARIABLE) or read_dotenv(project_folder).get(TOKEN_VARIABLE) or ""
    token = re.sub(r"^bearer\s+", "", text.strip(), flags=re.IGNORECASE)
    if token and not _TOKEN.fullmatch(token):
        raise MlctlError(
            "Invalid token: it has spaces or characters that a header cannot contain.",
            code="token_invalid",
            exit_code=ExitCode.USAGE,
            hint="Give only the token, as its issuer made it.",
        )
    return token or None


def token_needed(settings: Settings, stage_name: str) -> MlctlError:
    """Return the error for a request without a token to an API that needs one (exit 2)."""
    return MlctlError(
        f"The API of stage '{stage_name}' needs a token, and there is none.",
        code="token_needed",
        exit_code=ExitCode.USAGE,
        hint=_token_hint(settings),
    )


def _token_hint(settings: Settings) -> str:
    deploy = settings.deploy
    issuer = f" of {deploy.jwt_issuer} for {' or '.join(deploy.jwt_audience)}" if deploy.jwt_issuer else ""
    return f"Give a token{issuer} that has not expired: --token TOKEN, or the variable {TOKEN_VARIABLE}."


def _gateway_message(response: Response) -> str | None:
    """Return the message of an error of API Gateway. None for the handler, whose responses have x-model-version."""
    if response.status < 400 or "x-model-version" in response.headers:
        return None
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        message = str(document.get("message") or document.get("Message") or "")
    else:
        message = response.body[:_SHOWN_CHARACTERS].decode(errors="replace")
    return message.strip().rstrip(".") or "no reason given"
