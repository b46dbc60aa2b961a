"""Expectations about Microsoft's clients."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msrest.exceptions import HttpOperationError


@contextmanager
def refused(status: int, code: str | None = None) -> Iterator[None]:
    """Expects the service SDK to raise with this status and `iothub-errorcode`."""
    with pytest.raises(HttpOperationError) as caught:
        yield
    response = caught.value.response
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    if code is not None:
        assert response.headers.get("iothub-errorcode") == code
