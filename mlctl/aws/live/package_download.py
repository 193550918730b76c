"""Downloads the package of a release from AWS."""

import base64
import hashlib

from botocore.exceptions import ClientError

from mlctl.aws.client.errors import raise_unless_absent
from mlctl.aws.client.session import Aws
from mlctl.aws.live.resources import release_of
from mlctl.aws.stack.names import ALIAS, Names
from mlctl.aws.stack.state import ReleaseState
from mlctl.errors import ExitCode, MlctlError
from mlctl.http import request

_DOWNLOAD_SECONDS = 900.0


def live_package(aws: Aws, names: Names) -> tuple[ReleaseState, bytes] | None:
    """The live release and the bytes of its package; None when nothing is live.

    Raises MlctlError (exit 5) when the bytes are not those whose digest Lambda tells.
    """
    try:
        found = aws.lambda_.get_function(FunctionName=names.function, Qualifier=ALIAS)
    except ClientError as error:
        raise_unless_absent(error)
        return None
    size = found["Configuration"]["CodeSize"]
    answer = request("GET", found["Code"]["Location"], None, None, size, _DOWNLOAD_SECONDS)
    digest = base64.b64encode(hashlib.sha256(answer.body).digest()).decode()
    if answer.status != 200 or digest != found["Configuration"]["CodeSha256"]:
        raise MlctlError(
            f"The package of {names.function} cannot be fetched: AWS answers {answer.status}, or other bytes.",
            code="package_not_fetched",
            exit_code=ExitCode.AWS,
            hint="Run the same command again.",
        )
    return release_of(found["Configuration"]), answer.body
