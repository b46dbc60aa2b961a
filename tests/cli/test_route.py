"""The commands route, message-endpoint and message-enrichment."""

import json

import pytest

from support.event_hub import Reading, body_of, consumer
from support.hub import Hub
from support.loopback import free_address
from support.mqtt_messages import send_telemetry

DONE, FAILED, USAGE, NOT_FOUND, CONFLICT = 0, 1, 2, 3, 5
ACCOUNT = "AccountName=store;AccountKey=c2VjcmV0"
JSON = "contentType=application/json;contentEncoding=utf-8"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A hub whose routing stays as it is."""
    hub = Hub(free_address(), tmp_path_factory.mktemp("routes") / "data")
    yield hub.start()
    hub.stop()


@pytest.fixture
def private_hub(hub_factory):
    """Routes are the hub's, so each test has a hub."""
    return hub_factory().start()


def ask(hub, *arguments):
    return json.loads(hub.cli(*arguments).stdout)


def create(hub, name, *options, source="DeviceMessages", endpoint="events"):
    return ask(
        hub, "route", "create", "--route-name", name, "--source-type", source, "--endpoint-name", endpoint, *options
    )  # fmt: skip


def test_a_route_goes_through_its_whole_life(private_hub):
    assert ask(private_hub, "route", "list") == []

    created = create(private_hub, "Hot", "--condition", "$body.t > 30")
    create(private_hub, "changes", source="twinchangeevents")
    shown = ask(private_hub, "route", "show", "-n", "hot")
    updated = ask(private_hub, "message-route", "update", "--rn", "hot", "-c", "$body.t > 35", "--enabled", "false")
    telemetry = ask(private_hub, "route", "list", "--st", "DeviceMessages")
    deleted = private_hub.cli("route", "delete", "-n", "HOT")

    assert created == shown == {
        "name": "Hot", "source": "DeviceMessages", "condition": "$body.t > 30",
        "endpointNames": ["events"], "isEnabled": True,
    }  # fmt: skip
    assert updated == {**created, "condition": "$body.t > 35", "isEnabled": False}
    assert telemetry == [updated]
    assert deleted.stdout == ""
    (left,) = ask(private_hub, "route", "list")
    assert (left["source"], left["condition"]) == ("TwinChangeEvents", "true")


def test_routes_and_the_fallback_decide_what_is_read(private_hub):
    create(private_hub, "hot", "-c", "level = 'high'")
    fallback = ask(private_hub, "route", "fallback", "set", "-e", "false")
    device = private_hub.with_device("pump")

    with private_hub.mqtt_session(device) as session:
        send_telemetry(session, device, b"cold", "level=low")
        send_telemetry(session, device, b"hot", "level=high")

    assert ask(private_hub, "route", "fallback", "show") == fallback
    assert (fallback["name"], fallback["isEnabled"]) == ("$fallback", False)
    with Reading(consumer(private_hub), starting_position="-1") as reading:
        assert [body_of(event) for event in reading.of(device, 1)] == [b"hot"]


def test_routes_are_tried_on_a_message(private_hub):
    create(private_hub, "hot", "-c", "$body.t > 30")
    create(private_hub, "idle", "--enabled", "false")
    create(private_hub, "changes", source="TwinChangeEvents")

    def test(*options):
        return ask(private_hub, "route", "test", *options)

    def matching(*options):
        return [route["name"] for route in test("--body", '{"t": 31}', *options)]

    assert matching("--sp", JSON) == ["hot", "changes"]
    assert matching("--st", "DeviceMessages", "--sp", '{"contentType": "application/json"}') == []
    assert test("-n", "hot", "-b", '{"t": 29}', "--system-properties", JSON)["result"] == "false"
    assert test("-n", "idle")["result"] == "true"
    assert test("-c", "level = 'high'", "--ap", "level=high")["result"] == "true"
    assert test("-c", "$twin.tags.site = 'oslo'", "--twin", '{"tags": {"site": "oslo"}}')["result"] == "true"
    (error,) = test("-c", "level == 'high'")["details"]["compilationErrors"]
    assert error["location"]["start"]["line"] == 1


