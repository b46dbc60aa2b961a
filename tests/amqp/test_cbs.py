"""Tokens on `$cbs`: what is answered, who gets in, renewal and expiry on a live connection."""

import time
import uuid

import pytest
from proton import Described, Message, int32, symbol, uint, ulong

from support import sas
from support.amqp_peer import (
    ACCEPTED, LinkRefused, Peer, audience, devicebound_of, events_of, message,
)  # fmt: skip
from support.hub import HUB_NAME
from support.raw_amqp import ATTACH, DISPOSITION, FLOW, TRANSFER, RawAmqp, encode, sections

CBS = {"operation": "put-token", "type": "servicebus.windows.net:sastoken"}


@pytest.fixture
def peer(hub, keep):
    return keep(Peer.to(hub))


def put(peer, body, properties, identifier="1", **fields):
    """One request on a pair of links of its own; the answer's message."""
    if peer._cbs is None:
        peer._cbs = peer.sender("$cbs", both=True), peer.receiver("$cbs", both=True)
    request = Message(body=body, id=identifier, **fields)
    request.properties = properties
    return peer.request(*peer._cbs, request)


# Answers.


@pytest.mark.parametrize(
    "identifier", [ulong(7), "a string", uuid.uuid4(), b"bytes"], ids=["ulong", "string", "uuid", "binary"]
)
def test_answer_has_the_requests_id_with_its_type(hub, peer, identifier):
    # `request` compares them.
    answer = put(peer, hub.sas("service"), {**CBS, "name": hub.host}, identifier)

    assert answer.properties["status-code"] == 200


def test_answer_has_the_types_that_clients_insist_on(hub, peer):
    answer = put(peer, hub.sas("service"), {**CBS, "name": hub.host})

    assert answer.properties["status-code"] == 200
    assert type(answer.properties["status-code"]) is int32
    assert isinstance(answer.properties["status-description"], str)
    assert "error-condition" not in answer.properties


def test_request_is_settled_before_its_answer_which_is_settled(hub):
    with RawAmqp.to(hub) as peer:
        peer.start()
        peer.attach(0, "$cbs", sender=True)
        peer.attach(1, "$cbs", sender=False)
        peer.credit(1, 5)
        while not peer.until(FLOW)["link-credit"]:
            pass
        request = (
            encode(Described(ulong(0x73), [ulong(9)]))
            + encode(Described(ulong(0x74), {**CBS, "name": hub.host}))
            + encode(Described(ulong(0x77), hub.sas("service")))
        )

        peer.put(
            TRANSFER, request, handle=uint(0), delivery_id=uint(0), delivery_tag=b"t", message_format=uint(0),
            settled=False,
        )  # fmt: skip

        while (settled := peer.receive()).code in (ATTACH, FLOW):
            pass
        assert settled.code == DISPOSITION and settled["settled"] is True
        assert settled["role"] is True and settled["first"] == 0 and settled["state"].descriptor == 0x24
        answer = peer.until(TRANSFER)
        assert answer["settled"] is True
        parts = sections(answer.payload)
        assert parts[0x73][5] == 9 and type(parts[0x73][5]) is ulong
        assert parts[0x74]["status-code"] == 200


def test_pair_in_another_session_works_for_the_whole_connection(hub, device, peer):
    session = peer.new_session()
    peer._cbs = peer.sender("$cbs", both=True, session=session), peer.receiver("$cbs", both=True, session=session)
    peer.put_token(device.sas(), audience(device))

    assert peer.deliver(peer.sender(events_of(device)), message()) == ACCEPTED


def test_links_may_name_only_one_end(hub, device, peer):
    peer._cbs = peer.sender("$cbs"), peer.receiver("$cbs")

    peer.put_token(device.sas(), audience(device))


# What tokens are worth.


@pytest.mark.parametrize("kind", ["servicebus.windows.net:sastoken", "azure-devices.net:sastoken"])
@pytest.mark.parametrize("form", ["{audience}", "amqps://{audience}", "{quoted}", "anything at all", ""])
def test_the_tokens_own_resource_counts_and_not_the_name(identity, keep, kind, form):
    peer = keep(Peer.to(identity.hub))
    quoted = audience(identity).replace("/", "%2F")
    peer.put_token(identity.sas(), form.format(audience=audience(identity), quoted=quoted), kind=kind)

    assert peer.deliver(peer.sender(events_of(identity)), message()) == ACCEPTED


@pytest.mark.parametrize("resource", ["{host}", "{host}/", "{host}:5671/", "HOST", "amqps://{host}:5671/", "sb://{host}/"])
def test_resource_of_a_back_end_may_be_written_in_many_ways(hub, device, peer, resource):
    written = hub.host.upper() if resource == "HOST" else resource.format(host=hub.host)
    peer.put_token(hub.sas("service", resource=written), hub.host)

    assert peer.sender("/messages/devicebound").credit > 0


def test_resource_may_stand_in_the_token_without_encoding(hub, peer):
    """As `azure-iot-hub` writes it."""
    expiry = str(int(time.time()) + 600)
    signature = sas.signature(hub.policy_key("service"), hub.host, expiry)
    quoted = signature.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    token = f"SharedAccessSignature sr={hub.host}&sig={quoted}&se={expiry}&skn=service"

    peer.put_token(token, f"https://{hub.host}")

    assert peer.sender("/messages/devicebound").credit > 0


def test_policy_with_device_connect_speaks_for_every_device(hub, device, peer):
    other = hub.with_device("other")
    peer.put_token(hub.sas("device"), hub.host)

    assert peer.deliver(peer.sender(events_of(device)), message()) == ACCEPTED
    assert peer.deliver(peer.sender(events_of(other)), message()) == ACCEPTED


