"""Fixtures for raw MQTT: what holds for devices holds for modules."""

import pytest

from support.hub import Hub
from support.identity import Identity


@pytest.fixture(params=["device", "module"])
def identity(request: pytest.FixtureRequest, hub: Hub) -> Identity:
    """A new device, then a new module: the test runs for each."""
    return hub.with_device() if request.param == "device" else hub.with_module()