KINDS = {
    "storage-container": [
        "--connection-string", ACCOUNT, "--container-name", "events", "--encoding", "json",
        "--batch-frequency", "60", "--chunk-size", "10",
    ],
    "servicebus-queue": [
        "--connection-string", "Endpoint=sb://bus.example/;SharedAccessKeyName=k;SharedAccessKey=c2VjcmV0",
        "--entity-path", "orders",
    ],
    "servicebus-topic": [
        "--connection-string", "Endpoint=sb://bus.example/;SharedAccessKeyName=k;SharedAccessKey=c2VjcmV0;EntityPath=t",
    ],
    "eventhub": [
        "--connection-string", "Endpoint=sb://bus.example/;SharedAccessKeyName=k;SharedAccessKey=c2VjcmV0;EntityPath=h",
    ],
    "amqp-queue": ["--connection-string", "amqps://me:c2VjcmV0@broker.example", "--address", "orders"],
    "webhook": ["--url", "https://hook.example/in?code=c2VjcmV0", "--header", "X-Key: c2VjcmV0"],
    "nats": ["--servers", "nats://c2VjcmV0@nats.example", "--subject", "plant.{deviceid}", "--jetstream"],
}  # fmt: skip


def test_endpoints_of_each_kind_go_through_their_whole_life(private_hub):
    for kind, options in KINDS.items():
        created = private_hub.cli("message-endpoint", "create", kind, "--endpoint-name", kind, *options)
        assert "c2VjcmV0" not in created.stdout
        assert json.loads(created.stdout)["kind"] == kind

    listed = ask(private_hub, "message-endpoint", "list")
    (lake,) = ask(private_hub, "message-endpoint", "list", "--endpoint-type", "storage-container")
    health = ask(private_hub, "message-endpoint", "health")

    assert {endpoint["kind"] for endpoint in listed} == set(KINDS)
    assert lake["connectionString"] == "AccountName=store;AccountKey=****"
    assert (lake["encoding"], lake["batchFrequencyInSeconds"], lake["maxChunkSizeInBytes"]) == ("JSON", 60, 10_485_760)
    assert {(endpoint["endpointName"], endpoint["healthStatus"]) for endpoint in health} == {
        (kind, "unknown") for kind in KINDS
    }
    for kind in KINDS:
        shown = ask(private_hub, "message-endpoint", "show", "-n", kind.upper())
        assert shown in listed
        private_hub.cli("message-endpoint", "delete", "-n", kind)
    assert ask(private_hub, "message-endpoint", "list") == []


def test_keys_may_come_from_a_file(private_hub, tmp_path):
    file = tmp_path / "account.txt"
    file.write_text(ACCOUNT + "\n")

    made = ask(
        private_hub, "message-endpoint", "create", "storage-container", "-n", "lake",
        "-c", f"@{file}", "--container-name", "events",
    )  # fmt: skip

    assert made["connectionString"] == "AccountName=store;AccountKey=****"


def test_a_key_is_rolled_while_a_route_leads_there(private_hub, tmp_path):
    def update(*options, check=True):
        return private_hub.cli("message-endpoint", "update", "-n", "hook", *options, check=check)

    private_hub.cli("message-endpoint", "create", "webhook", "-n", "hook", "-u", "https://hook.example/?code=old")
    create(private_hub, "hooked", endpoint="hook")
    before = ask(private_hub, "message-endpoint", "show", "-n", "hook")
    file = tmp_path / "url.txt"
    file.write_text("https://hook.example/in?code=new\n")

    after = json.loads(update("--set", f"url=@{file}", "--set", "schema=eventGrid").stdout)
    masked = update("--set", "url=https://other.example/in?code=****", check=False)

    assert after == {**before, "url": "https://hook.example/****?code=****", "schema": "eventGrid"}
    assert masked.returncode == FAILED
    assert "is masked" in masked.stderr
    assert update("--set", "speed=1", check=False).returncode == FAILED
    assert ask(private_hub, "message-endpoint", "show", "-n", "hook") == after


