"""The commands about messages: c2d-message, monitor-events, simulate."""

import json
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest

from support import cloud_to_device as c2d
from support.cloud_to_device import HttpsReceiver
from support.events import EARLIEST, EventStream
from support.hub import _clean_environment, binary, unique
from support.mqtt_messages import devicebound_filter, receive_devicebound, send_telemetry
from support.waiting import eventually


@pytest.fixture
def device(hub):
    return hub.with_device("cli")


@contextmanager
def monitor(hub, *options):
    """A running `monitor-events` that has begun to read; what it prints is in a file."""
    out = hub.data_dir.parent / f"{unique('monitor')}.out"
    command = [str(binary()), "monitor-events", *options, "--data-dir", str(hub.data_dir)]
    with out.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.PIPE, text=True, env=_clean_environment()
        )
    try:
        # The first word on standard error says that it follows.
        assert process.stderr.readline()
        yield process, out
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def objects(out):
    """The JSON values that a command has printed one after the other, the last one maybe half."""
    text, found, at = out.read_text(), [], 0
    decoder = json.JSONDecoder()
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            break
        found.append(value)
    return found


def payloads(out):
    return [seen["event"]["payload"] for seen in objects(out)]


def send(identity, *bodies, bag=""):
    with identity.hub.mqtt_session(identity) as session:
        for body in bodies:
            send_telemetry(session, identity, body, bag)


# c2d-message.


def test_message_is_sent_with_everything(hub, device):
    hub.cli(
        "c2d-message", "send", "-d", device.device_id, "--data", "do it",
        "--props", "a=1;b=two words", "--ack", "full", "--message-id", "m", "--correlation-id", "c",
        "--content-type", "text/plain", "--content-encoding", "utf-8",
    )  # fmt: skip

    reply, _ = HttpsReceiver(device).receive()
    assert reply.body == b"do it"
    names = {name.lower(): value for name, value in reply.headers}
    assert (names["iothub-app-a"], names["iothub-app-b"]) == ("1", "two words")
    assert (names["iothub-ack"], names["iothub-messageid"], names["iothub-correlationid"]) == ("full", "m", "c")
    assert (names["contenttype"], names["contentencoding"]) == ("text/plain", "utf-8")


def test_message_to_a_module_is_sent(hub):
    module = hub.with_module("cli")

    hub.cli("c2d-message", "send", "-d", module.device_id, "-m", module.module_id, "--data", "hi")

    with hub.mqtt_session(module) as session:
        session.subscribe(devicebound_filter(module))
        assert receive_devicebound(session, module).payload == b"hi"


def test_purge_prints_the_count(hub, device):
    for _ in range(2):
        c2d.send(device)

    printed = json.loads(hub.cli("c2d-message", "purge", "-d", device.device_id).stdout)

    assert printed["totalMessagesPurged"] == 2 and printed["deviceId"] == device.device_id
    assert c2d.waiting(device) == 0


def test_refused_messages_fail_with_a_reason(hub, device):
    unknown = hub.cli("c2d-message", "send", "-d", unique("ghost"), "--data", "x", check=False)
    too_large = hub.cli("c2d-message", "send", "-d", device.device_id, "--data", "x" * 70_000, check=False)

    assert unknown.returncode == 3 and unknown.stderr.startswith("error: ")
    assert too_large.returncode != 0 and "error: " in too_large.stderr
    for done in (unknown, too_large):
        assert done.stdout == "" and "panicked" not in done.stderr


# monitor-events.


def test_monitor_shows_what_comes_and_ends_politely(hub, device):
    with monitor(hub, "-d", device.device_id) as (process, out):
        send(device, b"one", b"two")

        eventually(lambda: payloads(out) == ["one", "two"], what="two events")
        assert [seen["event"]["origin"] for seen in objects(out)] == [device.device_id] * 2
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) in (0, 130, -signal.SIGINT)


def test_monitor_filters_by_device_and_module(hub):
    device = hub.with_device("cli")
    module, other = device.with_module("m"), hub.with_device("cli")
    with monitor(hub, "-d", device.device_id, "-m", "m") as (_, out):
        send(device, b"other")
        send(other, b"other")
        send(module, b"one")

        eventually(lambda: objects(out), what="the module's event")
        assert payloads(out) == ["one"] and objects(out)[0]["event"]["module"] == "m"


def test_monitor_filters_by_content(hub, device):
    with monitor(hub, "-d", device.device_id, "--content", "wo") as (_, out):
        send(device, b"one", b"other", b"two")

        eventually(lambda: objects(out), what="the event")
        assert payloads(out) == ["two"]


def test_monitor_shows_what_was_and_ends_after_a_count(hub, device):
    send(device, b'{"a": 1}', bag="%24.ct=application%2Fjson&%24.ce=utf-8&%24.mid=m&name=value")

    done = hub.cli(
        "monitor-events", "-d", device.device_id, "--enqueued-time", "earliest", "--source", "Telemetry",
        "--message-count", "1", "--properties", "all",
    )  # fmt: skip

    event = json.loads(done.stdout)["event"]
    assert event["payload"] == {"a": 1}
    assert event["properties"]["application"] == {"name": "value"}
    assert event["properties"]["system"]["message-id"] == "m"
    assert event["annotations"]["iothub-connection-device-id"] == device.device_id


def test_monitor_without_the_right_fails(hub, device):
    done = subprocess.run(
        [str(binary()), "monitor-events", "--login", hub.connection_string("registryRead")],
        capture_output=True, text=True, timeout=20,
        env=_clean_environment() | {"TWINHUB_CA_FILE": str(hub.ca_file), "SSL_CERT_FILE": str(hub.ca_file)},
    )  # fmt: skip

    assert done.returncode not in (0, 6) and "error: " in done.stderr, done.stderr


# simulate.


def test_simulate_sends_from_so_many_devices(hub_factory):
    hub = hub_factory().start()

    done = hub.cli("simulate", "--devices", "3", "--messages", "4", "--interval", "0.01")

    assert "panicked" not in done.stderr
    with EventStream(hub, since=EARLIEST, source="Telemetry") as stream:
        events = stream.take(12)
    counts: dict[str, int] = {}
    for event in events:
        counts[event.device_id] = counts.get(event.device_id, 0) + 1
    assert sorted(counts.values()) == [4, 4, 4]


def test_simulate_ends_with_an_interrupt(hub_factory):
    hub = hub_factory().start()
    process = subprocess.Popen(
        [str(binary()), "simulate", "--devices", "2", "--data-dir", str(hub.data_dir)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_clean_environment(),
    )  # fmt: skip
    try:
        with EventStream(hub, since=EARLIEST, source="Telemetry") as stream:
            stream.next(timeout=20)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
        assert time.monotonic() - begun < 8
    finally:
        process.kill()
        process.wait()
