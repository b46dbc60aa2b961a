"""Twins over AMQP: requests, answers with the request's id, desired changes."""

import json
import uuid

import pytest
from proton import Message, int32, symbol, ulong

from support.amqp_peer import ACCEPTED, SETTLED, Peer, path_of

DESIRED = "/notifications/twin/properties/desired"
REPORTED = "/properties/reported"


class TwinLinks:
    """The pair of links of one identity."""

    def __init__(self, peer, identity, correlation=None, session=None):
        correlation = correlation or f"twin:{uuid.uuid4()}"
        properties = {"com.microsoft:channel-correlation-id": correlation, "com.microsoft:api-version": "2021-04-12"}
        address = path_of(identity) + "/twin"
        options = {"properties": properties, "settle": SETTLED, "session": session}
        self.peer = peer
        self.receiver = peer.receiver(address, **options)
        self.sender = peer.sender(address, **options)

    def ask(self, operation, resource=None, body=None, correlation_id=None, *, settled=True, **annotations):
        """Sends a request and does not wait."""
        request = Message(body=body if body is not None else b" ", correlation_id=correlation_id or str(uuid.uuid4()))
        request.inferred = True
        notes = {"operation": operation, "resource": resource} | annotations
        request.annotations = {symbol(name): value for name, value in notes.items() if value is not None}
        return request.correlation_id, self.peer.send(self.sender, request, settled=settled)

    def request(self, *arguments, **options):
        """Sends a request; returns its answer."""
        identifier, _ = self.ask(*arguments, **options)
        answer = self.peer.receive(self.receiver)
        assert answer.settled, "answers come settled"
        assert answer.message.correlation_id == identifier
        assert type(answer.message.correlation_id) is type(identifier)
        return answer.message

    def change(self):
        """The next desired change: version and body."""
        message = self.peer.receive(self.receiver).message
        assert message.correlation_id is None
        body = json.loads(bytes(message.body))
        assert message.annotations[symbol("version")] == body["$version"]
        assert type(message.annotations[symbol("version")]) is int
        return body


def status(answer):
    """The status, which is an `int` of AMQP, and no other kind of number."""
    found = answer.annotations[symbol("status")]
    assert type(found) is int32, type(found)
    return int(found)


def body_of(answer):
    return json.loads(bytes(answer.body))


@pytest.fixture
def peer(identity, websocket, keep):
    return keep(Peer.of_device(identity, websocket=websocket))


@pytest.fixture
def twin(peer, identity):
    return TwinLinks(peer, identity)


@pytest.mark.parametrize("correlation_id", ["Get-1", uuid.uuid4(), ulong(3)], ids=["string", "uuid", "ulong"])
def test_twin_is_got(identity, twin, correlation_id):
    identity.patch_desired({"interval": 5})

    answer = twin.request("GET", correlation_id=correlation_id)

    assert status(answer) == 200
    assert body_of(answer) == {"desired": {"interval": 5, "$version": 2}, "reported": {"$version": 1}}


def test_reported_properties_are_patched(identity, twin):
    answer = twin.request("PATCH", REPORTED, b'{"on": true, "level": {"now": 3}}')

    assert status(answer) in (200, 204)
    assert answer.annotations[symbol("version")] == 2 and type(answer.annotations[symbol("version")]) is int
    assert identity.twin()["properties"]["reported"]["level"] == {"now": 3}
    twin.request("PATCH", REPORTED, b'{"on": null}')
    assert "on" not in identity.twin()["properties"]["reported"]


def test_version_annotation_of_a_patch_is_compared(identity, twin):
    assert status(twin.request("PATCH", REPORTED, b'{"a": 1}', version=1)) in (200, 204)

    stale = twin.request("PATCH", REPORTED, b'{"a": 2}', version=1)

    assert status(stale) >= 400 and body_of(stale)
    assert identity.twin()["properties"]["reported"]["a"] == 1


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"5", b"null", b"", b"\xff", b'{"a": ' + b'{"a":' * 20 + b"1" + b"}" * 21]
)
def test_senseless_patch_is_answered_400_and_changes_nothing(identity, twin, body):
    answer = twin.request("PATCH", REPORTED, body)

    assert status(answer) == 400
    assert isinstance(body_of(answer), dict)
    assert identity.twin()["properties"]["reported"]["$version"] == 1


