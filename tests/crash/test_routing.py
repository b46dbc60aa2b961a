"""`kill -9` while messages are routed: what was acknowledged reaches the endpoint, in order, whatever stops."""

import random
import time
from collections.abc import Callable, Iterator

import pytest

from support.crash_messages import CrashPublisher
from support.events import EARLIEST, EventStream
from support.hub import Hub
from support.identity import Identity
from support.mqtt_messages import send_telemetry
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
