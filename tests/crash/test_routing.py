"""`kill -9` while messages are routed: what was acknowledged reaches the endpoint, in order, whatever stops."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.crash_messages import CrashPublisher
from support.events import EARLIEST, EventStream
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import send_telemetry
from support.routes import set_routes
from support.small_disk import small_disk
from support.waiting import eventually
from support.webhook import Webhook, route_to

KILLS = 8
PUBLISHERS = 3


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()
    yield hook
    hook.go_away()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_acknowledged_misses_its_endpoint(hub_factory: Callable[..., Hub], webhook: Webhook) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    hub = hub_factory().start()
    route_to(hub, webhook, "events")
    everybody: list[CrashPublisher] = []

    for number in range(KILLS):
        # Every other time the endpoint refuses, so that all waits over the crash.
        webhook.refusal = 503 if number % 2 else None
        senders = [CrashPublisher(hub.with_device("crash")) for _ in range(PUBLISHERS)]
        for sender in senders:
            sender.start()
        eventually(
            lambda: all(s.acknowledged > 100 or s.failure for s in senders), within=30, what="load"
        )  # fmt: skip
        time.sleep(chance.uniform(0.0, 1.5))
        hub.kill()
        for sender in senders:
            sender.join()
        everybody += senders
        hub.start()

    webhook.refusal = None
    for sender in everybody:
        finish(hub, sender.identity)
    for sender in everybody:
        eventually(
            lambda: b"last" in webhook.telemetry(sender.identity.device_id), within=60, what="delivery"
        )  # fmt: skip
    repeated = 0
    for sender in everybody:
        came = webhook.telemetry(sender.identity.device_id)
        first_times = list(dict.fromkeys(came))
        numbers = [int(body) for body in first_times[:-1]]
        assert numbers == list(range(len(numbers))), "out of order, or some are missing"
        assert sender.acknowledged <= len(numbers) <= sender.sent
        repeated += len(came) - len(first_times)
    check_built_in_endpoint(hub, everybody)
    print(f"{repeated} repeated of {sum(len(webhook.telemetry(s.identity.device_id)) for s in everybody)}")


def finish(hub: Hub, identity: Identity) -> None:
    """The last word of a sender: once it is there, all before is."""
    with hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, b"last")


def check_built_in_endpoint(hub: Hub, senders: list[CrashPublisher]) -> None:
    """The built-in endpoint has all that was acknowledged, too, and each once."""
    bodies: dict[str, list[str]] = {sender.identity.device_id: [] for sender in senders}
    ended = 0
    with EventStream(hub, since=EARLIEST) as stream:
        while ended < len(senders):
            event = stream.next()
            text = event.payload.decode()
            bodies[event.device_id].append(text)
            ended += text == "last"
    for sender in senders:
        *numbers, _last = bodies[sender.identity.device_id]
        assert [int(number) for number in numbers] == list(range(len(numbers)))
        assert len(numbers) >= sender.acknowledged


def test_endpoint_that_was_away_over_restarts_gets_everything_in_order(
    hub_factory: Callable[..., Hub], webhook: Webhook
) -> None:
    hub = hub_factory().start()
    route_to(hub, webhook)
    device = hub.with_device("pump")
    webhook.go_away()

    expected = []
    for number in range(4):
        with hub.mqtt_session(device) as session:
            for part in range(10):
                expected.append(f"{number}.{part}".encode())
                send_telemetry(session, device, expected[-1])
        if number % 2:
            hub.kill()
        else:
            hub.terminate()
        hub.start()
    webhook.come_back()

    eventually(lambda: len(webhook.telemetry(device.device_id)) >= 40, within=60, what="delivery")
    assert webhook.telemetry(device.device_id) == expected


@pytest.mark.parametrize("end", [Hub.kill, Hub.terminate])
def test_removed_endpoint_leaves_nothing_on_disk(
    hub_factory: Callable[..., Hub], webhook: Webhook, end: Callable[[Hub], object]
) -> None:
    hub = hub_factory().start()
    folders = lambda: list(hub.data_dir.glob("log/*.endpoints/*"))  # noqa: E731
    device = hub.with_device("pump")
    webhook.refusal = 503
    route_to(hub, webhook)
    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, b"waits")
    assert len(folders()) == 1

    set_routes(hub, endpoints={"webhooks": []})
    end(hub)
    hub.start()

    eventually(lambda: not folders(), what="removal")
    route_to(hub, webhook)
    assert len(folders()) == 1
    webhook.refusal = None
    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, b"new")
    eventually(lambda: webhook.telemetry(device.device_id), what="delivery")
    assert webhook.telemetry(device.device_id) == [b"new"]


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_disk_that_is_full_of_what_waits_is_free_again_once_it_is_delivered(
    hub_factory: Callable[..., Hub], webhook: Webhook, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 112) as disk:
        hub = hub_factory()
        hub.data_dir = disk / "data"
        hub.ca_file = hub.data_dir / "tls" / "ca.pem"
        hub.start()
        try:
            route_to(hub, webhook)
            device = hub.with_device("full")
            webhook.refusal = 503
            stored, refusal = post_until_refused(device)

            assert refusal.status >= 500 and refusal.error_code, str(refusal)
            assert hub.http("GET", "/readyz", token=None, api_version=None).status == 503
            assert hub.process.poll() is None
            webhook.refusal = None
            eventually(lambda: post(device, b"room again").status == 204, within=60, what="room")

            # Reading all the large messages again and again would hold up the webhook.
            eventually(lambda: webhook.latest(device.device_id) == b"room again", within=100, what="delivery")
            came = [body[:6] for body in dict.fromkeys(webhook.telemetry(device.device_id))]
            assert [body for body in came if body in stored] == stored
            assert hub.is_ready()
        finally:
            hub.stop()


def post(device: Identity, body: bytes):
    return device.hub.http("POST", f"{device.path}/messages/events", token=device.sas(), body=body)


def post_until_refused(device: Identity):
    """Sends large messages until the hub does not take one: what it took, and that answer."""
    stored: list[bytes] = []
    for number in range(2000):
        body = b"%06d" % number
        reply = post(device, body + bytes(150_000))
        if reply.status != 204:
            return stored, reply
        stored.append(body)
    raise AssertionError("the disk does not get full")
