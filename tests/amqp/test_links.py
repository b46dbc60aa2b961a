"""Sessions and links: attaching, being refused, credit, drain, echo, ends that are answered."""

import pytest
from proton import Endpoint, Link, symbol, uint

from support.amqp_peer import (
    ACCEPTED, MIXED, SETTLED, UNSETTLED, LinkRefused, Peer, devicebound_of, events_of, message, path_of,
)  # fmt: skip
from support import cloud_to_device as c2d
from support.events import telemetry_of
from support.hub import HUB_NAME
from support.raw_amqp import (
    ATTACH, BEGIN, CLOSE, DETACH, END, FLOW, SOURCE, TARGET, RawAmqp, application_error, terminus,
)  # fmt: skip

FEEDBACK = "/messages/serviceBound/feedback"
READER = HUB_NAME + "/ConsumerGroups/$Default/Partitions/0"


@pytest.fixture
def peer(identity, keep):
    return keep(Peer.of_device(identity))


@pytest.fixture
def raw(hub, device):
    """A raw connection with the device's token, and a session."""
    with RawAmqp.to(hub) as connection:
        connection.start()
        connection.put_token(device.sas(), f"{hub.host}/devices/{device.device_id}")
        yield connection


# Addresses.


@pytest.mark.parametrize(
    "form",
    [
        "{path}/messages/events", "amqps://{host}{path}/messages/events", "amqps://{host}:5671{path}/messages/events",
        "{bare}/messages/events", "{path}/messages/events/", "{path}/Messages/EVENTS",
    ],
)  # fmt: skip
def test_address_may_be_written_in_many_ways(identity, peer, form):
    address = form.format(path=path_of(identity), bare=path_of(identity)[1:], host=identity.hub.host)

    assert peer.deliver(peer.sender(address), message()) == ACCEPTED


def test_ids_in_addresses_are_encoded(hub, keep):
    device = hub.with_device("a?b%c=d@e")
    peer = keep(Peer.to(hub))
    peer.put_token(device.sas(), "x")
    encoded = device.path.removeprefix("/devices/")

    assert peer.deliver(peer.sender(f"amqps://{hub.host}/devices/{encoded}/messages/events"), message()) == ACCEPTED


@pytest.mark.parametrize(
    "address, sender",
    [
        ("/nothing/of/this/kind", True), ("/devices", True), ("/devices/", False), ("{path}", True),
        ("{path}/messages", True), ("{path}/messages/events/more", True), ("{path}/twins", False),
        ("{path}/messages/deviceBound", True), ("", True), ("/", False), ("x" * 5000, True),
        ("amqps://another.example{path}/messages/events", True), ("%zz", False), ("{path}/messages/%00", True),
    ],
)  # fmt: skip
def test_senseless_address_is_refused_and_the_connection_goes_on(identity, peer, address, sender):
    with pytest.raises(LinkRefused) as refused:
        peer.attach(address.format(path=path_of(identity)), sender=sender)

    assert refused.value.condition in (
        "amqp:not-found", "amqp:not-allowed", "amqp:invalid-field", "amqp:not-implemented", "amqp:unauthorized-access",
        "com.microsoft:argument-error",
    )  # fmt: skip
    assert refused.value.description
    assert peer.deliver(peer.sender(events_of(identity)), message()) == ACCEPTED


def test_links_of_others_are_refused(hub, identity, peer):
    other = hub.with_device("other")

    for address in (events_of(other), devicebound_of(other), path_of(other) + "/twin"):
        with pytest.raises(LinkRefused) as refused:
            peer.attach(address, sender=address == events_of(other))
        assert refused.value.condition == "amqp:unauthorized-access"
        assert '"errorCode":401' in refused.value.description.replace(" ", "")


@pytest.mark.parametrize(
    "address, sender",
    [("/messages/devicebound", True), (FEEDBACK, False), ("/messages/serviceBound/filenotifications", False),
     (READER, False)],
)  # fmt: skip
def test_service_links_are_refused_to_devices(peer, address, sender):
    with pytest.raises(LinkRefused) as refused:
        peer.attach(address, sender=sender)

    assert refused.value.condition == "amqp:unauthorized-access"


