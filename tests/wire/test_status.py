"""How the hub stands: `/twinhub/v1/caller`, `status`, `history`, `partitions`, `errors`, `settings`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from support.event_hub import Reading, consumer
from support.events import EventStream
from support.hub import HUB_NAME, PARTITIONS, Hub
from support.identity import Identity
from support.mqtt_messages import send_telemetry
from support.routes import route, set_routes
from support.waiting import eventually

POLICIES = {
    "iothubowner": ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"],
    "service": ["ServiceConnect"],
    "device": ["DeviceConnect"],
    "registryRead": ["RegistryRead"],
    "registryReadWrite": ["RegistryRead", "RegistryWrite"],
}
OPERATORS = ["errors", "settings"]


def ask(hub: Hub, what: str, **auth: Any):
    return hub.http("GET", f"/twinhub/v1/{what}", api_version=None, **auth)


def told(hub: Hub, what: str) -> dict[str, Any]:
    return ask(hub, what).expect(200).json()


def told_operator(hub: Hub, what: str) -> dict[str, Any]:
    return ask(hub, what, token=f"Bearer {hub.operator_token}").expect(200).json()


def send(device: Identity, *bodies: bytes) -> None:
    with device.hub.mqtt_session(device) as session:
        for body in bodies:
            send_telemetry(session, device, body)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def refused(reply) -> bool:
    return (reply.status, reply.error_code) == (401, "IotHubUnauthorizedAccess")


# Who may ask.


@pytest.mark.parametrize("policy", POLICIES)
def test_caller_learns_its_policy_and_rights(hub: Hub, policy: str) -> None:
    reply = ask(hub, "caller", policy=policy).expect(200)

    assert reply.json() == {"hub": HUB_NAME, "policyName": policy, "rights": POLICIES[policy]}


# The others: `rights/rights.yaml`.
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("what", OPERATORS)
def test_no_policy_opens_what_is_the_operators(hub: Hub, what: str, policy: str) -> None:
    assert refused(ask(hub, what, policy=policy))


@pytest.mark.parametrize("what", ["caller", "status", "history", "partitions", *OPERATORS])
def test_devices_and_strangers_are_told_nothing(hub: Hub, what: str) -> None:
    device = hub.with_device("curious")

    assert refused(ask(hub, what, token=device.sas()))
    assert refused(ask(hub, what, token=None))
    assert refused(ask(hub, what, token="Bearer nonsense"))
    assert hub.http("POST", f"/twinhub/v1/{what}", api_version=None).status == 405


# What is told.


def test_status_tells_what_there_is_and_follows_it(hub: Hub) -> None:
    before = told(hub, "status")

    device = hub.with_device("counted")
    with hub.mqtt_session(device):
        during = eventually(
            lambda: (s := told(hub, "status"))["devices"]["connected"] > before["devices"]["connected"] and s,
            what="one more connected",
        )

    assert during["hub"] == HUB_NAME
    assert during["hostNames"][0] == hub.host
    assert during["devices"]["total"] == before["devices"]["total"] + 1
    assert during["devices"]["enabled"] == before["devices"]["enabled"] + 1
    assert during["tier"] == {"name": "S3", "units": 1}
    assert hub.cli("--version").stdout.split()[-1] == during["version"]
    assert moment(during["startedAt"]) < moment(during["now"])
    assert abs(moment(during["now"]) - datetime.now(timezone.utc)) < timedelta(seconds=10)
    storage = during["storage"]
    assert storage["stateBytes"] > 0 and storage["freeBytes"] > 0 and storage["backlogsBytes"] == 0


def test_stored_events_take_room(hub: Hub) -> None:
    before = told(hub, "status")["storage"]["eventsBytes"]

    send(hub.with_device("heavy"), *[b"x" * 100_000] * 5)

    assert told(hub, "status")["storage"]["eventsBytes"] >= before + 500_000


def test_history_counts_what_passes(hub: Hub) -> None:
    device = hub.with_device("history")
    started = datetime.now(timezone.utc)
    with EventStream(hub, device, source="Telemetry") as stream:
        send(device, b"1", b"2", b"3")
        stream.take(3)
    path = f"/devices/{device.device_id}/messages/deviceBound"
    hub.http("POST", path, body=b"hello").expect(204)
    taken = hub.http("GET", path, token=device.sas()).expect(200)
    assert taken.body == b"hello"
    device.patch_desired({"speed": 1})
    done = datetime.now(timezone.utc)

    history = eventually(
        lambda: (h := told(hub, "history?minutes=5"))["end"] > done.isoformat() and h,
        within=25,
        what="a step that ends after all of it",
    )

    assert history["stepSeconds"] == 10
    series = history["series"]
    assert {name: len(values) for name, values in series.items()} == dict.fromkeys(
        ["messagesIn", "messagesOut", "methods", "twinWrites", "connected"], 30
    )
    # Other tests may have sent something, too.
    since = -2 - int((moment(history["end"]) - started).total_seconds()) // 10
    passed = {name: sum(filter(None, values[since:])) for name, values in series.items()}
    assert passed["messagesIn"] >= 3
    assert passed["messagesOut"] >= 4
    assert passed["twinWrites"] >= 1


def test_history_counts_methods(hub: Hub) -> None:
    device = hub.with_device("called")
    client = hub.device_client(device)
    from azure.iot.device import MethodResponse

    def answer(request):
        client.send_method_response(MethodResponse.create_from_method_request(request, 200, None))

    client.on_method_request_received = answer
    client.connect()
    try:
        path = f"/twins/{device.device_id}/methods"
        hub.http("POST", path, json={"methodName": "ping", "connectTimeoutInSeconds": 5}).expect(200)
    finally:
        client.shutdown()
    done = datetime.now(timezone.utc)

    history = eventually(
        lambda: (h := told(hub, "history?minutes=2"))["end"] > done.isoformat() and h, within=25
    )

    assert sum(filter(None, history["series"]["methods"])) >= 1


def test_a_day_comes_in_minutes_and_begins_with_the_hub(hub_factory) -> None:
    hub = hub_factory().start()

    history = told(hub, "history?minutes=1440")

    assert history["stepSeconds"] == 60
    assert history["series"]["messagesIn"] == [None] * 1440
    assert moment(history["end"]).second == 0


@pytest.mark.parametrize("minutes", ["0", "1441", "-5", "all"])
def test_history_that_is_not_kept_is_refused(hub: Hub, minutes: str) -> None:
    reply = ask(hub, f"history?minutes={minutes}")

    assert (reply.status, reply.error_code) == (400, "ArgumentInvalid")


def test_partitions_tell_their_numbers(hub: Hub) -> None:
    device = hub.with_device("numbers")
    with EventStream(hub, device, source="Telemetry") as stream:
        send(device, b"1", b"2")
        *_, last = stream.take(2)

    partitions = told(hub, "partitions")["partitions"]

    assert [p["partition"] for p in partitions] == [str(n) for n in range(PARTITIONS)]
    mine = partitions[last.partition]
    assert mine["firstSequenceNumber"] <= last.sequence_number - 1
    assert mine["lastSequenceNumber"] >= last.sequence_number
    assert datetime.now(timezone.utc) - moment(mine["lastEnqueuedTime"]) < timedelta(seconds=30)


def readers_of(hub: Hub, group: str) -> list[dict[str, Any]]:
    return [reader for reader in told(hub, "partitions")["readers"] if reader["consumerGroup"] == group]


def test_an_event_hubs_reader_is_listed_with_its_lag(hub: Hub) -> None:
    device = hub.with_device("lag")
    with EventStream(hub, device, source="Telemetry") as stream:
        send(device, b"1")
        event = stream.next()
    with hub.consumer_group() as group:
        client = consumer(hub, consumer_group=group)
        with Reading(client, partition_id=str(event.partition), starting_position="-1"):
            reader = eventually(
                lambda: (found := readers_of(hub, group)) and found[0]["lag"] == 0 and found[0],
                what="a reader that has caught up",
            )
        eventually(lambda: not readers_of(hub, group), what="it has left")

    assert reader["partition"] == str(event.partition)
    assert reader["nextSequenceNumber"] > event.sequence_number
    assert reader["protocol"] == "amqp"
    assert reader["clientName"]
    assert moment(reader["since"]) <= datetime.now(timezone.utc)


def test_a_stream_is_listed_and_moves_on_though_it_shows_nothing(hub: Hub) -> None:
    device, other = hub.with_device("shown"), hub.with_device("hidden")
    with hub.consumer_group() as group, EventStream(hub, device, consumerGroup=group):
        before = {reader["partition"]: reader for reader in readers_of(hub, group)}
        send(other, b"1", b"2", b"3")

        assert all(reader["protocol"] == "https" for reader in before.values())
        eventually(
            lambda: all(reader["lag"] == 0 for reader in readers_of(hub, group)), what="no stream lags"
        )
    eventually(lambda: not readers_of(hub, group), what="it has left")


# For the operator.


def test_errors_of_the_log_are_listed_once_each_and_bounded(hub_factory) -> None:
    hub = hub_factory().start()
    before = len(told_operator(hub, "errors")["errors"])
    device = hub.with_device("unrouted")
    set_routes(hub, route("DeviceMessages", "level = 'high'"), fallback=False)

    send(device, b"1")

    errors = eventually(
        lambda: len(e := told_operator(hub, "errors")["errors"]) > before and e, what="a warning"
    )
    newest = errors[0]
    assert newest["level"] == "warn"
    assert newest["message"].startswith("telemetry is orphaned")
    assert newest["fields"] == {"hub": HUB_NAME}
    assert newest["count"] == 1
    assert newest["firstAt"] == newest["lastAt"]
    assert len(errors) <= 100
    secrets = [hub.policy_key(), hub.operator_token, device.primary_key]
    assert not any(secret in json.dumps(errors) for secret in secrets)


def test_settings_are_those_in_force_and_hold_no_secret(hub: Hub) -> None:
    told_settings = told_operator(hub, "settings")

    assert told_settings["dataFolder"] == str(hub.data_dir)
    settings = told_settings["settings"]
    assert settings["hostname"] == [hub.host]
    assert settings["listen"] == [hub.host]
    assert settings["ports"] == {"https": 443, "mqtts": 8883, "amqps": 5671}
    assert settings["hub"]["retention_days"] == 1
    assert settings["cloud_to_device"]["max_delivery_count"] == 10
    assert settings["outgoing"]["hosts"] == []
    text = json.dumps(told_settings)
    assert hub.policy_key() not in text and hub.operator_token not in text
