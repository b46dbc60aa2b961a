"""Starting twice, stopping politely, coming back."""

import time
from collections.abc import Callable

import pytest

from support import mqtt_twin
from support.crash_writer import CrashWriter, read_state
from support.hostile import tcp, tls
from support.hub import Hub, HubDidNotStart
from support.keep_alive import KeepAliveClient
from support.waiting import eventually


def test_second_hub_on_the_same_folder_is_refused_and_the_first_goes_on(
    hub_factory: Callable[..., Hub],
) -> None:
    first = hub_factory().start()
    device = first.with_device()
    second = hub_factory()
    second.data_dir = first.data_dir

    with pytest.raises(HubDidNotStart) as refused:
        second.start()

    message = str(refused.value)
    assert "exit code 0" not in message
    assert str(first.data_dir) in message
    assert "panicked" not in message
    assert device.get()["deviceId"] == device.device_id
    first.with_device()


def test_port_that_is_taken_is_named(hub_factory: Callable[..., Hub]) -> None:
    first = hub_factory().start()
    second = hub_factory()
    second.host = first.host

    # The first hub would answer `/readyz`, so the second is watched by its process.
    process = second.start_without_waiting()

    assert process.wait(timeout=10) != 0
    assert "443" in second.log_tail()
    assert "panicked" not in second.log_tail()
    assert first.is_ready()


def test_restart_brings_back_the_same_hub(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()
    device = hub.with_device()
    module = device.with_module()
    module.patch_twin({"tags": {"a": 1}, "properties": {"desired": {"b": 2}}})
    before = (hub.ca_file.read_bytes(), hub.operator_token, device.get(), module.get(), module.twin())
    keys = [hub.cli("connection-string", "--policy", name).stdout for name in ("iothubowner", "device")]

    assert hub.terminate() == 0
    hub.start()

    after = (hub.ca_file.read_bytes(), hub.operator_token, device.get(), module.get(), module.twin())
    assert after == before
    assert keys == [
        hub.cli("connection-string", "--policy", name).stdout for name in ("iothubowner", "device")
    ]


def test_sigterm_ends_within_ten_seconds_with_clients_of_every_kind(
    hub_factory: Callable[..., Hub],
) -> None:
    hub = hub_factory().start()
    sessions = [hub.mqtt_session(hub.with_device(), websocket=n % 2 == 1) for n in range(10)]
    idle = KeepAliveClient(hub)
    idle.send("GET", "/devices").expect(200)
    half_open = [
        tcp(hub.host, hub.mqtts_port),
        tcp(hub.host, hub.https_port),
        tls(hub.tls, hub.host, hub.mqtts_port),
        tls(hub.tls, hub.host, hub.https_port),
    ]
    half_open[3].sendall(b"PUT /devices/x HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
    begun = time.monotonic()

    assert hub.terminate() == 0

    assert time.monotonic() - begun < 10
    for session in sessions:
        session.expect_closed()


def test_sigterm_without_clients_is_quick(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()
    begun = time.monotonic()

    assert hub.terminate() == 0

    assert time.monotonic() - begun < 3


def test_sigterm_under_load_keeps_what_was_acknowledged(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()
    writers = [CrashWriter(hub, f"term{n}", seed=n) for n in range(4)]
    for writer in writers:
        writer.start()
    eventually(lambda: all(w.writes > 20 or w.failure for w in writers), within=30, what="load")

    assert hub.terminate() == 0
    for writer in writers:
        writer.join()

    hub.start()
    client = KeepAliveClient(hub)
    for writer in writers:
        for path in writer.touched():
            actual = read_state(client, path)
            assert any(state.allows(actual) for state in writer.possible(path)), (path, actual)


def test_new_connections_are_refused_once_stopped(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()
    hub.terminate()

    for port in (hub.https_port, hub.mqtts_port):
        with pytest.raises(ConnectionRefusedError):
            tcp(hub.host, port)


def test_sessions_resume_after_a_polite_restart(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()
    device = hub.with_device()
    with hub.mqtt_session(device) as session:
        session.subscribe(mqtt_twin.RESPONSES)
        hub.terminate()
        session.expect_closed()

    hub.start()

    with hub.mqtt_session(device) as session:
        assert mqtt_twin.get(session).status == 200
