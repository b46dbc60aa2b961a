"""The messages with which Microsoft's SDK tests ask for faults, on a hub that allows them.

Names and values are those of the SDKs' end-to-end tests; over MQTT the request
itself is never acknowledged, because the connection ends first.
"""

import time
from threading import Thread

import pytest
from azure.iot.device import Message

from support.device_clients import shut_down
from support.events import telemetry_of
from support.hub import Hub
from support.loopback import free_address
from support.mqtt_messages import bag, events_topic, send_telemetry
from support.mqtt_refusal import refusal_code
from support.raw_mqtt import PUBACK, ConnectionClosed
from support.waiting import eventually

pytestmark = pytest.mark.timeout(90)

DISCONNECTING = ["KillTcp", "ShutDownMqtt", "InvokeThrottling", "InvokeMaxMessageQuota", "InvokeAuthError"]


@pytest.fixture(scope="module")
def faulty_hub(tmp_path_factory):
    """A hub with `fault_injection = true`, shared by this file."""
    folder = tmp_path_factory.mktemp("faulty") / "data"
    folder.mkdir()
    (folder / "twinhub.toml").write_text("fault_injection = true\n")
    hub = Hub(free_address(), folder)
    try:
        yield hub.start()
    finally:
        hub.stop()


@pytest.fixture(params=["device", "module"])
def identity(request, faulty_hub):
    return faulty_hub.with_device("faulty") if request.param == "device" else faulty_hub.with_module("faulty")


def fault(kind: str, delay: float | None = 0, duration: float | None = None, reason: str = "boom") -> dict[str, str]:
    """The application properties of a request."""
    properties = {"AzIoTHub_FaultOperationType": kind, "AzIoTHub_FaultOperationCloseReason": reason}
    if delay is not None:
        properties["AzIoTHub_FaultOperationDelayInSecs"] = str(delay)
    if duration is not None:
        properties["AzIoTHub_FaultOperationDurationInSecs"] = str(duration)
    return properties


def ask_for(session, identity, **options) -> None:
    session.publish(events_topic(identity, bag(**fault(**options))), b"", qos=1)


@pytest.mark.parametrize("kind", DISCONNECTING)
def test_connection_ends_without_puback_and_the_next_one_works(faulty_hub, identity, kind):
    with faulty_hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, b"before")

        ask_for(session, identity, kind=kind)

        session.expect_closed()
    with faulty_hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, b"after")

    # The request is no telemetry.
    assert [event.payload for event in telemetry_of(faulty_hub, identity, 2)] == [b"before", b"after"]


def test_fault_comes_after_the_delay(faulty_hub, identity):
    with faulty_hub.mqtt_session(identity) as session:
        ask_for(session, identity, kind="KillTcp", delay=1)
        begun = time.monotonic()
        # Until then everything works.
        sent = session.publish(events_topic(identity), b"meanwhile", qos=1)
        assert session.expect(PUBACK, timeout=0.8).packet_id == sent

        session.expect_closed(timeout=5)

        assert 0.8 < time.monotonic() - begun < 3


def test_auth_error_keeps_the_device_out_for_its_duration(faulty_hub, identity):
    with faulty_hub.mqtt_session(identity) as session:
        ask_for(session, identity, kind="InvokeAuthError", duration=2)
        session.expect_closed()

    assert refusal_code(faulty_hub, identity) == 5
    eventually(lambda: refusal_code(faulty_hub, identity) == 0, within=6, what="the end of the fault")


def test_throttling_keeps_the_device_out_for_its_duration(faulty_hub, identity):
    with faulty_hub.mqtt_session(identity) as session:
        ask_for(session, identity, kind="InvokeThrottling", duration=2)
        session.expect_closed()

    assert refusal_code(faulty_hub, identity) == 3
    eventually(lambda: refusal_code(faulty_hub, identity) == 0, within=6, what="the end of the fault")


def test_exhausted_quota_takes_no_telemetry_for_its_duration(faulty_hub, identity):
    with faulty_hub.mqtt_session(identity) as session:
        ask_for(session, identity, kind="InvokeMaxMessageQuota", duration=2)
        session.expect_closed()
    with faulty_hub.mqtt_session(identity) as session:
        session.ping()
        session.publish(events_topic(identity), b"too much", qos=1)
        session.expect_closed()

    def works() -> bool:
        with faulty_hub.mqtt_session(identity) as session:
            session.publish(events_topic(identity), b"again", qos=1)
            try:
                return session.receive().kind == PUBACK
            except ConnectionClosed:
                return False

    eventually(works, within=6, what="the end of the fault")
    assert telemetry_of(faulty_hub, identity, 1)[0].payload == b"again"


