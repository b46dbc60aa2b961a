"""Senders that are cut off at any moment and know what was acknowledged to them."""

from __future__ import annotations

import http.client
import threading

from support.hub import Hub
from support.identity import Identity
from support.keep_alive import KeepAliveClient
from support.mqtt_messages import devicebound_filter, events_topic, parse_devicebound, receive_devicebound
from support.raw_mqtt import (
    PUBACK, PUBLISH, SUBACK, ConnectionClosed, publish_packet, subscribe_packet,
)  # fmt: skip

WINDOW = 16


class Cut:
    """A thread that runs until the hub's end cuts it off."""

    def __init__(self, name: str):
        self._thread = threading.Thread(target=self._guard, name=name, daemon=True)
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """Waits for the end, and raises what went wrong before the cut."""
        self._thread.join(timeout=30)
        assert not self._thread.is_alive(), f"{self._thread.name} hangs"
        if self.failure:
            raise self.failure

    def _guard(self) -> None:
        try:
            self.run()
        except (OSError, ConnectionClosed, http.client.HTTPException):
            # The crash.
            pass
        except BaseException as failure:  # noqa: BLE001 - handed to the test by `failure`
            self.failure = failure

    def run(self) -> None:
        raise NotImplementedError


class CrashPublisher(Cut):
    """Publishes 0, 1, 2, ... at QoS 1 with a window; nothing is ever sent again.

    The first `acknowledged` of the `sent` numbers were acknowledged.
    """

    def __init__(self, identity: Identity):
        super().__init__(identity.client_id)
        self.identity = identity
        self.sent = 0
        self.acknowledged = 0

    def run(self) -> None:
        with self.identity.hub.mqtt_session(self.identity) as session:
            topic = events_topic(self.identity)
            while True:
                if self.sent - self.acknowledged < WINDOW:
                    numbers = range(self.sent, self.sent + WINDOW // 2)
                    # Counted before they are written: a torn write may have sent them.
                    self.sent = numbers.stop
                    session._write(
                        b"".join(
                            publish_packet(topic, b"%d" % n, qos=1, packet_id=n % 65535 + 1) for n in numbers
                        )
                    )
                got = session.expect(PUBACK)
                assert got.packet_id == self.acknowledged % 65535 + 1, "PUBACK out of order"
                self.acknowledged += 1


class CrashCourier(Cut):
    """Queues 0, 1, 2, ... for a device over REST, one after the other."""

    def __init__(self, identity: Identity):
        super().__init__(f"to {identity.client_id}")
        self.identity = identity
        self.acknowledged: list[int] = []
        self.attempted = 0

    def run(self) -> None:
        client = KeepAliveClient(self.identity.hub)
        while True:
            number, self.attempted = self.attempted, self.attempted + 1
            reply = client.send("POST", f"{self.identity.path}/messages/deviceBound", number)
            if reply.status == 204:
                self.acknowledged.append(number)
            else:
                # Full for the moment, or going down.
                assert reply.status == 403 or reply.status >= 500, str(reply)


class CrashListener(Cut):
    """Takes a device's messages and acknowledges them, as long as the hub lives."""

    def __init__(self, identity: Identity):
        super().__init__(f"at {identity.client_id}")
        self.identity = identity
        self.received: list[int] = []

    def run(self) -> None:
        with self.identity.hub.mqtt_session(self.identity) as session:
            session.subscribe(devicebound_filter(self.identity))
            while True:
                self.received.append(int(receive_devicebound(session, self.identity, timeout=60).payload))


def drain(hub: Hub, identity: Identity, last: bytes = b"end") -> list[int]:
    """Sends a last message and receives everything up to it."""
    back_end = KeepAliveClient(hub)

    def last_is_sent() -> bool:
        reply = back_end.send("POST", f"{identity.path}/messages/deviceBound", last.decode())
        # The queue may be full of what is received below.
        assert reply.status in (204, 403), str(reply)
        return reply.status == 204

    is_sent = last_is_sent()
    received = []
    with hub.mqtt_session(identity) as session:
        # What an earlier session left unacknowledged comes before the SUBACK.
        session.send(subscribe_packet(1, (devicebound_filter(identity), 1)))
        while (packet := session.receive()).kind == SUBACK or packet.payload != b'"%b"' % last:
            if packet.kind == PUBLISH:
                received.append(int(parse_devicebound(packet, identity).payload))
                session.puback(packet.packet_id)
                is_sent = is_sent or last_is_sent()
        session.puback(packet.packet_id)
    return received
