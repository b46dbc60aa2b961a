"""Senders and readers over AMQP that are cut off at any moment and know what they were told."""

from __future__ import annotations

import threading
from collections import deque

from proton import Described, symbol

from support.amqp_peer import ACCEPTED, Peer, events_of, message
from support.crash_messages import WINDOW, Cut
from support.hub import HUB_NAME, Hub
from support.identity import Identity

SELECTOR = "apache.org:selector-filter:string"


class CrashSender(Cut):
    """Sends 0, 1, 2, ... over AMQP with a window; nothing is ever sent again.

    The first `acknowledged` of the `sent` numbers were accepted.
    """

    def __init__(self, identity: Identity):
        super().__init__(f"amqp {identity.client_id}")
        self.identity = identity
        self.sent = 0
        self.acknowledged = 0

    def run(self) -> None:
        with Peer.of_device(self.identity) as peer:
            sender = peer.sender(events_of(self.identity))
            waiting = deque()
            while True:
                while len(waiting) < WINDOW:
                    # Counted before it is written: what is torn off may have arrived.
                    self.sent += 1
                    waiting.append(peer.send(sender, message(b"%d" % (self.sent - 1))))
                assert peer.outcome(waiting.popleft()) == ACCEPTED
                self.acknowledged += 1


class Place:
    """Where a reader is in a partition, and all that it has seen; outlives its connections."""

    def __init__(self, partition: int):
        self.partition = partition
        self.offset = "-1"
        self.sequence_numbers: list[int] = []
        # (device, module, body)
        self.seen: list[tuple[str, str | None, bytes]] = []


class CrashReader(Cut):
    """Reads a partition from where its place is, until it is cut off or told to stop."""

    def __init__(self, hub: Hub, place: Place):
        super().__init__(f"reader of {place.partition}")
        self._hub, self._place = hub, place
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        place = self._place
        expression = f"amqp.annotation.x-opt-offset > '{place.offset}'"
        with Peer.of_service(self._hub) as peer:
            receiver = peer.receiver(
                f"{HUB_NAME}/ConsumerGroups/$Default/Partitions/{place.partition}",
                credit=500, filters={SELECTOR: Described(symbol(SELECTOR), expression)},
            )  # fmt: skip
            while not self._stopped.is_set():
                if not peer.pump(0.1) and not peer.is_alive:
                    return
                while (current := receiver.current) is not None and not current.partial:
                    self._take(peer.receive(receiver))
                if receiver.credit < 100:
                    receiver.flow(400)

    def _take(self, got) -> None:
        notes = got.message.annotations
        self._place.offset = notes[symbol("x-opt-offset")]
        self._place.sequence_numbers.append(notes[symbol("x-opt-sequence-number")])
        device = notes[symbol("iothub-connection-device-id")]
        self._place.seen.append((device, notes.get(symbol("iothub-connection-module-id")), got.body))
