"""Slow, silent, greedy and senseless peers on the AMQP port: they end, and others go on."""

import os

import pytest
from proton import Message, uint

from support.amqp_peer import ACCEPTED, LinkRefused, Peer, PeerClosed, audience, events_of, message
from support.amqp_stream import over_tls
from support.hostile import all_end_within, flood, tcp, tls
from support.hub import HUB_NAME, Hub
from support.raw_amqp import (
    AMQP_HEADER, ATTACH, BEGIN, FLOW, HEARTBEAT, OPEN, SASL_HEADER, ConnectionClosed, RawAmqp, frame, performative,
)  # fmt: skip
from support.waiting import eventually

HANDSHAKE_LIMIT = 65


@pytest.fixture
def neighbour(hub, keep):
    """A well-behaved connection that must not notice anything."""
    device = hub.with_device("neighbour")
    peer = keep(Peer.of_device(device))
    sender = peer.sender(events_of(device))
    yield peer
    assert peer.deliver(sender, message(b"unharmed")) == ACCEPTED


def memory_of(hub: Hub) -> int:
    """Resident bytes of the hub."""
    with open(f"/proc/{hub.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_peers_that_never_finish_their_introduction_are_cut(hub, neighbour):
    """Silent, half a TLS hello, half a header, no mechanism, no open, no token, one that has expired."""
    silent = tcp(hub.host, hub.amqps_port)
    half_hello = tcp(hub.host, hub.amqps_port)
    half_hello.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    peers = [silent, half_hello]
    for said in (b"", b"AMQP", SASL_HEADER, AMQP_HEADER, SASL_HEADER + b"\x00\x00\x00\x20\x02\x01"):
        peer = tls(hub.tls, hub.host, hub.amqps_port)
        peer.sendall(said)
        peers.append(peer)
    opened = tls(hub.tls, hub.host, hub.amqps_port)
    opened.sendall(AMQP_HEADER + frame(performative(OPEN, container_id="without a token")))
    peers.append(opened)

    expired = RawAmqp.to(hub).start()
    device = hub.with_device("expires")
    assert expired.put_token(device.sas(ttl=2), audience(device)) == 200

    assert all(all_end_within(peers, HANDSHAKE_LIMIT))
    expired.expect_closed(HANDSHAKE_LIMIT)


def test_floods_of_garbage_hurt_nobody(hub, neighbour):
    samples = [b"", os.urandom(300), AMQP_HEADER * 10, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + os.urandom(200)]

    flood(hub.host, hub.amqps_port, samples, 500)


def test_thousands_of_links_are_refused_past_the_limit(hub, device):
    """The connection is told, or its session ended; memory stays small."""
    before = memory_of(hub)
    refused = 0
    with RawAmqp.to(hub) as peer:
        peer.start()
        peer.put_token(device.sas(), audience(device))
        try:
            for session in range(1, 21):
                peer.begin(session)
                for handle in range(250):
                    peer.attach(handle, events_of(device), sender=True, channel=session)
                for _ in range(250):
                    refused += peer.until(ATTACH)["target"] is None
        except (ConnectionClosed, AssertionError):
            refused += 1

    assert refused, "five thousand links were let in"
    assert memory_of(hub) - before < 64 * 1024 * 1024


def test_stranger_gets_few_links(hub, neighbour):
    with RawAmqp.to(hub) as peer:
        peer.start()
        for handle in range(250):
            peer.attach(handle, "$cbs", sender=handle % 2 == 0)

        ends = 0
        try:
            for _ in range(250):
                got = peer.until(ATTACH)
                ends += got["source"] is None and got["target"] is None
        except (ConnectionClosed, TimeoutError):
            ends += 1

    assert ends, "a stranger has 250 links"


def test_strangers_questions_that_nobody_hears_the_answers_to_cost_little(hub, neighbour):
    """They ask on `$cbs` and attach no link for the answers."""
    before = memory_of(hub)
    request = Message(body="x", id="i" * 10_000)
    request.properties = {"operation": "put-token", "type": "\x01" * 50_000, "name": "x"}
    strangers = [Peer.to(hub) for _ in range(20)]
    for stranger in strangers:
        try:
            sender = stranger.sender("$cbs", both=True)
            for _ in range(64):
                stranger.send(sender, request)
        except (PeerClosed, LinkRefused):
            pass
    neighbour.settle_down()
    grown = memory_of(hub) - before
    for stranger in strangers:
        stranger.drop()

    assert grown < 40 * 1024 * 1024, f"{grown} bytes"


def test_flood_of_sessions_is_bounded(hub, device, neighbour):
    with RawAmqp.to(hub) as peer:
        assert peer.sasl() == 0
        most = peer.open()["channel-max"]
        begin = performative(BEGIN, next_outgoing_id=uint(0), incoming_window=uint(1), outgoing_window=uint(1))

        peer.send(b"".join(frame(begin, channel=channel) for channel in range(most + 1)))
        peer.send(frame(begin, channel=most + 1))

        peer.expect_close()


def test_answers_to_a_peer_that_never_reads_are_bounded(hub, device, neighbour):
    before = memory_of(hub)
    peer = RawAmqp(over_tls(hub, receive_buffer=4096), timeout=1)
    peer.start()
    peer.put_token(device.sas(), audience(device))
    echo = performative(
        FLOW, next_incoming_id=uint(0), incoming_window=uint(1), next_outgoing_id=uint(1), outgoing_window=uint(1),
        echo=True,
    )  # fmt: skip
    block = frame(echo) * 20_000
    peer.stream._set_timeout(1.0)
    try:
        # Hundreds of thousands of questions, until the hub reads no more.
        for _ in range(40):
            peer.stream._write(block)
    except OSError:
        pass
    finally:
        grown = memory_of(hub) - before
        peer.close()

    assert grown < 16 * 1024 * 1024, f"{grown} bytes wait for a peer that reads nothing"


def test_reader_that_never_reads_costs_little(hub_factory, keep):
    """It gives endless credit and takes nothing: events wait in the log, not in memory."""
    hub = hub_factory().start()
    device = hub.with_device("much")
    sending = keep(Peer.of_device(device))
    sender = sending.sender(events_of(device))
    deliveries = [sending.send(sender, message(bytes(200_000))) for _ in range(300)]
    assert {sending.outcome(delivery) for delivery in deliveries} == {ACCEPTED}
    before = memory_of(hub)
    silent = [Peer.of_service(hub, receive_buffer=4096) for _ in range(8)]

    for number, peer in enumerate(silent):
        for partition in range(4):
            peer.attach(f"{HUB_NAME}/ConsumerGroups/$Default/Partitions/{partition}", sender=False,
                        name=f"{number}-{partition}").flow(1_000_000) if number < 5 else None  # fmt: skip
        peer.flush()

    witness = silent[7]
    for _ in range(20):
        witness.settle_down()
    assert memory_of(hub) - before < 100 * 1024 * 1024
    assert sending.deliver(sender, message(b"still served")) == ACCEPTED
    for peer in silent:
        peer.drop()


def test_half_a_frame_for_ever_hurts_nobody(hub, device, neighbour):
    with RawAmqp.to(hub) as peer:
        peer.start()
        peer.put_token(device.sas(), audience(device))
        peer.send(b"\x00\x00\xff\x00\x02\x00\x00\x00" + bytes(100))

        neighbour.settle_down()


def test_flood_of_heartbeats_hurts_nobody(hub, device, neighbour):
    with RawAmqp.to(hub) as peer:
        peer.start()
        for _ in range(50):
            peer.send(HEARTBEAT * 5000)

        assert peer.put_token(device.sas(), audience(device)) == 200


def test_flood_of_unfinished_deliveries_is_bounded(hub, neighbour):
    """Each of many links holds the beginning of a message that never ends."""
    devices = [hub.with_device("endless") for _ in range(150)]
    before = memory_of(hub)
    peer = Peer.of_service(hub, "device")
    senders = []
    try:
        for device in devices:
            senders.append(peer.sender(events_of(device)))
            senders[-1].delivery("endless")
            senders[-1].stream(bytes(240_000))
        peer.settle_down()
        ends = sum(peer._is_detached(sender) for sender in senders)
    except (PeerClosed, LinkRefused):
        ends = 1
    grown = memory_of(hub) - before
    peer.drop()

    assert ends, "36 megabytes of unfinished messages were taken"
    assert grown < 32 * 1024 * 1024


def test_connection_that_dies_in_the_middle_of_a_message_frees_the_device(hub, device):
    peer = Peer.of_device(device)
    sender = peer.sender(events_of(device))
    sender.delivery("half")
    sender.stream(bytes(100_000))
    peer.pump(0)

    peer.drop()

    eventually(lambda: device.get()["connectionState"] == "Disconnected", what="disconnected")
