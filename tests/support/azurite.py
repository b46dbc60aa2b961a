"""Azurite, which stands in for blob storage, on a loopback address of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.certificates import SelfSigned
from support.loopback import free_address
from support.waiting import eventually

FOLDER = Path(__file__).resolve().parents[1] / "azurite"
MAIN = FOLDER / "node_modules/azurite/dist/src/blob/main.js"
# The account that Azurite has always had; the key is in its documentation.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azurite:
    """A process that keeps blobs in memory.

    With a certificate's name it listens with TLS, under `certificate`.
    """

    def __init__(self, log_file: Path, *, tls: str | None = None):
        if not MAIN.exists():
            raise FileNotFoundError("Azurite is not installed: run `npm ci` in tests/azurite")
        self._log_file = log_file
        host, tls_options, self.certificate = free_address(), [], None
        if tls is not None:
            self.certificate = SelfSigned(log_file.parent, tls, address=host)
            tls_options = ["--cert", str(self.certificate.certificate_file), "--key", str(self.certificate.key_file)]
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(
                ["node", str(MAIN), "--blobHost", host, "--blobPort", "0", "--inMemoryPersistence",
                 "--disableTelemetry", "--skipApiVersionCheck", "--silent", *tls_options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.url = eventually(self._address, within=20, what="Azurite")

    def _address(self) -> str | None:
        assert self._process.poll() is None, self._log_file.read_text()
        found = re.search(r"successfully listens on (https?://\S+)", self._log_file.read_text())
        return found and found[1]

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol={self.url.split(':')[0]};AccountName={ACCOUNT};AccountKey={KEY}"
            f";BlobEndpoint={self.url}/{ACCOUNT};"
        )

    def trusted(self) -> str | bool:
        """What clients verify it with."""
        return str(self.certificate.certificate_file) if self.certificate else True

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
