"""`kill -9` while devices are created and twins change: each change is told once, and nothing else is."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable

import pytest

from support.crash_changes import CREATE, DELETE, UPDATE, Change, CrashChanger
from support.event_hub import publish
from support.events import EARLIEST, Event, EventStream
from support.hub import PARTITIONS, Hub
from support.routes import route, set_routes
from support.waiting import eventually

KILLS = 12
CHANGERS = 6


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_change_is_told_once_whenever_the_hub_is_killed(hub_factory: Callable[..., Hub]) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    hub = hub_factory().start()
    set_routes(hub, route("DeviceLifecycleEvents"), route("TwinChangeEvents"))
    everybody: list[CrashChanger] = []

    for kill in range(KILLS):
        changers = [CrashChanger(hub, f"k{kill}-{n}", chance.randrange(1 << 30)) for n in range(CHANGERS)]
        for changer in changers:
            changer.start()
        eventually(
            lambda: all(len(c.acknowledged) > 15 or c.failure for c in changers), within=30, what="changes"
        )  # fmt: skip
        time.sleep(chance.uniform(0.0, 0.1))
        hub.kill()
        for changer in changers:
            changer.join()
        everybody += changers
        hub.start()

    events = everything_told(hub)
    check(everybody, [change_of(event) for event in events])
    check_order(events)
    ids = Counter(event.system["correlation-id"] for event in events)
    assert max(ids.values()) == 1
    spared = hub.log_file.read_text(errors="replace").count("they are not repeated")
    changes = sum(len(changer.acknowledged) for changer in everybody)
    print(f"{changes} acknowledged changes told once over {KILLS} kills, {spared} of which hit events on their way")


def everything_told(hub: Hub) -> list[Event]:
    """What the hub has told of changes, from the first on."""
    # Told behind all that was left over.
    last = hub.with_device("last")
    with EventStream(hub, last, since=EARLIEST) as stream:
        stream.next()
    marks: dict[int, tuple[str, bytes]] = {}
    while len(marks) < PARTITIONS:
        mark = publish(hub.with_device("mark"), [b"mark"])[0]
        marks.setdefault(mark.partition, (mark.device_id, mark.payload))
    ends, events = set(marks.values()), []
    with EventStream(hub, since=EARLIEST) as stream:
        while ends:
            event = stream.next()
            if event.source == "Telemetry":
                ends.discard((event.device_id, event.payload))
            elif event.device_id.startswith("k"):
                events.append(event)
    return events


def change_of(event: Event) -> Change:
    operation, number = event.properties["opType"], None
    if operation == UPDATE:
        number = json.loads(event.payload)["properties"]["desired"]["number"]
    return Change(operation, event.device_id, event.module_id, number)


def check(changers: list[CrashChanger], told: list[Change]) -> None:
    """Each acknowledged change is told once; what else is told was asked for, as a whole, and once."""
    counts = Counter(told)
    repeated = [change for change, count in counts.items() if count > 1]
    assert not repeated, f"told more than once: {repeated[:5]}"
    for changer in changers:
        missing = [change for change in changer.acknowledged if change not in counts]
        assert not missing, f"acknowledged and not told: {missing[:5]}"
        told_of_last = [change for change in changer.under_way if change in counts]
        assert told_of_last in ([], changer.under_way), f"told in part: {told_of_last} of {changer.under_way}"
    asked_for = {change for changer in changers for change in [*changer.acknowledged, *changer.under_way]}
    assert set(counts) <= asked_for


def check_order(events: list[Event]) -> None:
    """Created first, deleted last, and numbers that grow in between."""
    by_identity: dict[tuple[str, str | None], list[Change]] = {}
    for event in events:
        change = change_of(event)
        by_identity.setdefault((change.device_id, change.module_id), []).append(change)
    for identity, changes in by_identity.items():
        twin = [change.number for change in changes if change.operation == UPDATE]
        assert twin == sorted(twin), identity
        lifecycle = [change.operation for change in changes if change.operation != UPDATE]
        assert lifecycle in ([CREATE], [CREATE, DELETE]), identity
