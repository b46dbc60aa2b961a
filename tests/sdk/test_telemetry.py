"""Telemetry with `azure-iot-device`: what is sent is what is read, in order, stamped."""

import asyncio
import queue
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.iot.device import IoTHubDeviceClient, IoTHubModuleClient, Message

from support.cuttable_proxy import CuttableProxy, Side
from support.device_clients import shut_down, shut_down_aio
from support.events import EARLIEST, EventStream, telemetry_of
from support.waiting import eventually

pytestmark = pytest.mark.timeout(90)

# The SDK counts what Python needs for a bytes object, too.
LARGEST_OF_THE_SDK = 256 * 1024 - sys.getsizeof(b"")

ODD_PROPERTIES = {
    "plain": "value",
    "empty": "",
    "spaces": " two  words ",
    "separators": "a=b&c=d/e?f#g",
    "percent": "100%25 %zz",
    "plus": "1+1",
    "dollar": "$.mid",
    "quotes": "\"'\\`",
    "unicode": "Füße 測量 🌡",
    "name with = & / ? % +": "odd name",
    "$dollar": "not a system property",
}


def full_message() -> Message:
    message = Message(b'{"temperature": 21.5}', message_id="m-1", content_type="application/json")
    message.content_encoding = "utf-8"
    message.correlation_id = "c/1 =?&"
    message.user_id = "someone"
    message.custom_properties.update(ODD_PROPERTIES)
    return message


def check_stamps(event, identity, *, scope=None):
    """What the hub says about every message."""
    notes = event.annotations
    assert event.source == notes["iothub-message-source"] == "Telemetry"
    assert event.device_id == notes["iothub-connection-device-id"] == identity.device_id
    assert event.module_id == notes.get("iothub-connection-module-id") == identity.module_id
    assert notes["iothub-connection-auth-generation-id"] == identity.document["generationId"]
    method = event.auth_method
    expected = scope or ("device" if identity.module_id is None else "module")
    assert (method["scope"], method["type"], method["issuer"]) == (expected, "sas", "iothub")
    assert notes["iothub-enqueuedtime"].endswith("Z")
    assert event.document["enqueuedTime"].endswith("Z")


def test_message_is_read_as_it_was_sent(hub, identity, make_client, websockets):
    client = make_client(identity, websockets=websockets)

    client.send_message(full_message())

    (event,) = telemetry_of(hub, identity, 1)
    check_stamps(event, identity)
    assert event.payload == b'{"temperature": 21.5}'
    assert event.document["body"] == {"temperature": 21.5}
    assert event.properties == ODD_PROPERTIES
    assert event.system["message-id"] == "m-1"
    assert event.system["correlation-id"] == "c/1 =?&"
    assert event.system["user-id"] == "someone"
    assert event.system["content-type"] == "application/json"
    assert event.system["content-encoding"] == "utf-8"


def test_bare_message_has_no_properties(hub, identity, make_client):
    client = make_client(identity)

    client.send_message("nothing but text")

    (event,) = telemetry_of(hub, identity, 1)
    check_stamps(event, identity)
    assert event.payload == b"nothing but text"
    assert event.properties == {}
    assert not {"message-id", "correlation-id", "content-type", "content-encoding"} & event.system.keys()


def test_message_to_an_output_says_which(hub, make_client, websockets):
    module = hub.with_module("sends")
    client = make_client(module, websockets=websockets)

    client.send_message_to_output("alarm", "fire exit")

    (event,) = telemetry_of(hub, module, 1)
    check_stamps(event, module)
    assert event.payload == b"alarm"
    assert event.system["iothub-outputname"] == "fire exit"
    assert event.properties == {}


def test_security_message_says_its_interface(hub, identity, make_client):
    client = make_client(identity)
    message = Message("watch out")
    message.set_as_security_message()

    client.send_message(message)

    (event,) = telemetry_of(hub, identity, 1)
    assert event.annotations["iothub-interface-id"] == "urn:azureiot:Security:SecurityAgent:1"
    assert event.properties == {}