def test_too_large_patch_is_answered(identity, twin):
    answer = twin.request("PATCH", REPORTED, json.dumps({"a" * 10: ["x" * 4000] * 20}).encode())

    assert status(answer) >= 400
    assert status(twin.request("GET")) == 200


@pytest.mark.parametrize(
    "operation, resource",
    [("STEAL", None), (None, None), ("PATCH", "/properties/desired"), ("PATCH", None), ("PUT", None), ("PUT", "/x"),
     ("DELETE", "/x"), ("GET", "/nothing"), ("get", None)],
)  # fmt: skip
def test_unknown_request_is_answered(identity, twin, operation, resource):
    answer = twin.request(operation, resource, b"{}")

    assert status(answer) == 400 or (operation in ("GET", "get") and status(answer) in (200, 400, 404))
    assert status(twin.request("GET")) == 200


def test_request_sent_unsettled_is_settled_and_answered(twin):
    identifier, delivery = twin.ask("GET", settled=False)

    assert twin.peer.outcome(delivery) == ACCEPTED
    assert twin.peer.receive(twin.receiver).message.correlation_id == identifier


def test_desired_changes_come_only_while_subscribed(identity, twin):
    identity.patch_desired({"a": 1})
    assert status(twin.request("PUT", DESIRED)) == 200
    identity.patch_desired({"a": 2})

    assert twin.change() == {"a": 2, "$version": 3}

    assert status(twin.request("DELETE", DESIRED)) == 200
    identity.patch_desired({"a": 3})
    answer = twin.request("GET")
    assert body_of(answer)["desired"] == {"a": 3, "$version": 4}


def test_desired_changes_come_in_order(identity, twin):
    twin.request("PUT", DESIRED)
    for number in range(20):
        identity.patch_desired({"n": number})

    assert [twin.change()["n"] for _ in range(20)] == list(range(20))


def test_removed_desired_property_is_told_as_null(identity, twin):
    identity.patch_desired({"a": 1})
    twin.request("PUT", DESIRED)

    identity.patch_desired({"a": None})

    assert twin.change() == {"a": None, "$version": 3}


def test_changes_wait_for_credit(identity, peer):
    twin = TwinLinks(peer, identity)
    twin.request("PUT", DESIRED)
    twin.receiver.drain(0)
    peer.until(lambda: twin.receiver.credit == 0, what="the end of the credit")
    twin.receiver.drain_mode = False
    for number in range(3):
        identity.patch_desired({"n": number})
    peer.assert_silent(twin.receiver)

    twin.receiver.flow(10)

    seen = [twin.change()["n"]]
    while seen[-1] != 2:
        seen.append(twin.change()["n"])
    assert seen == sorted(seen)


def test_many_requests_at_once_are_all_answered(twin):
    twin.receiver.flow(200)
    asked = [twin.ask("GET")[0] for _ in range(40)]

    answered = [twin.peer.receive(twin.receiver).message for _ in asked]

    assert sorted(answer.correlation_id for answer in answered) == sorted(asked)
    assert {status(answer) for answer in answered} == {200}


def test_answers_go_to_the_receiver_with_the_senders_correlation(identity, peer, twin):
    """A new pair replaces the older one, and its answers are its own."""
    newer = TwinLinks(peer, identity)

    assert peer.expect_detach(twin.receiver).name in ("amqp:link:stolen", "amqp:link:detach-forced")
    assert status(newer.request("GET")) == 200


def test_two_identities_on_one_connection_get_their_own(hub, keep):
    from support.amqp_peer import audience

    one, two = hub.with_device("one"), hub.with_module("two")
    peer = keep(Peer.to(hub))
    for identity, value in ((one, 1), (two, 2)):
        peer.put_token(identity.sas(), audience(identity))
        identity.patch_desired({"mine": value})
    first, second = TwinLinks(peer, one), TwinLinks(peer, two)

    assert body_of(first.request("GET", correlation_id="same"))["desired"]["mine"] == 1
    assert body_of(second.request("GET", correlation_id="same"))["desired"]["mine"] == 2
    second.request("PUT", DESIRED)
    two.patch_desired({"mine": 3})
    one.patch_desired({"mine": 4})
    assert second.change()["mine"] == 3
    peer.assert_silent(first.receiver)


def test_large_twin_comes_in_small_frames(device, keep):
    device.patch_desired({f"key{n}": "v" * 1000 for n in range(20)})
    twin = TwinLinks(keep(Peer.of_device(device, max_frame_size=1024)), device)

    assert len(body_of(twin.request("GET"))["desired"]) == 21
