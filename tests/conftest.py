"""Fixtures: one hub for the whole run, and private hubs for tests that break things."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.azurite import Azurite
from support.hub import Hub
from support.loopback import free_address


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The shared hub. Tests use ids of their own on it and leave its policies alone."""
    shared = Hub(free_address(), tmp_path_factory.mktemp("hub") / "data")
    try:
        yield shared.start()
    finally:
        shared.stop()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Blob storage."""
    started = Azurite(tmp_path_factory.mktemp("azurite") / "log")
    yield started
    started.stop()


@pytest.fixture
def hub_factory(tmp_path: Path) -> Iterator[Callable[..., Hub]]:
    """Makes private hubs, each with its own address and folder; call `start` on them.

    Arguments are further options of `twinhub serve`. What is still running at
    the end of the test is stopped.
    """
    made: list[Hub] = []

    def make(*options: str) -> Hub:
        private = Hub(free_address(), tmp_path / f"hub-{len(made)}", list(options))
        made.append(private)
        return private

    yield make
    for private in made:
        private.stop()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers begin with the slow tests, so that none is left with a long one at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Shows the shared hub's last words below a failed test."""
    report = yield
    shared = getattr(item, "funcargs", {}).get("hub")
    if report.failed and isinstance(shared, Hub):
        report.sections.append(("hub log", shared.log_tail(20)))
    return report
