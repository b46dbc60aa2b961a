"""A writer that is cut off at any moment and knows what must be there afterwards.

It keeps, for each identity, the last state that the hub acknowledged, and for
the one request under way the state that may have come to be instead.
"""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

from support.hub import Hub
from support.keep_alive import KeepAliveClient
from support.raw_http import Reply


@dataclass(frozen=True)
class State:
    """What is known of an identity and its twin. None means: not known, anything goes."""

    present: bool
    generation: str | None = None
    etag: str | None = None
    twin_etag: str | None = None
    counter: int | None = None

    def allows(self, actual: State) -> bool:
        """Whether what was read can be this state."""
        if self.present != actual.present:
            return False
        pairs = (
            (self.generation, actual.generation),
            (self.etag, actual.etag),
            (self.twin_etag, actual.twin_etag),
            (self.counter, actual.counter),
        )
        return all(known is None or known == read for known, read in pairs)


ABSENT = State(present=False)
FRESH_TWIN = "AAAAAAAAAAE="


class Unexpected(AssertionError):
    """The hub refused, while it was alive, what it had to accept."""


class CrashWriter:
    """Writes without a pause until the connection breaks.

    `acknowledged` and `under_way` map registry paths to states; both belong to
    the writer's thread until it has been joined.
    """

    def __init__(self, hub: Hub, name: str, seed: int):
        self.name = name
        self._hub, self._random = hub, random.Random(seed)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._serial = 0
        self.acknowledged: dict[str, State] = {}
        self.under_way: dict[str, State] = {}
        self.writes = 0
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def join(self) -> None:
        """Waits for the end, which comes with the hub's, and raises what went wrong before."""
        self._thread.join(timeout=30)
        assert not self._thread.is_alive(), f"{self.name} hangs"
        if self.failure:
            raise self.failure

    def _run(self) -> None:
        try:
            client = KeepAliveClient(self._hub)
            while True:
                self._step(client)
        except (OSError, http.client.HTTPException):
            # The crash: whatever was under way stays in `under_way`.
            pass
        except BaseException as failure:  # noqa: BLE001 - handed to the test by `failure`
            self.failure = failure

    def touched(self) -> Iterator[str]:
        """Every path this writer ever wrote to."""
        yield from self.acknowledged.keys() | self.under_way.keys()

    def possible(self, path: str) -> list[State]:
        """The states in which the path may be found after the crash."""
        states = [self.acknowledged.get(path, ABSENT)]
        if path in self.under_way:
            states.append(self.under_way[path])
        return states

    def _step(self, client: KeepAliveClient) -> None:
        present = [path for path, state in self.acknowledged.items() if state.present]
        devices = [path for path in present if "/modules/" not in path]
        step = self._random.random()
        if not devices or step < 0.25:
            self._create(client, f"/devices/{self.name}-{self._next()}")
        elif step < 0.40:
            device = self._random.choice(devices)
            if sum(path.startswith(device + "/modules/") for path in present) < 15:
                self._create(client, f"{device}/modules/m{self._next()}")
        elif step < 0.45:
            self._create_in_bulk(client)
        elif step < 0.85:
            self._patch(client, self._random.choice(present))
        elif step < 0.95:
            self._update(client, self._random.choice(present))
        else:
            self._delete(client, self._random.choice(present), present)

    def _create(self, client: KeepAliveClient, path: str) -> None:
        self.under_way = {path: State(True, twin_etag=FRESH_TWIN)}
        document = self._acknowledge(client.send("PUT", path, identity_body(path)), 200).json()
        state = State(True, document["generationId"], document["etag"], FRESH_TWIN)
        self._settle({path: state})

    def _create_in_bulk(self, client: KeepAliveClient) -> None:
        paths = [f"/devices/{self.name}-{self._next()}" for _ in range(10)]
        # The first answer says only that they are there.
        self.under_way = {path: State(True, twin_etag=FRESH_TWIN) for path in paths}
        items = [{"id": path.removeprefix("/devices/"), "importMode": "create"} for path in paths]
        self._acknowledge(client.send("POST", "/devices", items), 200)
        self._settle(self.under_way)

    def _patch(self, client: KeepAliveClient, path: str) -> None:
        before, counter = self.acknowledged[path], self._next()
        self.under_way = {path: replace(before, twin_etag=None, counter=counter)}
        patch = {"properties": {"desired": {"counter": counter, "filler": "x" * 200}}}
        twin = self._acknowledge(client.send("PATCH", twin_path(path), patch), 200).json()
        self._settle({path: replace(before, twin_etag=twin["etag"], counter=counter)})

    def _update(self, client: KeepAliveClient, path: str) -> None:
        before = self.acknowledged[path]
        # New keys are made, so the etag moves.
        self.under_way = {path: replace(before, etag=None)}
        reply = client.send("PUT", path, identity_body(path), if_match="*")
        document = self._acknowledge(reply, 200).json()
        self._settle({path: replace(before, etag=document["etag"])})

    def _delete(self, client: KeepAliveClient, path: str, present: list[str]) -> None:
        gone = [other for other in present if other == path or other.startswith(path + "/modules/")]
        self.under_way = dict.fromkeys(gone, ABSENT)
        self._acknowledge(client.send("DELETE", path, if_match="*"), 204)
        self._settle(self.under_way)

    def _settle(self, states: dict[str, State]) -> None:
        self.acknowledged.update(states)
        self.under_way = {}
        self.writes += 1

    def _acknowledge(self, reply: Reply, status: int) -> Reply:
        if reply.status >= 500:
            # An honest "don't know" of a hub that is going down.
            raise ConnectionAbortedError(str(reply))
        if reply.status != status:
            raise Unexpected(f"{self.name}: {reply} to {self.under_way}")
        return reply

    def _next(self) -> int:
        self._serial += 1
        return self._serial


def identity_body(path: str) -> dict[str, str]:
    """The smallest body that creates or updates the identity."""
    parts = path.split("/")
    body = {"deviceId": parts[2]}
    return body if len(parts) == 3 else body | {"moduleId": parts[4]}


def twin_path(path: str) -> str:
    return "/twins" + path.removeprefix("/devices")


def read_state(client: KeepAliveClient, path: str) -> State:
    """Reads identity and twin, which exist together or not at all."""
    identity, twin = client.send("GET", path), client.send("GET", twin_path(path))
    if identity.status == 404:
        assert twin.status == 404, f"a twin without its identity: {path}"
        return ABSENT
    document, properties = identity.expect(200).json(), twin.expect(200).json()
    assert properties["deviceEtag"] == document["etag"], path
    return State(
        True,
        document["generationId"],
        document["etag"],
        properties["etag"],
        properties["properties"]["desired"].get("counter"),
    )
