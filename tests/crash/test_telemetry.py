"""`kill -9` and full disks under a stream of messages: what was acknowledged is read back."""

import os
import random
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from support import cloud_to_device as c2d
from support.crash_messages import CrashCourier, CrashListener, CrashPublisher, drain
from support.events import EARLIEST, Event, EventStream
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import events_topic, send_telemetry
from support.raw_mqtt import PUBACK, ConnectionClosed
from support.small_disk import fill, small_disk
from support.waiting import eventually

KILLS = 20
PUBLISHERS = 4


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_acknowledged_is_lost_in_twenty_kills(hub_factory: Callable[..., Hub]) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    hub = hub_factory()
    everybody: list[CrashPublisher] = []

    for _ in range(KILLS):
        hub.start()
        begun = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        device = hub.with_device("crash")
        senders = [CrashPublisher(device), CrashPublisher(device.with_module())]
        senders += [CrashPublisher(hub.with_device("crash")) for _ in range(PUBLISHERS - 2)]
        target = hub.with_device("crash") if chance.random() < 0.5 else hub.with_module("crash")
        courier, listener = CrashCourier(target), CrashListener(target)
        threads = [*senders, courier, listener]
        for thread in threads:
            thread.start()
        eventually(
            lambda: all(s.acknowledged > 20 or s.failure for s in senders)
            and (len(courier.acknowledged) > 5 or courier.failure),
            within=30, what="load",
        )  # fmt: skip
        time.sleep(chance.uniform(0.0, 0.2))
        hub.kill()
        for thread in threads:
            thread.join()

        hub.start()
        check_telemetry(hub, senders, since=begun)
        check_messages(hub, courier, listener)
        everybody += senders
        if chance.random() < 0.5:
            # Half of the time the next crash finds a log that recovery has just read.
            hub.kill()
        else:
            hub.terminate()

    hub.start()
    events = check_telemetry(hub, everybody, since=EARLIEST, source=None)
    check_that_no_number_is_missing(events)
    acknowledged = sum(sender.acknowledged for sender in everybody)
    print(f"{acknowledged} acknowledged messages survived {KILLS} kills")
    assert acknowledged > KILLS * PUBLISHERS * 20


def check_telemetry(
    hub: Hub, senders: list[CrashPublisher], *, since: str, source: str | None = "Telemetry"
) -> list[Event]:
    """Each sender's numbers are in order, once, and none that was acknowledged is missing."""
    ends = {finish(hub, sender.identity) for sender in senders}
    events = []
    with EventStream(hub, since=since, source=source) as stream:
        while ends:
            events.append(stream.next())
            ends.discard((events[-1].device_id, events[-1].module_id, events[-1].payload))
    found: dict[tuple[str, str | None], list[int]] = {}
    for event in events:
        if event.payload.isdigit():
            found.setdefault((event.device_id, event.module_id), []).append(int(event.payload))
    for sender in senders:
        who = (sender.identity.device_id, sender.identity.module_id)
        numbers = found.get(who, [])
        # Without gaps: what stands behind a message that is there was not written without it.
        assert numbers == list(range(len(numbers))), f"{who}: {numbers[:5]} ... {numbers[-5:]}"
        assert sender.acknowledged <= len(numbers) <= sender.sent, (
            f"{who}: {len(numbers)} found, {sender.acknowledged} acknowledged, {sender.sent} sent"
        )
    return events


def finish(hub: Hub, identity: Identity) -> tuple[str, str | None, bytes]:
    """Sends a message by which a reader knows that it has seen all of the identity's earlier ones."""
    mark = b"end %d" % time.monotonic_ns()
    with hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, mark)
    return identity.device_id, identity.module_id, mark


def check_that_no_number_is_missing(events: list[Event]) -> None:
    """Sequence numbers begin at 0 and grow by one in each partition, whatever the events tell of."""
    by_partition: dict[int, list[int]] = {}
    for event in events:
        by_partition.setdefault(event.partition, []).append(event.sequence_number)
    for numbers in by_partition.values():
        assert numbers == list(range(len(numbers)))


