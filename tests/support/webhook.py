"""A webhook on loopback: takes what a hub sends, refuses it, or is away."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.certificates import SelfSigned
from support.hub import Hub
from support.loopback import free_address
from support.routes import route, set_routes


class Webhook:
    """Remembers all events in the order of their coming, repeated ones too."""

    def __init__(self, certificate: SelfSigned | None = None, *, host: str | None = None) -> None:
        self._certificate = certificate
        self.events: list[dict[str, Any]] = []
        self.requests = 0
        # How often it was asked whether it wants events.
        self.questions = 0
        # What it says then; whoever asks is welcome otherwise.
        self.allowed_origin: str | None = None
        # Answers so, and forgets what it got.
        self.refusal: int | None = None
        self.retry_after: int | None = None
        # How long it takes for each answer.
        self.delay = 0.0
        self.headers: dict[str, str] = {}
        self._lock = threading.Lock()
        # An address that nobody else uses: its port stays free while it is away.
        self.host = host or free_address()
        self._server = self._serve(0)
        self.port: int = self._server.server_address[1]

    @property
    def url(self) -> str:
        """Where it is."""
        scheme = "https" if self._certificate else "http"
        return f"{scheme}://{self.host}:{self.port}/events"

    def go_away(self) -> None:
        """Nobody answers from now on."""
        self._server.shutdown()
        self._server.server_close()

    def come_back(self) -> None:
        """Answers again, at the same place."""
        self._server = self._serve(self.port)

    def telemetry(self, device_id: str) -> list[bytes]:
        """The bodies of a device's messages, in the order of their coming."""
        with self._lock:
            events = list(self.events)
        subject = f"devices/{device_id}"
        return [_body(event) for event in events if event["subject"] == subject]

    def latest(self, device_id: str) -> bytes | None:
        """The body of a device's last message so far; cheap, however many there are."""
        with self._lock:
            events = list(self.events)
        subject = f"devices/{device_id}"
        return next((_body(event) for event in reversed(events) if event["subject"] == subject), None)

    def _serve(self, port: int) -> ThreadingHTTPServer:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_OPTIONS(self) -> None:
                webhook.questions += 1
                asking = self.headers["WebHook-Request-Origin"] or "*"
                self.send_response(200)
                self.send_header("WebHook-Allowed-Origin", webhook.allowed_origin or asking)
                self.send_header("WebHook-Allowed-Rate", "*")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.headers = {name.lower(): value for name, value in self.headers.items()}
                if self.headers["aeg-event-type"] == "SubscriptionValidation":
                    webhook.questions += 1
                    self._answer(200, json.dumps({"validationResponse": body[0]["data"]["validationCode"]}))
                    return
                time.sleep(webhook.delay)
                with webhook._lock:
                    webhook.requests += 1
                    status = webhook.refusal or 200
                    if status == 200:
                        webhook.events += body if isinstance(body, list) else [body]
                self._answer(status, "")

            def _answer(self, status: int, body: str) -> None:
                self.send_response(status)
                if webhook.retry_after is not None:
                    self.send_header("Retry-After", str(webhook.retry_after))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A hub that is killed cuts its connections."""

        server = Server((self.host, port), Handler)
        if self._certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(self._certificate.certificate_file, self._certificate.key_file)
            # The handshake belongs to the connection's own thread.
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server


def _body(event: dict[str, Any]) -> bytes:
    body = event["data"]["body"]
    return base64.b64decode(body) if isinstance(body, str) else json.dumps(body).encode()


def route_to(
    hub: Hub,
    webhook: Webhook,
    *others: str,
    source: str = "DeviceMessages",
    schema: str = "cloudEvents",
    headers: dict[str, str] | None = None,
) -> None:
    """Routes events of a source to the webhook, and to these endpoints besides; sets nothing else."""
    endpoint = {"name": "hook", "url": webhook.url, "schema": schema, "headers": headers or {}}
    routes = [
        {**route(source, endpoint=name), "name": f"to-{name}"} for name in ("hook", *others)
    ]  # fmt: skip
    set_routes(hub, *routes, endpoints={"webhooks": [endpoint]})