def test_link_of_a_device_that_does_not_exist_is_refused(hub, keep):
    peer = keep(Peer.of_service(hub, "device"))

    with pytest.raises(LinkRefused) as refused:
        peer.sender("/devices/nobody-of-this-name/messages/events")

    assert refused.value.condition in ("amqp:not-found", "amqp:unauthorized-access")


def test_link_of_a_disabled_device_is_refused(device, keep):
    device.put(status="disabled")
    peer = keep(Peer.to(device.hub))

    with pytest.raises((LinkRefused, AssertionError)):
        peer.put_token(device.sas(), "x")
        peer.sender(events_of(device))


# Attach.


def test_refusal_is_an_attach_with_no_ends_and_a_detach(raw):
    raw.attach(5, "/devices/somebody-else/messages/events", sender=True, name="refused")

    answer = raw.until(ATTACH)
    assert answer["name"] == "refused" and answer["role"] is True
    assert answer["source"] is None and answer["target"] is None
    detach = raw.until(DETACH)
    assert detach["handle"] == answer["handle"] and detach["closed"] is True
    condition, description = application_error(detach["error"])
    assert condition == "amqp:unauthorized-access" and description


def test_attach_of_a_sender_is_answered_in_full(raw, device):
    raw.attach(
        7, events_of(device), sender=True, name="telemetry", snd_settle_mode=None,
        properties={symbol("com.microsoft:client-version"): "test"},
    )  # fmt: skip

    answer = raw.until(ATTACH)

    assert answer["name"] == "telemetry" and answer["role"] is True
    assert answer["target"].value[0] == events_of(device)
    assert answer["max-message-size"] >= 256 * 1024
    granted = raw.until(FLOW)
    assert granted["handle"] == answer["handle"] and granted["link-credit"] > 0 and granted["delivery-count"] == 0


def test_attach_of_a_receiver_is_answered_in_full(hub):
    with RawAmqp.to(hub) as raw:
        raw.start()
        raw.put_token(hub.sas("service"), hub.host)
        wanted = {symbol("apache.org:selector-filter:string"): "amqp.annotation.x-opt-offset > '-1'"}

        raw.attach(7, "", sender=False, source=terminus(SOURCE, READER, filter=wanted), target=terminus(TARGET, "here"))

        answer = raw.until(ATTACH)
        assert answer["role"] is False and answer["initial-delivery-count"] == 0
        assert answer["source"].value[0] == READER and answer["source"].value[7] == wanted
        assert answer["target"].value[0] == "here"


@pytest.mark.parametrize("mode", [MIXED, SETTLED, UNSETTLED])
def test_settle_modes_are_echoed(identity, peer, mode):
    sender = peer.sender(events_of(identity), settle=mode)
    receiver = peer.receiver(devicebound_of(identity), second=True)

    assert sender.remote_snd_settle_mode == mode
    assert receiver.remote_rcv_settle_mode == Link.RCV_SECOND


def test_reattach_of_an_open_name_takes_the_link_over(raw, device):
    raw.attach(3, events_of(device), sender=True, name="same")
    first = raw.until(ATTACH)["handle"]

    raw.attach(4, events_of(device), sender=True, name="same")

    seen = []
    while not {ATTACH, DETACH} <= {frame.code for frame in seen}:
        seen.append(raw.receive())
    (stolen,) = [frame for frame in seen if frame.code == DETACH]
    assert stolen["handle"] == first and stolen.condition == "amqp:link:stolen"


def test_names_belong_to_their_session(identity, peer):
    """.NET uses the same name in each device's session."""
    one, two = peer.new_session(), peer.new_session()
    first = peer.sender(events_of(identity), session=one, name="TelemetrySenderLink")
    second = peer.sender(events_of(identity), session=two, name="TelemetrySenderLink")

    assert peer.deliver(first, message()) == ACCEPTED
    assert peer.deliver(second, message()) == ACCEPTED


def test_link_comes_back_under_its_name(identity, peer):
    for _ in range(3):
        sender = peer.sender(events_of(identity), name="again")
        assert peer.deliver(sender, message()) == ACCEPTED
        peer.detach(sender)


