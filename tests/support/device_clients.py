"""Ends Microsoft's device clients after a test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from azure.iot.device.exceptions import ClientError, OperationCancelled, OperationTimeout

# `shutdown` disconnects three times, and raises if the client lost its connection, or was
# on its way to another, in between. Tests cut connections, and the load of others delays
# reconnects: that is no finding about the hub.
_LOST_IN_BETWEEN = (ClientError, OperationCancelled, OperationTimeout)


def shut_down(clients: Iterable[Any]) -> None:
    """Shuts down each of the clients: one that is left goes on reconnecting until Python ends."""
    for client in clients:
        with contextlib.suppress(*_LOST_IN_BETWEEN):
            client.shutdown()


async def shut_down_aio(clients: Iterable[Any]) -> None:
    """The same for asynchronous clients."""
    for client in clients:
        with contextlib.suppress(*_LOST_IN_BETWEEN):
            await client.shutdown()
