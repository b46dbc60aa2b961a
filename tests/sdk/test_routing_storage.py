"""Storage endpoints: what `azure-storage-blob` finds in their containers, and Avro readers in the blobs."""

import base64
import io
import json
import re
import uuid
from datetime import datetime, timedelta, timezone

import fastavro
import pytest
from azure.iot.device import Message
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from support.azurite import ACCOUNT, KEY
from support.endpoints import health_of, route_to, send
from support.waiting import eventually

SMALLEST = {"batchFrequencyInSeconds": 60, "maxChunkSizeInBytes": 10_485_760}
FORMAT = "{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}"
NAME = re.compile(r"localhost/[0-3]/20\d\d/[01]\d/[0-3]\d/[0-2]\d/[0-5]\d(-\d+)?\.(json|avro)")


@pytest.fixture
def container(azurite):
    """A container as Microsoft's client sees it."""
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    return service.create_container(uuid.uuid4().hex)


@pytest.fixture
def private_hub(hub_factory):
    """Routes are the hub's, so each test has a hub."""
    return hub_factory().start()


def endpoint(azurite, container, encoding, **members):
    return {
        "connectionString": azurite.connection_string,
        "containerName": container.container_name,
        "encoding": encoding,
        **SMALLEST,
        **members,
    }


def blobs(container, prefix=""):
    """The contents of all blobs, by name."""
    names = [blob.name for blob in container.list_blobs(name_starts_with=prefix)]
    return {name: container.download_blob(name).readall() for name in names}


def rows(name, contents):
    """The events of a blob."""
    if name.endswith(".json"):
        return [json.loads(line) for line in contents.decode().splitlines()]
    return list(fastavro.reader(io.BytesIO(contents)))


def body_of(row):
    body = row["Body"]
    if isinstance(body, str):
        body = base64.b64decode(body)
    return body


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_blobs_of_every_encoding_hold_what_was_sent(private_hub, azurite, container):
    named = {"JSON": "json", "Avro": "avro", "AvroDeflate": "deflated"}
    endpoints = {
        name: endpoint(azurite, container, encoding, fileNameFormat=f"{name}/{FORMAT}")
        for encoding, name in named.items()
    }
    route_to(private_hub, storageContainers=endpoints)
    module = private_hub.with_module("pump", "sensor")
    message = Message(b'{"t":\n 21.5}', message_id="m-1", content_type="application/json", content_encoding="utf-8")
    message.custom_properties["hall"] = "7"
    client = private_hub.device_client(module)
    client.send_message(message)
    client.send_message(Message(b"\x00\xff"))
    client.shutdown()

    def all_there():
        found = {name: blobs(container, f"{name}/") for name in named.values()}
        return all(found.values()) and found

    found = eventually(all_there, within=90, what="a blob of each endpoint")

    for kind, of_kind in found.items():
        ((name, contents),) = of_kind.items()
        assert NAME.fullmatch(name.removeprefix(f"{kind}/")), name
        first, second = rows(name, contents)
        assert first["Properties"]["hall"] == "7"
        system = first["SystemProperties"]
        assert system["messageId"] == "m-1"
        assert (system["contentType"], system["contentEncoding"]) == ("application/json", "utf-8")
        assert (system["connectionDeviceId"], system["connectionModuleId"]) == (module.device_id, module.module_id)
        assert json.loads(system["connectionAuthMethod"])["scope"] == "module"
        assert system["connectionDeviceGenerationId"] == module.document["generationId"]
        assert first["EnqueuedTimeUtc"] == system["enqueuedTime"] <= second["EnqueuedTimeUtc"]
        if kind == "json":
            assert first["Body"] == {"t": 21.5}
        else:
            assert first["Body"] == b'{"t":\n 21.5}'
        assert body_of(second) == b"\x00\xff"

    schema = fastavro.reader(io.BytesIO(next(iter(found["avro"].values())))).writer_schema
    assert schema["name"] == "Microsoft.Azure.Devices.Message"
    assert [field["name"] for field in schema["fields"]] == [
        "EnqueuedTimeUtc", "Properties", "SystemProperties", "Body",
    ]  # fmt: skip


@pytest.mark.timeout(120)
def test_a_full_blob_goes_at_once_and_none_is_lost_or_doubled(private_hub, azurite, container):
    route_to(private_hub, storageContainers={"archive": endpoint(azurite, container, "Avro")})
    device = private_hub.with_device("pump")
    size = 240_000
    for number in range(100):
        send(device, f"{number:05}".encode().ljust(size, b"x"))

    def two_blobs():
        found = blobs(container)
        return len(found) >= 2 and found

    found = eventually(two_blobs, within=50, what="two full blobs")

    assert all(9_000_000 < len(contents) <= 10_485_760 for contents in found.values())
    numbers = sorted(
        int(body_of(row)[:5]) for name, contents in found.items() for row in rows(name, contents)
    )
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 80


@pytest.mark.timeout(120)
def test_a_signature_for_the_container_and_a_folder_do_as_well(private_hub, azurite, container, tmp_path):
    signature = generate_container_sas(
        ACCOUNT,
        container.container_name,
        KEY,
        permission=ContainerSasPermissions(create=True, write=True),
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
    folder = tmp_path / "blobs"
    folder.mkdir()
    signed = {"connectionString": f"{container.url}?{signature}", "encoding": "JSON", **SMALLEST}
    local = {"connectionString": folder.as_uri(), "encoding": "JSON", **SMALLEST}
    route_to(private_hub, storageContainers={"signed": signed, "local": local})
    device = private_hub.with_device("pump")
    for _ in range(50):
        send(device, b"x" * 240_000)

    found = eventually(lambda: blobs(container), within=50, what="a blob")
    files = eventually(lambda: list(folder.rglob("*.json")), within=50, what="a file")

    assert len(rows(*next(iter(found.items())))) > 20
    assert len(rows(files[0].name, files[0].read_bytes())) > 20


@pytest.mark.timeout(120)
def test_a_container_that_is_missing_is_told_and_gets_everything_once_it_is_there(private_hub, azurite):
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    container = service.get_container_client(uuid.uuid4().hex)
    route_to(private_hub, storageContainers={"archive": endpoint(azurite, container, "JSON")})
    device = private_hub.with_device("pump")
    for number in range(40):
        send(device, f"{number:05}".encode().ljust(240_000, b"x"))

    def told():
        health = health_of(private_hub, "archive")
        return health.get("lastKnownError") and health

    health = eventually(told, within=30, what="an error")
    container.create_container()
    found = eventually(lambda: blobs(container), within=80, what="a blob")

    assert health["healthStatus"] == "unhealthy"
    assert health["lastKnownError"] == "EndpointExternallyDisabled"
    numbers = [int(body_of(row)[:5]) for name, contents in found.items() for row in rows(name, contents)]
    assert numbers == list(range(len(numbers)))
