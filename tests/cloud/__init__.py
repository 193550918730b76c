"""A test double of AWS: moto where it is good enough, our own Lambda and API Gateway where it is not."""

from tests.cloud.cloud import Cloud
from tests.cloud.faults import Fault, Killed
from tests.cloud.record import Call, Calls
from tests.cloud.wire import Refusal

__all__ = ["Call", "Calls", "Cloud", "Fault", "Killed", "Refusal"]
