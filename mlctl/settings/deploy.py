"""``[deploy]`` and ``[stage.X]``: all keys, validated against the limits of AWS before any call.

The limits in botocore are wider than the real ones, so botocore would not catch a mistake.
"""

import json
import re
import sys
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
LambdaPython = Literal["3.11", "3.12", "3.13", "3.14"]
LAMBDA_PYTHONS: tuple[LambdaPython, ...] = get_args(LambdaPython)
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LogRetention = Annotated[
    Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
    # Variables are texts, which a Literal of numbers rejects.
    BeforeValidator(lambda days: int(days) if isinstance(days, str) and days.isdecimal() else days),
]
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
LogLevel = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
Auth = Literal["none", "iam", "jwt"]

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: the size of all variables as JSON.
_ENVIRONMENT_BYTES = 4096
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
_RESERVED_VARIABLE = re.compile(
    r"^(_HANDLER|_X_AMZN_TRACE_ID|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR|AWS_LAMBDA_.*|AWS_(DEFAULT_)?REGION|"
    r"AWS_EXECUTION_ENV|AWS_ACCESS_KEY(_ID)?|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN)$"
)
_VARIABLE = re.compile(r"^[a-zA-Z][a-zA-Z0-9_]+$")
# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html; mlctl adds two tags.
_MAX_TAGS = 48
_TAG_TEXT = re.compile(r"^[\w\s_.:/=+\-@]*$")
_SNAPSTART_STORAGE = 512

