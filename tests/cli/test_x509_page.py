"""The page about certificates does what it says, with the openssl of this machine."""

import os
import subprocess
import sys

import pytest

from support.hub import REPOSITORY, binary
from support.tutorial import extract

PAGE = REPOSITORY / "docs" / "x509.md"


@pytest.mark.timeout(120)
def test_the_commands_of_the_page_work(hub_factory, tmp_path):
    hub = hub_factory().start()
    script = extract(PAGE, tmp_path / "page")
    folder = script.parent
    # The page says `twinhub`, whatever the binary under test is called.
    (folder / "twinhub").symlink_to(binary().resolve())
    environment = {
        "PATH": f"{folder}:{sys.prefix}/bin:{os.environ['PATH']}",
        "HOME": str(folder),
        "TWINHUB_DATA_DIR": str(hub.data_dir),
        "HUB_HOST": hub.host,
    }

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'eval "$(twinhub env)"; . {script}'],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=100,
    )  # fmt: skip

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{hub.log_tail()}"
    assert done.stdout.count("desired version 1") == 2
    assert '"isVerified": true' in done.stdout
