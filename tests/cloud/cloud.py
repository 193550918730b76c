"""The cloud: clients that mlctl's own code uses unchanged, and what a test asks of it."""

import contextlib
import json
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import boto3
import botocore.loaders
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.model import OperationModel
from moto import mock_aws
from moto.core.base_backend import BackendDict
from moto.core.models import botocore_stubber

from mlctl.aws.client.session import Aws
from mlctl.aws.stack.names import ReleaseText
from mlctl.registry.answers import Example
from tests.cloud import snapshot, wire
from tests.cloud.execution import Execution, canonical
from tests.cloud.faults import Fault, Killed
from tests.cloud.gateway import Gateway
from tests.cloud.handlers import Runner
from tests.cloud.lambda_ import Lambda
from tests.cloud.record import Call, Calls
from tests.cloud.web import Served, Web
from tests.cloud.wire import REGION, Refusal

# The service models are dear to read, and a cloud is made for each test; clients are its own, for a test may hook them.
_MODELS = botocore.loaders.create_loader()
_CREDENTIALS: Any = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


class Cloud:
    """AWS for one test, in this process: ``with Cloud() as cloud``.

    ``aws`` is mlctl's own ``Aws`` upon it, and what ``Aws.connect`` gives meanwhile, so that ``mlctl … --stage prod``
    in this process reaches it too. IAM, Logs, CloudWatch, S3, ACM and STS are moto's; Lambda and API Gateway are
    ``lambda_`` and ``gateway``. Nothing sleeps.
    """

    def __init__(self) -> None:
        self.calls = Calls()
        self.on_call: Callable[[Call], None] = lambda call: None
        # By model version, the requests that a release of it must have answered before `live` may point at it.
        self._golden: dict[str, frozenset[str]] = {}
        self.violations: list[str] = []
        self._stack = contextlib.ExitStack()
        self._answered: dict[tuple[str, str], set[str]] = {}
        self._fault: Fault | None = None
        self._denied: set[str] = set()
        self._count = 0
        self._dead = False
        self._now = threading.local()
        self._lock = threading.RLock()

    def __enter__(self) -> "Cloud":
        enter = self._stack.enter_context
        enter(mock_aws(config=cast("Any", {"lambda": {"use_docker": False}})))
        for module in ("endpoint", "waiter"):
            enter(mock.patch(f"botocore.{module}.time", SimpleNamespace(sleep=lambda seconds: None)))
        # A process has a quota of retries; here many commands share their clients.
        enter(mock.patch("botocore.retries.quota.RetryQuota.acquire", return_value=True))
        self._runner = Runner(Path(enter(tempfile.TemporaryDirectory())))
        self.plain = _session(botocore.session.Session())
        self._session = self._hooked()
        self.reset()
        enter(mock.patch("urllib.request.build_opener", side_effect=self._build_opener))
        enter(mock.patch("mlctl.stages.Aws.connect", side_effect=lambda **_: self.aws))
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    @property
    def aws(self) -> Aws:
        """As a new command has it: nothing is left of the last one but the clients, which are dear to make."""
        return Aws(self._session, None, pace=0.0)

    # What a test may ask for

    def reset(self) -> None:
        """An empty account again: faster than another cloud, whose clients would be new."""
        BackendDict.reset()
        self.execution = Execution(self._runner)
        self.lambda_ = Lambda(role_exists=self._role_exists, read_object=self._read_object, execute=self.execution.run)
        self.gateway = Gateway()
        self.web = Web(self.lambda_, self.gateway)
        self.violations.clear()
        self._answered.clear()
        self.begin()

    def begin(self, fault: Fault | None = None) -> None:
        """Begin a command: its calls are counted from 1 again, and ``fault`` strikes among them."""
        self.calls.clear()
        self._fault, self._count, self._dead = fault, 0, False
        self._denied.clear()

    def break_release(self, number: str) -> None:
        """Let that release, which may be still to come, answer with wrong predictions."""
        self.execution.spells[number] = "wrong"

    def crash_release(self, number: str) -> None:
        """Let that release end with an error: HTTP 200 with ``FunctionError``, as Lambda has it."""
        self.execution.spells[number] = "crash"

    def time_out_release(self, number: str) -> None:
        """Let that release run into its timeout."""
        self.execution.spells[number] = "timeout"

    def mend_release(self, number: str) -> None:
        """Undo any of these."""
        self.execution.spells.pop(number, None)

    @property
    def young_roles(self) -> int:
        """How many CreateFunction calls are still refused because IAM has not spread the role yet."""
        return self.lambda_.young_roles

    @young_roles.setter
    def young_roles(self, count: int) -> None:
        self.lambda_.young_roles = count

    def verified(self, number: str, name: str = "iris-prod") -> bool:
        """Whether that release has answered the golden examples, rightly and to a caller that heard it.

        Of a model version that the cloud was not told the examples of, any one will do.
        """
        version = self.lambda_.functions[name].versions[number]
        text = ReleaseText.from_description(version.config["Description"])
        answered, golden = self._answered.get((name, number), set()), self._golden.get(text.model if text else "")
        return bool(answered) if golden is None else answered >= golden

    def expect_golden(self, model: str, examples: Iterable[Example]) -> None:
        """Tell the golden examples of a model version."""
        self._golden[model] = frozenset(canonical({"features": example.features}) for example in examples)

    def live(self, name: str = "iris-prod") -> dict[str, float]:
        """The releases that ``live`` points at, with their shares of the traffic; empty before the first."""
        function = self.lambda_.functions.get(name)
        alias = function.aliases.get("live") if function else None
        if alias is None:
            return {}
        return {alias.version: 1 - sum(alias.weights.values()), **alias.weights}

    def request(
        self,
        method: str = "GET",
        path: str = "/health",
        body: Any = None,
        *,
        tags: dict[str, str] | None = None,
        authorized: bool = False,
    ) -> Served:
        """Play a client's request: through route, integration, permission and alias, at this very moment."""
        with self._lock:
            api = self.gateway.find(tags or {"mlctl:project": "iris", "mlctl:stage": "prod"})
            text = None if body is None else json.dumps(body)
            return self.web.request(api, method, path, text, authorized=authorized)

    def snapshot(self) -> dict[str, Any]:
        """All that is there, without ids, dates, revisions and numbers: to be compared."""
        return snapshot.take(self.lambda_, self.gateway, self.plain)

    # What the clients reach

    def _hooked(self) -> boto3.Session:
        core = botocore.session.Session()
        events = core.get_component("event_emitter")
        # botocore asks every handler and takes the first answer: moto must not act on what a fault keeps from it.
        events.unregister("before-send", botocore_stubber)
        events.register_last("provide-client-params", self._given)
        events.register("before-call", self._called)
        events.register("before-send", self._send)
        return _session(core)

    def _called(self, model: OperationModel, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        with self._lock:
            if self._dead:
                raise Killed
            self._count += 1
            self._now.call = Call(self._count, model.service_model.service_name, model.name, self._now.params)
            self._now.model, self._now.attempt = model, 0
            self.calls.append(self._now.call)

    def _given(self, params: dict[str, Any], **_: Any) -> None:
        self._now.params = params

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        with self._lock:
            call, model = self._now.call, self._now.model
            self._now.attempt += 1
            url = str(request.url)
            struck = self._struck(call)
            try:
                if struck is not None:
                    refusal = struck.before(model, url)
                    if refusal is not None:
                        return wire.refused(url, model, refusal)
                answer = self._answer(event_name, request, model, call)
                self._check_live()
                if struck is not None:
                    struck.after(url)
            except Killed:
                self._dead = True
                raise
            self._heard(call)
            self.on_call(call)
            return answer

    def _struck(self, call: Call) -> Fault | None:
        fault = self._fault
        if fault is None or not fault.hits(self.calls, self._now.attempt, self._denied):
            return None
        if fault.kind == "access-denied":
            self._denied.add(str(call))
        return fault

    def _answer(self, event_name: str, request: AWSPreparedRequest, model: OperationModel, call: Call) -> AWSResponse:
        services: dict[str, Lambda | Gateway] = {"lambda": self.lambda_, "apigatewayv2": self.gateway}
        service = services.get(call.service)
        if service is None:
            return cast("AWSResponse", botocore_stubber(event_name, request))
        self.execution.asked = None
        try:
            return wire.answer(str(request.url), model, service.call(call.operation, call.params))
        except Refusal as refusal:
            return wire.refused(str(request.url), model, refusal)

    def _build_opener(self, *handlers: Any) -> Any:
        return self.web.build_opener(*handlers)

    def _role_exists(self, arn: str) -> bool:
        iam = self.plain.client("iam")
        try:
            iam.get_role(RoleName=arn.rpartition("/")[2])
        except iam.exceptions.NoSuchEntityException:
            return False
        return True

    def _read_object(self, bucket: str, key: str) -> bytes:
        return self.plain.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()

    def _heard(self, call: Call) -> None:
        """An answer to a golden example counts only when the caller got it, and asked for that release by number."""
        asked = self.execution.asked
        if call.operation == "Invoke" and asked is not None and call.params.get("Qualifier") == asked.number:
            self._answered.setdefault((asked.function, asked.number), set()).add(asked.body)

    def _check_live(self) -> None:
        """The promise: at no moment does `live` point at a release that has not answered the golden examples."""
        for name in self.lambda_.functions:
            for number in self.live(name):
                if not self.verified(number, name):
                    self.violations.append(f"{name}: live points at release {number}, which is not verified")


def _session(core: botocore.session.Session) -> boto3.Session:
    core.register_component("data_loader", _MODELS)
    return cast("boto3.Session", _Session(boto3.Session(botocore_session=core, region_name=REGION, **_CREDENTIALS)))


class _Session:
    """A session that makes each client once for each configuration of retries."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session
        self._made: dict[tuple[str, str], Any] = {}
        self.region_name = session.region_name
        self.profile_name = session.profile_name

    def client(self, service: str, *, config: Any = None, **more: Any) -> Any:
        key = (service, str(config and config.retries))
        if key not in self._made:
            self._made[key] = cast("Any", self._session).client(service, config=config, **more)
        return self._made[key]

    def get_credentials(self) -> Any:
        return self._session.get_credentials()
