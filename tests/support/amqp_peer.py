"""A client of qpid-proton, an AMQP implementation that is nobody's hub SDK.

Proton's engine speaks the protocol; this file moves the bytes, so a test decides
when anything is read, written or answered:

    with Peer.to(hub) as peer:
        peer.put_token(device.sas(), audience)
        sender = peer.sender("/devices/pump/messages/events")
        assert peer.outcome(sender.send(message(b"21.5"))) == ACCEPTED
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import cproton
from proton import (
    Collector, Condition, Connection, Delivery, Disposition, Endpoint, Link, Message, Receiver, Sender, Session,
    Transport, symbol,
)  # fmt: skip

from support.amqp_stream import Stream, over_tls, over_websocket
from support.hub import Hub
from support.identity import Identity
from support.raw_amqp import sections

T = TypeVar("T")

ACCEPTED, REJECTED = Disposition.ACCEPTED, Disposition.REJECTED
RELEASED, MODIFIED = Disposition.RELEASED, Disposition.MODIFIED

MIXED, SETTLED, UNSETTLED = Link.SND_MIXED, Link.SND_SETTLED, Link.SND_UNSETTLED


class LinkRefused(Exception):
    """The hub does not let the client attach."""

    def __init__(self, condition: Condition | None):
        self.condition = condition.name if condition else None
        self.description = condition.description if condition else None
        self.info = (condition.info if condition else None) or {}
        super().__init__(f"{self.condition}: {self.description}")


class PeerClosed(ConnectionError):
    """The hub ended the connection; the message is its close error."""


@dataclass(frozen=True)
class Received:
    """A whole message, and what can be done about it."""

    message: Message
    raw: bytes
    delivery: Delivery
    tag: bytes
    settled: bool

    @property
    def body(self) -> bytes:
        return bytes(self.message.body)


def message(body: bytes = b"hello", properties: dict[str, Any] | None = None, **fields: Any) -> Message:
    """A message with one data section; `annotations` and others are fields of proton's `Message`."""
    made = Message(body=body, **fields)
    made.inferred = True
    if properties is not None:
        made.properties = properties
    return made


