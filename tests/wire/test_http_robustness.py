"""HTTPS for peers that are broken, slow or hostile: a clear no, and nobody else is hurt."""

import json
import os
import ssl
from collections.abc import Iterator

import pytest

from support.hostile import all_end_within, flood, tcp, tls
from support.http_stream import HttpStream
from support.hub import Hub, unique
from support.keep_alive import KeepAliveClient
from support.raw_mqtt import RawMqtt

# No reference gives a number; more than a minute would be no limit.
HEAD_LIMIT = 65
TURNED_AWAY = (None, 400, 401, 404, 405, 408, 411, 413, 414, 417, 421, 431, 501, 505)


@pytest.fixture(autouse=True)
def bystander(hub: Hub, request: pytest.FixtureRequest) -> Iterator[None]:
    """Another connection, which must work before and after whatever a test does."""
    client = KeepAliveClient(hub)
    client.send("GET", "/statistics/devices").expect(200)
    yield
    if request.node.get_closest_marker("slow"):
        # Longer than the hub keeps an idle connection.
        client.close()
        client = KeepAliveClient(hub)
    client.send("GET", "/statistics/devices").expect(200)
    client.close()


@pytest.fixture
def stream(hub: Hub) -> Iterator[HttpStream]:
    with HttpStream(hub) as stream:
        yield stream


# Heads.

