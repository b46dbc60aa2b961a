"""Loopback addresses for hubs under test.

The SDKs have ports 443, 8883 and 5671 compiled in, so two hubs can only run side by
side on two addresses. All of 127.0.0.0/8 is this machine: each hub gets an
address of its own, and none clashes with a hub that somebody runs already.
Processes that share the work have nets of their own: two that look for an address
at the same moment would find the same.
"""

import itertools
import os
import re
import socket

PORTS = (443, 8883, 5671)
_NETS = range(77, 97)
"""The third number of the addresses: five thousand hubs in one run of the tests."""

_handed_out: set[str] = set()


def net_of_worker(name: str | None) -> int:
    """The second number of the addresses: 0 for one process alone, 1 for the worker `gw0`."""
    return int(re.fullmatch(r"gw(\d+)", name)[1]) + 1 if name else 0


_WORKER = net_of_worker(os.environ.get("PYTEST_XDIST_WORKER"))


class NoFreeAddress(RuntimeError):
    """No loopback address has all of the hub's ports free."""


def free_address() -> str:
    """Returns a loopback address on which nobody listens on the hub's ports."""
    for net, host in itertools.product(_NETS, range(2, 255)):
        address = f"127.{_WORKER}.{net}.{host}"
        if address not in _handed_out and _can_bind(address):
            _handed_out.add(address)
            return address
    raise NoFreeAddress(
        f"no address in 127.{_WORKER}.{_NETS.start}.0 to 127.{_WORKER}.{_NETS.stop - 1}.255 has ports {PORTS} "
        "free; a hub on 0.0.0.0 would do that"
    )


def _can_bind(address: str) -> bool:
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except PermissionError as denied:
                raise PermissionError(
                    f"port {port} needs root, CAP_NET_BIND_SERVICE or "
                    "`sysctl net.ipv4.ip_unprivileged_port_start=443`"
                ) from denied
            except OSError:
                return False
    return True
