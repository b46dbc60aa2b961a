"""Direct methods over AMQP: requests to the device, its answers, who is online."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from proton import Message, int32, uint

from support.amqp_peer import SETTLED, Peer, path_of


class MethodLinks:
    """The pair of links of one identity."""

    def __init__(self, peer, identity, credit=100):
        properties = {"com.microsoft:channel-correlation-id": f"methods:{uuid.uuid4()}"}
        address = path_of(identity) + "/methods/deviceBound"
        self.peer = peer
        self.receiver = peer.receiver(address, properties=properties, settle=SETTLED, credit=credit)
        self.sender = peer.sender(address, properties=properties, settle=SETTLED)

    def next(self):
        """The next call: name, payload, and its id."""
        got = self.peer.receive(self.receiver)
        assert got.settled, "calls come settled"
        call = got.message
        assert isinstance(call.correlation_id, uuid.UUID), "C's SDK insists on a uuid"
        return call.properties["IoThub-methodname"], json.loads(bytes(call.body)), call.correlation_id

    def answer(self, identifier, status=200, body=b"{}", **fields):
        reply = Message(body=body, correlation_id=identifier, **fields)
        reply.inferred = True
        reply.properties = {"IoThub-status": status}
        self.peer.send(self.sender, reply, settled=True)


@pytest.fixture
def peer(identity, websocket, keep):
    return keep(Peer.of_device(identity, websocket=websocket))


@pytest.fixture
def methods(peer, identity):
    return MethodLinks(peer, identity)


@pytest.fixture
def call(hub):
    """Calls a method from a thread of its own."""
    with ThreadPoolExecutor(16) as pool:

        def begin(identity, name="reboot", payload=None, **options):
            body = {"methodName": name, "payload": payload, "responseTimeoutInSeconds": 15} | options
            return pool.submit(
                hub.http, "POST", f"{identity.twin_path}/methods", policy="service", json=body, timeout=40
            )

        yield begin


def test_call_reaches_the_device_and_its_answer_the_caller(identity, methods, call):
    calling = call(identity, "setLevel", {"to": 5})

    name, payload, identifier = methods.next()
    methods.answer(identifier, int32(207), b'{"was": 3}')

    assert (name, payload) == ("setLevel", {"to": 5})
    assert calling.result().expect(200).json() == {"status": 207, "payload": {"was": 3}}


@pytest.mark.parametrize("status", [0, 200, 404, -5, 100_000])
def test_any_status_is_passed_on(device, keep, call, status):
    methods = MethodLinks(keep(Peer.of_device(device)), device)
    calling = call(device)

    methods.answer(methods.next()[2], int32(status))

    assert calling.result().expect(200).json()["status"] == status


@pytest.mark.parametrize("body, payload", [(b"", None), (b"null", None), (b"[1]", [1]), (b'"text"', "text")])
def test_any_json_is_passed_on(device, keep, call, body, payload):
    methods = MethodLinks(keep(Peer.of_device(device)), device)
    calling = call(device)

    methods.answer(methods.next()[2], int32(200), body)

    assert calling.result().expect(200).json().get("payload") == payload


def test_answers_may_come_in_another_order(identity, methods, call):
    calls = {number: call(identity, "n", number) for number in range(8)}
    got = [methods.next() for _ in calls]
    assert len({identifier for _, _, identifier in got}) == len(calls)

    for _, payload, identifier in reversed(got):
        methods.answer(identifier, int32(200), json.dumps(payload).encode())

    for number, calling in calls.items():
        assert calling.result().expect(200).json()["payload"] == number


@pytest.mark.parametrize("case", ["unknown id", "no id", "string id", "no status", "no json", "garbage"])
def test_senseless_answer_hurts_no_other_call(device, keep, call, case):
    methods = MethodLinks(keep(Peer.of_device(device)), device)
    calling = call(device)
    _, _, identifier = methods.next()

    match case:
        case "unknown id":
            methods.answer(uuid.uuid4(), int32(200))
        case "no id":
            methods.answer(None, int32(200))
        case "string id":
            methods.answer("not a uuid", int32(200))
        case "no status":
            methods.peer.send(methods.sender, Message(body=b"{}", correlation_id=uuid.uuid4()), settled=True)
        case "no json":
            methods.answer(uuid.uuid4(), int32(200), b"{")
        case "garbage":
            methods.peer.send(methods.sender, b"\xff\x00", settled=True)

    if methods.sender.state & methods.sender.REMOTE_CLOSED:
        pytest.fail("a senseless answer ended the link")
    methods.answer(identifier, int32(200), b'"fine"')
    assert calling.result().expect(200).json()["payload"] == "fine"


def test_status_of_another_integer_type_is_read(device, keep, call):
    methods = MethodLinks(keep(Peer.of_device(device)), device)
    calling = call(device)

    methods.answer(methods.next()[2], uint(201))

    assert calling.result().expect(200).json()["status"] == 201


def test_device_without_method_links_is_not_online(identity, peer, call):
    peer.receiver(path_of(identity) + "/messages/deviceBound")

    reply = call(identity, connectTimeoutInSeconds=0).result()

    assert reply.status == 404 and reply.error_code == "DeviceNotOnline", str(reply)


def test_device_without_credit_is_not_online_until_it_grants_some(device, keep, call):
    methods = MethodLinks(keep(Peer.of_device(device)), device, credit=0)
    assert call(device, connectTimeoutInSeconds=0).result().status == 404

    calling = call(device, connectTimeoutInSeconds=15)
    methods.receiver.flow(1)
    methods.answer(methods.next()[2], int32(200))

    assert calling.result().expect(200).json()["status"] == 200


def test_call_ends_when_the_device_goes(device, call):
    peer = Peer.of_device(device)
    methods = MethodLinks(peer, device)
    calling = call(device, responseTimeoutInSeconds=5)
    methods.next()

    peer.drop()

    assert calling.result(timeout=25).status in (404, 504)


def test_device_comes_online_while_the_call_waits(identity, keep, call):
    calling = call(identity, connectTimeoutInSeconds=20)

    methods = MethodLinks(keep(Peer.of_device(identity)), identity)
    methods.answer(methods.next()[2], int32(200), b'"late"')

    assert calling.result().expect(200).json()["payload"] == "late"


def test_large_call_and_answer(device, keep, call):
    methods = MethodLinks(keep(Peer.of_device(device, max_frame_size=4096)), device)
    calling = call(device, "large", "x" * 100_000)

    name, payload, identifier = methods.next()
    methods.answer(identifier, int32(200), json.dumps("y" * 100_000).encode())

    assert payload == "x" * 100_000
    assert calling.result().expect(200).json()["payload"] == "y" * 100_000
