"""Several `azure-eventhub` consumers of one group: who reads what, and from where after a stop."""

import contextlib
import threading
import uuid

import pytest
from azure.eventhub import CloseReason
from azure.eventhub._eventprocessor.in_memory_checkpoint_store import InMemoryCheckpointStore
from azure.eventhub.exceptions import ConnectionLostError, EventHubError
from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore

from support.event_hub import Reading, annotation, body_of, consumer, is_telemetry_of, publish
from support.hub import Hub
from support.loopback import free_address
from support.waiting import eventually

pytestmark = pytest.mark.timeout(90)

PARTITIONS = 2
ALL = {str(number) for number in range(PARTITIONS)}
# What a consumer needs to find its place within a second rather than within minutes.
QUICK = {"load_balancing_interval": 0.3, "partition_ownership_expiration_interval": 20}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub with few events: these readers begin at the beginning. The SDK closes each partition slowly."""
    small = Hub(free_address(), tmp_path_factory.mktemp("balancing") / "data")
    small.data_dir.mkdir()
    (small.data_dir / "twinhub.toml").write_text(f"[hub]\npartitions = {PARTITIONS}\n")
    yield small.start()
    small.stop()


@pytest.fixture(params=["memory", "blobs"])
def store(request):
    """Makes stores that share what they keep, as consumers in several processes do."""
    if request.param == "memory":
        shared = InMemoryCheckpointStore()
        yield lambda: shared
        return
    azurite = request.getfixturevalue("azurite")
    container = f"checkpoints-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as opened:

        def make():
            one = BlobCheckpointStore.from_connection_string(azurite.connection_string, container)
            return opened.enter_context(contextlib.closing(one))

        make()._container_client.create_container()
        yield make


def owners(readings):
    """Which partitions each reading has opened and not closed again."""
    for reading in readings:
        while not reading.initialized.empty():
            reading.owned.add(reading.initialized.get())
        while not reading.closed.empty():
            reading.owned.discard(reading.closed.get()[0])
    return [reading.owned for reading in readings]


def balancing(hub, store, **options):
    """A reading that shares the partitions with others of the store."""
    client = consumer(hub, checkpoint_store=store(), **QUICK, **options)
    reading = Reading(client, starting_position="-1")
    reading.owned = set()
    return reading


def test_consumers_share_the_partitions_and_take_over_those_of_one_that_stops(hub, store):
    devices = [hub.with_device("balance") for _ in range(8)]
    with balancing(hub, store) as first:
        eventually(lambda: owners([first]) == [ALL], within=20, what="the first has all")
        with balancing(hub, store) as second:
            eventually(
                lambda: sorted(map(len, owners([first, second]))) == [1, 1], within=30, what="one for each"
            )
            assert first.owned | second.owned == ALL and not first.owned & second.owned

            for device in devices:
                publish(device, [b"shared"])
            seen = wait_for_all(devices, [first, second], b"shared")
            assert all(partition in reading.owned for reading, partition in seen)

        eventually(lambda: owners([first]) == [ALL], within=30, what="the first has all again")
        for device in devices:
            publish(device, [b"alone"])
        wait_for_all(devices, [first], b"alone")


def wait_for_all(devices, readings, body):
    """Waits until some reader has got that body of each device; returns who, and of which partition."""
    missing = {device.device_id for device in devices}
    seen = []

    def all_there():
        for reading in readings:
            while not reading.events.empty():
                context, event = reading.events.get()
                if body_of(event) == body and annotation(event, "iothub-connection-device-id") in missing:
                    missing.discard(annotation(event, "iothub-connection-device-id"))
                    seen.append((reading, context.partition_id))
        return not missing

    eventually(all_there, within=20, what=f"{body} of every device")
    return seen


def test_reading_resumes_behind_the_checkpoint(hub, store):
    device = hub.with_device("resumes")
    publish(device, [b"%d" % number for number in range(10)])
    done = threading.Event()

    first = balancing(hub, store)

    def stop_after_six(context, event):
        if is_telemetry_of(event, device) and body_of(event) == b"6":
            context.update_checkpoint(event)
            done.set()

    first.on_event = stop_after_six
    with first:
        assert done.wait(20)
    publish(device, [b"10"])

    with balancing(hub, store) as second:
        seen = [body_of(event) for event in second.until(device, b"10")]

    assert seen == [b"7", b"8", b"9", b"10"]


@pytest.mark.parametrize("store", ["blobs"], indirect=True)
def test_groups_keep_checkpoints_of_their_own(hub, store):
    """The SDK's store in memory mixes the groups up."""
    device = hub.with_device("groups")
    with hub.consumer_group() as group:
        publish(device, [b"one"])
        first = balancing(hub, store)
        first.on_event = lambda context, event: context.update_checkpoint(event)
        with first:
            first.until(device, b"one")

        with balancing(hub, store, consumer_group=group) as other:
            assert body_of(other.until(device, b"one")[-1]) == b"one"


