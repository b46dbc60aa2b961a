"""The command query."""

import json

import pytest

from support.hub import unique

DONE, FAILED, USAGE = 0, 1, 2


@pytest.fixture
def fleet(hub):
    """The name of a fleet of three devices, which stands in their tags."""
    name = unique("fleet")
    for hall in (3, 3, 4):
        device = hub.with_device("q").device_id
        tags = json.dumps({"fleet": name, "hall": hall})
        hub.cli("device-twin", "update", "-d", device, "--tags", tags)
    return name


def asked(hub, *arguments):
    return json.loads(hub.cli("query", *arguments).stdout)


def test_whole_twins_are_printed(hub, fleet):
    query = f"SELECT * FROM devices WHERE tags.fleet = '{fleet}'"

    twins = asked(hub, query)
    table = hub.cli("query", query, "-o", "table").stdout

    assert [twin["tags"]["fleet"] for twin in twins] == [fleet] * 3
    assert twins[0] == json.loads(
        hub.cli("device-twin", "show", "-d", twins[0]["deviceId"]).stdout
    )
    assert table.split()[:3] == ["DeviceId", "ModuleId", "Status"]
    assert len(table.splitlines()) == 4


def test_figures_are_printed_under_their_names(hub, fleet):
    query = (
        f"SELECT tags.hall, COUNT() AS n FROM devices WHERE tags.fleet = '{fleet}' "
        "GROUP BY tags.hall"
    )

    groups = asked(hub, "--query-command", query)
    table = hub.cli("query", "-q", query, "--output", "table").stdout

    assert sorted(groups, key=lambda group: group["hall"]) == [{"hall": 3, "n": 2}, {"hall": 4, "n": 1}]
    assert table.splitlines()[0].split() == ["Hall", "N"]


def test_as_many_rows_are_printed_as_are_wanted(hub, fleet):
    query = f"SELECT deviceId FROM devices WHERE tags.fleet = '{fleet}'"

    assert len(asked(hub, query, "--top", "2")) == 2
    assert len(asked(hub, query, "--top", "3")) == 3
    assert len(asked(hub, query, "--top", "1000000")) == 3
    assert asked(hub, query + " AND false") == []


def test_a_query_may_stand_in_a_file(hub, fleet, tmp_path):
    file = tmp_path / "query.sql"
    file.write_text(f"SELECT deviceId\nFROM devices\nWHERE tags.fleet = '{fleet}'\n")

    assert len(asked(hub, f"@{file}")) == 3


def test_more_rows_than_a_page_has_are_printed(hub_factory):
    hub = hub_factory().start()
    for hundred in range(11):
        items = [{"id": f"d{hundred * 100 + n:04}", "importMode": "create"} for n in range(100)]
        hub.http("POST", "/devices", json=items)

    rows = asked(hub, "SELECT deviceId FROM devices")

    assert [row["deviceId"] for row in rows] == [f"d{n:04}" for n in range(1_100)]


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["SELECT * FROM devices WHERE"], FAILED, "line 1, column 28"),
        (["SELECT * FROM devices.jobs"], FAILED, "jobs"),
        (["@/no/such/file"], USAGE, "can't be read"),
        ([], USAGE, "QUERY"),
        (["SELECT * FROM devices", "--top", "0"], USAGE, "--top"),
    ],
)
def test_what_can_not_be_answered_is_said(hub, arguments, code, said):
    done = hub.cli("query", *arguments, check=False)

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stdout == ""
