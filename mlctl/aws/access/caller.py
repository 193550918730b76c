"""Identifies the AWS caller, account and region."""

from dataclasses import dataclass, replace

from botocore.exceptions import UnknownRegionError

from mlctl.aws.access.permissions import ACCOUNT, REGION
from mlctl.aws.client.errors import translate_errors
from mlctl.aws.client.isolated_session import isolated_session
from mlctl.aws.client.session import Aws
from mlctl.aws.live import resources
from mlctl.aws.stack.names import Identity
from mlctl.errors import MlctlError

_ANY_REGION = "us-east-1"


@dataclass(frozen=True)
class Caller:
    """Who calls: the account and region, and the ARN as STS tells it."""

    place: Identity
    arn: str


def caller(aws: Aws) -> Caller:
    """Who the credentials belong to. Raises MlctlError (exit 5) where there are none, or none that hold."""
    with translate_errors():
        return Caller(resources.identity(aws), aws.sts.get_caller_identity()["Arn"])


def place(region: str | None, profile: str | None) -> Identity:
    """Account, partition and region, as far as settings, environment and credentials tell; else placeholders."""
    found = region
    try:
        aws = Aws.connect(region=region, profile=profile)
        found = aws.region
    except MlctlError as error:
        if error.code != "aws_no_region":
            return Identity(ACCOUNT, _partition(region), region or REGION, "")
        # STS tells the account in any region.
        aws = Aws.connect(region=_ANY_REGION, profile=profile)
    try:
        with translate_errors():
            return replace(resources.identity(aws), region=found or REGION)
    except MlctlError:
        return Identity(ACCOUNT, _partition(found), found or REGION, "")


def _partition(region: str | None) -> str:
    """``aws``, or that of China or of a government, which have regions of their own."""
    try:
        return str(isolated_session().get_partition_for_region(region or _ANY_REGION))
    except UnknownRegionError:
        return "aws"
