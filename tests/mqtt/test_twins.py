"""The twin over MQTT: GET, reports, changes."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import mqtt_twin
from support.hub import Hub
from support.identity import Identity
from support.raw_mqtt import PUBACK, PUBLISH


@pytest.fixture(params=[False, True], ids=["tls", "websocket"])
def session(request: pytest.FixtureRequest, hub: Hub, identity: Identity):
    """A session with both twin subscriptions, over each transport."""
    with hub.mqtt_session(identity, websocket=request.param) as session:
        session.subscribe(mqtt_twin.RESPONSES, mqtt_twin.CHANGES, qos=0)
        yield session


# GET.


def test_get_shows_desired_and_reported_with_their_versions_only(session, identity) -> None:
    identity.patch_twin({"tags": {"plant": 43}, "properties": {"desired": {"interval": {"s": 5}}}})
    mqtt_twin.receive_change(session)

    answer = mqtt_twin.get(session)

    assert answer.status == 200
    assert answer.json() == {
        "desired": {"interval": {"s": 5}, "$version": 2},
        "reported": {"$version": 1},
    }


@pytest.mark.parametrize("body", [b"", b" ", b"{}", b"\xff\x00 not json"])
def test_body_of_a_get_is_ignored(session, body: bytes) -> None:
    assert mqtt_twin.get(session, body=body).status == 200


RIDS = ["1", "65535", "0f8fad5b-d9cb-469f-a165-70867728950e", "a%20b", "Ä", "%24.mid", "x" * 200]


@pytest.mark.parametrize("rid", RIDS)
def test_rid_is_echoed_verbatim(session, rid: str) -> None:
    assert mqtt_twin.get(session, rid).rid == rid
    assert mqtt_twin.report(session, {"n": 1}, rid).rid == rid


def test_many_gets_are_answered_each(session) -> None:
    for number in range(100):
        session.publish(f"$iothub/twin/GET/?$rid={number}")

    answers = [mqtt_twin.parse_answer(mqtt_twin.receive_publish(session)) for _ in range(100)]

    assert sorted(int(answer.rid) for answer in answers) == list(range(100))


@pytest.mark.parametrize("qos", [0, 1])
def test_answer_comes_with_the_subscribed_qos(hub: Hub, identity: Identity, qos: int) -> None:
    with hub.mqtt_session(identity) as session:
        session.subscribe(mqtt_twin.RESPONSES, qos=qos)

        session.publish("$iothub/twin/GET/?$rid=1")

        assert mqtt_twin.receive_publish(session).qos <= qos


def test_qos_1_request_is_acknowledged_and_answered(session) -> None:
    sent = session.publish("$iothub/twin/GET/?$rid=1", qos=1)

    got = {packet.kind: packet for packet in (session.receive(), session.receive())}

    assert got[PUBACK].packet_id == sent
    assert mqtt_twin.parse_answer(got[PUBLISH]).status == 200


def test_without_the_subscription_there_is_no_answer_but_the_report_counts(
    hub: Hub, identity: Identity
) -> None:
    with hub.mqtt_session(identity) as session:
        session.publish("$iothub/twin/GET/?$rid=1")
        session.publish("$iothub/twin/PATCH/properties/reported/?$rid=2", b'{"n":1}', qos=1)

        session.expect(PUBACK)
        session.expect_silence()

    assert identity.twin()["properties"]["reported"]["n"] == 1


# Reports.


def test_report_is_204_with_the_new_version_and_no_body(session, identity) -> None:
    first = mqtt_twin.report(session, {"firmware": {"version": "1", "beta": True}})
    second = mqtt_twin.report(session, {"firmware": {"beta": None}, "battery": 97.5})

    assert (first.status, first.version, first.body) == (204, 2, b"")
    assert (second.status, second.version, second.body) == (204, 3, b"")
    reported = identity.twin()["properties"]["reported"]
    assert reported["firmware"] == {"version": "1"}
    assert reported["battery"] == 97.5
    assert reported["$version"] == 3
    assert "$lastUpdated" in reported["$metadata"]["firmware"]["version"]


def test_report_is_in_the_next_get(session) -> None:
    mqtt_twin.report(session, {"list": [1, {"a": "b"}], "text": "Größe 🌡"})

    reported = mqtt_twin.get(session).json()["reported"]

    assert reported == {"list": [1, {"a": "b"}], "text": "Größe 🌡", "$version": 2}


def test_report_with_the_current_version_is_taken_and_with_another_is_412(session, identity) -> None:
    assert mqtt_twin.report(session, {"n": 1}, version=1).status == 204

    refused = mqtt_twin.report(session, {"n": 2}, version=1)

    assert_error(refused, 412)
    assert identity.twin()["properties"]["reported"]["n"] == 1


def test_report_of_nearly_32_kilobytes_is_taken(session, identity) -> None:
    patch = {f"k{n}": "x" * 4000 for n in range(8)}

    assert mqtt_twin.report(session, patch).status == 204
    assert identity.twin()["properties"]["reported"]["k7"] == "x" * 4000


def nested(depth: int) -> dict:
    inner: dict = {"leaf": 1}
    for _ in range(depth):
        inner = {"n": inner}
    return inner


REFUSED_REPORTS = {
    "nothing": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"a":"\xff"}',
    "two documents": b"{}{}",
    "an array": b"[1]",
    "a number": b"5",
    "null": b"null",
    "a dot in a key": {"a.b": 1},
    "a dollar in a key": {"$mine": 1},
    "a blank in a key": {"a b": 1},
    "a control character in a key": {"a\x01b": 1},
    "an endless key": {"k" * 1025: 1},
    "an endless string": {"a": "x" * 4097},
    "too deep": nested(12),
    "a number beyond 2^52": {"a": 1 << 53},
    "null in an array": {"a": [1, None]},
    "more than 32 kilobytes": {f"k{n}": "x" * 4000 for n in range(9)},
    "a thousand brackets": b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "a hundred thousand brackets": b"[" * 100_000,
}


@pytest.mark.parametrize("patch", REFUSED_REPORTS.values(), ids=REFUSED_REPORTS.keys())
def test_refused_report_says_why_and_changes_nothing(hub: Hub, identity: Identity, patch) -> None:
    with hub.mqtt_session(identity) as session:
        session.subscribe(mqtt_twin.RESPONSES, qos=0)
        mqtt_twin.report(session, {"kept": True})
        before = identity.twin()

        refused = mqtt_twin.report(session, patch, "bad")

        assert refused.rid == "bad"
        assert_error(refused, 400, 413)
        assert identity.twin()["properties"] == before["properties"]
        assert identity.twin()["etag"] == before["etag"]
        session.ping()


def test_reports_that_add_up_past_the_limit_are_refused(session, identity) -> None:
    for number in range(8):
        assert mqtt_twin.report(session, {f"k{number}": "x" * 4000}).status == 204

    assert_error(mqtt_twin.report(session, {"k8": "x" * 4000}), 400, 413)
    assert mqtt_twin.report(session, {"k0": None, "k8": "x" * 4000}).status == 204


def assert_error(answer: mqtt_twin.TwinAnswer, *statuses: int) -> None:
    """The body by which the Node SDK knows a failure; its code belongs to the status."""
    assert answer.status in statuses, answer
    error = answer.json()
    assert error["errorCode"] // 1000 == answer.status
    assert error["message"]
    assert error["trackingId"]
    assert error["timestampUtc"]


# Changes.


def test_change_carries_the_patch_and_its_version(session, identity) -> None:
    identity.patch_desired({"climate": {"target": 21, "fan": "slow"}})
    assert mqtt_twin.receive_change(session) == (
        2, {"climate": {"target": 21, "fan": "slow"}, "$version": 2},
    )  # fmt: skip

    identity.patch_desired({"climate": {"fan": None}})
    assert mqtt_twin.receive_change(session) == (3, {"climate": {"fan": None}, "$version": 3})


def test_replacement_is_sent_whole(session, hub, identity) -> None:
    identity.patch_desired({"old": 1, "kept": 1})
    mqtt_twin.receive_change(session)

    replacement = {"properties": {"desired": {"kept": 2}}}
    hub.http("PUT", identity.twin_path, json=replacement).expect(200)

    assert mqtt_twin.receive_change(session) == (3, {"kept": 2, "$version": 3})


def test_change_of_tags_is_not_sent(session, identity) -> None:
    identity.patch_twin({"tags": {"plant": 43}})
    identity.patch_desired({"marker": 1})

    assert mqtt_twin.receive_change(session)[1]["marker"] == 1


def test_refused_change_is_not_sent(session, hub, identity) -> None:
    bad = {"properties": {"desired": {"a.b": 1}}}
    assert hub.http("PATCH", identity.twin_path, json=bad).status == 400
    identity.patch_desired({"marker": 1})

    assert mqtt_twin.receive_change(session) == (2, {"marker": 1, "$version": 2})


def test_own_report_is_not_sent_back(session) -> None:
    mqtt_twin.report(session, {"n": 1})

    session.expect_silence()


def test_device_and_module_hear_of_their_own_twin_only(hub: Hub) -> None:
    device = hub.with_device()
    module = device.with_module()
    with hub.mqtt_session(device) as of_device, hub.mqtt_session(module) as of_module:
        of_device.subscribe(mqtt_twin.CHANGES, qos=0)
        of_module.subscribe(mqtt_twin.CHANGES, qos=0)

        module.patch_desired({"for": "module"})
        assert mqtt_twin.receive_change(of_module)[1]["for"] == "module"

        device.patch_desired({"for": "device"})
        assert mqtt_twin.receive_change(of_device)[1]["for"] == "device"
        of_module.expect_silence()


def test_concurrent_changes_arrive_complete_and_in_order(session, identity) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: identity.patch_desired({f"p{n}": n}), range(40)))

    changes = [mqtt_twin.receive_change(session) for _ in range(40)]

    assert [version for version, _ in changes] == list(range(2, 42))
    assert {key for _, body in changes for key in body if key != "$version"} == {
        f"p{n}" for n in range(40)
    }
    assert all(body["$version"] == version for version, body in changes)


def test_concurrent_reports_and_changes_lose_nothing(session, identity) -> None:
    with ThreadPoolExecutor(4) as pool:
        desired = [pool.submit(identity.patch_desired, {f"d{n}": n}) for n in range(30)]
        for number in range(30):
            body = json.dumps({f"r{number}": number}).encode()
            session.publish(f"$iothub/twin/PATCH/properties/reported/?$rid={number}", body)
        topics = [mqtt_twin.receive_publish(session).topic for _ in range(60)]
        for change in desired:
            change.result()

    assert sum(topic.startswith("$iothub/twin/res/204/") for topic in topics) == 30
    properties = identity.twin()["properties"]
    assert all(properties["desired"][f"d{n}"] == n for n in range(30))
    assert all(properties["reported"][f"r{n}"] == n for n in range(30))