def test_model_id_is_on_every_message(hub, identity, make_client):
    model = "dtmi:com:example:Pump;1"
    # The SDK takes a product name of this form for a model.
    client = make_client(identity, product_info=model)

    client.send_message("a")
    client.send_message("b")

    for event in telemetry_of(hub, identity, 2):
        assert event.annotations["dt-dataschema"] == model


def test_expiry_is_kept(hub, identity, make_client):
    client = make_client(identity)
    message = Message("old news")
    message.expiry_time_utc = "2031-05-06T07:08:09.1234567Z"

    client.send_message(message)

    (event,) = telemetry_of(hub, identity, 1)
    assert event.system["absolute-expiry-time"].startswith("2031-05-06T07:08:09")


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, LARGEST_OF_THE_SDK])
def test_bodies_of_any_size_up_to_the_limit(hub, identity, make_client, websockets, size):
    client = make_client(identity, websockets=websockets)
    body = bytes(n * 7 % 251 for n in range(1000)) * (size // 1000 + 1)

    client.send_message(Message(body[:size]))

    (event,) = telemetry_of(hub, identity, 1)
    assert event.payload == body[:size]


def test_one_device_stays_in_order_in_one_partition(hub, identity, make_client):
    client = make_client(identity)

    for number in range(100):
        client.send_message(str(number))

    events = telemetry_of(hub, identity, 100)
    assert [event.payload for event in events] == [b"%d" % number for number in range(100)]
    assert len({event.partition for event in events}) == 1
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))


