"""`twinhub invoke-device-method` and `invoke-module-method`."""

import json
import threading

import pytest

ALL = "$iothub/methods/POST/#"


@pytest.fixture(params=["device", "module"])
def identity(request, hub):
    return hub.with_device("called") if request.param == "device" else hub.with_module("called")


def command(identity, *more):
    target = ["--device-id", identity.device_id]
    if identity.module_id is None:
        return ["invoke-device-method", *target, *more]
    return ["invoke-module-method", *target, "--module-id", identity.module_id, *more]


def answer_one(session, payload=None):
    """Answers the next call, with its own payload unless another is given."""
    call = session.expect(3, timeout=20)
    number = call.topic.partition("/?$rid=")[2]
    session.publish(f"$iothub/methods/res/207/?$rid={number}", call.payload if payload is None else payload)


@pytest.mark.parametrize(
    ("options", "payload"),
    [([], {}), (["--mp", '{"a": [1, null]}'], {"a": [1, None]}), (["--method-payload", "-5"], -5)],
    ids=["none", "object", "number"],
)
def test_the_answer_is_printed(hub, identity, options, payload):
    with hub.mqtt_session(identity) as session:
        session.subscribe(ALL)
        device = threading.Thread(target=answer_one, args=(session,))
        device.start()
        done = hub.cli(*command(identity, "--method-name", "echo", *options))
        device.join()

    assert json.loads(done.stdout) == {"status": 207, "payload": payload}


def test_payload_may_come_from_a_file(hub, identity, tmp_path):
    file = tmp_path / "payload.json"
    file.write_text('"from a file"')
    with hub.mqtt_session(identity) as session:
        session.subscribe(ALL)
        device = threading.Thread(target=answer_one, args=(session,))
        device.start()
        done = hub.cli(*command(identity, "--mn", "echo", "--mp", f"@{file}", "-o", "table"))
        device.join()

    assert "207" in done.stdout and "from a file" in done.stdout


def test_who_is_offline_is_told_with_what_helps(hub, identity):
    refused = hub.cli(*command(identity, "--mn", "echo"), check=False)

    assert refused.returncode == 3
    assert "DeviceNotOnline" in refused.stderr and "--connect-timeout" in refused.stderr


def test_wrong_payloads_and_timeouts_reach_nobody(hub, identity):
    payload = hub.cli(*command(identity, "--mn", "echo", "--mp", "{a}"), check=False)
    timeout = hub.cli(*command(identity, "--mn", "echo", "--timeout", "4"), check=False)

    assert payload.returncode == 2 and "--method-payload" in payload.stderr
    assert timeout.returncode == 1 and "between 5 and 300" in timeout.stderr