class Peer:
    """One connection. Nothing happens by itself: `pump`, or what waits, moves bytes."""

    def __init__(
        self,
        stream: Stream,
        *,
        sasl: str | None = "ANONYMOUS",
        user: str | None = None,
        password: str | None = None,
        max_frame_size: int | None = None,
        idle_timeout: float | None = None,
        channel_max: int | None = None,
        container: str | None = None,
        hostname: str | None = None,
        timeout: float = 10.0,
    ):
        self.stream, self.timeout = stream, timeout
        self.transport, self.connection, self._collector = Transport(), Connection(), Collector()
        self._session: Session | None = None
        self._cbs: tuple[Sender, Receiver] | None = None
        self._ended = False
        # The error of the last delivery whose outcome was asked for.
        self.last_error: Condition | None = None
        self.connection.container = container or f"proton-{uuid.uuid4().hex[:8]}"
        if hostname:
            self.connection.hostname = hostname
        if sasl is not None:
            self.transport.sasl().allowed_mechs(sasl)
            self.transport.sasl().allow_insecure_mechs = True
        if user is not None:
            self.connection.user, self.connection.password = user, password
        if max_frame_size is not None:
            self.transport.max_frame_size = max_frame_size
        if idle_timeout is not None:
            self.transport.idle_timeout = idle_timeout
        if channel_max is not None:
            self.transport.channel_max = channel_max
        self.connection.collect(self._collector)
        self.transport.bind(self.connection)

    @classmethod
    def to(cls, hub: Hub, *, websocket: bool | str = False, tls=None, receive_buffer=None, **options: Any) -> Peer:
        """Connects and opens; `websocket` may be a path."""
        if websocket:
            path = {} if websocket is True else {"path": websocket}
            stream = over_websocket(hub, tls=tls, **path)
        else:
            stream = over_tls(hub, tls, receive_buffer=receive_buffer)
        return cls(stream, hostname=hub.host, **options).open()

    @classmethod
    def of_device(cls, identity: Identity, *, token: str | None = None, **options: Any) -> Peer:
        """A connection on which the identity's token has been put."""
        peer = cls.to(identity.hub, **options)
        peer.put_token(token or identity.sas(), audience(identity))
        return peer

    @classmethod
    def of_service(cls, hub: Hub, policy: str = "service", **options: Any) -> Peer:
        """A connection of a back end."""
        peer = cls.to(hub, **options)
        peer.put_token(hub.sas(policy), hub.host)
        return peer

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    # The connection.

    def open(self) -> Peer:
        """Opens the connection and waits for the hub's open."""
        self.connection.open()
        self.until(lambda: self.connection.state & Endpoint.REMOTE_ACTIVE, what="the hub's open")
        return self

    def close(self) -> None:
        """Closes, and waits for the hub's answer and for the end of the stream."""
        self.connection.close()
        self.until(lambda: self.connection.state & Endpoint.REMOTE_CLOSED, what="the hub's close", closing=True)
        self.until(lambda: self._ended, what="the end of the stream", closing=True)
        self.stream.close()

    def drop(self) -> None:
        """Ends without a word."""
        self.stream.close()

    @property
    def error(self) -> Condition | None:
        """Why the hub closed."""
        return self.connection.remote_condition

    def expect_close(self, within: float | None = None) -> Condition | None:
        """Waits until the hub closes; returns its error."""
        self.until(lambda: self._ended or self.remote_closed, within=within, what="the hub's close", closing=True)
        return self.error

    @property
    def remote_closed(self) -> bool:
        return bool(self.connection.state & Endpoint.REMOTE_CLOSED)

    @property
    def is_alive(self) -> bool:
        return not self._ended and not self.remote_closed

    # Bytes.

    def flush(self) -> None:
        """Writes what there is to write."""
        while (size := self.transport.pending()) > 0:
            raw = self.transport.peek(size)
            self.stream.write(bytes(raw))
            self.transport.pop(len(raw))

    def pump(self, wait: float = 0.0) -> bool:
        """Writes, then reads once for at most that long; whether anything came."""
        next_tick = self.transport.tick(time.monotonic())
        self.flush()
        self._forget_events()
        if self._ended:
            return False
        if next_tick:
            wait = min(wait, max(0.0, next_tick - time.monotonic()))
        try:
            data = self.stream.read(wait)
        except TimeoutError:
            return False
        if not data:
            self._ended = True
            self.transport.close_tail()
        while data and (room := self.transport.capacity()) > 0:
            self.transport.push(data[:room])
            data = data[room:]
        self.flush()
        self._forget_events()
        return True

    def _forget_events(self) -> None:
        while self._collector.peek():
            self._collector.pop()

    def until(
        self, probe: Callable[[], T], *, within: float | None = None, what: str = "condition", closing: bool = False
    ) -> T:
        """Pumps until `probe` returns something truthy, and returns that."""
        deadline = time.monotonic() + (within or self.timeout)
        while True:
            self.flush()
            if found := probe():
                return found
            if (self._ended or self.remote_closed) and not closing:
                raise PeerClosed(f"while waiting for {what}: {self.error or self.transport.condition}")
            left = deadline - time.monotonic()
            assert left > 0, f"{what} did not come true within {within or self.timeout} s"
            self.pump(min(left, 0.25))

    def settle_down(self) -> None:
        """Everything that was sent so far has been read by the hub and answered: a session came and went."""
        session = self.connection.session()
        session.open()
        self.until(lambda: session.state & Endpoint.REMOTE_ACTIVE, what="a begin")
        session.close()
        self.until(lambda: session.state & Endpoint.REMOTE_CLOSED, what="an end")

    # Sessions and links.

    @property
    def session(self) -> Session:
        """The first session."""
        if self._session is None:
            self._session = self.new_session()
        return self._session

    def new_session(self) -> Session:
        session = self.connection.session()
        session.open()
        self.until(lambda: session.state & Endpoint.REMOTE_ACTIVE, what="the hub's begin")
        return session

    def sender(self, address: str, **options: Any) -> Sender:
        """Attaches a sender and waits until it has credit; takes what `attach` takes."""
        wait = options.pop("wait_for_credit", True)
        link = self.attach(address, sender=True, **options)
        if wait:
            self.until(lambda: link.credit > 0 or self._is_detached(link), what=f"credit on {address}")
            self._raise_if_refused(link)
        return link

    def receiver(self, address: str, *, credit: int = 100, **options: Any) -> Receiver:
        """Attaches a receiver and grants credit; takes what `attach` takes."""
        link = self.attach(address, sender=False, **options)
        if credit:
            link.flow(credit)
            self.flush()
        return link

    def attach(
        self,
        address: str,
        *,
        sender: bool,
        session: Session | None = None,
        name: str | None = None,
        settle: int | None = None,
        second: bool = False,
        properties: dict[str, Any] | None = None,
        filters: dict[str, Any] | None = None,
        both: bool = False,
        wait: bool = True,
    ) -> Any:
        """Attaches; `LinkRefused` if the hub does not let us.

        `both` names the address at either end; `second` is the receiver's settle mode.
        """
        session = session or self.session
        name = name or uuid.uuid4().hex
        link = session.sender(name) if sender else session.receiver(name)
        if sender or both:
            link.target.address = address
        if not sender or both:
            link.source.address = address
        if settle is not None:
            link.snd_settle_mode = settle
        if second:
            link.rcv_settle_mode = Link.RCV_SECOND
        if properties:
            link.properties = {symbol(key): value for key, value in properties.items()}
        if filters is not None:
            link.source.filter.put_dict({symbol(key): value for key, value in filters.items()})
        link.open()
        if wait:
            self.until(lambda: link.state & (Endpoint.REMOTE_ACTIVE | Endpoint.REMOTE_CLOSED), what=f"attach to {address}")
            if not (link.remote_source.address or link.remote_target.address):
                # A refusal: the detach is on its way.
                self.until(lambda: self._is_detached(link), what=f"the detach of {address}")
            self._raise_if_refused(link)
        return link

    def detach(self, link: Link) -> None:
        """Closes the link and waits for the hub's answer."""
        link.close()
        self.until(lambda: self._is_detached(link), what="the hub's detach")

    def expect_detach(self, link: Link, within: float | None = None) -> Condition | None:
        """Waits until the hub detaches the link; returns its error."""
        self.until(lambda: self._is_detached(link), within=within, what="a detach by the hub")
        link.close()
        return link.remote_condition

    @staticmethod
    def _is_detached(link: Link) -> bool:
        return bool(link.state & Endpoint.REMOTE_CLOSED)

    def _raise_if_refused(self, link: Link) -> None:
        if self._is_detached(link):
            link.close()
            raise LinkRefused(link.remote_condition)

    # Messages out.

    def send(self, sender: Sender, what: Message | bytes, *, settled: bool = False) -> Delivery:
        """Sends a whole message and does not wait for anything but credit."""
        self.until(lambda: sender.credit > 0 or self._is_detached(sender), what="credit")
        self._raise_if_refused(sender)
        delivery = sender.delivery(sender.delivery_tag())
        sender.stream(what if isinstance(what, bytes) else what.encode())
        if settled:
            delivery.settle()
        sender.advance()
        self.flush()
        return delivery

    def outcome(self, delivery: Delivery, within: float | None = None) -> int:
        """The state with which the hub settles the delivery."""
        self.until(
            lambda: delivery.settled or self._is_detached(delivery.link), within=within, what="a settled outcome"
        )
        if not delivery.settled:
            self._raise_if_refused(delivery.link)
        state = delivery.remote_state
        self.last_error = delivery.remote.condition
        delivery.settle()
        return state

    def deliver(self, sender: Sender, what: Message | bytes, **options: Any) -> int:
        """Sends and waits for the outcome."""
        return self.outcome(self.send(sender, what, **options))

    # Messages in.

    def receive(self, receiver: Receiver, within: float | None = None) -> Received:
        """The next whole message; not settled yet unless the hub sent it so."""

        def ready() -> bool:
            self._drop_aborted(receiver)
            current = receiver.current
            return bool(current and not current.partial) or self._is_detached(receiver)

        self.until(ready, within=within, what=f"a message from {receiver.source.address}")
        current = receiver.current
        if current is None or current.partial:
            self._raise_if_refused(receiver)
        settled, tag = bool(current.settled), tag_of(current)
        raw = b""
        while (part := receiver.recv(1 << 20)) is not None and len(part):
            raw += bytes(part)
        receiver.advance()
        decoded = Message()
        decoded.decode(raw)
        return Received(decoded, raw, current, tag, settled)

    def receive_many(self, receiver: Receiver, count: int, within: float | None = None) -> list[Received]:
        """The next messages; credit is refreshed, those sent unsettled stay so."""
        got = []
        while len(got) < count:
            if receiver.credit == 0:
                receiver.flow(min(300, count - len(got)))
            got.append(self.receive(receiver, within))
        return got

    def assert_silent(self, *receivers: Receiver) -> None:
        """Nothing is on its way to any of them."""
        self.settle_down()
        for receiver in receivers:
            self._drop_aborted(receiver)
            assert receiver.current is None, "there is a delivery"

    @staticmethod
    def _drop_aborted(receiver: Receiver) -> None:
        while (current := receiver.current) is not None and current.aborted:
            receiver.advance()
            current.settle()

    def settle(self, received: Received, state: int = ACCEPTED, **fields: Any) -> None:
        """Settles with a state; `failed`, `undeliverable` and `condition` belong to it."""
        local = received.delivery.local
        for name, value in fields.items():
            setattr(local, name, value)
        received.delivery.update(state)
        received.delivery.settle()
        self.flush()

    def propose(self, received: Received, state: int = ACCEPTED) -> int:
        """The second settle mode: says a state unsettled, and waits for the hub's settled answer."""
        received.delivery.update(state)
        self.until(lambda: received.delivery.settled, what="the hub's settled answer")
        answer = received.delivery.remote_state
        received.delivery.settle()
        self.flush()
        return answer

    # Requests.

    def put_token(
        self, token: str, name: str, *, kind: str = "servicebus.windows.net:sastoken", expect: int = 200, **fields: Any
    ) -> Message:
        """Puts a token on `$cbs`; returns the answer."""
        if self._cbs is None:
            self._cbs = self.sender("$cbs", both=True), self.receiver("$cbs", both=True)
        request = Message(body=token, id=uuid.uuid4(), **fields)
        request.properties = {"operation": "put-token", "type": kind, "name": name}
        answer = self.request(*self._cbs, request)
        status = answer.properties["status-code"]
        assert status == expect, f"put-token: {answer.properties}"
        return answer

    def request(self, sender: Sender, receiver: Receiver, request: Message) -> Message:
        """Sends a request and returns its answer, which must have its correlation id."""
        request_id = sections(request.encode())[0x73][0]
        delivery = self.send(sender, request)
        if receiver.credit == 0:
            receiver.flow(10)
        answer = self.receive(receiver)
        # The request is settled before the answer comes.
        assert delivery.settled and delivery.remote_state == ACCEPTED
        delivery.settle()
        if not answer.settled:
            self.settle(answer)
        # Proton's messages forget the types of ids.
        correlation_id = sections(answer.raw)[0x73][5]
        assert correlation_id == request_id and type(correlation_id) is type(request_id), correlation_id
        return answer.message


def tag_of(delivery: Delivery) -> bytes:
    """The tag, which need not be text."""
    raw = cproton.lib.pn_delivery_tag(delivery._impl)
    return bytes(cproton.ffi.buffer(raw.start, raw.size))


def audience(identity: Identity) -> str:
    """The `name` of a put-token for a device or module."""
    module = "" if identity.module_id is None else f"/modules/{identity.module_id}"
    return f"{identity.hub.host}/devices/{identity.device_id}{module}"


def path_of(identity: Identity) -> str:
    """`/devices/{d}[/modules/{m}]`, where the identity's links begin."""
    return "/" + audience(identity).partition("/")[2]


def events_of(identity: Identity) -> str:
    """Where telemetry is sent."""
    return path_of(identity) + "/messages/events"


def devicebound_of(identity: Identity) -> str:
    """Where cloud-to-device messages come from."""
    return path_of(identity) + "/messages/deviceBound"