def test_many_at_once_all_arrive_once_and_each_thread_in_order(hub, identity, make_client, websockets):
    client = make_client(identity, websockets=websockets)
    client.connect()

    def send(thread):
        for number in range(40):
            client.send_message(f"{thread}:{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))

    bodies = [event.payload.decode() for event in telemetry_of(hub, identity, 320)]
    assert len(set(bodies)) == 320
    for thread in range(8):
        mine = [int(body.split(":")[1]) for body in bodies if body.startswith(f"{thread}:")]
        assert mine == list(range(40))


def test_device_and_its_modules_share_a_partition_and_are_told_apart(hub, make_client):
    device = hub.with_device("family")
    module = device.with_module("m")
    for identity, text in ((device, "d"), (module, "m"), (device, "d2")):
        make_client(identity).send_message(text)

    with EventStream(hub, device, since=EARLIEST, source="Telemetry") as events:
        seen = events.take(3)

    assert len({event.partition for event in seen}) == 1
    assert [(event.module_id, event.payload) for event in seen] == [(None, b"d"), ("m", b"m"), (None, b"d2")]
    assert telemetry_of(hub, module, 1)[0].payload == b"m"


def test_token_of_a_policy_is_stamped_as_the_hubs(hub, make_client):
    device = hub.with_device("by-policy")
    token = hub.sas("device", resource=f"{hub.host}/devices/{device.device_id}")
    client = IoTHubDeviceClient.create_from_sastoken(token, server_verification_cert=hub.ca_file.read_text())
    try:
        client.send_message("hello")
    finally:
        shut_down([client])

    check_stamps(telemetry_of(hub, device, 1)[0], device, scope="hub")


def test_recreated_device_has_another_generation(hub, make_client):
    first = hub.with_device("phoenix")
    make_client(first).send_message("first life")
    first.delete()
    second = hub.with_device(first.device_id, exact_id=True)

    make_client(second).send_message("second life")

    events = telemetry_of(hub, second, 2)
    check_stamps(events[0], first)
    check_stamps(events[1], second)


# Connections that end.


def test_token_renewal_loses_and_reorders_nothing(hub, identity, make_client, websockets):
    """The SDK renews two minutes before the end: after three seconds of these 123."""
    client = make_client(identity, sastoken_ttl=123, websockets=websockets)
    states: queue.Queue[bool] = queue.Queue()
    client.on_connection_state_change = lambda: states.put(client.connected)
    client.connect()
    renewed = threading.Event()

    def watch():
        while states.get(timeout=30):
            pass
        while not states.get(timeout=30):
            pass
        renewed.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    sent = 0
    while not renewed.is_set() or sent < 50:
        client.send_message(str(sent))
        sent += 1
        assert watcher.is_alive() or renewed.is_set(), "the token was not renewed"
        time.sleep(0.01)
    client.send_message("end")

    # One may have been under way when the SDK left, and is sent again.
    check_order(hub, identity, sent, twice=range(sent))


@pytest.mark.parametrize("kind, websockets", [("device", False), ("device", True), ("module", False)])
def test_cut_connection_loses_and_reorders_nothing_acknowledged(hub_factory, kind, websockets):
    with CuttableProxy() as proxy:
        hub = hub_factory("--hostname", proxy.host).start()
        proxy.towards(hub.host)
        identity = hub.with_device("cut") if kind == "device" else hub.with_module("cut")
        client = client_through(proxy, identity, websockets)
        try:
            client.connect()
            for number in range(100):
                # Lost on the way there, lost on the way back, or not at all.
                match number % 20:
                    case 5:
                        proxy.cut_at_next(Side.CLIENT)
                    case 15:
                        proxy.cut_at_next(Side.HUB)
                client.send_message(str(number))
            client.send_message("end")
        finally:
            shut_down([client])

        assert proxy.connections == 11
        check_order(hub, identity, 100, twice=range(15, 100, 20))


def client_through(proxy, identity, websockets):
    """A client that knows the hub by the proxy's address only."""
    package = IoTHubDeviceClient if identity.module_id is None else IoTHubModuleClient
    return package.create_from_connection_string(
        identity.connection_string.replace(identity.hub.host, proxy.host),
        server_verification_cert=identity.hub.ca_file.read_text(),
        websockets=websockets,
        connection_retry_interval=1,
    )


def check_order(hub, identity, sent, twice=()):
    """All of 0, 1, ... are there in order; only those whose acknowledgement was lost may be there twice."""
    with EventStream(hub, identity, since=EARLIEST, source="Telemetry") as events:
        seen = [event.payload.decode() for event in events.until(lambda event: event.payload == b"end")]
    numbers = [int(text) for text in seen[:-1]]
    assert numbers == sorted(numbers), f"out of order: {numbers}"
    assert sorted(set(numbers)) == list(range(sent)), "something acknowledged is missing"
    assert {number for number in numbers if numbers.count(number) > 1} <= set(twice)


# The asynchronous client.


@pytest.fixture
async def make_aio_client(hub):
    clients = []

    def make(identity, **options):
        client = hub.device_client(identity, aio=True, **options)
        clients.append(client)
        return client

    yield make
    await shut_down_aio(clients)


async def test_aio_message_is_read_as_it_was_sent(hub, identity, make_aio_client, websockets):
    client = make_aio_client(identity, websockets=websockets)

    await client.send_message(full_message())

    (event,) = await asyncio.to_thread(telemetry_of, hub, identity, 1)
    check_stamps(event, identity)
    assert event.payload == b'{"temperature": 21.5}'
    assert event.properties == ODD_PROPERTIES
    assert event.system["message-id"] == "m-1"


async def test_aio_many_at_once_all_arrive_once(hub, identity, make_aio_client, websockets):
    client = make_aio_client(identity, websockets=websockets)
    await client.connect()

    await asyncio.gather(*(client.send_message(str(number)) for number in range(300)))

    events = await asyncio.to_thread(telemetry_of, hub, identity, 300)
    assert sorted(int(event.payload) for event in events) == list(range(300))


async def test_aio_message_to_an_output_says_which(hub, make_aio_client):
    module = hub.with_module("sends")
    client = make_aio_client(module)

    await client.send_message_to_output("alarm", "out1")

    (event,) = await asyncio.to_thread(telemetry_of, hub, module, 1)
    assert event.system["iothub-outputname"] == "out1"


def test_disconnected_client_connects_to_send(hub, identity, make_client):
    client = make_client(identity)
    client.connect()
    client.disconnect()

    client.send_message("back again")

    assert telemetry_of(hub, identity, 1)[0].payload == b"back again"
    eventually(lambda: identity.get()["connectionState"] == "Connected", what="presence")
