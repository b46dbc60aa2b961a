"""The built-in endpoint with the asynchronous clients of `azure-eventhub`."""

import asyncio
import contextlib
import uuid

import pytest
from azure.eventhub.aio._eventprocessor.in_memory_checkpoint_store import InMemoryCheckpointStore
from azure.eventhub.exceptions import EventHubError
from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore

from support.event_hub import aio_consumer, annotation, body_of, is_telemetry_of, publish
from support.hub import HUB_NAME, PARTITIONS

pytestmark = pytest.mark.timeout(90)


@contextlib.asynccontextmanager
async def reading(client, **options):
    """`receive` as a task; yields the queue of what comes: (context, event), or an error."""
    arrived: asyncio.Queue = asyncio.Queue()

    async def on_event(context, event):
        if event is not None:
            await arrived.put((context, event))

    async def on_error(_context, error):
        await arrived.put(error)

    task = asyncio.create_task(client.receive(on_event=on_event, on_error=on_error, **options))
    try:
        yield arrived
    finally:
        await client.close()
        # It would sleep until it balances again.
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def take(arrived, identity, last):
    """The identity's telemetry up to the event with that body, with contexts."""
    seen = []
    while not seen or body_of(seen[-1][1]) != last:
        got = await asyncio.wait_for(arrived.get(), 20)
        if isinstance(got, Exception):
            raise got
        if is_telemetry_of(got[1], identity):
            seen.append(got)
    return seen


async def test_event_hub_and_partitions_are_described(hub, amqp_websockets):
    last = await asyncio.to_thread(publish, hub.with_device("aio"), [b"one", b"two"])

    async with aio_consumer(hub, websockets=amqp_websockets) as client:
        described = await client.get_eventhub_properties()
        partition = await client.get_partition_properties(str(last[-1].partition))

    assert described["eventhub_name"] == HUB_NAME
    assert described["partition_ids"] == [str(number) for number in range(PARTITIONS)]
    assert partition["last_enqueued_sequence_number"] == last[-1].sequence_number
    assert partition["last_enqueued_offset"] == last[-1].document["offset"]


async def test_reader_gets_what_was_and_what_is_sent(hub, identity, amqp_websockets):
    sent = await asyncio.to_thread(publish, identity, [b"%d" % number for number in range(50)])
    start = {"starting_position": sent[0].sequence_number, "starting_position_inclusive": True}

    client = aio_consumer(hub, websockets=amqp_websockets)
    async with reading(client, partition_id=str(sent[0].partition), **start) as arrived:
        old = await take(arrived, identity, b"49")
        await asyncio.to_thread(publish, identity, [b"new", b"end"])
        new = await take(arrived, identity, b"end")

    assert [event.sequence_number for _, event in old] == [event.sequence_number for event in sent]
    assert [body_of(event) for _, event in old] == [b"%d" % number for number in range(50)]
    assert [body_of(event) for _, event in new] == [b"new", b"end"]


async def test_batches_hold_everything_in_order(hub):
    device = hub.with_device("batches")
    sent = await asyncio.to_thread(publish, device, [b"%d" % number for number in range(200)])
    bodies: list[bytes] = []
    done = asyncio.Event()

    async def on_batch(_context, batch):
        bodies.extend(body_of(event) for event in batch)
        if bodies and bodies[-1] == b"199":
            done.set()

    client = aio_consumer(hub)
    task = asyncio.create_task(
        client.receive_batch(
            on_event_batch=on_batch, max_batch_size=64, max_wait_time=1, partition_id=str(sent[0].partition),
            starting_position=sent[0].sequence_number, starting_position_inclusive=True,
        )
    )  # fmt: skip
    try:
        await asyncio.wait_for(done.wait(), 20)
    finally:
        await client.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert bodies == [b"%d" % number for number in range(200)]


