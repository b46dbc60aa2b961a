"""The commands `device-identity export` and `import`, to and from a folder of the hub's machine."""

import json

import pytest

USAGE = 2


@pytest.fixture
def private_hub(hub_factory):
    return hub_factory().start()


def devices_of(hub):
    return {found.device_id for found in hub.registry_manager().get_devices()}


def test_a_fleet_goes_out_and_comes_back_with_its_keys(private_hub, tmp_path):
    pump = private_hub.with_device("pump")
    registry = private_hub.registry_manager()
    keys = registry.get_device(pump.device_id).authentication.symmetric_key.as_dict()

    exported = private_hub.cli("device-identity", "export", "--folder", str(tmp_path), "--include-keys")
    registry.delete_device(pump.device_id)
    private_hub.cli("device-identity", "import", "--folder", str(tmp_path))

    assert json.loads(exported.stdout)["status"] == "completed"
    assert registry.get_device(pump.device_id).authentication.symmetric_key.as_dict() == keys
    assert (tmp_path / "importErrors.log").read_text() == ""


def test_keys_are_left_out_unless_they_are_asked_for(private_hub, tmp_path):
    private_hub.with_device("pump")

    private_hub.cli("device-identity", "export", "--folder", str(tmp_path))

    note, line = (tmp_path / "devices.txt").read_text().splitlines()
    assert not note.startswith("{")
    assert json.loads(line)["authentication"]["symmetricKey"] == {"primaryKey": None, "secondaryKey": None}


def test_lines_that_fail_are_in_the_log(private_hub, tmp_path):
    lines = [{"id": "good", "status": "enabled"}, {"id": "bad id", "status": "enabled"}]
    (tmp_path / "devices.txt").write_text("\r\n".join(json.dumps(line) for line in lines))

    imported = private_hub.cli("device-identity", "import", "--folder", str(tmp_path))

    assert devices_of(private_hub) == {"good"}
    assert f"1 lines could not be done, see {tmp_path / 'importErrors.log'}" in imported.stderr
    [logged] = (tmp_path / "importErrors.log").read_text().splitlines()
    assert json.loads(logged)["deviceId"] == "bad id"


def test_the_data_folder_is_no_place_for_an_export(private_hub):
    state = private_hub.data_dir / "state"

    for folder in (private_hub.data_dir, state):
        done = private_hub.cli("device-identity", "export", "--folder", str(folder), check=False)

        assert done.returncode != 0
        assert "data folder" in done.stderr
        assert not (folder / "devices.txt").exists()


def test_a_folder_that_is_missing_is_told(private_hub, tmp_path):
    done = private_hub.cli("device-identity", "export", "--folder", str(tmp_path / "none"), check=False)

    assert done.returncode != 0
    assert "folder" in done.stderr


def test_one_place_to_go_to_has_to_be_named(private_hub, tmp_path):
    for options in ([], ["--folder", str(tmp_path), "--blob-container-uri", "https://x"]):
        assert private_hub.cli("device-identity", "export", *options, check=False).returncode == USAGE
    for options in ([], ["--input-blob-container-uri", "https://x"]):
        assert private_hub.cli("device-identity", "import", *options, check=False).returncode == USAGE
