"""Fixtures for AMQP: peers that are closed after the test, and devices and modules alike."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from support.amqp_peer import Peer
from support.hub import Hub
from support.identity import Identity


@pytest.fixture(params=["device", "module"])
def identity(request: pytest.FixtureRequest, hub: Hub) -> Identity:
    """A new device, then a new module: the test runs for each."""
    return hub.with_device("amqp") if request.param == "device" else hub.with_module("amqp")


@pytest.fixture
def device(hub: Hub) -> Identity:
    return hub.with_device("amqp")


@pytest.fixture(params=[False, True], ids=["tls", "websocket"])
def websocket(request: pytest.FixtureRequest) -> bool:
    """Whether the connection is a WebSocket."""
    return request.param


@pytest.fixture
def keep() -> Iterator[Callable[[Peer], Peer]]:
    """Drops the peers that it is given at the end of the test."""
    with contextlib.ExitStack() as opened:
        yield opened.enter_context


@pytest.fixture
def service(hub: Hub, keep: Callable[[Peer], Peer]) -> Peer:
    """A back end that has put its token."""
    return keep(Peer.of_service(hub))