Arn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:.+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def default_python() -> LambdaPython:
    """The minor version of this interpreter if Lambda supports it, else the newest one of Lambda."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return next((python for python in LAMBDA_PYTHONS if python == running), LAMBDA_PYTHONS[-1])


class Throttle(_Strict):
    """Throttling by API Gateway: requests per second (``rate``) and the size of a burst (``burst``)."""

    rate: float = Field(50, gt=0)
    burst: int = Field(100, gt=0)


class Cors(_Strict):
    """The CORS headers of the API. ``max_age`` is in seconds."""

    allow_origins: tuple[Annotated[str, Field(pattern=r"^(\*|https?://\S+)$")], ...] = Field(min_length=1)
    allow_methods: tuple[Literal["GET", "POST", "OPTIONS", "*"], ...] = ("GET", "POST")
    allow_headers: tuple[str, ...] = ("content-type", "authorization")
    expose_headers: tuple[str, ...] = ("x-model-version", "x-request-id")
    max_age: int = Field(300, ge=0, le=86_400)
    allow_credentials: bool = False

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        if self.allow_credentials and "*" in self.allow_origins:
            raise ValueError('allow_credentials needs explicit origins: browsers reject it with "*"')
        return self


class Domain(_Strict):
    """A custom domain name; ``certificate`` is the ARN of its ACM certificate in the region of the stage."""

    name: str = Field(pattern=r"^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$", max_length=255)
    certificate: str = Field(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+$")


class Alarms(_Strict):
    """CloudWatch alarms: ``errors`` and ``throttles`` in five minutes, ``p99`` in milliseconds; ``actions``: ARNs."""

    errors: int | None = Field(None, ge=1)
    throttles: int | None = Field(None, ge=1)
    p99: float | None = Field(None, gt=0)
    actions: tuple[Arn, ...] = Field((), max_length=5)


class Vpc(_Strict):
    """The subnets and security groups that the function runs in."""

    subnets: tuple[Annotated[str, Field(pattern=r"^subnet-[0-9a-z]+$")], ...] = Field(min_length=1, max_length=16)
    security_groups: tuple[Annotated[str, Field(pattern=r"^sg-[0-9a-z]+$")], ...] = Field(min_length=1, max_length=5)


class CanaryLimits(_Strict):
    """The limits beyond which a canary is rolled back.

    ``errors``: the share of failed requests, relative to at least ``requests`` requests; ``latency``: the p99 as a
    multiple of the p99 of the live release, once both have served that many requests. The rule is
    ``mlctl.aws.live.canary_watch.verdict``.
    """

    errors: float = Field(0.01, ge=0, lt=1)
    latency: float = Field(2.0, gt=1)
    requests: int = Field(20, ge=1)


class DeploySettings(_Strict):
    """``[deploy]``; ``[stage.X]`` accepts the same keys."""

    engine: Literal["auto", "portable", "sklearn"] = "auto"
    auth: Auth = "none"
    jwt_issuer: str | None = Field(None, pattern=r"^https://\S+$")
    jwt_audience: tuple[str, ...] = ()
    memory: int = Field(256, ge=128, le=10240)
    timeout: int = Field(10, ge=1, le=29)
    architecture: Literal["arm64", "x86_64"] = "arm64"
    python: LambdaPython = Field(default_factory=default_python)
    ephemeral_storage: int = Field(512, ge=512, le=10240)
    environment: dict[str, str] = Field(default_factory=dict)
    log_retention: LogRetention = 14
    log_level: LogLevel = "INFO"
    tracing: bool = False
    reserved_concurrency: int | None = Field(None, ge=1)
    provisioned_concurrency: int | None = Field(None, ge=1)
    snapstart: bool = False
    throttle: Throttle = Throttle()
    cors: Cors | None = None
    domain: Domain | None = None
    alarms: Alarms | None = None
    vpc: Vpc | None = None
    role: str | None = Field(None, pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/\S+$")
    permissions_boundary: str | None = Field(None, pattern=r"^arn:aws[a-z-]*:iam::(\d{12}|aws):policy/\S+$")
    tags: dict[str, str] = Field(default_factory=dict, max_length=_MAX_TAGS)
    keep_releases: int = Field(10, ge=2)
    canary: CanaryLimits = CanaryLimits()
    region: str | None = Field(None, pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    profile: str | None = None

    @field_validator("environment")
    @classmethod
    def _check_environment(cls, variables: dict[str, str]) -> dict[str, str]:
        for name in variables:
            if _RESERVED_VARIABLE.match(name):
                raise ValueError(f"Lambda reserves the variable {name}")
            if not _VARIABLE.match(name):
                raise ValueError(
                    f"'{name}' is not a variable name: use two or more letters, digits and _, starting with a letter"
                )
        size = len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())
        if variables and size > _ENVIRONMENT_BYTES:
            raise ValueError(f"the variables have {size} bytes in total, but Lambda allows {_ENVIRONMENT_BYTES}")
        return variables

    @field_validator("tags")
    @classmethod
    def _check_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        for key, value in tags.items():
            if key.lower().startswith(("aws:", "mlctl:")):
                raise ValueError(f"the tag {key} has a reserved prefix")
            if not 1 <= len(key) <= 128 or len(value) > 256 or not _TAG_TEXT.match(key + value):
                raise ValueError(
                    f"the tag {key[:40]} is invalid: use at most 128 characters (256 in the value): "
                    "letters, digits, spaces and _ . : / = + - @"
                )
        return tags

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        # The keys are allowed without auth = "jwt", because one stage can be public while the others are not.
        if self.auth == "jwt" and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError('auth = "jwt" needs jwt_issuer and jwt_audience')
        if self.role and self.permissions_boundary:
            raise ValueError("permissions_boundary applies to the role that mlctl creates; role names an existing one")
        reserved, provisioned = self.reserved_concurrency, self.provisioned_concurrency
        if reserved and provisioned and 2 * provisioned > reserved:
            # Lambda counts all releases, and a deploy provisions the new release while the live one still serves.
            raise ValueError(
                "provisioned_concurrency cannot be more than half of reserved_concurrency: during a deploy "
                "two releases have it"
            )
        if self.snapstart:
            self._check_snapstart()
        return self

    def _check_snapstart(self) -> None:
        """Check the limits in https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html."""
        if self.engine != "sklearn":
            raise ValueError('snapstart is for engine = "sklearn": a portable model starts in a few milliseconds')
        if LAMBDA_PYTHONS.index(self.python) < LAMBDA_PYTHONS.index("3.12"):
            raise ValueError("snapstart needs python 3.12 or newer")
        if self.provisioned_concurrency:
            raise ValueError("snapstart and provisioned_concurrency exclude each other")
        if self.ephemeral_storage > _SNAPSTART_STORAGE:
            raise ValueError(f"snapstart allows at most {_SNAPSTART_STORAGE} MB of ephemeral_storage")
