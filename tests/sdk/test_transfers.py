"""Imports and exports of the registry: `IoTHubJobManager`, `azure-mgmt-iothub` and Azurite."""

from datetime import timedelta

import pytest
from azure.iot.hub import IoTHubJobManager
from azure.iot.hub.protocol.models import JobProperties
from azure.mgmt.iothub.models import ExportDevicesRequest, ImportDevicesRequest

from sdk.test_management import GROUP, client_for
from support.azurite import Azurite
from support.container import Container
from support.hub import HUB_NAME
from support.sdk import refused
from support.waiting import eventually

ENDED = {"completed", "failed", "cancelled"}


@pytest.fixture
def container(azurite):
    return Container(azurite)


@pytest.fixture
def private_hub(hub_factory):
    """Jobs are the hub's, one at a time, so each test has a hub."""
    return hub_factory().start()


def jobs_of(hub):
    """Microsoft's client, trusting this hub's CA."""
    manager = IoTHubJobManager.from_connection_string(hub.connection_string())
    manager.protocol.config.connection.verify = str(hub.ca_file)
    return manager


@pytest.fixture
def jobs(private_hub):
    return jobs_of(private_hub)


def done(jobs, job):
    """The job once it has ended."""

    def look():
        now = jobs.get_import_export_job(job.job_id)
        return now if now.status in ENDED else None

    return eventually(look, within=60, what="the end of the job")


def export(jobs, container, **fields):
    wanted = JobProperties(type="export", output_blob_container_uri=container.uri(), **fields)
    return done(jobs, jobs.create_import_export_job(wanted))


def imported(jobs, container, lines):
    """What was logged of an import of these lines."""
    container.put(lines)
    wanted = JobProperties(
        type="import",
        input_blob_container_uri=container.uri("r"),
        output_blob_container_uri=container.uri("w"),
    )
    ended = done(jobs, jobs.create_import_export_job(wanted))
    assert (ended.status, ended.failure_reason) == ("completed", None)
    return container.lines("importErrors.log")


def device(name, mode="create", **fields):
    return {"id": name, "status": "enabled", "importMode": mode, **fields}


def test_an_export_with_keys_is_imported_by_another_hub(private_hub, jobs, hub_factory, container):
    pump, module = private_hub.with_device("pump"), private_hub.with_module("pump")
    pump.patch_twin({"tags": {"site": "north"}, "properties": {"desired": {"interval": 5}}})

    ended = export(jobs, container, exclude_keys_in_export=False)
    other = hub_factory().start()
    logged = imported(jobs_of(other), container, container.lines())

    assert (ended.status, ended.progress, ended.type) == ("completed", 100, "export")
    assert ended.output_blob_container_uri == ""
    assert logged == []
    here, there = private_hub.registry_manager(), other.registry_manager()
    for name in (pump.device_id, module.device_id):
        keys = here.get_device(name).authentication.symmetric_key
        assert there.get_device(name).authentication.symmetric_key.as_dict() == keys.as_dict()
    assert there.get_module(module.device_id, module.module_id).module_id == module.module_id
    twin = there.get_twin(pump.device_id)
    assert twin.tags == {"site": "north"}
    assert twin.properties.desired["interval"] == 5


def test_an_export_without_keys_says_so(private_hub, jobs, container):
    private_hub.with_device("pump")

    export(jobs, container, exclude_keys_in_export=True)

    [line] = container.lines()
    assert line["authentication"]["symmetricKey"] == {"primaryKey": None, "secondaryKey": None}
    assert not container.text().startswith("{")


def test_lines_that_fail_are_logged_and_the_others_are_done(private_hub, jobs, container):
    logged = imported(
        jobs,
        container,
        [device("one"), device("two"), device("one"), device("bad id"), device("none", "update"), {"id": "three"}],
    )

    codes = {(entry["deviceId"], entry["errorCode"]) for entry in logged}
    assert codes == {("one", 409001), ("bad id", 400004), ("none", 404001), ("three", 400004)}
    devices = private_hub.registry_manager().get_devices()
    assert {found.device_id for found in devices} == {"one", "two"}
    counted = private_hub.http("GET", "/metrics", token=None, api_version=None).body.decode()
    for what in (
        'jobs_total{hub="localhost",kind="import",status="completed"} 1',
        'items_total{hub="localhost",kind="import",outcome="done"} 2',
        'items_total{hub="localhost",kind="import",outcome="failed"} 4',
    ):
        assert f"twinhub_transfer_{what}" in counted


def test_containers_that_refuse_are_told_at_once(jobs, container):
    for uri in (
        container.uri("r"),
        container.uri("rwd", lifetime=timedelta(hours=-1)),
        container.uri().replace(container.name, "nosuchcontainer"),
    ):
        wanted = JobProperties(type="export", output_blob_container_uri=uri)
        with refused(400, "BlobContainerValidationError"):
            jobs.create_import_export_job(wanted)
    assert jobs.get_import_export_jobs() == []


