"""A hub that starts although what waits for an endpoint can't be opened."""

import json

from support.event_hub import Reading, body_of, consumer
from support.mqtt_messages import send_telemetry


def test_a_damaged_backlog_keeps_neither_the_hub_nor_other_events(hub_factory):
    hub = hub_factory().start()
    hub.cli("message-endpoint", "create", "nats", "--endpoint-name", "away", "--servers", "nats://127.0.0.1:1",
            "--subject", "plant")  # fmt: skip
    for name, endpoint, condition in [("all", "events", "true"), ("hot", "away", "to = 'away'")]:
        hub.cli("route", "create", "-n", name, "-t", "DeviceMessages", "--en", endpoint, "-c", condition)
    hub.stop()
    (folder,) = (hub.data_dir / "log").glob("*.endpoints/*")
    segments = list(folder.glob("*.log"))
    assert segments
    for segment in segments:
        segment.write_bytes(b"rubbish " * 1000)

    hub.start()
    device = hub.with_device("pump")
    with hub.mqtt_session(device) as mqtt:
        send_telemetry(mqtt, device, b"1")
    with Reading(consumer(hub), starting_position="-1") as reading:
        assert [body_of(event) for event in reading.of(device, 1)] == [b"1"]

    assert f"endpoint=away folder={folder.name}" in hub.log_tail(200)
    for command in (["route", "delete", "-n", "hot"], ["message-endpoint", "delete", "--endpoint-name", "away"]):
        hub.cli(*command)
    assert json.loads(hub.cli("message-endpoint", "list").stdout) == []
