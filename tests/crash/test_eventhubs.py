"""`kill -9` while events are sent and read over AMQP: a reader that resumes misses and repeats nothing."""

import random
import time
from collections.abc import Callable

import pytest

from support.crash_events import CrashReader, CrashSender, Place
from support.crash_messages import CrashPublisher
from support.event_hub import Reading, body_of, consumer, publish
from support.hub import PARTITIONS, Hub
from support.mqtt_messages import send_telemetry
from support.waiting import eventually

KILLS = 12


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_readers_that_resume_see_every_acknowledged_event_once_in_order(hub_factory: Callable[..., Hub]) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    hub = hub_factory()
    places = [Place(partition) for partition in range(PARTITIONS)]
    everybody: list[CrashSender | CrashPublisher] = []

    for _ in range(KILLS):
        hub.start()
        hub.policy_key("service")
        senders = [CrashSender(hub.with_device("crash")), CrashSender(hub.with_module("crash"))]
        senders += [CrashPublisher(hub.with_device("crash"))]
        readers = [CrashReader(hub, place) for place in places]
        already = sum(len(place.seen) for place in places)
        for thread in (*senders, *readers):
            thread.start()
        eventually(
            lambda: all(s.acknowledged > 20 or s.failure for s in senders)
            and sum(len(place.seen) for place in places) > already + 40,
            within=30, what="load",
        )  # fmt: skip
        time.sleep(chance.uniform(0.0, 0.3))
        hub.kill()
        for thread in (*senders, *readers):
            thread.join()
        everybody += senders

    hub.start()
    marks = {finish(sender.identity) for sender in everybody}
    readers = [CrashReader(hub, place) for place in places]
    for reader in readers:
        reader.start()
    eventually(
        lambda: marks <= {event for place in places for event in tuple(place.seen)}, within=30, what="the last events"
    )
    for reader in readers:
        reader.stop()

    check(places, everybody)


def finish(identity) -> tuple[str, str | None, bytes]:
    """The last event of an identity."""
    mark = b"end %d" % time.monotonic_ns()
    with identity.hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, mark)
    return identity.device_id, identity.module_id, mark


def check(places: list[Place], senders: list[CrashSender | CrashPublisher]) -> None:
    """No number is missing or comes twice: neither the hub's in a partition nor a sender's own."""
    for place in places:
        assert place.sequence_numbers == list(range(len(place.sequence_numbers))), f"partition {place.partition}"
    found: dict[tuple[str, str | None], list[int]] = {}
    for place in places:
        for device, module, body in place.seen:
            if body.isdigit():
                found.setdefault((device, module), []).append(int(body))
    for sender in senders:
        numbers = found.get((sender.identity.device_id, sender.identity.module_id), [])
        assert numbers == list(range(len(numbers))), f"{sender.identity.client_id}: not once in order"
        assert sender.acknowledged <= len(numbers) <= sender.sent, (
            f"{sender.identity.client_id}: {len(numbers)} read, {sender.acknowledged} acknowledged, {sender.sent} sent"
        )
    print(f"{sum(sender.acknowledged for sender in senders)} acknowledged events were read")


@pytest.mark.timeout(120)
def test_reader_of_the_sdk_goes_on_after_the_crash(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()
    device = hub.with_device("crash")
    first = publish(device, [b"begin"])[0]
    client = consumer(hub, retry_total=60, retry_backoff_factor=0.1, retry_mode="fixed")
    bodies = []

    with Reading(client, partition_id=str(first.partition), starting_position=first.document["offset"]) as reading:
        for crash in range(3):
            publish(device, [b"%d:%d" % (crash, number) for number in range(50)])
            bodies += [body_of(event) for event in reading.take(20)]
            hub.kill()
            hub.start()
            publish(device, [b"%d:end" % crash])
            bodies += [body_of(event) for event in reading.until(device, b"%d:end" % crash)]

    expected = []
    for crash in range(3):
        expected += [b"%d:%d" % (crash, number) for number in range(50)] + [b"%d:end" % crash]
    assert bodies == expected