# Many.


def test_links_in_the_last_of_many_sessions(identity, peer):
    sessions = [peer.new_session() for _ in range(250)]
    senders = [peer.sender(events_of(identity), session=session) for session in sessions[-4:]]

    for number, sender in enumerate(senders):
        assert peer.deliver(sender, message(b"%d" % number)) == ACCEPTED

    bodies = {event.payload for event in telemetry_of(identity.hub, identity, 4)}
    assert bodies == {b"0", b"1", b"2", b"3"}


def test_many_links_in_one_session(hub, keep):
    peer = keep(Peer.of_service(hub, "device"))
    senders = [peer.sender(events_of(hub.with_device("many"))) for _ in range(100)]

    for sender in senders:
        assert peer.deliver(sender, message()) == ACCEPTED


def test_sessions_and_links_come_and_go(identity, peer):
    for _ in range(300):
        session = peer.new_session()
        sender = peer.sender(events_of(identity), session=session)
        assert peer.deliver(sender, message()) == ACCEPTED
        session.close()
        peer.until(lambda: session.state & Endpoint.REMOTE_CLOSED, what="the hub's end")


# Credit.


def test_no_message_comes_without_credit(device, keep):
    peer = keep(Peer.of_device(device))
    receiver = peer.receiver(devicebound_of(device), credit=0)
    for number in range(3):
        c2d.send(device, b"%d" % number)
    peer.assert_silent(receiver)

    receiver.flow(1)
    assert peer.receive(receiver).body == b"0"
    peer.assert_silent(receiver)

    receiver.flow(5)
    assert [peer.receive(receiver).body for _ in range(2)] == [b"1", b"2"]


def test_drain_gives_what_there_is_and_takes_back_the_credit(device, keep):
    peer = keep(Peer.of_device(device))
    receiver = peer.receiver(devicebound_of(device), credit=0)
    for number in range(3):
        c2d.send(device, b"%d" % number)

    receiver.drain(10)
    peer.until(lambda: not receiver.draining(), what="the end of the drain")

    assert [peer.receive(receiver).body for _ in range(3)] == [b"0", b"1", b"2"]
    assert receiver.credit == 0
    receiver.drain_mode = False
    c2d.send(device, b"3")
    peer.assert_silent(receiver)
    receiver.flow(1)
    assert peer.receive(receiver).body == b"3"


@pytest.mark.parametrize("address", ["{path}/twin", "{path}/methods/deviceBound", "{path}/messages/deviceBound"])
def test_drain_of_an_idle_link_ends(identity, peer, address):
    receiver = peer.receiver(address.format(path=path_of(identity)), credit=0)

    receiver.drain(7)

    peer.until(lambda: not receiver.draining(), what="the end of the drain")
    assert receiver.credit == 0


@pytest.mark.parametrize("address", [FEEDBACK, READER])
def test_drain_of_an_idle_service_link_ends(hub, service, address):
    latest = {"apache.org:selector-filter:string": "amqp.annotation.x-opt-offset > '@latest'"}
    receiver = service.receiver(address, credit=0, filters=latest if address == READER else None)

    receiver.drain(7)

    service.until(lambda: not receiver.draining(), what="the end of the drain")


def test_drain_of_a_reader_gives_what_there_is(hub_factory, keep):
    hub = hub_factory().start()
    service = keep(Peer.of_service(hub))
    receiver = service.receiver(READER, credit=0)

    receiver.drain(50)
    service.until(lambda: not receiver.draining(), what="the end of the drain")

    assert receiver.credit == 0


def test_echo_is_answered(raw, device):
    raw.attach(2, devicebound_of(device), sender=False)
    answer = raw.until(ATTACH)

    raw.credit(2, 10, echo=True)

    echoed = raw.until(FLOW)
    assert echoed["handle"] == answer["handle"]
    assert (echoed["link-credit"], echoed["delivery-count"]) == (10, 0)


