"""A NATS server with JetStream, on a loopback address of its own."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from support.loopback import free_address
from support.waiting import eventually

PORT = 4222


class NatsServer:
    """A process whose streams outlive it: `kill`, then `start`, is a crash and a recovery."""

    def __init__(self, folder: Path, *options: str, host: str | None = None):
        self.host = host or free_address()
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"nats://{self.host}:{PORT}"

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["nats-server", "--addr", self.host, "--port", str(PORT), "--jetstream",
                 "--store_dir", str(self._folder), *self._options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        eventually(self._listens, within=20, what="the NATS server")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, PORT)) == 0

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    async def connect(self) -> Client:
        return await nats.connect(self.url)

    async def stored(self, stream: str, count: int) -> list[Msg]:
        """The first messages of a stream, waited for."""
        client = await self.connect()
        try:
            context = client.jetstream()
            reader = await context.pull_subscribe("", stream=stream, durable=None)
            messages: list[Msg] = []
            while len(messages) < count:
                try:
                    fetched = await reader.fetch(min(100, count - len(messages)), timeout=20)
                except Error as error:
                    raise AssertionError(f"{len(messages)} of {count} messages are there") from error
                for message in fetched:
                    await message.ack()
                messages += fetched
            return messages
        finally:
            await client.close()
