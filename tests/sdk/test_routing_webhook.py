"""Webhook endpoints: what a receiver on loopback gets, whatever it does."""

import time

import pytest

from support.certificates import SelfSigned
from support.endpoints import health_of, send
from support.loopback import free_address
from support.mqtt_messages import send_telemetry
from support.routes import route, set_routes
from support.waiting import eventually
from support.webhook import Webhook, route_to


@pytest.fixture
def webhook():
    receiver = Webhook()
    yield receiver
    receiver.go_away()


@pytest.fixture
def private_hub(hub_factory):
    """Routes are the hub's, so each test has a hub."""
    return hub_factory().start()


def send_numbers(hub, identity, numbers):
    with hub.mqtt_session(identity) as session:
        for number in numbers:
            send_telemetry(session, identity, str(number).encode())


def check_in_order(bodies, count):
    """All came, and each for the first time after those before it."""
    assert [int(body) for body in dict.fromkeys(bodies)] == list(range(count))


def test_a_receiver_of_cloud_events_is_asked_and_gets_telemetry(private_hub, webhook):
    route_to(private_hub, webhook, headers={"X-Key": "a-key"})
    device = private_hub.with_device("pump")
    send(
        device, b'{"t": 21.50}',
        content_type="application/json", iothub_contenttype="application/json",
        iothub_contentencoding="utf-8", iothub_app_hall="7",
    )  # fmt: skip

    eventually(lambda: webhook.events)

    (event,) = webhook.events
    assert webhook.questions == 1
    assert webhook.headers["content-type"].startswith("application/cloudevents-batch+json")
    assert webhook.headers["x-key"] == "a-key"
    assert event["specversion"] == "1.0"
    assert event["type"] == "Microsoft.Devices.DeviceTelemetry"
    assert event["subject"] == f"devices/{device.device_id}"
    assert event["source"].endswith("/providers/Microsoft.Devices/IotHubs/localhost")
    assert event["data"]["body"] == {"t": 21.5}
    assert event["data"]["properties"] == {"hall": "7"}
    assert event["data"]["systemProperties"]["iothub-connection-device-id"] == device.device_id
    eventually(lambda: health_of(private_hub, "hook")["healthStatus"] == "healthy")


def test_a_receiver_in_event_grids_schema_gives_back_a_code_and_gets_events(private_hub, webhook):
    route_to(private_hub, webhook, schema="eventGrid", source="DeviceLifecycleEvents")
    device = private_hub.with_device("new")

    eventually(lambda: webhook.events)

    assert webhook.questions == 1
    assert webhook.headers["aeg-event-type"] == "Notification"
    created = webhook.events[0]
    assert created["eventType"] == "Microsoft.Devices.DeviceCreated"
    assert created["subject"] == f"devices/{device.device_id}"
    assert created["data"]["twin"]["deviceId"] == device.device_id
    assert created["dataVersion"] == created["metadataVersion"] == "1"


def test_a_receiver_that_wants_no_events_gets_none_until_it_does(private_hub, webhook):
    webhook.allowed_origin = "other.example"
    route_to(private_hub, webhook)
    device = private_hub.with_device("pump")
    send_numbers(private_hub, device, range(3))

    unhealthy = eventually(lambda: refusing(private_hub))
    assert unhealthy["lastKnownError"] == "Unauthorized"
    assert webhook.requests == 0

    webhook.allowed_origin = "*"
    eventually(lambda: len(webhook.telemetry(device.device_id)) >= 3, within=30)
    check_in_order(webhook.telemetry(device.device_id), 3)


def refusing(hub):
    health = health_of(hub, "hook")
    return health if health["healthStatus"] == "unhealthy" else None


def test_a_receiver_that_fails_is_away_and_is_slow_gets_everything_in_order(private_hub, webhook):
    route_to(private_hub, webhook)
    devices = [private_hub.with_device("pump") for _ in range(3)]

    webhook.refusal = 500
    for device in devices:
        send_numbers(private_hub, device, range(40))
    eventually(lambda: refusing(private_hub))
    private_hub.stop()
    private_hub.start()
    for device in devices:
        send_numbers(private_hub, device, range(40, 60))
    webhook.go_away()
    time.sleep(1.0)
    webhook.come_back()
    webhook.refusal, webhook.delay = None, 0.3
    for device in devices:
        send_numbers(private_hub, device, range(60, 100))

    for device in devices:
        eventually(lambda: b"99" in webhook.telemetry(device.device_id), within=60)
        check_in_order(webhook.telemetry(device.device_id), 100)


