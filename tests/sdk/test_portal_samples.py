"""The programs that the portal offers to paste do what they say."""

import json
import os
import subprocess
import sys

from support.hub import REPOSITORY, Hub

SAMPLES = REPOSITORY / "crates" / "portal" / "samples"


def test_the_program_in_python_sends_reports_and_reads_its_twin(hub: Hub):
    hub.cli("device-identity", "create", "--device-id", "sample")
    desired = json.dumps({"interval": 5})
    hub.cli("device-twin", "update", "--device-id", "sample", "--desired", desired)
    printed = hub.cli("connection-string", "--device-id", "sample").stdout

    done = subprocess.run(
        [sys.executable, SAMPLES / "device.py"],
        env={
            **os.environ,
            "SSL_CERT_FILE": str(hub.ca_file),
            "DEVICE_CONNECTION_STRING": printed.strip(),
        },
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "'interval': 5" in done.stdout
    twin = json.loads(hub.cli("device-twin", "show", "--device-id", "sample").stdout)
    assert twin["properties"]["reported"]["firmware"] == "1.0"