async def test_higher_owner_takes_the_partition(hub):
    device = hub.with_device("owned")
    sent = await asyncio.to_thread(publish, device, [b"first"])
    start = {
        "partition_id": str(sent[0].partition), "starting_position": sent[0].sequence_number,
        "starting_position_inclusive": True,
    }  # fmt: skip

    async with reading(aio_consumer(hub, load_balancing_interval=60), owner_level=1, **start) as old:
        await take(old, device, b"first")
        async with reading(aio_consumer(hub), owner_level=2, **start) as new:
            await take(new, device, b"first")

            error = await asyncio.wait_for(old.get(), 20)

    assert isinstance(error, EventHubError) and "stolen" in f"{error} {error.error}".lower(), repr(error)


@pytest.fixture(params=["memory", "blobs"])
async def store(request):
    """Makes stores that share what they keep."""
    if request.param == "memory":
        shared = InMemoryCheckpointStore()
        yield lambda: shared
        return
    azurite = request.getfixturevalue("azurite")
    container = f"checkpoints-{uuid.uuid4().hex[:8]}"
    async with contextlib.AsyncExitStack() as opened:
        made = [BlobCheckpointStore.from_connection_string(azurite.connection_string, container) for _ in range(2)]
        for one in made:
            opened.push_async_callback(one.close)
        await made[0]._container_client.create_container()
        yield lambda: made.pop()


async def test_checkpoints_carry_over_to_the_next_reader(hub, store):
    device = hub.with_device("resumes")
    # Each reader begins at the end unless there is a checkpoint.
    async with reading(
        aio_consumer(hub, checkpoint_store=store(), load_balancing_interval=0.5), starting_position="@latest"
    ) as arrived:
        seen = []
        while not seen:
            await asyncio.to_thread(publish, device, [b"first"])
            with contextlib.suppress(asyncio.TimeoutError):
                seen = await asyncio.wait_for(take(arrived, device, b"first"), 1)
        await asyncio.to_thread(publish, device, [b"second"])
        context, event = (await take(arrived, device, b"second"))[-1]
        await context.update_checkpoint(event)
    await asyncio.to_thread(publish, device, [b"third"])

    async with reading(
        aio_consumer(hub, checkpoint_store=store(), load_balancing_interval=0.5), starting_position="@latest"
    ) as arrived:
        resumed = await take(arrived, device, b"third")

    assert [body_of(event) for _, event in resumed] == [b"third"]


async def test_twenty_readers_at_once_all_get_everything(hub):
    """Each on a connection of its own, five to a partition."""
    devices = {}
    while len(devices) < PARTITIONS:
        device = hub.with_device("many")
        sent = await asyncio.to_thread(publish, device, [b"first"])
        devices.setdefault(sent[0].partition, (device, sent[0]))

    async def read_one(device, first):
        start = {
            "partition_id": str(first.partition), "starting_position": first.sequence_number,
            "starting_position_inclusive": True,
        }  # fmt: skip
        async with reading(aio_consumer(hub), **start) as arrived:
            await take(arrived, device, b"first")
            ready.release()
            return [body_of(event) for _, event in await take(arrived, device, b"end")]

    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(read_one(*devices[partition])) for partition in devices for _ in range(5)]
    for _ in tasks:
        await asyncio.wait_for(ready.acquire(), 30)
    for device, _ in devices.values():
        await asyncio.to_thread(publish, device, [b"%d" % number for number in range(20)] + [b"end"])

    for bodies in await asyncio.gather(*tasks):
        assert bodies == [b"%d" % number for number in range(20)] + [b"end"]


async def test_annotations_are_text_for_the_asynchronous_reader_too(hub, identity):
    sent = await asyncio.to_thread(publish, identity, [b"annotated"])

    start = {"starting_position": sent[0].sequence_number, "starting_position_inclusive": True}
    async with reading(aio_consumer(hub), partition_id=str(sent[0].partition), **start) as arrived:
        ((_, event),) = await take(arrived, identity, b"annotated")

    assert annotation(event, "iothub-connection-device-id") == identity.device_id
    assert annotation(event, "iothub-connection-module-id") == identity.module_id
