"""A writer that changes the registry and twins until it is cut off, and knows what must have been told."""

from __future__ import annotations

import http.client
import random
import threading
from dataclasses import dataclass

from support.crash_writer import identity_body, twin_path
from support.hub import Hub
from support.keep_alive import KeepAliveClient

CREATE, DELETE, UPDATE = "createDeviceIdentity", "deleteDeviceIdentity", "updateTwin"


@dataclass(frozen=True)
class Change:
    """A change as its event names it; updates of twins are numbered."""

    operation: str
    device_id: str
    module_id: str | None = None
    number: int | None = None


class CrashChanger:
    """Creates, patches and deletes without a pause until the connection breaks.

    `acknowledged` are the changes that the hub said are done, in order;
    `under_way` those of the request that it had not answered.
    """

    def __init__(self, hub: Hub, name: str, seed: int):
        self.name = name
        self._hub, self._random = hub, random.Random(seed)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._serial = 0
        self._present: list[str] = []
        self.acknowledged: list[Change] = []
        self.under_way: list[Change] = []
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
            pass  # The crash.
        except BaseException as failure:  # noqa: BLE001 - handed to the test by `join`
            self.failure = failure

    def _step(self, client: KeepAliveClient) -> None:
        self._serial += 1
        chance = self._random.random()
        devices = [path for path in self._present if "/modules/" not in path]
        if not devices or chance < 0.25:
            self._create(client, f"/devices/{self.name}-{self._serial}")
        elif chance < 0.35:
            self._create(client, f"{self._random.choice(devices)}/modules/m{self._serial}")
        elif chance < 0.9:
            self._patch(client, self._random.choice(self._present))
        else:
            self._delete(client, self._random.choice(self._present))

    def _create(self, client: KeepAliveClient, path: str) -> None:
        self.under_way = [change(CREATE, path)]
        self._settle(client.send("PUT", path, identity_body(path)).status, 200)
        self._present.append(path)

    def _patch(self, client: KeepAliveClient, path: str) -> None:
        self.under_way = [change(UPDATE, path, self._serial)]
        patch = {"properties": {"desired": {"number": self._serial}}}
        self._settle(client.send("PATCH", twin_path(path), patch).status, 200)

    def _delete(self, client: KeepAliveClient, path: str) -> None:
        gone = [other for other in self._present if other == path or other.startswith(path + "/modules/")]
        self.under_way = [change(DELETE, other) for other in gone]
        self._settle(client.send("DELETE", path, if_match="*").status, 204)
        self._present = [other for other in self._present if other not in gone]

    def _settle(self, status: int, expected: int) -> None:
        if status >= 500:
            # An honest "don't know" of a hub that is going down.
            raise ConnectionAbortedError(str(status))
        assert status == expected, f"{self.name}: {status} to {self.under_way}"
        self.acknowledged += self.under_way
        self.under_way = []


def change(operation: str, path: str, number: int | None = None) -> Change:
    parts = path.split("/")
    return Change(operation, parts[2], parts[4] if len(parts) > 3 else None, number)
