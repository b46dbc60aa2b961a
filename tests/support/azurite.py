"""Azurite, which stands in for blob storage, on a loopback address of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.loopback import free_address
from support.waiting import eventually

FOLDER = Path(__file__).resolve().parents[1] / "azurite"
MAIN = FOLDER / "node_modules/azurite/dist/src/blob/main.js"
# The account that Azurite has always had; the key is in its documentation.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azurite:
    """A process that keeps blobs in memory."""

    def __init__(self, log_file: Path):
        if not MAIN.exists():
            raise FileNotFoundError("Azurite is not installed: run `npm ci` in tests/azurite")
        self._log_file = log_file
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(
                ["node", str(MAIN), "--blobHost", free_address(), "--blobPort", "0", "--inMemoryPersistence",
                 "--disableTelemetry", "--skipApiVersionCheck", "--silent"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.url = eventually(self._address, within=20, what="Azurite")

    def _address(self) -> str | None:
        assert self._process.poll() is None, self._log_file.read_text()
        found = re.search(r"successfully listens on (http://\S+)", self._log_file.read_text())
        return found and found[1]

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY}"
            f";BlobEndpoint={self.url}/{ACCOUNT};"
        )

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
