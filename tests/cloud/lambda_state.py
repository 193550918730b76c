"""What Lambda keeps: functions with their versions, aliases and policies."""

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.cloud.wire import Refusal

LATEST = "$LATEST"

# What Lambda tells of a function that was made without saying so.
DEFAULTS: dict[str, Any] = {
    "Runtime": "",
    "Handler": "",
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "Architectures": ["x86_64"],
    "PackageType": "Zip",
    "EphemeralStorage": {"Size": 512},
    "TracingConfig": {"Mode": "PassThrough"},
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    "Layers": [],
}
CONFIGURED = (*DEFAULTS, "Role", "Environment", "LoggingConfig", "VpcConfig", "KMSKeyArn", "DeadLetterConfig")


@dataclass
class Version:
    """``$LATEST`` or a published version.

    ``unsettled``: how many looks it takes until it is no longer pending. ``origin``: what ``$LATEST`` was when this was
    published of it.
    """

    number: str
    config: dict[str, Any]
    code: bytes
    sha256: str
    revision: str
    modified: str
    state: str = "Pending"
    update: str = "InProgress"
    unsettled: int = 0
    provisioned: int | None = None
    origin: tuple[dict[str, Any], str] | None = None

    @property
    def settled(self) -> bool:
        """Whether it can be invoked, changed, published."""
        return self.state == "Active" and self.update == "Successful"

    def what(self) -> tuple[dict[str, Any], str]:
        """What must differ from the last publishing for another one to do anything; the function's own text counts."""
        return self.config, self.sha256


@dataclass
class Alias:
    """An alias, with the weights of its second version."""

    name: str
    version: str
    description: str
    weights: dict[str, float]
    revision: str
    provisioned: int | None = None


@dataclass
class Function:
    """A function."""

    name: str
    arn: str
    latest: Version
    tags: dict[str, str]
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    policies: dict[str | None, dict[str, dict[str, Any]]] = field(default_factory=dict)
    reserved: int | None = None

    def version(self, qualifier: str | None) -> Version:
        """The version that a qualifier means: none, ``$LATEST``, a number or an alias."""
        if qualifier in (None, LATEST):
            return self.latest
        if qualifier in self.aliases:
            return self.versions[self.aliases[str(qualifier)].version]
        if qualifier in self.versions:
            return self.versions[str(qualifier)]
        raise absent(f"Function not found: {self.arn}:{qualifier}")

    def alias(self, name: str) -> Alias:
        """The alias of that name."""
        if name not in self.aliases:
            raise absent(f"Cannot find alias arn: {self.arn}:{name}")
        return self.aliases[name]


def configured(params: dict[str, Any], name: str) -> dict[str, Any]:
    """The configuration of a new function."""
    config = copy.deepcopy(DEFAULTS) | {"LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}}
    return reconfigured(config, params, name)


def reconfigured(config: dict[str, Any], params: dict[str, Any], name: str) -> dict[str, Any]:
    """``config`` with what a call gives in place of what was; what it does not give stays."""
    config = copy.deepcopy(config) | {key: copy.deepcopy(params[key]) for key in CONFIGURED if key in params}
    if "LoggingConfig" in params:
        logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"} | params["LoggingConfig"]
        if logging["LogFormat"] == "JSON":
            logging = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"} | logging
        elif "ApplicationLogLevel" in logging or "SystemLogLevel" in logging:
            raise invalid("ApplicationLogLevel and SystemLogLevel are for log format JSON.")
        config["LoggingConfig"] = logging
    if "SnapStart" in params:
        config["SnapStart"] = {"ApplyOn": params["SnapStart"].get("ApplyOn", "None"), "OptimizationStatus": "Off"}
    if not config.get("Environment", {}).get("Variables"):
        config.pop("Environment", None)
    network = config.get("VpcConfig", {})
    if not network.get("SubnetIds") and not network.get("SecurityGroupIds"):
        config.pop("VpcConfig", None)
    return config


def statement(params: dict[str, Any], resource: str) -> dict[str, Any]:
    """A statement of a function's policy, as ``GetPolicy`` shows it."""
    service = str(params["Principal"])
    condition: dict[str, Any] = {}
    if "SourceArn" in params:
        condition["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    if "SourceAccount" in params:
        condition["StringEquals"] = {"AWS:SourceAccount": params["SourceAccount"]}
    return {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": {"Service": service} if "." in service else {"AWS": service},
        "Action": params["Action"],
        "Resource": resource,
        **({"Condition": condition} if condition else {}),
    }


def absent(message: str) -> Refusal:
    """404."""
    return Refusal(404, "ResourceNotFoundException", message)


def conflict(message: str) -> Refusal:
    """409."""
    return Refusal(409, "ResourceConflictException", message)


def invalid(message: str) -> Refusal:
    """400."""
    return Refusal(400, "InvalidParameterValueException", message)
