"""Direct methods: `azure-iot-hub` calls what `azure-iot-device` and raw clients answer."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.iot.device import MethodResponse
from azure.iot.hub.models import CloudToDeviceMethod
from msrest.exceptions import HttpOperationError

from support.sdk import refused
from support.waiting import eventually

pytestmark = pytest.mark.timeout(90)

ALL = "$iothub/methods/POST/#"
LARGEST = 128 * 1024


@pytest.fixture
def invoke(hub):
    """Calls a method by the service SDK."""
    manager = hub.registry_manager("service")

    def call(identity, name="echo", payload=None, *, connect=None, response=None):
        method = CloudToDeviceMethod(
            method_name=name,
            payload=payload,
            connect_timeout_in_seconds=connect,
            response_timeout_in_seconds=response,
        )
        if identity.module_id is None:
            return manager.invoke_device_method(identity.device_id, method)
        return manager.invoke_device_module_method(identity.device_id, identity.module_id, method)

    return call


def answering(client, answer=lambda request: (200, request.payload)):
    """Lets a client answer each call: `answer` tells status and payload."""

    def handle(request):
        status, payload = answer(request)
        client.send_method_response(MethodResponse.create_from_method_request(request, status, payload))

    client.on_method_request_received = handle


class RawCall:
    """A call that a raw client received."""

    def __init__(self, packet):
        path, _, call = packet.topic.partition("/?$rid=")
        self.name = path.removeprefix("$iothub/methods/POST/")
        self.call, self.payload = call, packet.payload

    def answer(self, session, status=200, payload=b"null", qos=0):
        session.publish(f"$iothub/methods/res/{status}/?$rid={self.call}", payload, qos=qos)


def receive(session) -> RawCall:
    return RawCall(session.expect(3, timeout=10))


@pytest.mark.parametrize(
    "payload",
    [{"a": [1, "ü", None]}, [], "text", 0, -1.5, True, False],
    ids=["object", "list", "text", "zero", "float", "true", "false"],
)
def test_payload_goes_there_and_back(identity, make_client, invoke, websockets, payload):
    client = make_client(identity, websockets=websockets)
    client.connect()
    answering(client)

    result = invoke(identity, payload=payload)

    assert (result.status, result.payload) == (200, payload)


@pytest.mark.parametrize("body", [{"methodName": "echo"}, {"methodName": "echo", "payload": None}])
def test_no_payload_is_null_for_the_device(identity, hub, make_client, body):
    client = make_client(identity)
    client.connect()
    answering(client, lambda request: (200, {"got": request.payload}))

    # The service SDK makes an empty text of it.
    answer = hub.http("POST", f"{identity.twin_path}/methods", json=body).expect(200)

    assert answer.json() == {"status": 200, "payload": {"got": None}}


@pytest.mark.parametrize("status", [0, 201, 404, 500, -7, 2**31 - 1])
def test_status_of_the_device_is_passed_on(identity, make_client, invoke, status):
    client = make_client(identity)
    client.connect()
    answering(client, lambda request: (status, request.name))

    result = invoke(identity, "Reboot-2.0_now")

    assert (result.status, result.payload) == (status, "Reboot-2.0_now")


def test_large_payloads_go_there_and_back(identity, make_client, invoke):
    client = make_client(identity)
    client.connect()
    answering(client)
    payload = "x" * (LARGEST - 2)

    assert invoke(identity, payload=payload).payload == payload


def test_too_large_payload_is_refused(identity, invoke, hub):
    with hub.mqtt_session(identity) as session:
        session.subscribe(ALL)
        with refused(413):
            invoke(identity, payload="x" * (LARGEST - 1))
        session.expect_silence()


def test_calls_at_once_get_their_own_answers(identity, hub, invoke):
    with hub.mqtt_session(identity) as session, ThreadPoolExecutor(20) as pool:
        session.subscribe(ALL)
        results = [pool.submit(invoke, identity, f"m{n}", n) for n in range(20)]
        calls = [receive(session) for _ in results]
        for call in reversed(calls):
            call.answer(session, payload=call.payload)

        assert [result.result().payload for result in results] == list(range(20))
    assert len({call.call for call in calls}) == 20


def test_module_and_device_are_called_apart(hub, make_client, invoke):
    module = hub.with_module("apart")
    client = make_client(module)
    client.connect()
    answering(client, lambda request: (200, "module"))

    assert invoke(module).payload == "module"
    manager = hub.registry_manager("service")
    with refused(404, "DeviceNotOnline"):
        manager.invoke_device_method(module.device_id, CloudToDeviceMethod(method_name="echo"))


def test_unknown_identities_are_not_found(hub):
    manager = hub.registry_manager("service")
    device = hub.with_device("known")

    with refused(404, "DeviceNotFound"):
        manager.invoke_device_method("nobody", CloudToDeviceMethod(method_name="echo"))
    with refused(404, "ModuleNotFound"):
        manager.invoke_device_module_method(device.device_id, "none", CloudToDeviceMethod(method_name="echo"))


def test_who_is_offline_or_does_not_listen_is_not_online(identity, hub, invoke):
    with refused(404, "DeviceNotOnline"):
        invoke(identity)
    with hub.mqtt_session(identity) as session:
        with refused(404, "DeviceNotOnline"):
            invoke(identity)
        session.subscribe("$iothub/methods/POST/other/#")
        with refused(404, "DeviceNotOnline"):
            invoke(identity)


def test_disabled_device_is_not_online(hub, invoke):
    device = hub.with_device("locked")
    with hub.mqtt_session(device) as session:
        session.subscribe(ALL)
        device.put(status="disabled")

        with refused(404, "DeviceNotOnline"):
            invoke(device)


def test_call_waits_for_who_comes_meanwhile(identity, make_client, invoke):
    client = make_client(identity)

    def come():
        time.sleep(1)
        client.connect()
        time.sleep(1)
        answering(client)

    coming = threading.Thread(target=come)
    coming.start()
    result = invoke(identity, payload=7, connect=60, response=60)
    coming.join()

    assert result.payload == 7


def test_call_gives_up_on_who_does_not_come(identity, invoke):
    begun = time.monotonic()

    with refused(404, "DeviceNotOnline"):
        invoke(identity, connect=2, response=5)

    assert 1.5 < time.monotonic() - begun < 4


def test_silence_times_out_and_the_late_answer_is_dropped(identity, hub, invoke):
    with hub.mqtt_session(identity) as session:
        session.subscribe(ALL)
        begun = time.monotonic()

        with refused(504, "GatewayTimeout"):
            invoke(identity, "first", response=5)

        assert 4 < time.monotonic() - begun < 6
        late = receive(session)
        late.answer(session, payload=b'"late"', qos=1)
        session.expect(4)
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(invoke, identity, "second")
            call = receive(session)
            late.answer(session, payload=b'"late"')
            call.answer(session, payload=b'"second"')
            call.answer(session, payload=b'"twice"')
            assert result.result().payload == "second"
        session.ping()


def test_answer_of_somebody_else_is_dropped(identity, hub, invoke):
    other = hub.with_device("other")
    with hub.mqtt_session(identity) as session, hub.mqtt_session(other) as stranger, ThreadPoolExecutor(1) as pool:
        session.subscribe(ALL)
        result = pool.submit(invoke, identity)
        call = receive(session)
        call.answer(stranger, payload=b'"foreign"')
        stranger.ping()
        call.answer(session, payload=b'"own"')

        assert result.result().payload == "own"


@pytest.mark.parametrize("payload", [b"done", b"{", b'"\xff"'])
def test_answer_that_is_not_json_is_a_bad_gateway(identity, hub, invoke, payload):
    with hub.mqtt_session(identity) as session, ThreadPoolExecutor(1) as pool:
        session.subscribe(ALL)
        result = pool.submit(invoke, identity)
        receive(session).answer(session, payload=payload)

        with refused(502):
            result.result()


def test_empty_answer_is_null(identity, hub, invoke):
    with hub.mqtt_session(identity) as session, ThreadPoolExecutor(1) as pool:
        session.subscribe(ALL)
        result = pool.submit(invoke, identity)
        receive(session).answer(session, status=204, payload=b"")

        answer = result.result()
        assert (answer.status, answer.payload) == (204, None)


def test_who_takes_its_leave_in_mid_call_is_said_to_have_gone(identity, hub, invoke):
    with hub.mqtt_session(identity) as session, ThreadPoolExecutor(1) as pool:
        session.subscribe(ALL)
        begun = time.monotonic()
        result = pool.submit(invoke, identity)
        receive(session)
        session.disconnect()

        with refused(404, "DeviceConnectionClosedRemotely"):
            result.result()
        assert time.monotonic() - begun < 10


def test_answer_may_come_over_the_next_connection(identity, hub, invoke):
    with ThreadPoolExecutor(1) as pool:
        with hub.mqtt_session(identity) as session:
            session.subscribe(ALL)
            result = pool.submit(invoke, identity)
            call = receive(session)
        with hub.mqtt_session(identity) as session:
            call.answer(session, payload=b'"after all"')

            assert result.result().payload == "after all"


def test_too_many_calls_at_once_are_refused(identity, hub, invoke):
    with hub.mqtt_session(identity) as session, ThreadPoolExecutor(40) as pool:
        session.subscribe(ALL)
        results = [pool.submit(invoke, identity, response=20) for _ in range(40)]
        refusals = []
        eventually(lambda: sum(result.done() for result in results) == 8, what="eight refusals")
        for result in results:
            if result.done():
                with pytest.raises(HttpOperationError) as caught:
                    result.result()
                refusals.append(caught.value.response)
        for _ in range(32):
            receive(session).answer(session)
        answered = [result.result().status for result in results if not result.exception()]

    assert answered == [200] * 32
    for response in refusals:
        assert response.status_code == 403
        assert response.headers["iothub-errorcode"] == "DeviceMaximumInflightMethodExceeded"
        assert json.loads(response.json()["Message"])["errorCode"] == 403800


def test_method_survives_a_reconnect_without_a_new_subscription(hub, invoke):
    device = hub.with_device("kept")
    with hub.mqtt_session(device, clean_session=False) as session:
        session.subscribe(ALL)
    with hub.mqtt_session(device, clean_session=False) as session, ThreadPoolExecutor(1) as pool:
        result = pool.submit(invoke, device, connect=5)
        receive(session).answer(session)

        assert result.result().status == 200
