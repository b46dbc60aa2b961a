"""Certificates of authorities through `azure-mgmt-iothub`: added, proven, replaced, removed."""

import base64

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.iothub.models import (
    CertificateDescription,
    CertificateProperties,
    CertificateVerificationDescription,
)
from cryptography.hazmat.primitives import hashes

from sdk.test_management import GROUP, client_for
from support.certificates import Authority

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def hub_and_client(hub_factory):
    """Certificates are the hub's, so each test has a hub."""
    private = hub_factory().start()
    client = client_for(private)
    name = next(iter(client.iot_hub_resource.list_by_subscription())).name
    return name, client.certificates


@pytest.fixture
def put(hub_and_client):
    hub, certificates = hub_and_client

    def put(name: str, content: bytes | str, *, is_verified: bool | None = None, **options):
        text = base64.b64encode(content).decode() if isinstance(content, bytes) else content
        properties = CertificateProperties(certificate=text, is_verified=is_verified)
        description = CertificateDescription(properties=properties)
        return certificates.create_or_update(GROUP, hub, name, description, **options)

    return put


def test_possession_is_proven_with_a_code(hub_and_client, put, tmp_path):
    hub, certificates = hub_and_client
    root = Authority(tmp_path)

    added = put("Plant", root.pem)
    assert not added.properties.is_verified
    assert added.properties.subject == "CN=root"
    assert added.properties.thumbprint == root.certificate.fingerprint(hashes.SHA1()).hex().upper()
    assert added.properties.expiry == root.certificate.not_valid_after_utc

    waiting = certificates.generate_verification_code(GROUP, hub, "Plant", added.etag)
    code = waiting.properties.verification_code
    assert len(code) == 48
    proof = root.issue(code).certificate_file.read_text()
    description = CertificateVerificationDescription(certificate=proof)
    verified = certificates.verify(GROUP, hub, "Plant", waiting.etag, description)

    assert verified.properties.is_verified
    listed = certificates.list_by_iot_hub(GROUP, hub).value
    assert [(it.name, it.properties.is_verified) for it in listed] == [("Plant", True)]
    assert certificates.get(GROUP, hub, "plant").etag == verified.etag
    assert verified.id.endswith("/certificates/Plant")


def test_a_certificate_of_somebody_else_proves_nothing(hub_and_client, put, tmp_path):
    hub, certificates = hub_and_client
    root, namesake = Authority(tmp_path), Authority(tmp_path)
    etag = put("plant", root.pem).etag
    waiting = certificates.generate_verification_code(GROUP, hub, "plant", etag)
    code = waiting.properties.verification_code

    for proof in [namesake.issue(code), root.issue("another-code")]:
        description = CertificateVerificationDescription(certificate=proof.certificate_file.read_text())
        with pytest.raises(HttpResponseError) as refused:
            certificates.verify(GROUP, hub, "plant", waiting.etag, description)
        assert refused.value.status_code == 400
    assert not certificates.get(GROUP, hub, "plant").properties.is_verified


@pytest.mark.parametrize("form", ["pem", "base64 of pem", "base64 of der"])
def test_every_form_that_tools_send_is_taken(put, tmp_path, form):
    root = Authority(tmp_path)
    der = base64.b64decode("".join(root.pem.decode().splitlines()[1:-1]))
    content = {"pem": root.pem.decode(), "base64 of pem": root.pem, "base64 of der": der}[form]

    assert put("plant", content, is_verified=True).properties.is_verified


def test_another_certificate_must_be_verified_anew(hub_and_client, put, tmp_path):
    hub, certificates = hub_and_client
    first, second = Authority(tmp_path), Authority(tmp_path)
    added = put("plant", first.pem, is_verified=True)

    with pytest.raises(HttpResponseError) as without_etag:
        put("plant", second.pem)
    with pytest.raises(HttpResponseError) as stale:
        put("plant", second.pem, if_match="AAAAAAAAAAE=")
    assert [it.value.status_code for it in (without_etag, stale)] == [412, 412]

    assert put("plant", first.pem, if_match=added.etag).properties.is_verified
    etag = certificates.get(GROUP, hub, "plant").etag
    assert not put("plant", second.pem, if_match=etag).properties.is_verified


def test_what_is_no_authority_is_refused(put, tmp_path):
    root = Authority(tmp_path)
    leaf = root.issue("leaf").certificate_file.read_bytes()
    put("known", root.pem)

    for name, content in [
        ("leaf", leaf),
        ("text", "no certificate"),
        ("empty", ""),
        ("cut", root.pem[: len(root.pem) // 2]),
        ("several", root.pem + Authority(tmp_path).pem),
        ("twice", root.pem),
        ("large", b"x" * 100_000),
        ("bad name", root.pem),
    ]:
        with pytest.raises(HttpResponseError) as refused:
            put(name, content)
        assert refused.value.status_code == 400, name


def test_a_certificate_is_removed_by_its_etag(hub_and_client, put, tmp_path):
    hub, certificates = hub_and_client
    etag = put("plant", Authority(tmp_path).pem).etag

    with pytest.raises(HttpResponseError) as stale:
        certificates.delete(GROUP, hub, "plant", "AAAAAAAAAAE=")
    assert stale.value.status_code == 412
    certificates.delete(GROUP, hub, "plant", etag)

    with pytest.raises(ResourceNotFoundError):
        certificates.get(GROUP, hub, "plant")
    # As everywhere in Azure, what is gone may be deleted again.
    certificates.delete(GROUP, hub, "plant", etag)


def test_changes_need_an_etag(hub_factory, tmp_path):
    private = hub_factory().start()
    client = client_for(private)
    hub = next(iter(client.iot_hub_resource.list_by_subscription())).name
    base = f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/{hub}/certificates/plant"
    bearer = f"Bearer {private.operator_token}"
    body = {"properties": {"certificate": Authority(tmp_path).pem.decode()}}

    def send(method: str, path: str, json=None) -> int:
        return private.http(method, path, token=bearer, json=json, api_version="2023-06-30").status

    assert send("PUT", base, body) == 201
    assert send("DELETE", base) == 412
    assert send("POST", f"{base}/generateVerificationCode") == 412
    assert send("POST", f"{base}/verify", {"certificate": "x"}) in (400, 412)


def test_certificates_survive_a_crash(hub_factory, tmp_path):
    private = hub_factory().start()
    certificates = client_for(private).certificates
    hub = next(iter(client_for(private).iot_hub_resource.list_by_subscription())).name
    root = Authority(tmp_path)
    properties = CertificateProperties(certificate=root.pem.decode(), is_verified=True)
    added = certificates.create_or_update(GROUP, hub, "plant", CertificateDescription(properties=properties))

    private.kill()
    private.start()

    assert certificates.get(GROUP, hub, "plant").etag == added.etag
