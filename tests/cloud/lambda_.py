"""Lambda: what moto leaves out of it, which is most of what a release is made of.

Revisions follow what LocalStack's tests, validated against AWS, record: a change gives ``$LATEST`` a new RevisionId,
the end of the change another one, publishing yet another; a version's own never changes, an alias's with each update.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.cloud.lambda_around import Around
from tests.cloud.lambda_state import LATEST, Function, Version, configured, conflict, invalid, reconfigured
from tests.cloud.wire import ACCOUNT, REGION

_PAGE = 50


class Lambda(Around):
    """The service in one account and region.

    ``looks``: how many times a change has to be looked at, or run into, until it is through; on AWS it takes
    seconds. ``young_roles``: how many CreateFunction calls are still refused because IAM has not spread the role.
    """

    def __init__(
        self,
        *,
        role_exists: Callable[[str], bool],
        read_object: Callable[[str, str], bytes],
        execute: Callable[[Function, Version, bytes], tuple[bytes, str | None, str]],
    ) -> None:
        super().__init__()
        self.looks = 1
        self.young_roles = 0
        # Never used again, even for a function that was deleted and made anew:
        # https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
        self._numbers: dict[str, int] = {}
        self._spread: dict[str, float] = {}
        self._role_exists = role_exists
        self._read_object = read_object
        self._execute = execute

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request. Raises Refusal."""
        method = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower(), None)
        if method is None:
            raise NotImplementedError(f"the cloud has no lambda:{operation}")
        found: dict[str, Any] = method(params)
        return found

    @staticmethod
    def location(version: Version) -> str:
        """Where the package can be fetched from."""
        name = hashlib.sha256(version.code).hexdigest()
        return f"https://awslambda-{REGION}-tasks.s3.{REGION}.amazonaws.com/snapshots/{ACCOUNT}/{name}"

    # Functions

    def _create_function(self, params: dict[str, Any]) -> dict[str, Any]:
        name = params["FunctionName"]
        if name in self.functions:
            raise conflict(f"Function already exist: {name}")
        if self.young_roles or not self._role_exists(params["Role"]):
            self.young_roles = max(0, self.young_roles - 1)
            raise invalid("The role defined for the function cannot be assumed by Lambda.")
        latest = Version(LATEST, configured(params, name), b"", "", self._revision(), self._now())
        self._load(latest, params["Code"])
        function = Function(name, self._prefix + name, latest, dict(params.get("Tags", {})))
        self.functions[name] = function
        document = self._begun(function, latest)
        return self._document(function, self._published(function, "")) if params.get("Publish") else document

    def _update_function_code(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._changed(params)
        self._load(function.latest, params)
        if "Architectures" in params:
            function.latest.config = function.latest.config | {"Architectures": params["Architectures"]}
        document = self._begun(function, function.latest)
        return self._document(function, self._published(function, "")) if params.get("Publish") else document

    def _update_function_configuration(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._changed(params)
        if "Role" in params and not self._role_exists(params["Role"]):
            raise invalid("The role defined for the function cannot be assumed by Lambda.")
        function.latest.config = reconfigured(function.latest.config, params, function.name)
        return self._begun(function, function.latest)

    def _get_function(self, params: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._named(params)
        version = function.version(qualifier)
        self._look(version)
        return {
            "Configuration": self._document(function, version, qualifier),
            "Code": {"RepositoryType": "S3", "Location": self.location(version)},
            "Tags": function.tags or None,
            "Concurrency": {"ReservedConcurrentExecutions": function.reserved}
            if function.reserved is not None
            else None,
        }

    def _get_function_configuration(self, params: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._named(params)
        version = function.version(qualifier)
        self._look(version)
        return self._document(function, version, qualifier)

    def _list_functions(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Functions": [self._document(each, each.latest) for each in self.functions.values()]}

    def _delete_function(self, params: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._named(params)
        if qualifier is None:
            del self.functions[function.name]
            return {}
        if qualifier == LATEST or qualifier in function.aliases:
            raise invalid(f"{qualifier} cannot be deleted: only published versions can.")
        pointing = [a.name for a in function.aliases.values() if qualifier == a.version or qualifier in a.weights]
        if pointing:
            names = ", ".join(pointing)
            raise conflict(f"Unable to delete version because the following aliases reference it: [{names}]")
        # Of a version that is not there, AWS says that it is deleted.
        function.versions.pop(qualifier, None)
        return {}

    # Versions

    def _publish_version(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._changed(params)
        wanted, now = params.get("CodeSha256", function.latest.sha256), function.latest.sha256
        if wanted != now:
            raise invalid(
                f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({now}). "
                "Please try again with the CodeSHA256 in $LATEST."
            )
        return self._document(function, self._published(function, params.get("Description", "")))

    def _published(self, function: Function, description: str) -> Version:
        latest = function.latest
        last = max(function.versions.values(), key=lambda version: int(version.number), default=None)
        if last is not None and last.origin == latest.what():
            return last
        number = str(self._numbers.get(function.name, 0) + 1)
        self._numbers[function.name] = int(number)
        config = latest.config | ({"Description": description} if description else {})
        if config["SnapStart"]["ApplyOn"] == "PublishedVersions":
            config = config | {"SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}}
        version = replace(
            latest,
            number=number,
            config=config,
            revision=self._revision(),
            state="Pending",
            unsettled=self.looks,
            origin=latest.what(),
        )
        function.versions[number] = version
        latest.revision = self._revision()
        return version

    def _list_versions_by_function(self, params: dict[str, Any]) -> dict[str, Any]:
        function, _ = self._named(params)
        found = [function.latest, *function.versions.values()]
        start = int(params.get("Marker", 0))
        size = params.get("MaxItems", _PAGE)
        page = [self._document(function, version, version.number) for version in found[start : start + size]]
        return {"Versions": page, "NextMarker": str(start + size) if start + size < len(found) else None}

    # Invoking

    def _invoke(self, params: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._named(params)
        version = function.version(self._routed(function, qualifier))
        if version.state != "Active":
            refusal = conflict(
                "The operation cannot be performed at this time. "
                f"The function is currently in the following state: {version.state}"
            )
            self._look(version)
            raise refusal
        payload = params.get("Payload", b"null")
        answered, error, log = self._execute(
            function, version, payload.encode() if isinstance(payload, str) else payload
        )
        tail = base64.b64encode(log.encode()[-4096:]).decode() if params.get("LogType") == "Tail" else None
        return {
            "StatusCode": 200,
            "Payload": answered,
            "FunctionError": error,
            "LogResult": tail,
            "ExecutedVersion": version.number,
        }

    def _routed(self, function: Function, qualifier: str | None) -> str | None:
        """An alias as one of its versions: weights are kept exactly, by counting, where AWS throws dice."""
        if qualifier not in function.aliases:
            return qualifier
        alias = function.aliases[qualifier]
        for number, weight in alias.weights.items():
            key = f"{function.arn}:{qualifier}:{number}"
            self._spread[key] = self._spread.get(key, 0.0) + weight
            # 0.1 ten times is a little less than 1.
            if self._spread[key] >= 1 - 1e-9:
                self._spread[key] -= 1
                return number
        return alias.version

    # What they share

    def _changed(self, params: dict[str, Any]) -> Function:
        """The function that a call is about to change, if it may."""
        function, _ = self._named(params)
        if not function.latest.settled:
            self._look(function.latest)
            raise conflict(
                f"The operation cannot be performed at this time. An update is in progress for resource: {function.arn}"
            )
        self._check_revision(params, function.latest.revision)
        return function

    def _load(self, version: Version, code: dict[str, Any]) -> None:
        version.code = code["ZipFile"] if "ZipFile" in code else self._read_object(code["S3Bucket"], code["S3Key"])
        version.sha256 = base64.b64encode(hashlib.sha256(version.code).digest()).decode()

    def _begun(self, function: Function, version: Version) -> dict[str, Any]:
        """A change that has begun, as the call that began it tells it."""
        version.update, version.unsettled, version.revision = "InProgress", self.looks, self._revision()
        version.modified = self._now()
        document = self._document(function, version)
        if not version.unsettled:
            self._settle(version)
        return document

    def _look(self, version: Version) -> None:
        """Time passes: each look at an unfinished change brings it nearer to its end."""
        if not version.settled:
            version.unsettled -= 1
            if version.unsettled <= 0:
                self._settle(version)

    def _settle(self, version: Version) -> None:
        version.state, version.update, version.unsettled = "Active", "Successful", 0
        if version.number == LATEST:
            version.revision = self._revision()

    def _now(self) -> str:
        minutes, seconds = divmod(self._revisions, 60)
        hours, minutes = divmod(minutes, 60)
        return f"2030-01-01T{hours % 24:02d}:{minutes:02d}:{seconds:02d}.000+0000"

    @staticmethod
    def _document(function: Function, version: Version, qualifier: str | None = None) -> dict[str, Any]:
        return {
            **version.config,
            "FunctionName": function.name,
            "FunctionArn": f"{function.arn}:{qualifier}" if qualifier else function.arn,
            "Version": version.number,
            "CodeSha256": version.sha256,
            "CodeSize": len(version.code),
            "RevisionId": version.revision,
            "LastModified": version.modified,
            "State": version.state,
            "LastUpdateStatus": version.update,
        }
