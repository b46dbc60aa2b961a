"""Shared access signatures, built by hand so that tests can also build bad ones."""

import base64
import hashlib
import hmac
import time
from urllib.parse import quote


def signature(key: str, raw_resource: str, expiry: str) -> str:
    """Signs `sr` exactly as it will stand in the token, and the expiry."""
    text = f"{raw_resource}\n{expiry}".encode()
    return base64.b64encode(
        hmac.new(base64.b64decode(key), text, hashlib.sha256).digest()
    ).decode()


def token(
    key: str,
    resource: str,
    *,
    policy: str | None = None,
    ttl: float = 3600,
    expiry: str | None = None,
) -> str:
    """A token for `resource` (host first, not yet encoded) that lives `ttl` seconds."""
    raw = quote(resource, safe="")
    se = expiry if expiry is not None else str(int(time.time() + ttl))
    parts = [f"sr={raw}", f"sig={quote(signature(key, raw, se), safe='')}", f"se={se}"]
    if policy is not None:
        parts.append(f"skn={policy}")
    return "SharedAccessSignature " + "&".join(parts)


def parse_connection_string(text: str) -> dict[str, str]:
    """Splits `HostName=..;SharedAccessKey=..`; values may contain `=`."""
    return dict(part.split("=", 1) for part in text.strip().split(";"))
