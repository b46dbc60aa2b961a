"""Devices and modules that a test has registered, with what it needs to act as them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from support import sas

if TYPE_CHECKING:
    from support.hub import Hub


class Identity:
    """A registered device or module."""

    def __init__(self, hub: Hub, device_id: str, module_id: str | None, document: dict[str, Any]):
        self.hub = hub
        self.device_id = device_id
        self.module_id = module_id
        self.document = document

    @property
    def client_id(self) -> str:
        """The MQTT client id: `device` or `device/module`."""
        return self.device_id if self.module_id is None else f"{self.device_id}/{self.module_id}"

    @property
    def _suffix(self) -> str:
        device = quote(self.device_id, safe="")
        return device if self.module_id is None else f"{device}/modules/{quote(self.module_id, safe='')}"

    @property
    def path(self) -> str:
        """The identity's path in the registry."""
        return f"/devices/{self._suffix}"

    @property
    def twin_path(self) -> str:
        """The twin's path."""
        return f"/twins/{self._suffix}"

    @property
    def primary_key(self) -> str:
        return self.document["authentication"]["symmetricKey"]["primaryKey"]

    @property
    def secondary_key(self) -> str:
        return self.document["authentication"]["symmetricKey"]["secondaryKey"]

    @property
    def connection_string(self) -> str:
        """What is handed to the device SDK."""
        module = "" if self.module_id is None else f";ModuleId={self.module_id}"
        return (
            f"HostName={self.hub.host};DeviceId={self.device_id}{module}"
            f";SharedAccessKey={self.primary_key}"
        )

    def sas(self, *, key: str | None = None, ttl: float = 3600, expiry: str | None = None) -> str:
        """A token signed with the identity's own key."""
        resource = f"{self.hub.host}/devices/{self.device_id}"
        if self.module_id is not None:
            resource += f"/modules/{self.module_id}"
        return sas.token(key or self.primary_key, resource, ttl=ttl, expiry=expiry)

    # What the back end sees and does.

    def get(self) -> dict[str, Any]:
        """The identity document as the registry shows it now."""
        return self.hub.http("GET", self.path).expect(200).json()

    def put(self, if_match: str = '"*"', **changes: Any) -> dict[str, Any]:
        """Writes the current document with some members changed; keeps it as the new document."""
        document = {**self.get(), **changes}
        reply = self.hub.http("PUT", self.path, json=document, headers={"If-Match": if_match})
        self.document = reply.expect(200).json()
        return self.document

    def delete(self) -> None:
        """Deletes the identity, whatever its etag."""
        self.hub.http("DELETE", self.path, headers={"If-Match": '"*"'}).expect(204)

    def twin(self) -> dict[str, Any]:
        """The twin as the back end sees it now."""
        return self.hub.http("GET", self.twin_path).expect(200).json()

    def patch_desired(self, desired: dict[str, Any]) -> dict[str, Any]:
        """Merges into the desired properties from the back end; returns the new twin."""
        return self.patch_twin({"properties": {"desired": desired}})

    def patch_twin(self, patch: dict[str, Any]) -> dict[str, Any]:
        """Patches the twin from the back end; returns the new twin."""
        return self.hub.http("PATCH", self.twin_path, json=patch).expect(200).json()

    def with_module(self, name: str = "module", **fields: Any) -> Identity:
        """Registers a module with this very id on this device."""
        path = f"{self.path}/modules/{quote(name, safe='')}"
        body = {"deviceId": self.device_id, "moduleId": name, **fields}
        return Identity(
            self.hub, self.device_id, name, self.hub.http("PUT", path, json=body).expect(200).json()
        )
