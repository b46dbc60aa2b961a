"""`twinhub serve`: first start, certificate, readiness, configuration."""

import os
import pty
import select
import socket
import ssl
import subprocess
import time

import pytest
from cryptography import x509

from support.certificates import SelfSigned
from support.hub import HubDidNotStart, binary
from support.loopback import free_address
from support.waiting import eventually


def peer_certificate(hub, port, tls=None):
    with socket.create_connection((hub.host, port), timeout=5) as plain:
        with (tls or hub.tls).wrap_socket(plain, server_hostname=hub.host) as stream:
            return x509.load_der_x509_certificate(stream.getpeercert(binary_form=True))


def shown_certificate(hub, port):
    """The certificate that is shown, trusted or not."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return peer_certificate(hub, port, tls)


def test_first_start_tells_what_a_person_needs_next(hub_factory):
    hub = hub_factory().start()

    told = hub.log_tail(100)

    # Not on a terminal: the command that shows the key, never the key.
    assert f"twinhub --data-dir {hub.data_dir} connection-string" in told
    assert hub.policy_key() not in told
    assert str(hub.ca_file) in told
    assert "twinhub" in told and "env" in told


def test_first_start_on_a_terminal_shows_the_connection_string(hub_factory, tmp_path):
    place = hub_factory()
    terminal, hubs_side = pty.openpty()
    command = [binary(), "serve", "--data-dir", tmp_path / "data", "--listen", place.host, "--hostname", place.host]

    shown = b""
    with subprocess.Popen(command, stderr=hubs_side) as hub:
        os.close(hubs_side)
        while b"Next, in another shell" not in shown and select.select([terminal], [], [], 10)[0]:
            shown += os.read(terminal, 65536)
        hub.terminate()
    os.close(terminal)

    assert b"SharedAccessKeyName=iothubowner;SharedAccessKey=" in shown


def test_later_start_shows_no_key(hub_factory):
    hub = hub_factory().start()
    key = hub.policy_key()
    hub.terminate()
    hub.log_file.write_text("")

    hub.start()

    assert key not in hub.log_tail(100)


def test_new_hub_is_ready_within_a_second(hub_factory):
    hub = hub_factory()

    started = time.monotonic()
    hub.start()

    # Polling adds a little.
    assert time.monotonic() - started < 1.5


def test_certificate_names_localhost_the_host_name_and_the_address(hub):
    names = peer_certificate(hub, 443).extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert hub.host in [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    assert peer_certificate(hub, 8883) == peer_certificate(hub, 443)


@pytest.mark.parametrize("port", [443, 8883])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_both_tls_versions_are_offered(hub, port, version):
    tls = hub.tls
    tls.minimum_version = tls.maximum_version = version

    with socket.create_connection((hub.host, port), timeout=5) as plain:
        with tls.wrap_socket(plain, server_hostname=hub.host) as stream:
            assert stream.version() == f"TLSv1.{'2' if version == ssl.TLSVersion.TLSv1_2 else '3'}"


@pytest.mark.parametrize("port", [443, 8883])
def test_plain_text_is_not_answered(hub, port):
    with socket.create_connection((hub.host, port), timeout=5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = plain.recv(1024)

    assert not answer.startswith(b"HTTP/")


def test_several_names_and_addresses(hub_factory):
    other = free_address()
    hub = hub_factory("--listen", other, "--hostname", "hub.plant.example").start()

    names = peer_certificate(hub, 443).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    with socket.create_connection((other, 8883), timeout=5) as plain:
        hub.tls.wrap_socket(plain, server_hostname="hub.plant.example").close()

    assert "hub.plant.example" in names.get_values_for_type(x509.DNSName)
    # The first name is the one that connection strings show.
    assert hub.cli("connection-string").stdout.startswith(f"HostName={hub.host};")


def test_ports_can_be_moved(hub_factory):
    hub = hub_factory("--https-port", "8443", "--mqtts-port", "18883")
    hub.https_port, hub.mqtts_port = 8443, 18883
    hub.start()

    session = hub.mqtt_session(hub.with_device("moved"))

    session.ping()


def test_secrets_in_the_folder_are_for_the_owner_alone(hub_factory):
    hub = hub_factory().start()

    assert hub.data_dir.stat().st_mode & 0o077 == 0
    for file in hub.data_dir.rglob("*"):
        if file.is_file() and (file.suffix == ".key" or "key" in file.name or "token" in file.name):
            assert file.stat().st_mode & 0o077 == 0, file


def test_unknown_key_in_the_configuration_is_refused_with_the_nearest(hub_factory):
    hub = hub_factory()
    hub.data_dir.mkdir()
    (hub.data_dir / "twinhub.toml").write_text('hostnam = "x"\n')

    with pytest.raises(HubDidNotStart, match="hostname"):
        hub.start()


def test_configuration_file_is_read_and_the_command_line_wins(hub_factory):
    hub = hub_factory()
    hub.data_dir.mkdir()
    (hub.data_dir / "twinhub.toml").write_text('listen = "127.0.0.1"\n[limits]\nmodules_per_device = 1\n')
    hub.start()

    device = hub.with_device("one")
    device.with_module("first")
    second = hub.http("PUT", f"{device.path}/modules/second", json={"deviceId": device.device_id, "moduleId": "second"})

    assert second.status == 413


def test_another_name_for_the_hub_is_refused_and_the_old_one_serves_on(hub_factory):
    hub = hub_factory().start()
    device = hub.with_device("one")
    hub.stop()
    configuration = hub.data_dir / "twinhub.toml"

    configuration.write_text('[hub]\nname = "plant"\n')
    with pytest.raises(HubDidNotStart, match="holds the hub localhost"):
        hub.start()
    configuration.write_text('[hub]\nname = "localhost"\n')
    hub.start()

    assert hub.http("GET", device.path).status == 200


def test_own_certificate_is_shown_and_reloaded_when_it_changes(hub_factory, tmp_path):
    hub = hub_factory()
    first = SelfSigned(tmp_path, "server", address=hub.host)
    hub.options += ["--tls-cert", str(first.certificate_file), "--tls-key", str(first.key_file)]
    hub.ca_file = first.certificate_file
    hub.start()
    session = hub.mqtt_session(hub.with_device("stays"))
    assert peer_certificate(hub, 443) == first.certificate

    second = SelfSigned(tmp_path, "server", address=hub.host)

    eventually(lambda: shown_certificate(hub, 443) == second.certificate, within=15, what="the new certificate")
    assert shown_certificate(hub, 8883) == second.certificate
    session.ping()