BAD_HEADS = {
    "garbage": os.urandom(300),
    "zeros": bytes(300),
    "no path": b"GET\r\n\r\n",
    "no version": b"GET /readyz\r\n",
    "version 0.9 written out": b"GET /readyz HTTP/0.9\r\n\r\n",
    "version 9.9": b"GET /readyz HTTP/9.9\r\nHost: x\r\n\r\n",
    "a method with a blank": b"GE T /readyz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header without a colon": b"GET /readyz HTTP/1.1\r\nHost\r\n\r\n",
    "a blank before the colon": b"GET /readyz HTTP/1.1\r\nHost : x\r\n\r\n",
    "a folded header": b"GET /readyz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "NUL in a header": b"GET /readyz HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n",
    "a raw byte in the path": b"GET /dev\xffices HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header of a megabyte": b"GET /readyz HTTP/1.1\r\nHost: x\r\nA: " + b"a" * (1 << 20) + b"\r\n\r\n",
    "ten thousand headers": b"GET /readyz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
    "a path of a megabyte": b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "MQTT": b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
    "TLS inside of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "two lengths": b"PUT /devices/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a negative length": b"PUT /devices/x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a length in words": b"PUT /devices/x HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
    "a length past 64 bits": b"PUT /devices/x HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
    "an unknown transfer coding": b"PUT /devices/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: zip\r\n\r\n",
    "CONNECT": b"CONNECT example:443 HTTP/1.1\r\nHost: example:443\r\n\r\n",
    "OPTIONS of everything": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("raw", BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_bad_head_is_refused_or_cut(stream: HttpStream, raw: bytes) -> None:
    stream.send(raw)
    # What waits for more is ended by us: an answer or the end must follow.
    stream.send(b"\r\n\r\n")

    assert stream.reply_or_end() in TURNED_AWAY


BAD_PATHS = [
    "/devices/%", "/devices/%zz", "/devices/%00", "/devices/%ff", "/devices/%c3%28", "/devices/..",
    "/devices/../devices", "/devices/%2e%2e/readyz", "//devices//x", "/devices/a/b/c/d/e/f/g",
    "/devices/" + "a" * 129, "/devices/" + "%41" * 5000, "/twins/%E2%80%AE", "/$", "/%24", "/?", "/devices/x?%=%&&=",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "POST"])
@pytest.mark.parametrize("path", BAD_PATHS)
def test_odd_path_is_a_client_error(stream: HttpStream, method: str, path: str) -> None:
    body = b"{}" if method in ("PUT", "PATCH", "POST") else b""
    stream.send(stream.request(method, path, body, "Content-Type: application/json"))

    status = stream.reply_or_end()

    assert status is None or status < 500 or status == 501, status
    assert status != 200 or (method, path) == ("GET", "/devices/../devices")


def test_absolute_form_and_other_spellings_of_a_good_request_work(hub: Hub, stream: HttpStream) -> None:
    stream.send(f"GET https://{hub.host}/readyz HTTP/1.1\r\nhOsT: {hub.host}\r\n\r\n".encode())
    assert stream.reply().status == 200

    stream.send(f"GET /statistics/devices?api-version=2021-04-12 HTTP/1.1\r\nHost: {hub.host}\r\n"
                f"AUTHORIZATION:{hub.sas()}   \r\n\r\n".encode())  # fmt: skip
    assert stream.reply().status == 200


def test_http_1_0_is_answered_and_closed(hub: Hub, stream: HttpStream) -> None:
    stream.send(f"GET /readyz HTTP/1.0\r\nHost: {hub.host}\r\n\r\n".encode())

    assert stream.reply().status == 200
    assert stream.ends_within(5)


# Deadlines.


@pytest.mark.slow
def test_peers_that_never_finish_their_head_are_cut(hub: Hub) -> None:
    silent_tcp = tcp(hub.host, hub.https_port)
    half_hello = tcp(hub.host, hub.https_port)
    half_hello.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    silent_tls = tls(hub.tls, hub.host, hub.https_port)
    half_head = tls(hub.tls, hub.host, hub.https_port)
    half_head.sendall(b"GET /readyz HTTP/1.1\r\nHost:")

    ended = all_end_within([silent_tcp, half_hello, silent_tls, half_head], HEAD_LIMIT)

    assert ended == [True] * 4


@pytest.mark.slow
def test_trickle_does_not_stretch_the_head_deadline(hub: Hub, stream: HttpStream) -> None:
    stream.send(b"GET /readyz HTTP/1.1\r\nHost: x\r\n")

    for _ in range(HEAD_LIMIT):
        if not stream.send(b"A: b\r\n") or stream.ends_within(1.0):
            return

    pytest.fail("the head grew for longer than any deadline")


def test_websocket_that_says_nothing_after_its_upgrade_does_not_block(hub: Hub) -> None:
    silent = [RawMqtt.over_websocket(hub.host, hub.https_port, hub.ca_file) for _ in range(50)]

    assert hub.is_ready()
    for peer in silent:
        peer.close()


# Bodies.


@pytest.mark.parametrize("length", ["10000000", "99999999999", str(2**63 - 1)])
def test_huge_length_is_refused_before_the_body_comes(stream: HttpStream, length: str) -> None:
    stream.send(stream.head("PUT", "/devices/huge", f"Content-Length: {length}"))

    assert stream.reply_or_end() in (None, 400, 413)


def test_stranger_is_refused_before_the_body_comes(stream: HttpStream) -> None:
    stream.send(stream.head("PUT", "/devices/huge", "Content-Length: 100000", token=None))

    assert stream.reply_or_end() in (None, 401)


BOMBS = {
    "a chunk of 2^64 - 1": b"FFFFFFFFFFFFFFFF\r\n{",
    "a chunk past 64 bits": b"F" * 40 + b"\r\n{",
    "a size that is no number": b"xyz\r\n{",
    "a negative size": b"-1\r\n{",
    "a chunk without its end": b"2\r\n{}XX0\r\n\r\n",
    "an endless extension": b"2;" + b"a" * 200_000 + b"\r\n{}\r\n0\r\n\r\n",
    "endless trailers": b"2\r\n{}\r\n0\r\n" + b"A: b\r\n" * 100_000 + b"\r\n",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_chunked_bomb_is_refused_or_cut(stream: HttpStream, bomb: bytes) -> None:
    stream.send(stream.head("PUT", "/devices/bomb", "Transfer-Encoding: chunked") + bomb)
    # A chunk that never ends is cut when the body's 30 seconds are over.
    stream.socket.settimeout(40)

    assert stream.reply_or_end() in TURNED_AWAY


def test_endless_chunked_body_is_cut_long_before_it_fills_the_memory(stream: HttpStream) -> None:
    stream.send(stream.head("PUT", "/devices/endless", "Transfer-Encoding: chunked"))
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    stream.socket.settimeout(10)

    taken = 0
    while taken < 1024 and stream.send(chunk):
        taken += 1

    assert taken < 1024, "64 MiB were taken for one identity"
    assert stream.reply_or_end() in (None, 400, 413)


def test_chunks_of_one_byte_are_a_body_like_any_other(hub: Hub, stream: HttpStream) -> None:
    device_id = unique("chunked")
    body = json.dumps({"deviceId": device_id}).encode()
    chunks = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in body) + b"0\r\n\r\n"

    stream.send(stream.head("PUT", f"/devices/{device_id}", "Transfer-Encoding: chunked") + chunks)

    assert stream.reply().expect(200).json()["deviceId"] == device_id


def test_expect_continue_is_served(stream: HttpStream) -> None:
    device_id = unique("expect")
    body = json.dumps({"deviceId": device_id}).encode()

    fields = f"Content-Length: {len(body)}", "Expect: 100-continue"
    stream.send(stream.head("PUT", f"/devices/{device_id}", *fields))
    stream.send(body)

    stream.reply().expect(200)


def test_body_over_the_endpoints_cap_is_refused_and_changes_nothing(hub: Hub) -> None:
    device = hub.with_device()
    before = device.get(), device.twin()
    ballast = "x" * (1 << 20)

    module = {"deviceId": device.device_id, "moduleId": "m", "managedBy": ballast}
    for method, path, document in [
        ("PUT", device.path, {"deviceId": device.device_id, "statusReason": ballast}),
        ("PATCH", device.twin_path, {"properties": {"desired": {"a": ballast}}}),
        ("PUT", device.twin_path, {"tags": {"a": ballast}}),
        ("PUT", f"{device.path}/modules/m", module),
    ]:
        # With a wildcard only what exists is written; the module is to be created.
        fields = {} if document is module else {"If-Match": "*"}
        reply = hub.http(method, path, json=document, headers=fields)
        assert reply.status in (400, 413), (method, path, reply)

    assert (device.get(), device.twin()) == before
    assert hub.http("GET", f"{device.path}/modules").json() == []


def test_bulk_call_may_carry_a_hundred_twins(hub: Hub) -> None:
    ids = [unique("bulk") for _ in range(100)]
    desired = {f"k{n}": "x" * 4000 for n in range(5)}
    items = [{"id": i, "importMode": "create", "properties": {"desired": desired}} for i in ids]

    hub.http("POST", "/devices", json=items).expect(200)

    assert hub.http("GET", f"/twins/{ids[99]}").json()["properties"]["desired"]["k4"] == "x" * 4000


DEEP = {
    "arrays": b"[" * 100_000,
    "closed arrays": b"[" * 20_000 + b"]" * 20_000,
    "objects": b'{"a":' * 20_000,
    "a deep member": b'{"tags":{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
}


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
@pytest.mark.parametrize(
    "method, path", [("PUT", "/devices/deep"), ("POST", "/devices"), ("PATCH", "/twins/{id}")]
)
def test_deep_json_is_refused(hub: Hub, method: str, path: str, body: bytes) -> None:
    device = hub.with_device()

    reply = hub.http(method, path.format(id=device.device_id), body=body)

    assert reply.status in (400, 413), reply
    assert device.twin()["version"] == hub.with_device().twin()["version"]


# Connections.


def test_pipelined_requests_are_answered_in_order(hub: Hub, stream: HttpStream) -> None:
    ids = [unique("pipe") for _ in range(10)]
    requests = []
    for device_id in ids:
        body = json.dumps({"deviceId": device_id}).encode()
        requests.append(stream.request("PUT", f"/devices/{device_id}", body))
        requests.append(stream.request("GET", f"/devices/{device_id}"))
        requests.append(stream.request("GET", f"/devices/{device_id}-missing"))
    stream.send(b"".join(requests))

    for device_id in ids:
        created = stream.reply().expect(200).json()
        assert stream.reply().expect(200).json() == created
        assert created["deviceId"] == device_id
        stream.reply().expect(404)


def test_errors_do_not_cost_the_connection(hub: Hub, stream: HttpStream) -> None:
    good = stream.request("GET", "/statistics/devices")
    for bad, status in [
        (stream.request("GET", "/devices/missing"), 404),
        (stream.request("PUT", "/devices/x", b"{"), 400),
        (stream.head("GET", "/devices", token=None), 401),
        (stream.request("DELETE", "/devices/missing", b"", "If-Match: *"), 404),
        (stream.request("GET", "/nowhere"), None),
    ]:
        stream.send(bad + good)
        answer = stream.reply()
        assert answer.status == (status or answer.status) and answer.status >= 400
        assert stream.reply().status == 200


def test_connection_close_is_honoured(stream: HttpStream) -> None:
    stream.send(stream.request("GET", "/statistics/devices", b"", "Connection: close"))

    assert stream.reply().status == 200
    assert stream.ends_within(5)


def test_body_of_a_get_is_not_taken_for_the_next_request(stream: HttpStream) -> None:
    inner = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
    stream.send(stream.request("GET", "/devices/missing", inner))
    stream.send(stream.request("GET", "/statistics/devices"))

    stream.reply().expect(404)
    assert "totalDeviceCount" in stream.reply().expect(200).json()


def test_head_with_both_lengths_smuggles_nothing(hub: Hub, stream: HttpStream) -> None:
    smuggled = unique("smuggled")
    body = json.dumps({"deviceId": smuggled}).encode()
    inner = stream.request("PUT", f"/devices/{smuggled}", body)
    both = stream.head("POST", "/devices", "Content-Length: 4", "Transfer-Encoding: chunked")
    stream.send(both + b"0\r\n\r\n" + inner)

    # Refusing is best. Whoever goes by the chunks must close behind the answer.
    stream.reply_or_end()
    stream.ends_within(2)

    assert hub.http("GET", f"/devices/{smuggled}").status == 404


def test_thousands_of_garbage_connections_hurt_nobody(hub: Hub) -> None:
    samples = [b"", os.urandom(200), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(100)]

    flood(hub.host, hub.https_port, samples, connections=3000)

    assert hub.is_ready()


def test_hundreds_of_silent_and_stalled_connections_leave_room(hub: Hub) -> None:
    silent = [tcp(hub.host, hub.https_port) for _ in range(300)]
    stalled = []
    for _ in range(100):
        stream = HttpStream(hub)
        stream.send(stream.head("PUT", "/devices/stalled", "Content-Length: 100") + b"{")
        stalled.append(stream)

    try:
        hub.with_device()
    finally:
        for peer in silent:
            peer.close()
        for peer in stalled:
            peer.socket.close()


def test_reader_that_never_reads_stalls_only_itself(hub: Hub, stream: HttpStream) -> None:
    request = stream.request("GET", "/devices")
    stream.socket.settimeout(2)
    for _ in range(200):
        if not stream.send(request * 20):
            break

    hub.with_device()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("port", ["https_port", "mqtts_port"])
def test_both_tls_versions_are_spoken_on_every_port(hub: Hub, port: str, version: ssl.TLSVersion) -> None:
    context = hub.tls
    context.minimum_version = context.maximum_version = version

    with tls(context, hub.host, getattr(hub, port)) as stream:
        assert stream.version() == version.name.replace("_", ".")


# Headers that clients compare letter by letter.


def test_etag_is_spelled_as_the_c_sdk_wants_it(hub: Hub) -> None:
    module = hub.with_module()
    device = module.device_id
    for path in (f"/devices/{device}", module.path, f"/twins/{device}", module.twin_path):
        names = [name for name, _ in hub.http("GET", path).expect(200).headers]

        assert [name for name in names if name.lower() == "etag"] == ["ETag"], path
