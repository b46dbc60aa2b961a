"""AMQP 1.0 frames made by hand, for what no client library would send.

Sending checks nothing. Receiving demands of every frame the shape that the
clients in the field insist on: full lists, small descriptors, no empty-list code.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from typing import Any

from proton import Data, Described, symbol, uint, ulong

from support.amqp_stream import Stream, over_tls
from support.hub import Hub

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
HEARTBEAT = b"\x00\x00\x00\x08\x02\x00\x00\x00"
AMQP_FRAME, SASL_FRAME = 0, 1

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_MECHANISMS, SASL_INIT, SASL_CHALLENGE, SASL_RESPONSE, SASL_OUTCOME = range(0x40, 0x45)
ERROR, RECEIVED, ACCEPTED, REJECTED, RELEASED, MODIFIED = 0x1D, 0x23, 0x24, 0x25, 0x26, 0x27
SOURCE, TARGET = 0x28, 0x29

FIELDS = {
    OPEN: "container-id hostname max-frame-size channel-max idle-time-out outgoing-locales incoming-locales "
    "offered-capabilities desired-capabilities properties",
    BEGIN: "remote-channel next-outgoing-id incoming-window outgoing-window handle-max offered-capabilities "
    "desired-capabilities properties",
    ATTACH: "name handle role snd-settle-mode rcv-settle-mode source target unsettled incomplete-unsettled "
    "initial-delivery-count max-message-size offered-capabilities desired-capabilities properties",
    FLOW: "next-incoming-id incoming-window next-outgoing-id outgoing-window handle delivery-count link-credit "
    "available drain echo properties",
    TRANSFER: "handle delivery-id delivery-tag message-format settled more rcv-settle-mode state resume aborted "
    "batchable",
    DISPOSITION: "role first last settled state batchable",
    DETACH: "handle closed error",
    END: "error",
    CLOSE: "error",
    SASL_MECHANISMS: "mechanisms",
    SASL_INIT: "mechanism initial-response hostname",
    SASL_OUTCOME: "code additional-data",
}
NAMES = {code: names.split() for code, names in FIELDS.items()}


class ConnectionClosed(Exception):
    """The hub closed the connection."""


def encode(value: Any) -> bytes:
    """One AMQP value."""
    data = Data()
    data.put_object(value)
    return bytes(data.encode())


def decode(raw: bytes) -> tuple[Any, int]:
    """The AMQP value at the start, and how long it is."""
    data = Data()
    length = data.decode(raw)
    data.rewind()
    data.next()
    return _own(data.get_object()), length


def _own(value: Any) -> Any:
    """A copy: proton lends binaries from memory that goes with its `Data`."""
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if isinstance(value, Described):
        return Described(_own(value.descriptor), _own(value.value))
    if isinstance(value, dict):
        return {_own(key): _own(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_own(inner) for inner in value]
    return value


def performative(code: int, **fields: Any) -> bytes:
    """An encoded performative; fields that are not named are null (underscores stand for hyphens)."""
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    values = [given.pop(name, None) for name in NAMES[code]]
    assert not given, f"no such fields: {given}"
    return encode(Described(ulong(code), values))


def frame(body: bytes, *, channel: int = 0, kind: int = AMQP_FRAME) -> bytes:
    """A frame with the usual header."""
    return struct.pack("!IBBH", 8 + len(body), 2, kind, channel) + body


def terminus(code: int, address: str | None, **fields: Any) -> Described:
    """A source or a target; a filter set is the eighth field of a source."""
    values: list[Any] = [address]
    if "filter" in fields:
        values += [None] * 6 + [fields["filter"]]
    return Described(ulong(code), values)


def application_error(value: Described | None) -> tuple[str | None, str | None]:
    """Condition and description of an encoded error."""
    if value is None:
        return None, None
    assert value.descriptor == ERROR and len(value.value) == 3, value
    return value.value[0], value.value[1]


@dataclass(frozen=True)
class Frame:
    """A frame as received; fields by name."""

    channel: int
    code: int
    fields: dict[str, Any]
    payload: bytes

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    @property
    def condition(self) -> str | None:
        """The condition of a detach, end or close."""
        return application_error(self.fields["error"])[0]

    @property
    def description(self) -> str | None:
        return application_error(self.fields["error"])[1]


def parse_frame(raw: bytes, kind: int) -> Frame | None:
    """A whole frame; nothing for a heartbeat."""
    size, offset, frame_kind, channel = struct.unpack_from("!IBBH", raw)
    assert (size, offset, frame_kind) == (len(raw), 2, kind), raw[:8]
    body = raw[8:]
    if not body:
        assert channel == 0
        return None
    assert body[:2] == b"\x00\x53", f"a descriptor that azure-eventhub can't read: {body[:12]!r}"
    code = body[2]
    if kind == AMQP_FRAME:
        assert body[3] in (0xC0, 0xD0), f"not a list of 8 or 32 bits: {body[:12]!r}"
    (described, length) = decode(body)
    values = list(described.value)
    names = NAMES[code]
    if kind == AMQP_FRAME:
        assert len(values) == len(names), f"{len(values)} of {len(names)} fields: {described}"
    values += [None] * (len(names) - len(values))
    return Frame(channel, code, dict(zip(names, values)), body[length:])


class RawAmqp:
    """A connection: bytes out, frames in."""

    def __init__(self, stream: Stream, timeout: float = 10.0):
        self.stream = stream
        self._timeout = timeout
        self._buffer = b""
        self.heartbeats = 0

    @classmethod
    def to(cls, hub: Hub, **options: Any) -> RawAmqp:
        return cls(over_tls(hub, **options))

    def __enter__(self) -> RawAmqp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drops the connection without a close frame."""
        self.stream.close()

    def send(self, raw: bytes) -> None:
        self.stream.write(raw)

    def put(self, code: int, payload: bytes = b"", *, channel: int = 0, **fields: Any) -> None:
        """Sends one performative."""
        kind = SASL_FRAME if code >= SASL_MECHANISMS else AMQP_FRAME
        self.send(frame(performative(code, **fields) + payload, channel=channel, kind=kind))

    def header(self, timeout: float | None = None) -> bytes:
        """The eight bytes of a protocol header."""
        return self._take(8, time.monotonic() + (timeout or self._timeout))

    def receive(self, timeout: float | None = None, *, kind: int = AMQP_FRAME) -> Frame:
        """The next frame that is not a heartbeat."""
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        while True:
            self._fill(4, deadline)
            size = struct.unpack_from("!I", self._buffer)[0]
            if found := parse_frame(self._take(size, deadline), kind):
                return found
            self.heartbeats += 1

    def expect(self, code: int, timeout: float | None = None) -> Frame:
        """The next frame, which must be of this kind."""
        kind = SASL_FRAME if code >= SASL_MECHANISMS else AMQP_FRAME
        got = self.receive(timeout, kind=kind)
        assert got.code == code, f"expected {code:#x}, got {got}"
        return got

    def until(self, code: int, timeout: float | None = None) -> Frame:
        """The next frame of this kind; what comes before does not matter."""
        while (got := self.receive(timeout)).code != code:
            pass
        return got

    def expect_closed(self, timeout: float = 10.0) -> None:
        """The hub closes the stream, whatever it says before."""
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            assert left > 0, "the hub kept the connection open"
            try:
                if not self.stream.read(left):
                    return
            except TimeoutError:
                continue

    def expect_close(self, timeout: float = 10.0) -> Frame | None:
        """The hub ends the connection; returns its close frame, if it had time for one."""
        try:
            closed = self.until(CLOSE, timeout)
        except ConnectionClosed:
            return None
        self.put(CLOSE)
        self.expect_closed(timeout)
        return closed

    def _fill(self, count: int, deadline: float) -> None:
        while len(self._buffer) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing came in time")
            data = self.stream.read(left)
            if not data:
                raise ConnectionClosed
            self._buffer += data

    def _take(self, count: int, deadline: float) -> bytes:
        self._fill(count, deadline)
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    # The usual exchanges.

    def sasl(self, mechanism: str = "ANONYMOUS", response: bytes | None = None) -> int:
        """SASL up to its outcome, whose code is returned."""
        self.send(SASL_HEADER)
        assert self.header() == SASL_HEADER
        self.expect(SASL_MECHANISMS)
        self.put(SASL_INIT, mechanism=symbol(mechanism), initial_response=response)
        return self.expect(SASL_OUTCOME)["code"]

    def open(self, *, header: bool = True, **fields: Any) -> Frame:
        """Protocol header and open; returns the hub's open."""
        if header:
            self.send(AMQP_HEADER)
            assert self.header() == AMQP_HEADER
        self.put(OPEN, **{"container_id": "raw", "max_frame_size": uint(65536)} | fields)
        return self.expect(OPEN)

    def begin(self, channel: int = 0, **fields: Any) -> Frame:
        """A session; returns the hub's begin."""
        window = {
            "next_outgoing_id": uint(0), "incoming_window": uint(5000),
            "outgoing_window": uint(5000), "handle_max": uint(1023),
        }  # fmt: skip
        self.put(BEGIN, channel=channel, **window | fields)
        return self.until(BEGIN)

    def attach(
        self, handle: int, address: str, *, sender: bool, name: str | None = None, channel: int = 0, **fields: Any
    ) -> None:
        """Asks for a link and does not wait."""
        ends = {"source": terminus(SOURCE, None if sender else address), "target": terminus(TARGET, address if sender else None)}
        if address == "$cbs":
            ends = {"source": terminus(SOURCE, address), "target": terminus(TARGET, address)}
        self.put(
            ATTACH, channel=channel,
            **{
                "name": name or f"link-{handle}", "handle": uint(handle), "role": not sender,
                "initial_delivery_count": uint(0) if sender else None,
            } | ends | fields,
        )  # fmt: skip

    def credit(self, handle: int, credit: int, *, channel: int = 0, **fields: Any) -> None:
        """Grants credit on a receiving link that has got nothing yet."""
        self.put(
            FLOW, channel=channel,
            **{
                "next_incoming_id": uint(0), "incoming_window": uint(5000), "next_outgoing_id": uint(0),
                "outgoing_window": uint(5000), "handle": uint(handle), "delivery_count": uint(0),
                "link_credit": uint(credit),
            } | fields,
        )  # fmt: skip

    def start(self, **fields: Any) -> RawAmqp:
        """SASL ANONYMOUS, open and a first session."""
        assert self.sasl() == 0
        self.open(**fields)
        self.begin()
        return self

    def put_token(self, token: str, name: str, *, handle: int = 100, channel: int = 0) -> int:
        """A pair of `$cbs` links and one token; returns the status."""
        self.attach(handle, "$cbs", sender=True, channel=channel, name="cbs-out")
        self.attach(handle + 1, "$cbs", sender=False, channel=channel, name="cbs-in")
        self.credit(handle + 1, 10, channel=channel)
        granted = self.until(FLOW)
        while not granted["link-credit"]:
            granted = self.until(FLOW)
        properties = {"operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": name}
        message = (
            encode(Described(ulong(0x73), [ulong(1)]))
            + encode(Described(ulong(0x74), properties))
            + encode(Described(ulong(0x77), token))
        )
        self.put(
            TRANSFER, message, channel=channel,
            handle=uint(handle), delivery_id=uint(0), delivery_tag=b"\x01", message_format=uint(0), settled=False,
        )  # fmt: skip
        answer = self.until(TRANSFER)
        return sections(answer.payload)[0x74]["status-code"]


def sections(payload: bytes) -> dict[int, Any]:
    """The sections of a message by descriptor; several data sections are a list."""
    found: dict[int, Any] = {}
    while payload:
        section, length = decode(payload)
        code = int(section.descriptor)
        if code == 0x75:
            found.setdefault(code, []).append(section.value)
        else:
            assert code not in found, f"section {code:#x} twice"
            found[code] = section.value
        payload = payload[length:]
    return found