def test_one_connection_holds_many_tokens(hub, keep):
    peer = keep(Peer.to(hub))
    identities = [hub.with_device("many") for _ in range(20)]
    for identity in identities:
        peer.put_token(identity.sas(), audience(identity))
    peer.put_token(hub.sas("service"), hub.host)

    for identity in identities:
        assert peer.deliver(peer.sender(events_of(identity)), message()) == ACCEPTED
    assert peer.sender("/messages/devicebound").credit > 0


def bad_token(hub, device, case):
    """Tokens that are refused with 401."""
    match case:
        case "wrong key":
            return device.sas(key=hub.policy_key("service"))
        case "expired":
            return device.sas(ttl=-10)
        case "unknown device":
            return sas.token(device.primary_key, f"{hub.host}/devices/nobody-here")
        case "unknown policy":
            return sas.token(device.primary_key, hub.host, policy="nobody")
        case "another hub":
            return sas.token(hub.policy_key("service"), "another.example", policy="service")
        case "tampered":
            return device.sas().replace("se=", "se=9")


BAD = ["wrong key", "expired", "unknown device", "unknown policy", "another hub", "tampered"]


@pytest.mark.parametrize("case", BAD)
def test_bad_token_is_answered_401_and_the_connection_goes_on(hub, device, peer, case):
    answer = put(peer, bad_token(hub, device, case), {**CBS, "name": audience(device)})

    assert answer.properties["status-code"] == 401
    assert answer.properties["status-description"]
    with pytest.raises(LinkRefused):
        peer.sender(events_of(device))
    peer.put_token(device.sas(), audience(device))
    assert peer.deliver(peer.sender(events_of(device)), message()) == ACCEPTED


@pytest.mark.parametrize(
    "body, properties",
    [
        ("not a token", {**CBS, "name": "x"}),
        ("SharedAccessSignature sr=a", {**CBS, "name": "x"}),
        (None, {**CBS, "name": "x"}),
        (int32(5), {**CBS, "name": "x"}),
        ("SharedAccessSignature sr=a&sig=b&se=c", {"type": "servicebus.windows.net:sastoken", "name": "x"}),
        ("SharedAccessSignature sr=a&sig=b&se=c", {**CBS, "operation": "steal-token", "name": "x"}),
        ("SharedAccessSignature sr=a&sig=b&se=c", {**CBS, "type": "carrier pigeon", "name": "x"}),
        ("SharedAccessSignature sr=a&sig=b&se=c", {}),
    ],
)  # fmt: skip
def test_senseless_request_is_answered_and_the_connection_goes_on(hub, device, peer, body, properties):
    answer = put(peer, body, properties)

    assert answer.properties["status-code"] in (400, 401)
    peer.put_token(device.sas(), audience(device))


def test_request_without_id_hurts_nobody(hub, device, peer):
    peer._cbs = peer.sender("$cbs", both=True), peer.receiver("$cbs", both=True)
    request = Message(body=device.sas())
    request.properties = {**CBS, "name": audience(device)}

    peer.deliver(peer._cbs[0], request)

    # Whether it is answered is the hub's choice; the next one is.
    answer = peer.receive(peer._cbs[1]) if peer._cbs[1].current else None
    assert answer is None or answer.message.properties["status-code"] in (200, 400)


# Renewal and expiry.


def test_link_ends_when_its_token_expires(identity, keep):
    peer = keep(Peer.of_device(identity, token=identity.sas(ttl=2)))
    sender, receiver = peer.sender(events_of(identity)), peer.receiver(devicebound_of(identity))

    for link in (sender, receiver):
        assert peer.expect_detach(link, within=15).name == "amqp:unauthorized-access"


def test_service_link_ends_when_its_token_expires(hub, peer):
    peer.put_token(hub.sas("service", ttl=2), hub.host)
    links = [peer.sender("/messages/devicebound"), peer.receiver("/messages/serviceBound/feedback"),
             peer.receiver(f"{HUB_NAME}/ConsumerGroups/$Default/Partitions/0")]  # fmt: skip

    for link in links:
        assert peer.expect_detach(link, within=15).name == "amqp:unauthorized-access"


def test_renewed_token_keeps_its_links(identity, keep):
    peer = keep(Peer.of_device(identity, token=identity.sas(ttl=2)))
    sender = peer.sender(events_of(identity))

    renewed_at = time.monotonic()
    peer.put_token(identity.sas(), audience(identity))

    peer.until(lambda: time.monotonic() > renewed_at + 4, what="the end of the first token")
    assert peer.deliver(sender, message()) == ACCEPTED


def test_expiry_of_one_identity_leaves_the_others(hub, device, keep):
    other = hub.with_device("other")
    peer = keep(Peer.of_device(device, token=device.sas(ttl=2)))
    peer.put_token(other.sas(), audience(other))
    short, long = peer.sender(events_of(device)), peer.sender(events_of(other))

    assert peer.expect_detach(short, within=15).name == "amqp:unauthorized-access"

    assert peer.deliver(long, message()) == ACCEPTED


def test_new_key_ends_the_links_of_the_old_one(identity, keep):
    peer = keep(Peer.of_device(identity))
    sender = peer.sender(events_of(identity))

    authentication = identity.document["authentication"]
    keys = {"primaryKey": authentication["symmetricKey"]["secondaryKey"], "secondaryKey": "bmV3IGtleSBuZXcga2V5IG5ldyE="}
    identity.put(authentication={**authentication, "symmetricKey": keys})

    assert peer.expect_detach(sender).name == "amqp:unauthorized-access"


def test_token_expiration_property_does_not_matter(hub, device, peer):
    properties = {**CBS, "name": audience(device), "expiration": 5, "com.microsoft:extra": symbol("x")}

    assert put(peer, device.sas(), properties).properties["status-code"] == 200
