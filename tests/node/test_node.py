"""Microsoft's Node SDKs (service, device, Event Hubs) against the shared hub.

Each file of Node tests is one test here. `npm test` runs this file, too, and
shows all that Node prints.
"""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from support.azurite import Azurite
from support.container import Container
from support.hub import Hub

HERE = Path(__file__).parent
FILES = sorted(path.relative_to(HERE) for path in HERE.glob("*/*.test.js"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", FILES, ids=str)
def test_node_sdk(hub: Hub, azurite: Azurite, file: Path) -> None:
    if not (HERE / "node_modules").is_dir():
        pytest.fail("the SDKs are not installed: run `npm ci` in tests/node")

    done = subprocess.run(
        ["node", "--test", "--test-reporter=spec", str(file)],
        cwd=HERE,
        env=os.environ
        | {
            "TWINHUB_TEST_CONNECTION_STRING": hub.connection_string(),
            "TWINHUB_TEST_EVENTHUB_CONNECTION_STRING": event_hub_connection_string(hub),
            "TWINHUB_TEST_CONTAINER_URI": Container(azurite).uri(),
            "NODE_EXTRA_CA_CERTS": str(hub.ca_file),
        },
        capture_output=True,
        text=True,
        timeout=280,
    )

    print(done.stdout, done.stderr, sep="\n")
    assert done.returncode == 0, f"exit code {done.returncode}; what failed is in the output"


def event_hub_connection_string(hub: Hub) -> str:
    """What `twinhub env` gives programs that read telemetry."""
    words = shlex.split(hub.cli("env").stdout)
    return dict(word.split("=", 1) for word in words if "=" in word)["EVENTHUB_CONNECTION_STRING"]