# Owner level: one reader of a group and partition at a time.


@pytest.fixture
def partition(hub):
    """A partition, and a device whose events are in it."""
    device = hub.with_device("owned")
    return device, str(publish(device, [b"first"])[0].partition)


def exclusive(hub, partition_id, level, **options):
    return Reading(
        consumer(hub, load_balancing_interval=60, **options),
        partition_id=partition_id, starting_position="-1", owner_level=level,
    )  # fmt: skip


def assert_stolen(error):
    assert isinstance(error, ConnectionLostError | EventHubError), repr(error)
    assert "stolen" in str(error).lower() or getattr(error, "error", None) == "link:stolen", repr(error)


@pytest.mark.parametrize("new_level", [1, 2], ids=["equal", "higher"])
def test_owner_of_equal_or_higher_level_takes_the_partition(hub, partition, new_level):
    device, partition_id = partition
    with exclusive(hub, partition_id, 1) as old:
        old.until(device, b"first")

        with exclusive(hub, partition_id, new_level) as new:
            new.until(device, b"first")

            assert_stolen(old.error())
            assert old.closed.get(timeout=10) == (partition_id, CloseReason.OWNERSHIP_LOST)
            publish(device, [b"second"])
            new.until(device, b"second")
            old.assert_nothing_of(device)


def test_owner_of_lower_level_is_refused(hub, partition):
    device, partition_id = partition
    with exclusive(hub, partition_id, 5) as old:
        old.until(device, b"first")

        with exclusive(hub, partition_id, 4) as new:
            assert_stolen(new.error())

        publish(device, [b"second"])
        old.until(device, b"second")


def test_reader_without_level_is_refused_beside_an_owner_and_let_in_after_it(hub, partition):
    device, partition_id = partition
    with exclusive(hub, partition_id, 0) as owner:
        owner.until(device, b"first")

        with exclusive(hub, partition_id, None) as plain:
            assert_stolen(plain.error())

    def let_in():
        with exclusive(hub, partition_id, None) as plain:
            try:
                return plain.until(device, b"first", within=10)
            except EventHubError:
                return None

    eventually(let_in, within=20, what="the partition is free")


def test_owner_ends_readers_without_level(hub, partition):
    device, partition_id = partition
    with exclusive(hub, partition_id, None) as one, exclusive(hub, partition_id, None) as two:
        one.until(device, b"first")
        two.until(device, b"first")

        with exclusive(hub, partition_id, 0) as owner:
            owner.until(device, b"first")

            assert_stolen(one.error())
            assert_stolen(two.error())


def test_owners_of_other_groups_and_partitions_are_not_disturbed(hub, partition):
    device, partition_id = partition
    with hub.consumer_group() as group:
        other_partition = next(iter(ALL - {partition_id}))
        with (
            exclusive(hub, partition_id, 1) as here,
            exclusive(hub, partition_id, 2, consumer_group=group) as elsewhere,
            exclusive(hub, other_partition, 3),
        ):
            here.until(device, b"first")
            elsewhere.until(device, b"first")
            publish(device, [b"second"])

            here.until(device, b"second")
            elsewhere.until(device, b"second")


def test_five_plain_readers_all_get_everything_and_a_sixth_is_refused(hub, partition):
    device, partition_id = partition
    with contextlib.ExitStack() as opened:
        readings = [opened.enter_context(exclusive(hub, partition_id, None)) for _ in range(5)]
        for reading in readings:
            reading.until(device, b"first")

        with exclusive(hub, partition_id, None) as sixth:
            error = sixth.error()

        assert "resource-limit-exceeded" in f"{getattr(error, 'error', '')} {error}", repr(error)
        publish(device, [b"second"])
        for reading in readings:
            reading.until(device, b"second")