def test_a_job_in_work_keeps_others_away_until_it_is_cancelled(private_hub, jobs, container):
    container.put([device(f"d-{number}") for number in range(20_000)])
    wanted = JobProperties(
        type="import",
        input_blob_container_uri=container.uri("r"),
        output_blob_container_uri=container.uri(),
    )
    started = jobs.create_import_export_job(wanted)
    with refused(403, "JobQuotaExceeded"):
        jobs.create_import_export_job(wanted)

    jobs.cancel_import_export_job(started.job_id)

    assert jobs.get_import_export_job(started.job_id).status == "cancelled"
    assert [job.job_id for job in jobs.get_import_export_jobs()] == [started.job_id]
    assert export(jobs, container).status == "completed"
    assert len(container.lines()) < 20_000


def test_a_job_that_a_crash_cut_off_is_failed(private_hub, jobs, container):
    container.put([device(f"d-{number}") for number in range(20_000)])
    wanted = JobProperties(
        type="import",
        input_blob_container_uri=container.uri("r"),
        output_blob_container_uri=container.uri(),
    )
    started = jobs.create_import_export_job(wanted)

    private_hub.kill()
    private_hub.start()

    ended = jobs.get_import_export_job(started.job_id)
    assert ended.status == "failed"
    assert "stopped" in ended.failure_reason
    assert export(jobs, container).status == "completed"


def test_the_operator_moves_a_fleet(private_hub, container):
    resources = client_for(private_hub).iot_hub_resource
    private_hub.with_device("pump")

    def ended(job):
        def look():
            now = resources.get_job(GROUP, HUB_NAME, job.job_id)
            return now if now.status in ENDED else None

        return eventually(look, within=60, what="the end of the job")

    request = ExportDevicesRequest(export_blob_container_uri=container.uri(), exclude_keys=False)
    exported = ended(resources.export_devices(GROUP, HUB_NAME, request))
    request = ImportDevicesRequest(
        input_blob_container_uri=container.uri(),
        output_blob_container_uri=container.uri(),
        output_blob_name="failed.log",
    )
    again = ended(resources.import_devices(GROUP, HUB_NAME, request))

    assert (exported.status, exported.type, again.status, again.type) == ("completed", "export", "completed", "import")
    assert [job.job_id for job in resources.list_jobs(GROUP, HUB_NAME)] == [exported.job_id, again.job_id]
    assert exported.end_time_utc >= exported.start_time_utc
    assert container.lines("failed.log") == []


def test_a_signature_that_runs_out_midway_fails_the_job_and_leaves_what_was_done(private_hub, jobs, container):
    container.put([device(f"d-{number}", tags={"padding": "x" * 400}) for number in range(100_000)])
    wanted = JobProperties(
        type="import",
        input_blob_container_uri=container.uri("r", lifetime=timedelta(seconds=2)),
        output_blob_container_uri=container.uri("w"),
    )

    ended = done(jobs, jobs.create_import_export_job(wanted))

    assert ended.status == "failed"
    assert "refuses access to devices.txt" in ended.failure_reason
    assert export(jobs, container).status == "completed"
    assert 0 < len(container.lines()) < 100_000


@pytest.fixture
def azurite_with_tls(tmp_path):
    """Blob storage with a certificate of an authority that no system knows."""
    started = Azurite(tmp_path / "azurite.log", tls="azurite")
    yield started
    started.stop()


def configure(hub, setting):
    """Starts a hub with a setting of `[outgoing]`."""
    hub.data_dir.mkdir()
    (hub.data_dir / "twinhub.toml").write_text(f"[outgoing]\n{setting}\n")
    hub.start()


def test_a_container_of_an_own_authority_is_used_if_the_operator_trusts_it(hub_factory, azurite_with_tls):
    container = Container(azurite_with_tls)
    stranger, trusting = hub_factory().start(), hub_factory()
    configure(trusting, f"ca_file = '{azurite_with_tls.trusted()}'")

    wanted = JobProperties(type="export", output_blob_container_uri=container.uri())
    with refused(400, "BlobContainerValidationError"):
        jobs_of(stranger).create_import_export_job(wanted)

    assert export(jobs_of(trusting), container).status == "completed"
    assert container.text() == ""


def test_back_ends_use_the_hosts_that_the_operator_allows(hub_factory, container):
    private = hub_factory()
    configure(private, "hosts = '*.blob.core.windows.net'")

    wanted = JobProperties(type="export", output_blob_container_uri=container.uri())
    with refused(400, "BlobContainerValidationError"):
        jobs_of(private).create_import_export_job(wanted)
