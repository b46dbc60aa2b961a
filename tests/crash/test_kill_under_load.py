"""`kill -9` under a stream of writes: what was acknowledged is there, whole."""

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import mqtt_twin
from support.crash_writer import CrashWriter, read_state
from support.hub import Hub
from support.identity import Identity
from support.keep_alive import KeepAliveClient
from support.raw_mqtt import ConnectionClosed
from support.waiting import eventually

KILLS = 20
WRITERS = 6


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_in_twenty_kills(hub_factory: Callable[..., Hub]) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    hub = hub_factory()
    everything: list[CrashWriter] = []

    for number in range(KILLS):
        hub.start()
        writers = [CrashWriter(hub, f"k{number}w{n}", chance.randrange(1 << 30)) for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        eventually(lambda: all(w.writes > 3 or w.failure for w in writers), within=30, what="load")
        time.sleep(chance.uniform(0.0, 1.0))
        hub.kill()
        for writer in writers:
            writer.join()

        hub.start()
        check(hub, writers)
        everything += writers
        if chance.random() < 0.5:
            # Half of the time the next crash finds a log that recovery has just replayed.
            hub.kill()
        else:
            hub.terminate()

    hub.start()
    check(hub, everything)
    check_that_all_listed_have_twins(hub)
    writes = sum(writer.writes for writer in everything)
    print(f"{writes} acknowledged writes survived {KILLS} kills")
    assert writes > KILLS * WRITERS * 3


def check(hub: Hub, writers: Iterable[CrashWriter]) -> None:
    """Compares what is there with what each writer was told, and notes it for the next check."""

    def check_one(writer: CrashWriter) -> list[str]:
        client = KeepAliveClient(hub)
        wrong = []
        found = {path: read_state(client, path) for path in writer.touched()}
        for path, actual in found.items():
            if not any(state.allows(actual) for state in writer.possible(path)):
                wrong.append(f"{path}: found {actual}, acknowledged {writer.possible(path)}")
        writer.acknowledged, writer.under_way = found, {}
        client.close()
        return wrong

    with ThreadPoolExecutor(8) as pool:
        wrong = [line for lines in pool.map(check_one, list(writers)) for line in lines]
    assert not wrong, "\n".join(wrong[:20])


def check_that_all_listed_have_twins(hub: Hub) -> None:
    """Also for identities that no writer remembers."""
    client = KeepAliveClient(hub)
    devices = client.send("GET", "/devices").expect(200).json()
    assert devices
    for device in devices[:300]:
        path = f"/devices/{device['deviceId']}"
        assert read_state(client, path).present
        for module in client.send("GET", path + "/modules").expect(200).json():
            assert read_state(client, f"{path}/modules/{module['moduleId']}").present
    client.close()


@pytest.mark.slow
def test_acknowledged_reports_survive_kills(hub_factory: Callable[..., Hub]) -> None:
    hub = hub_factory().start()
    device = hub.with_device()
    acknowledged, sent = 0, 0

    for _ in range(5):
        session = hub.mqtt_session(device)
        session.subscribe(mqtt_twin.RESPONSES, qos=0)
        with ThreadPoolExecutor(1) as pool:
            reporting = pool.submit(report_until_cut, session, device, sent)
            time.sleep(0.4)
            hub.kill()
            acknowledged, sent = reporting.result(timeout=30)

        hub.start()
        reported = device.twin()["properties"]["reported"]
        stored = reported.get("n", 0)
        assert acknowledged <= stored <= sent
        assert reported["$version"] == stored + 1
        sent = stored


def report_until_cut(session, device: Identity, last: int) -> tuple[int, int]:
    """Reports last+1, last+2, ...; returns the last number acknowledged and the last one sent."""
    number = last
    while True:
        try:
            answer = mqtt_twin.report(session, {"n": number + 1})
        except (ConnectionClosed, OSError):
            return number, number + 1
        assert answer.status == 204
        number += 1


def test_after_a_crash_everybody_is_disconnected_until_they_return(
    hub_factory: Callable[..., Hub],
) -> None:
    hub = hub_factory().start()
    device = hub.with_device()
    session = hub.mqtt_session(device)
    assert device.get()["connectionState"] == "Connected"

    hub.kill()
    session.expect_closed()
    hub.start()

    assert device.get()["connectionState"] == "Disconnected"
    with hub.mqtt_session(device):
        assert device.get()["connectionState"] == "Connected"


@pytest.mark.slow
def test_folder_stays_usable_when_the_first_starts_are_killed(hub_factory: Callable[..., Hub]) -> None:
    chance = random.Random(7)
    for _ in range(3):
        hub = hub_factory()
        for _ in range(5):
            hub.start_without_waiting()
            time.sleep(chance.uniform(0.0, 0.3))
            hub.kill()

        hub.start()

        hub.with_device()
        assert hub.operator_token
        hub.stop()
