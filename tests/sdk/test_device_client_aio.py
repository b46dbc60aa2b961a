"""`azure-iot-device`, asynchronous: devices and modules, MQTT and MQTT over WebSocket."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from azure.iot.device.exceptions import CredentialError

from support.device_clients import shut_down_aio

pytestmark = pytest.mark.timeout(60)


@asynccontextmanager
async def connected(hub, identity, **options):
    """A connected client that is shut down at the end."""
    client = hub.device_client(identity, aio=True, **options)
    try:
        await client.connect()
        yield client
    finally:
        await shut_down_aio([client])


def patches_of(client) -> "asyncio.Queue[dict]":
    """Subscribes to desired patches; they arrive in the queue."""
    received: asyncio.Queue[dict] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def take(patch):
        loop.call_soon_threadsafe(received.put_nowait, patch)

    client.on_twin_desired_properties_patch_received = take
    return received


async def test_the_main_job(hub, identity, websockets):
    async with connected(hub, identity, websockets=websockets) as client:
        patches = patches_of(client)
        twin = await client.get_twin()

        await asyncio.to_thread(identity.patch_desired, {"interval": 122})
        patch = await asyncio.wait_for(patches.get(), 10)
        await client.patch_twin_reported_properties({"interval": patch["interval"]})

    assert twin == {"desired": {"$version": 1}, "reported": {"$version": 1}}
    assert patch == {"interval": 122, "$version": 2}
    assert identity.twin()["properties"]["reported"]["interval"] == 122


async def test_subscriptions_are_kept_over_a_reconnect(hub, identity, websockets):
    # Without the option the SDK would read the twin by itself after a reconnect.
    options = {"websockets": websockets, "ensure_desired_properties": False}
    async with connected(hub, identity, **options) as client:
        patches = patches_of(client)
        await client.get_twin()

        await client.disconnect()
        await client.connect()

        await asyncio.to_thread(identity.patch_desired, {"after": "reconnect"})
        assert await asyncio.wait_for(patches.get(), 10) == {"after": "reconnect", "$version": 2}
        assert (await client.get_twin())["desired"]["after"] == "reconnect"


async def test_many_reports_are_applied_in_order(hub, identity):
    async with connected(hub, identity) as client:
        for number in range(50):
            await client.patch_twin_reported_properties({"number": number})

    reported = identity.twin()["properties"]["reported"]
    assert reported["number"] == 49
    assert reported["$version"] == 51


async def test_many_desired_changes_arrive_in_order_and_complete(hub, identity):
    async with connected(hub, identity) as client:
        patches = patches_of(client)
        for number in range(50):
            await asyncio.to_thread(identity.patch_desired, {"number": number})

        received = [await asyncio.wait_for(patches.get(), 10) for _ in range(50)]

    assert [patch["number"] for patch in received] == list(range(50))
    assert [patch["$version"] for patch in received] == list(range(2, 52))


async def test_disabled_device_is_refused(hub):
    device = hub.with_device("aio-disabled", status="disabled")

    with pytest.raises(CredentialError):
        async with connected(hub, device):
            pass
