"""NATS endpoints: what `nats-py` reads behind them."""

import pytest
from azure.iot.device import Message

from support.certificates import SelfSigned
from support.endpoints import health_of, route_to, send
from support.loopback import free_address
from support.nats import NatsServer
from support.waiting import eventually


@pytest.fixture
def server(tmp_path):
    """A server of the test's own."""
    (folder := tmp_path / "nats").mkdir()
    started = NatsServer(folder)
    yield started
    started.kill()


@pytest.fixture
def private_hub(hub_factory):
    """Routes are the hub's, so each test has a hub."""
    return hub_factory().start()


async def with_stream(server):
    client = await server.connect()
    await client.jetstream().add_stream(name="telemetry", subjects=["plant.>"])
    await client.close()


def subject(server, **members):
    return {"servers": server.url, "subject": "plant.{deviceid}.{moduleid}", "jetStream": True, **members}


async def test_a_stream_has_what_devices_and_modules_send(private_hub, server):
    await with_stream(server)
    route_to(private_hub, natsSubjects={"bus": subject(server)})
    module = private_hub.with_module("pump", "sensor")
    message = Message(b'{"t": 21.5}', message_id="m-1", content_type="application/json", content_encoding="utf-8")
    message.custom_properties["hall"] = "7"
    with private_hub.mqtt_session(private_hub.with_device("a.b", exact_id=True)) as session:
        session.publish("devices/a.b/messages/events/", b"device", qos=1)
    client = private_hub.device_client(module)
    client.send_message(message)
    client.shutdown()

    stored = await server.stored("telemetry", 2)

    by_subject = {message.subject: message for message in stored}
    assert by_subject["plant.a%2Eb"].data == b"device"
    of_module = by_subject[f"plant.{module.device_id}.{module.module_id}"]
    assert of_module.data == b'{"t": 21.5}'
    assert of_module.headers["iothub-app-hall"] == "7"
    assert of_module.headers["message-id"] == "m-1"
    assert of_module.headers["content-type"] == "application/json"
    assert of_module.headers["iothub-connection-device-id"] == module.device_id
    assert of_module.headers["iothub-connection-module-id"] == module.module_id
    assert of_module.headers["iothub-message-source"] == "Telemetry"


async def test_a_server_that_is_killed_gets_everything_once_and_in_order(private_hub, server):
    await with_stream(server)
    route_to(private_hub, natsSubjects={"bus": subject(server)})
    device = private_hub.with_device("pump")

    def send_numbers(numbers):
        for number in numbers:
            send(device, str(number).encode())

    send_numbers(range(50))
    server.kill()
    send_numbers(range(50, 100))
    health = eventually(
        lambda: (now := health_of(private_hub, "bus")).get("lastKnownError") and now, what="an error"
    )
    server.start()
    send_numbers(range(100, 150))
    stored = await server.stored("telemetry", 150)

    assert health["healthStatus"] == "unhealthy"
    assert [int(message.data) for message in stored] == list(range(150))
    eventually(lambda: health_of(private_hub, "bus")["healthStatus"] == "healthy", what="health")


async def test_without_jetstream_whoever_listens_hears(private_hub, server):
    client = await server.connect()
    listening = await client.subscribe("plant.>")
    await client.flush()
    route_to(private_hub, natsSubjects={"bus": subject(server, jetStream=False)})

    send(private_hub.with_device("pump"), b"heard")

    assert (await listening.next_msg(timeout=10)).data == b"heard"
    await client.close()


async def test_a_subject_without_a_stream_is_told(private_hub, server):
    route_to(private_hub, natsSubjects={"bus": subject(server)})

    send(private_hub.with_device("pump"), b"waits")
    health = eventually(
        lambda: (now := health_of(private_hub, "bus")).get("lastKnownError") and now, what="an error"
    )
    await with_stream(server)
    (stored,) = await server.stored("telemetry", 1)

    assert health["lastKnownError"] == "EndpointExternallyDisabled"
    assert stored.data == b"waits"


async def test_a_server_is_trusted_if_the_operator_does(hub_factory, tmp_path):
    (folder := tmp_path / "nats").mkdir()
    host = free_address()
    certificate = SelfSigned(folder, "nats", address=host)
    tls = ["--tls", "--tlscert", str(certificate.certificate_file), "--tlskey", str(certificate.key_file)]
    server = NatsServer(folder, *tls, host=host)
    trusting, wary = hub_factory(), hub_factory()
    trusting.data_dir.mkdir()
    settings = f'[outgoing]\nca_file = "{certificate.certificate_file}"\n'
    (trusting.data_dir / "twinhub.toml").write_text(settings)
    try:
        for hub in (trusting, wary):
            hub.start()
            endpoint = subject(server, servers=server.url.replace("nats://", "tls://"), jetStream=False)
            route_to(hub, natsSubjects={"bus": endpoint})
            send(hub.with_device("pump"), b"secret")

        eventually(lambda: health_of(trusting, "bus")["healthStatus"] == "healthy", what="a delivery")
        health = eventually(
            lambda: (now := health_of(wary, "bus")).get("lastKnownError") and now, what="an error"
        )
        assert health["lastKnownError"] == "Transient"
    finally:
        server.kill()