def check_messages(hub: Hub, courier: CrashCourier, listener: CrashListener) -> None:
    """Every queued message came before the crash or comes now, those that come now in order."""
    left = drain(hub, courier.identity)
    assert left == sorted(set(left)), f"out of order: {left}"
    delivered = {*listener.received, *left}
    missing = set(courier.acknowledged) - delivered
    assert not missing, f"acknowledged and never delivered: {sorted(missing)}"
    assert delivered <= set(range(courier.attempted))


# Full disks.


def post(device: Identity, body: bytes):
    return device.hub.http("POST", f"{device.path}/messages/events", token=device.sas(), body=body)


@pytest.mark.timeout(120)
def test_full_disk_refuses_clearly_and_recovers(hub_factory: Callable[..., Hub], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 192) as disk:
        hub = hub_factory()
        hub.data_dir = disk / "data"
        hub.ca_file = hub.data_dir / "tls" / "ca.pem"
        hub.start()
        try:
            over_https, over_mqtt = hub.with_device("full"), hub.with_device("full")
            stored: dict[str, list[bytes]] = {over_https.device_id: [], over_mqtt.device_id: []}
            filler = fill(disk)

            refusal = post_until_refused(over_https, stored[over_https.device_id])
            publish_until_closed(over_mqtt, stored[over_mqtt.device_id])

            assert refusal.status >= 500 and refusal.error_code, str(refusal)
            assert os.path.exists(f"/proc/{hub.process.pid}"), "the hub ended"
            # What there is can be read.
            for device in (over_https, over_mqtt):
                check_stored(hub, device, stored[device.device_id])

            filler.unlink()
            eventually(
                lambda: post(over_https, b"room again").status == 204, within=15, what="recovery over HTTPS"
            )
            stored[over_https.device_id].append(b"room again")
            eventually(lambda: publish(over_mqtt, b"room again"), within=15, what="recovery over MQTT")
            stored[over_mqtt.device_id].append(b"room again")
            c2d.send(over_https, b"room again")
            hub.kill()
            hub.start()
            for device in (over_https, over_mqtt):
                check_stored(hub, device, stored[device.device_id])
            assert drain_one(over_https) == b"room again"
        finally:
            hub.stop()


def post_until_refused(device: Identity, stored: list[bytes]):
    """Sends large messages until the hub does not take one; returns that answer."""
    for number in range(2000):
        body = b"%06d" % number + bytes(200_000)
        reply = post(device, body)
        if reply.status != 204:
            return reply
        stored.append(body)
    raise AssertionError("the disk does not get full")


def publish_until_closed(device: Identity, stored: list[bytes]) -> None:
    """The same over MQTT: the connection is closed, and what was not stored has no PUBACK."""
    with device.hub.mqtt_session(device) as session:
        for number in range(2000):
            body = b"%06d" % number + bytes(200_000)
            sent = session.publish(events_topic(device), body, qos=1)
            try:
                assert session.expect(PUBACK, timeout=15).packet_id == sent
            except ConnectionClosed:
                return
            stored.append(body)
    raise AssertionError("the disk does not get full")


def publish(device: Identity, body: bytes) -> bool:
    """One message over a connection of its own; whether it was acknowledged."""
    try:
        with device.hub.mqtt_session(device) as session:
            send_telemetry(session, device, body)
            return True
    except (ConnectionClosed, AssertionError, OSError):
        return False


def check_stored(hub: Hub, device: Identity, expected: list[bytes]) -> None:
    """Everything acknowledged is there in order; something unacknowledged may be there, too."""
    if not expected:
        return
    with EventStream(hub, device, since=EARLIEST, source="Telemetry") as stream:
        seen = [event.payload for event in stream.until(lambda event: event.payload == expected[-1])]
    remaining = iter(seen)
    assert all(body in remaining for body in expected), "an acknowledged message is missing or out of order"


def drain_one(device: Identity) -> bytes:
    return c2d.HttpsReceiver(device).receive()[0].body