def test_what_arrived_is_not_sent_again_after_a_stop(private_hub, webhook):
    route_to(private_hub, webhook)
    device = private_hub.with_device("pump")
    send_numbers(private_hub, device, range(20))
    eventually(lambda: len(webhook.telemetry(device.device_id)) == 20)

    private_hub.stop()
    private_hub.start()
    send_numbers(private_hub, device, range(20, 25))
    eventually(lambda: b"24" in webhook.telemetry(device.device_id))

    assert webhook.telemetry(device.device_id) == [str(number).encode() for number in range(25)]
    assert webhook.questions == 2, "each start asks again"


def test_a_slow_receiver_holds_back_no_other(private_hub, webhook):
    slow, webhook.delay = webhook, 5.0
    quick = Webhook()
    try:
        endpoints = [{"name": name, "url": one.url} for name, one in (("slow", slow), ("quick", quick))]
        set_both(private_hub, endpoints)
        device = private_hub.with_device("pump")
        send_numbers(private_hub, device, range(50))

        eventually(lambda: len(quick.telemetry(device.device_id)) == 50, within=4)

        assert slow.telemetry(device.device_id) == []
        check_in_order(quick.telemetry(device.device_id), 50)
    finally:
        quick.go_away()


def set_both(hub, endpoints):
    routes = [{**route("DeviceMessages", endpoint=one["name"]), "name": one["name"]} for one in endpoints]
    set_routes(hub, *routes, endpoints={"webhooks": endpoints})


def test_a_receiver_over_https_is_one_whom_the_operator_trusts(hub_factory, tmp_path):
    host = free_address()
    certificate = SelfSigned(tmp_path, "receiver", address=host)
    webhook = Webhook(certificate, host=host)
    try:
        hub = hub_factory().start()
        route_to(hub, webhook)
        device = hub.with_device("pump")
        send_numbers(hub, device, range(2))
        assert eventually(lambda: refusing(hub))["lastKnownError"] == "Transient"
        hub.stop()

        (hub.data_dir / "twinhub.toml").write_text(f"[outgoing]\nca_file = '{certificate.certificate_file}'\n")
        hub.start()

        eventually(lambda: len(webhook.telemetry(device.device_id)) == 2)
        check_in_order(webhook.telemetry(device.device_id), 2)
    finally:
        webhook.go_away()


def test_a_receiver_that_asks_to_be_left_alone_is(private_hub, webhook):
    webhook.refusal, webhook.retry_after = 429, 4
    route_to(private_hub, webhook)
    device = private_hub.with_device("pump")
    send_numbers(private_hub, device, range(1))
    eventually(lambda: webhook.requests == 1)

    webhook.refusal = None
    time.sleep(3.0)
    assert webhook.requests == 1
    eventually(lambda: webhook.telemetry(device.device_id) == [b"0"])
    assert health_of(private_hub, "hook")["lastKnownError"] == "Throttled"


def test_an_endpoint_that_moves_gets_what_waited_and_one_that_goes_leaves_nothing(private_hub, webhook):
    gone = Webhook()
    gone.go_away()
    route_to(private_hub, gone)
    device = private_hub.with_device("pump")
    send_numbers(private_hub, device, range(5))
    eventually(lambda: refusing(private_hub))
    waiting = backlogs(private_hub)

    route_to(private_hub, webhook)
    eventually(lambda: len(webhook.telemetry(device.device_id)) == 5)
    check_in_order(webhook.telemetry(device.device_id), 5)
    assert backlogs(private_hub) == waiting, "the endpoint keeps what is its own"

    set_both(private_hub, [])
    eventually(lambda: backlogs(private_hub) == [])


def backlogs(hub):
    folder = hub.data_dir / "log"
    return sorted(path.name for path in folder.glob("*.endpoints/*") if path.is_dir())


def test_what_is_delivered_waits_and_fails_is_counted(private_hub, webhook):
    webhook.refusal = 503
    route_to(private_hub, webhook)
    device = private_hub.with_device("pump")
    send_numbers(private_hub, device, range(7))
    eventually(lambda: refusing(private_hub))
    webhook.refusal = None
    eventually(lambda: len(webhook.telemetry(device.device_id)) >= 7, within=30)

    def delivered():
        metrics = private_hub.http("GET", "/metrics", token=None).expect(200).body.decode()
        lines = [line for line in metrics.splitlines() if line.startswith("twinhub_routing_")]
        labels = 'hub="localhost",endpoint="hook",kind="webhook"'
        assert f'twinhub_routing_failures_total{{{labels},reason="Throttled"}}' in metrics
        return f"twinhub_routing_delivered_total{{{labels}}} 7" in lines

    eventually(delivered)
