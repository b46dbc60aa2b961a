"""The command consumer-group, and what names the built-in endpoint: env, connection-string."""

import json
import subprocess

import pytest

from support.hub import HUB_NAME, _clean_environment, binary, unique
from support.sas import parse_connection_string

DONE, USAGE, NOT_FOUND, UNAUTHORISED = 0, 2, 3, 4


@pytest.fixture
def private_hub(hub_factory):
    """Groups are the hub's, so each test has a hub."""
    return hub_factory().start()


def names(hub):
    return [group["name"] for group in json.loads(hub.cli("consumer-group", "list").stdout)]


def test_a_group_goes_through_its_whole_life(private_hub):
    assert names(private_hub) == ["$Default"]

    created = json.loads(private_hub.cli("consumer-group", "create", "--name", "Dashboards").stdout)
    again = json.loads(private_hub.cli("consumer-group", "create", "-n", "dashboards").stdout)
    shown = json.loads(private_hub.cli("consumer-group", "show", "-n", "DASHBOARDS").stdout)
    listed = names(private_hub)
    deleted = private_hub.cli("consumer-group", "delete", "-n", "dashboards")

    assert created["name"] == "Dashboards"
    assert created["properties"]["created"].endswith(" GMT")
    assert again == shown == created
    assert listed == ["$Default", "Dashboards"]
    assert deleted.stdout == ""
    assert names(private_hub) == ["$Default"]


def test_groups_outlive_a_crash(private_hub):
    private_hub.cli("consumer-group", "create", "-n", "dashboards")

    private_hub.kill()
    private_hub.start()

    assert names(private_hub) == ["$Default", "dashboards"]


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["show", "-n", "nobody"], NOT_FOUND),
        (["delete", "-n", "nobody"], NOT_FOUND),
        (["create"], USAGE),
        (["create", "-n", "a b"], 1),
        (["delete", "-n", "$Default"], 1),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(hub, arguments, code):
    done = hub.cli("consumer-group", *arguments, check=False)

    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "panicked" not in done.stderr


def test_there_are_twenty_at_most(private_hub):
    for number in range(19):
        private_hub.cli("consumer-group", "create", "-n", f"group-{number}")

    one_more = private_hub.cli("consumer-group", "create", "-n", "one-more", check=False)

    assert one_more.returncode == 1
    assert "at most 20 consumer groups" in one_more.stderr
    assert len(names(private_hub)) == 20


def test_the_command_wants_the_folder_that_holds_the_operator_token(hub):
    login = hub.connection_string()

    done = subprocess.run(
        [str(binary()), "consumer-group", "list", "--login", login],
        capture_output=True, text=True, timeout=60, env=_clean_environment(),
    )  # fmt: skip

    assert done.returncode in (USAGE, 6), done.stderr


def test_followers_of_a_group_see_every_event_and_end_with_it(private_hub):
    device = private_hub.with_device("cli")
    private_hub.cli("consumer-group", "create", "-n", "dashboards")
    follow = ("monitor-events", "--consumer-group", "Dashboards", "--enqueued-time", "earliest", "-o", "json")
    command = [str(binary()), *follow, "--timeout", "0", "--data-dir", str(private_hub.data_dir)]
    follower = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_clean_environment()
    )
    try:
        private_hub.http(
            "POST", f"/devices/{device.device_id}/messages/events", body=b"seen"
        ).expect(204)  # fmt: skip
        first = json.loads(follower.stdout.readline())
        other = private_hub.cli(*follow, "--message-count", "1")
        private_hub.cli("consumer-group", "delete", "-n", "dashboards")
        code = follower.wait(timeout=20)
        said = follower.stderr.read()
    finally:
        follower.kill()
        follower.communicate()

    assert first == json.loads(other.stdout)
    assert code == NOT_FOUND
    assert "no consumer group of that name" in said


@pytest.mark.parametrize("policy", ["iothubowner", "service"])
@pytest.mark.parametrize("word", ["--default-eventhub", "--eh"])
def test_the_endpoint_has_a_connection_string(hub, policy, word):
    printed = hub.cli("connection-string", word, "--policy", policy).stdout.strip()
    secondary = hub.cli("connection-string", word, "--policy", policy, "--secondary").stdout.strip()

    assert printed == hub.event_hub_connection_string(policy)
    parts, other = parse_connection_string(printed), parse_connection_string(secondary)
    assert parts["Endpoint"] == f"sb://{hub.host}/"
    assert parts["EntityPath"] == HUB_NAME
    assert other["SharedAccessKey"] != parts["SharedAccessKey"]
    assert {**other, "SharedAccessKey": ""} == {**parts, "SharedAccessKey": ""}


def test_a_policy_that_may_not_read_has_no_string_for_the_endpoint(hub):
    done = hub.cli("connection-string", "--default-eventhub", "--policy", "registryRead", check=False)

    assert done.returncode == USAGE
    assert done.stdout == ""
    assert "lacks ServiceConnect" in done.stderr


def test_the_endpoint_is_for_no_device(hub):
    done = hub.cli("connection-string", "--default-eventhub", "-d", unique("cli"), check=False)

    assert done.returncode == USAGE


def test_env_exports_the_endpoint(hub):
    exports = hub.cli("env").stdout

    assert f"export EVENTHUB_CONNECTION_STRING='{hub.event_hub_connection_string('iothubowner')}'" in exports
