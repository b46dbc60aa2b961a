"""A broker with queues, as a custom endpoint of a hub sees one: qpid-proton in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from proton import Condition, Delivery, Disposition, Endpoint, Link, Message, Terminus, int32
from proton.handlers import MessagingHandler
from proton.reactor import ApplicationEvent, Container, EventInjector

CREDIT = 100


@dataclass
class Broker(MessagingHandler):
    """Queues of messages, and `$cbs`, which answers every token with `token_status`.

    `judge` says of each message which condition it is rejected with, if any.
    A link takes `credit` messages, and then one more for each that came if it `tops_up`.
    """

    host: str
    port: int
    queues: set[str]
    token_status: int = 202
    judge: Callable[[Message], str | None] = lambda message: None
    credit: int = CREDIT
    tops_up: bool = True
    messages: list[Message] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(auto_accept=False, prefetch=0, auto_settle=True)
        self._answers: dict[str, object] = {}
        self._injector = EventInjector()
        self._listening = threading.Event()
        self._connections: list[object] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Broker:
        self._thread.start()
        assert self._listening.wait(10), "the broker does not listen"
        return self

    def stop(self) -> None:
        """Ends all connections and the thread."""
        if self._thread.is_alive():
            self._injector.trigger(ApplicationEvent("stop"))
            self._thread.join(10)
            assert not self._thread.is_alive()

    def hang_up(self) -> None:
        """Ends all connections."""
        self._injector.trigger(ApplicationEvent("hang_up"))

    def bodies(self) -> list[bytes]:
        return [bytes(message.body) for message in list(self.messages)]

    def wait_for(self, count: int, within: float = 30.0) -> list[Message]:
        """The messages, once there are so many."""
        deadline = time.monotonic() + within
        while len(self.messages) < count:
            assert time.monotonic() < deadline, f"{len(self.messages)} of {count} messages came"
            time.sleep(0.02)
        return list(self.messages)

    # What happens in the thread.

    def _run(self) -> None:
        container = Container(self)
        container.selectable(self._injector)
        container.run()

    def on_start(self, event) -> None:
        self._acceptor = event.container.listen(f"amqp://{self.host}:{self.port}")
        self._listening.set()

    def on_stop(self, event) -> None:
        self._acceptor.close()
        self._injector.close()
        self.on_hang_up(event)

    def on_hang_up(self, _event) -> None:
        while self._connections:
            self._connections.pop().close()

    def on_connection_opening(self, event) -> None:
        self._connections.append(event.connection)

    def on_link_opening(self, event) -> None:
        link = event.link
        address = link.remote_target.address if link.is_receiver else link.remote_source.address
        if address != "$cbs" and address not in self.queues:
            # The answer to the attach has no target; why is told in a frame of its own.
            link.target.type = Terminus.UNSPECIFIED
            link.condition = Condition("amqp:not-found", f"there is no {address}")
            link.open()
            event.container.schedule(0, Closing(link))
            return
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        if link.is_sender:
            self._answers[link.remote_target.address or link.name] = link
        link.open()
        if link.is_receiver:
            link.flow(CREDIT if address == "$cbs" else self.credit)

    def on_message(self, event) -> None:
        if self.tops_up:
            event.link.flow(1)
        if event.link.remote_target.address == "$cbs":
            self._take_token(event)
            return
        condition = self.judge(event.message)
        if condition:
            event.delivery.local.condition = Condition(condition, "the broker's judgement")
            event.delivery.update(Disposition.REJECTED)
        else:
            self.messages.append(event.message)
            event.delivery.update(Disposition.ACCEPTED)
        event.delivery.settle()

    def _take_token(self, event) -> None:
        request: Message = event.message
        event.delivery.update(Delivery.ACCEPTED)
        event.delivery.settle()
        self.tokens.append((request.properties["name"], request.body))
        answer = Message(correlation_id=request.id, properties={"status-code": int32(self.token_status), "status-description": "so be it"})
        for link in self._answers.values():
            if link.state & Endpoint.REMOTE_ACTIVE:
                link.send(answer)


@dataclass
class Closing:
    """Closes a link in the next turn."""

    link: Link

    def on_timer_task(self, _event) -> None:
        self.link.close()
