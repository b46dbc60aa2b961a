"""HTTPS over one kept connection, for writers that must be quick."""

from __future__ import annotations

import http.client
import json
from typing import Any

from support.hub import API_VERSION, Hub
from support.raw_http import Reply


class KeepAliveClient:
    """One connection, one request at a time; each thread has its own.

    An answer is returned only if all of it came; else an `OSError` or an
    `http.client.HTTPException` tells that nobody knows what happened.
    """

    def __init__(self, hub: Hub, timeout: float = 30.0):
        self._token = hub.sas()
        self._connection = http.client.HTTPSConnection(
            hub.host, hub.https_port, context=hub.tls, timeout=timeout
        )

    def send(
        self, method: str, path: str, document: Any = None, *, if_match: str | None = None
    ) -> Reply:
        """One request with the owner's token."""
        headers = {"Authorization": self._token}
        body = None
        if document is not None:
            body = json.dumps(document)
            headers["Content-Type"] = "application/json"
        if if_match is not None:
            headers["If-Match"] = if_match
        self._connection.request(method, f"{path}?api-version={API_VERSION}", body, headers)
        response = self._connection.getresponse()
        return Reply(response.status, response.getheaders(), response.read())

    def close(self) -> None:
        self._connection.close()
