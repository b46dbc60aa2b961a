"""What the tests with `azure-iot-device` have in common."""

import pytest

from support.device_clients import shut_down


@pytest.fixture(params=["device", "module"])
def identity(request, hub):
    """A device in one run, a module in the other."""
    return hub.with_device("sdk") if request.param == "device" else hub.with_module("sdk")


@pytest.fixture(params=[False, True], ids=["mqtt", "websockets"])
def websockets(request):
    """Whether the client speaks over WebSocket."""
    return request.param


@pytest.fixture
def make_client(hub):
    """Makes clients that are shut down after the test."""
    clients = []

    def make(identity, **options):
        client = hub.device_client(identity, **options)
        clients.append(client)
        return client

    yield make
    shut_down(clients)


@pytest.fixture(params=[False, True], ids=["amqp", "websockets"])
def amqp_websockets(request):
    """Whether an AMQP client speaks over WebSocket."""
    return request.param