def test_echo_of_a_session_is_answered(raw):
    raw.put(
        FLOW, next_incoming_id=uint(0), incoming_window=uint(5000), next_outgoing_id=uint(1),
        outgoing_window=uint(5000), echo=True,
    )  # fmt: skip

    echoed = raw.until(FLOW)
    assert echoed["handle"] is None and echoed["incoming-window"] > 0


def test_sender_gets_new_credit_before_it_runs_out(identity, peer):
    sender = peer.sender(events_of(identity))
    count = sender.credit * 2 + 50

    deliveries = [peer.send(sender, message(b"%d" % n)) for n in range(count)]

    assert {peer.outcome(delivery) for delivery in deliveries} == {ACCEPTED}
    events = telemetry_of(identity.hub, identity, count)
    assert [event.payload for event in events] == [b"%d" % n for n in range(count)]


def test_session_window_of_the_client_is_respected(hub):
    """The client takes two frames; the third comes after the window was opened again."""
    device = hub.with_device("window")
    for number in range(4):
        c2d.send(device, b"%d" % number)
    with RawAmqp.to(hub) as raw:
        assert raw.sasl() == 0
        raw.open()
        raw.begin(0)
        raw.put_token(device.sas(), "x")
        raw.begin(1, incoming_window=uint(2))
        raw.attach(0, devicebound_of(device), sender=False, channel=1)
        raw.until(ATTACH)

        raw.credit(0, 10, channel=1, incoming_window=uint(2))
        first, second = raw.until(0x14), raw.until(0x14)
        raw.put(
            FLOW, channel=1, next_incoming_id=uint(2), incoming_window=uint(0), next_outgoing_id=uint(0),
            outgoing_window=uint(5000), echo=True,
        )  # fmt: skip
        # The echo comes, and no transfer before it.
        assert raw.expect(FLOW).channel == first.channel == second.channel
        raw.put(
            FLOW, channel=1, next_incoming_id=uint(2), incoming_window=uint(50), next_outgoing_id=uint(0),
            outgoing_window=uint(5000),
        )  # fmt: skip

        assert [raw.until(0x14)["delivery-id"] for _ in range(2)] == [2, 3]


# Ends.


@pytest.mark.parametrize("closed", [True, False])
def test_detach_is_answered_in_kind(raw, device, closed):
    raw.attach(2, events_of(device), sender=True)
    handle = raw.until(ATTACH)["handle"]

    raw.put(DETACH, handle=uint(2), closed=closed)

    answer = raw.until(DETACH)
    assert (answer["handle"], bool(answer["closed"]), answer["error"]) == (handle, closed, None)
    # The handle and the name are free again.
    raw.attach(2, events_of(device), sender=True)
    assert raw.until(ATTACH)["target"] is not None


def test_end_and_close_are_answered(raw):
    begun = raw.begin(9)
    assert begun["remote-channel"] == 9 and begun["handle-max"] > 0

    raw.put(END, channel=9)
    assert raw.until(END)["error"] is None
    raw.put(CLOSE)
    assert raw.until(CLOSE)["error"] is None
    raw.expect_closed()


def test_end_of_a_session_ends_its_links_and_frees_its_channel(raw, device):
    raw.begin(3)
    raw.attach(0, devicebound_of(device), sender=False, channel=3)
    raw.until(ATTACH)

    raw.put(END, channel=3)
    raw.until(END)

    assert raw.begin(3)["remote-channel"] == 3
    raw.attach(0, events_of(device), sender=True, channel=3)
    assert raw.until(ATTACH)["role"] is True


def test_begin_says_what_the_hub_can_do(raw):
    begun = raw.begin(1)

    assert begun["remote-channel"] == 1
    for name in ("incoming-window", "outgoing-window", "handle-max"):
        assert begun[name] > 0
    raw.put(BEGIN, channel=2, next_outgoing_id=uint(4_294_967_290), incoming_window=uint(10), outgoing_window=uint(10))
    assert raw.until(BEGIN)["remote-channel"] == 2


def test_proton_closes_in_peace(device):
    peer = Peer.of_device(device)
    peer.deliver(peer.sender(events_of(device)), message())

    peer.close()

    assert peer.error is None
