"""A container of blobs, and addresses that let one in."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

# The client that the checkpoint store brings along.
from azure.eventhub.extensions.checkpointstoreblob._vendor.storage.blob import (
    BlobServiceClient,
    ContainerSasPermissions,
    generate_container_sas,
)

from support.azurite import ACCOUNT, KEY, Azurite


class Container:
    """A container of its own."""

    def __init__(self, azurite: Azurite):
        self._url = azurite.url
        self.name = uuid.uuid4().hex
        service = BlobServiceClient.from_connection_string(
            azurite.connection_string, connection_verify=azurite.trusted()
        )
        self._client = service.create_container(self.name)

    def uri(self, permission: str = "rwd", lifetime: timedelta = timedelta(hours=1)) -> str:
        signature = generate_container_sas(
            ACCOUNT,
            self.name,
            KEY,
            permission=ContainerSasPermissions.from_string(permission),
            expiry=datetime.now(timezone.utc) + lifetime,
        )
        return f"{self._url}/{ACCOUNT}/{self.name}?{signature}"

    def put(self, lines: list[Any], name: str = "devices.txt") -> None:
        text = "\n".join(json.dumps(line) for line in lines)
        self._client.upload_blob(name, text, overwrite=True)

    def text(self, name: str = "devices.txt") -> str:
        return self._client.download_blob(name).readall().decode()

    def lines(self, name: str = "devices.txt") -> list[Any]:
        """The lines that are documents."""
        return [json.loads(line) for line in self.text(name).splitlines() if line.startswith("{")]