def test_an_endpoint_that_a_route_leads_to_stays(private_hub):
    private_hub.cli("message-endpoint", "create", "webhook", "-n", "hook", "-u", "https://hook.example")
    create(private_hub, "hooked", "--enabled", "false", endpoint="hook")

    refused = private_hub.cli("message-endpoint", "delete", "-n", "hook", check=False)

    assert refused.returncode == FAILED
    assert "route hooked leads to endpoint" in refused.stderr
    private_hub.cli("route", "delete", "-n", "hooked")
    private_hub.cli("message-endpoint", "delete", "-n", "hook")


def test_an_enrichment_goes_through_its_whole_life(private_hub):
    def command(*arguments):
        return ask(private_hub, "message-enrichment", *arguments)

    created = command("create", "--key", "site", "--value", "$twin.tags.site", "--endpoints", "events")
    updated = command("update", "-k", "SITE", "-v", "oslo")
    listed = command("list")
    private_hub.cli("message-enrichment", "delete", "-k", "site")

    assert created == {"key": "site", "value": "$twin.tags.site", "endpointNames": ["events"]}
    assert listed == [updated] == [{**created, "value": "oslo"}]
    assert command("list") == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["route", "show", "-n", "none"], NOT_FOUND, "none"),
        (["route", "delete", "-n", "none"], NOT_FOUND, "none"),
        (["route", "update", "-n", "none", "-e", "true"], NOT_FOUND, "none"),
        (["route", "test", "-n", "none"], NOT_FOUND, "none"),
        (["route", "create", "-n", "a b", "-t", "DeviceMessages", "--en", "events"], FAILED, "can't name a route"),
        (["route", "create", "-n", "r", "-t", "DeviceMessages", "--en", "sea"], FAILED, "does not have"),
        (["route", "create", "-n", "r", "-t", "DeviceMessages", "--en", "events", "-c", "a =="], FAILED, "line 1"),
        (["route", "create", "-n", "r", "-t", "Telemetry", "--en", "events"], USAGE, "DeviceMessages"),
        (["route", "create", "-n", "r"], USAGE, "--source-type"),
        (["route", "test", "-n", "r", "-c", "true"], USAGE, "--condition"),
        (["route", "test", "--ap", "{level}"], USAGE, "--app-properties"),
        (["message-endpoint", "show", "-n", "none"], NOT_FOUND, "none"),
        (["message-endpoint", "delete", "-n", "none"], NOT_FOUND, "none"),
        (["message-endpoint", "update", "-n", "none", "--set", "url=x"], NOT_FOUND, "none"),
        (["message-endpoint", "create", "webhook", "-n", "events", "-u", "https://h"], FAILED, "can't name"),
        (["message-endpoint", "create", "webhook", "-n", "h", "-u", "mailto:me"], FAILED, "url is"),
        (["message-endpoint", "create", "webhook", "-n", "h", "-u", "@/no/such"], USAGE, "--url"),
        (["message-endpoint", "create", "webhook", "-n", "h", "-u", "https://h", "-H", "x"], USAGE, "--header"),
        (["message-endpoint", "create", "pigeon", "-n", "h"], USAGE, "pigeon"),
        (["message-enrichment", "update", "-k", "none", "-v", "x"], NOT_FOUND, "none"),
        (["message-enrichment", "create", "-k", "k", "-v", "$twin.x", "-e", "events"], FAILED, "twin"),
        (["message-enrichment", "create", "-k", "k", "-v", "x", "-e", "sea"], FAILED, "does not have"),
    ],
)
def test_what_can_not_be_done_is_said_in_words(shared, arguments, code, words):
    ran = shared.cli(*arguments, check=False)

    assert (ran.returncode, ran.stdout) == (code, "")
    assert words in ran.stderr
    assert ask(shared, "route", "list") == ask(shared, "message-endpoint", "list") == []


def test_what_is_there_is_not_created_again(private_hub):
    create(private_hub, "hot")
    private_hub.cli("message-endpoint", "create", "webhook", "-n", "hook", "-u", "https://hook.example")
    for arguments in (
        ["route", "create", "-n", "HOT", "-t", "DeviceMessages", "--en", "events"],
        ["message-endpoint", "create", "nats", "-n", "Hook", "-s", "nats://n", "--subject", "a"],
    ):
        assert private_hub.cli(*arguments, check=False).returncode == CONFLICT