def test_fault_is_that_identitys_alone(faulty_hub):
    device, other = faulty_hub.with_device("faulty"), faulty_hub.with_device("bystander")
    with faulty_hub.mqtt_session(device) as session, faulty_hub.mqtt_session(other) as bystander:
        ask_for(session, device, kind="InvokeAuthError", duration=1)
        session.expect_closed()

        send_telemetry(bystander, other)
    with faulty_hub.mqtt_session(other) as bystander:
        send_telemetry(bystander, other)


@pytest.mark.parametrize(
    "kind, status, code",
    [
        ("InvokeMaxMessageQuota", 403, "IotHubQuotaExceeded"),
        ("InvokeAuthError", 401, None),
        ("InvokeThrottling", 429, "ThrottlingException"),
    ],
)
def test_over_https_the_fault_is_the_answer(faulty_hub, kind, status, code):
    device = faulty_hub.with_device("faulty")
    headers = {f"iothub-app-{name}": value for name, value in fault(kind, delay=0).items()}

    reply = faulty_hub.http(
        "POST", f"{device.path}/messages/events", token=device.sas(), headers=headers, body=b"x"
    )

    assert reply.status == status, str(reply)
    assert code is None or reply.error_code == code


@pytest.mark.parametrize("kind", ["KillTcp", "ShutDownMqtt", "InvokeThrottling"])
@pytest.mark.parametrize("websockets", [False, True], ids=["mqtt", "websockets"])
def test_sdk_that_asks_is_cut_off_comes_back_and_works(faulty_hub, kind, websockets):
    device = faulty_hub.with_device("faulty")
    client = faulty_hub.device_client(device, websockets=websockets, connection_retry_interval=1)
    states = []
    client.on_connection_state_change = lambda: states.append(client.connected)
    request = Message("")
    request.custom_properties.update(fault(kind, delay=1))
    asking = Thread(target=lambda: quietly(client.send_message, request), daemon=True)
    try:
        client.connect()
        client.send_message("before")
        asking.start()
        eventually(lambda: False in states, what="the fault")
        eventually(lambda: client.connected, what="the way back")

        # The SDK sends the request again and will be cut again, but not before the delay.
        client.send_message("after")

        assert asking.is_alive(), "the request was acknowledged"
    finally:
        shut_down([client])
    payloads = [event.payload for event in telemetry_of(faulty_hub, device, 2)]
    assert payloads == [b"before", b"after"]


def quietly(call, *arguments):
    try:
        call(*arguments)
    except Exception:
        # The client is shut down while it waits.
        pass


@pytest.mark.parametrize("kind", ["KillTcp", "InvokeAuthError"])
def test_hub_that_does_not_allow_faults_takes_it_as_telemetry(hub, kind):
    device = hub.with_device("faultless")

    with hub.mqtt_session(device) as session:
        send_telemetry(session, device, b"x", bag(**fault(kind)))
        session.ping()

    assert telemetry_of(hub, device, 1)[0].properties == fault(kind)


def test_unknown_kind_is_telemetry(faulty_hub, identity):
    with faulty_hub.mqtt_session(identity) as session:
        send_telemetry(session, identity, b"x", bag(**fault("MakeCoffee")))

    assert telemetry_of(faulty_hub, identity, 1)[0].properties == fault("MakeCoffee")


@pytest.mark.parametrize("delay", ["soon", "-1", "1e99", ""])
def test_nonsense_delay_does_no_harm(faulty_hub, delay):
    device = faulty_hub.with_device("faulty")
    with faulty_hub.mqtt_session(device) as session:
        session.publish(events_topic(device, bag(**fault("KillTcp", delay=delay))), b"", qos=1)
        try:
            session.receive(1.0)
        except (ConnectionClosed, TimeoutError):
            # Closed at once, or much later: both will do.
            pass
    with faulty_hub.mqtt_session(device) as session:
        send_telemetry(session, device)
