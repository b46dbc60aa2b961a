"""The built-in endpoint, wire by wire: filters, epochs, questions, the redirect, what is in an event."""

import time
import uuid

import pytest
from proton import UNDESCRIBED, Array, Data, Described, Message, int32, symbol, timestamp, uint, ulong

from support.amqp_peer import (
    ACCEPTED, SETTLED, UNSETTLED, LinkRefused, Peer, events_of, message,
)  # fmt: skip
from support.event_hub import publish
from support.hub import HUB_NAME, PARTITIONS
from support.raw_amqp import ATTACH, SOURCE, TRANSFER, RawAmqp, sections, terminus

SELECTOR = "apache.org:selector-filter:string"
EPOCH = "com.microsoft:epoch"


def reader_of(partition, group="$Default", entity=HUB_NAME):
    return f"{entity}/ConsumerGroups/{group}/Partitions/{partition}"


def selector(expression):
    """The filter as most clients write it: described by its own name."""
    return {SELECTOR: Described(symbol(SELECTOR), expression)}


@pytest.fixture
def sent(device):
    """Ten events that stand in their partition with nothing between them."""
    return publish(device, [b"%d" % number for number in range(10)])


@pytest.fixture
def partition(sent):
    return sent[0].partition


def bodies(service, receiver, count):
    return [got.body for got in service.receive_many(receiver, count)]


def mark(device):
    """One more event in the device's partition."""
    publish(device, [b"marker"])
    return b"marker"


def after(event):
    return f"amqp.annotation.x-opt-sequence-number > '{event.sequence_number}'"


# Addresses and filters.


@pytest.mark.parametrize(
    "form",
    [
        "{entity}/ConsumerGroups/$Default/Partitions/{n}", "/{entity}/ConsumerGroups/$Default/Partitions/{n}",
        "amqps://{host}/{entity}/ConsumerGroups/$Default/Partitions/{n}",
        "amqps://{host}:5671/{entity}/consumergroups/$default/partitions/{n}",
        "sb://{host}/{upper}/ConsumerGroups/%24Default/Partitions/{n}",
    ],
)  # fmt: skip
def test_reader_address_may_be_written_in_many_ways(hub, service, sent, partition, form):
    address = form.format(host=hub.host, entity=HUB_NAME, upper=HUB_NAME.upper(), n=partition)

    receiver = service.receiver(address, filters=selector(after(sent[4])))

    assert bodies(service, receiver, 5) == [b"5", b"6", b"7", b"8", b"9"]


@pytest.mark.parametrize("descriptor", [symbol(SELECTOR), ulong(0x468C00000004), ulong(0x137000000A), None])
@pytest.mark.parametrize("quotes", ["'", ""])
def test_filter_may_have_any_descriptor_and_quotes_or_not(service, sent, partition, descriptor, quotes):
    expression = f"amqp.annotation.x-opt-offset > {quotes}{sent[4].document['offset']}{quotes}"
    value = expression if descriptor is None else Described(descriptor, expression)

    receiver = service.receiver(reader_of(partition), filters={SELECTOR: value})

    assert bodies(service, receiver, 5) == [b"5", b"6", b"7", b"8", b"9"]


@pytest.mark.parametrize(
    "expression, first",
    [
        ("amqp.annotation.x-opt-offset > '{offset}'", 5), ("amqp.annotation.x-opt-offset >= '{offset}'", 4),
        ("amqp.annotation.x-opt-sequence-number > '{number}'", 5),
        ("amqp.annotation.x-opt-sequence-number >= '{number}'", 4),
        ("amqp.annotation.x-opt-sequence-number >   {number}", 5),
        ("  amqp.annotation.x-opt-sequence-number   >=   '{number}'  ", 4),
    ],
)  # fmt: skip
def test_filter_says_where_to_begin(service, sent, partition, expression, first):
    written = expression.format(offset=sent[4].document["offset"], number=sent[4].sequence_number)

    receiver = service.receiver(reader_of(partition), filters=selector(written))

    assert bodies(service, receiver, 10 - first) == [b"%d" % number for number in range(first, 10)]


@pytest.mark.parametrize("name", ["x-opt-enqueued-time", "x-opt-enqueuedtimeutc"])
def test_time_may_be_called_by_either_name(service, device, sent, partition, name):
    start = selector(f"amqp.annotation.x-opt-sequence-number >= '{sent[0].sequence_number}'")
    all_of_them = service.receive_many(service.receiver(reader_of(partition), filters=start), 10)
    times = [int(got.message.annotations[symbol("x-opt-enqueued-time")]) for got in all_of_them]

    receiver = service.receiver(reader_of(partition), filters=selector(f"amqp.annotation.{name} > '{times[4]}'"))
    marker = mark(device)

    expected = [b"%d" % n for n, time_ in enumerate(times) if time_ > times[4]] + [marker]
    assert bodies(service, receiver, len(expected)) == expected


def test_no_filter_begins_at_the_beginning(service, sent, partition):
    receiver = service.receiver(reader_of(partition), credit=1)

    assert service.receive(receiver).message.annotations[symbol("x-opt-sequence-number")] == 0


def test_latest_and_the_future_wait(service, device, sent, partition):
    tomorrow = int((time.time() + 86_400) * 1000)
    latest = service.receiver(reader_of(partition), filters=selector("amqp.annotation.x-opt-offset > '@latest'"))
    future = service.receiver(
        reader_of(partition), filters=selector(f"amqp.annotation.x-opt-enqueued-time > '{tomorrow}'")
    )

    mark(device)

    assert service.receive(latest).body == b"marker"
    service.assert_silent(future)


@pytest.mark.parametrize(
    "expression",
    [
        "nonsense", "", "amqp.annotation.x-opt-offset", "amqp.annotation.x-opt-offset > ", "amqp.annotation.x-opt-offset < '5'",
        "amqp.annotation.x-opt-color > '5'", "amqp.annotation.x-opt-sequence-number > 'five'",
        "amqp.annotation.x-opt-enqueued-time > ''", "amqp.annotation.x-opt-offset > '1' AND 1 = 1", "x" * 10_000,
        "amqp.annotation.x-opt-sequence-number > '99999999999999999999999999'", int32(5),
    ],
)  # fmt: skip
def test_senseless_filter_is_refused(service, expression):
    with pytest.raises(LinkRefused) as refused:
        service.receiver(reader_of(0), filters=selector(expression))

    assert refused.value.condition == "com.microsoft:argument-error"


@pytest.mark.parametrize(
    "address",
    [
        reader_of(0, entity="nothing-here"), reader_of(0, group="nobody"), reader_of(99), reader_of("x"), reader_of(-1),
        f"{HUB_NAME}/ConsumerGroups/$Default", f"{HUB_NAME}/ConsumerGroups", HUB_NAME, f"{HUB_NAME}/more",
    ],
)  # fmt: skip
def test_unknown_entity_is_told_so(service, address):
    with pytest.raises(LinkRefused) as refused:
        service.attach(address, sender=False)

    assert refused.value.condition in (
        "amqp:not-found", "com.microsoft:argument-out-of-range", "com.microsoft:argument-error",
    )  # fmt: skip
    if refused.value.condition == "amqp:not-found":
        assert "The messaging entity" in refused.value.description
        assert "could not be found" in refused.value.description


@pytest.mark.parametrize("address", [HUB_NAME, f"{HUB_NAME}/Partitions/0"])
def test_senders_are_refused(service, address):
    with pytest.raises(LinkRefused) as refused:
        service.attach(address, sender=True)

    assert refused.value.condition == "amqp:unauthorized-access"


# Delivery.


@pytest.mark.parametrize("mode", [SETTLED, UNSETTLED])
def test_events_come_settled_whatever_was_asked(service, sent, partition, mode):
    receiver = service.receiver(reader_of(partition), filters=selector(after(sent[4])), settle=mode)

    got = service.receive_many(receiver, 5)

    assert receiver.remote_snd_settle_mode == SETTLED
    assert all(one.settled for one in got)


def test_annotations_have_the_types_that_clients_insist_on(hub, service, device, sent, partition):
    receiver = service.receiver(reader_of(partition), filters=selector(after(sent[8])))

    got = service.receive(receiver).message

    notes = got.annotations
    expected = {
        "x-opt-sequence-number": int, "x-opt-offset": str, "x-opt-enqueued-time": timestamp,
        "iothub-connection-device-id": str, "iothub-connection-auth-method": str,
        "iothub-connection-auth-generation-id": str, "iothub-enqueuedtime": timestamp, "iothub-message-source": str,
    }  # fmt: skip
    for name, kind in expected.items():
        assert type(notes[symbol(name)]) is kind, (name, type(notes[symbol(name)]))
    assert all(type(name) is symbol for name in notes)
    assert "iothub-connection-module-id" not in notes
    assert notes[symbol("iothub-connection-device-id")] == device.device_id
    assert not got.instructions


def test_body_is_one_data_section_without_a_rebuilt_one(service, device):
    (sent_,) = publish(device, [b"x" * 100_000])
    receiver = service.receiver(
        reader_of(sent_.partition),
        filters=selector(f"amqp.annotation.x-opt-sequence-number >= '{sent_.sequence_number}'"),
    )

    assert sections(service.receive(receiver).raw)[0x75] == [b"x" * 100_000]


@pytest.mark.parametrize("frame_size", [512, 4096])
def test_large_events_in_small_frames(hub, device, keep, frame_size):
    body = bytes(range(256)) * 800
    first, _ = publish(device, [body, b"end"])
    small = keep(Peer.of_service(hub, max_frame_size=frame_size))
    receiver = small.receiver(
        reader_of(first.partition),
        filters=selector(f"amqp.annotation.x-opt-sequence-number >= '{first.sequence_number}'"),
    )

    assert bodies(small, receiver, 2) == [body, b"end"]
    assert small.transport.frames_input > len(body) // frame_size


def test_credit_is_never_exceeded_and_what_is_left_comes_later(service, sent, partition):
    receiver = service.receiver(
        reader_of(partition), credit=3,
        filters=selector(f"amqp.annotation.x-opt-sequence-number >= '{sent[0].sequence_number}'"),
    )  # fmt: skip
    assert [service.receive(receiver).body for _ in range(3)] == [b"0", b"1", b"2"]
    service.assert_silent(receiver)

    receiver.flow(1)
    assert service.receive(receiver).body == b"3"
    service.assert_silent(receiver)
    receiver.flow(100)
    assert [service.receive(receiver).body for _ in range(6)] == [b"%d" % number for number in range(4, 10)]


def test_drained_reader_goes_on_where_it_was(service, device, sent, partition):
    receiver = service.receiver(
        reader_of(partition), credit=0,
        filters=selector(f"amqp.annotation.x-opt-sequence-number >= '{sent[0].sequence_number}'"),
    )  # fmt: skip
    receiver.drain(100)
    service.until(lambda: not receiver.draining(), what="the end of the drain")
    drained = [service.receive(receiver).body for _ in range(receiver.queued)]
    receiver.drain_mode = False
    mark(device)
    receiver.flow(100)

    rest = []
    while b"marker" not in rest:
        rest.append(service.receive(receiver).body)

    assert drained + rest == [b"%d" % number for number in range(10)] + [b"marker"]


def test_runtime_metrics_have_the_types_that_java_insists_on(hub, sent, partition):
    with RawAmqp.to(hub) as raw:
        raw.start()
        raw.put_token(hub.sas("service"), hub.host)
        wanted = {symbol(SELECTOR): Described(symbol(SELECTOR), after(sent[8]))}
        capabilities = Array(
            UNDESCRIBED, Data.SYMBOL,
            symbol("com.microsoft:enable-receiver-runtime-metric"), symbol("com.microsoft:georeplication"),
        )  # fmt: skip
        raw.attach(
            0, "", sender=False, source=terminus(SOURCE, reader_of(partition), filter=wanted),
            desired_capabilities=capabilities,
        )  # fmt: skip
        answer = raw.until(ATTACH)
        raw.credit(0, 5)
        parts = sections(raw.until(TRANSFER).payload)

    offered = answer["offered-capabilities"]
    offered = list(offered.elements) if isinstance(offered, Array) else [offered]
    assert offered == ["com.microsoft:enable-receiver-runtime-metric"]
    told = parts[0x71]
    assert type(told["last_enqueued_sequence_number"]) is int
    assert told["last_enqueued_sequence_number"] == sent[9].sequence_number
    assert told["last_enqueued_offset"] == sent[9].document["offset"]
    assert type(told["last_enqueued_time_utc"]) is timestamp
    assert type(told["runtime_info_retrieval_time_utc"]) is timestamp


# Epochs.


def exclusive(service, partition, epoch, **options):
    return service.receiver(reader_of(partition), properties={EPOCH: epoch}, **options)


@pytest.mark.parametrize("new", [7, 8])
def test_equal_or_higher_epoch_takes_the_partition(service, partition, new):
    old = exclusive(service, partition, 7)

    exclusive(service, partition, new)

    stolen = service.expect_detach(old)
    assert stolen.name == "amqp:link:stolen" and stolen.description


def test_lower_epoch_is_refused(service, partition):
    exclusive(service, partition, 7)

    with pytest.raises(LinkRefused) as refused:
        exclusive(service, partition, 6)

    assert refused.value.condition == "amqp:link:stolen"


def test_epoch_of_a_reader_that_left_does_not_count(service, partition):
    service.detach(exclusive(service, partition, 7))

    exclusive(service, partition, 1)


def test_plain_reader_is_refused_beside_an_exclusive_one_and_ended_by_it(service, partition):
    plain = [service.receiver(reader_of(partition)) for _ in range(3)]

    exclusive(service, partition, 0)

    for receiver in plain:
        assert service.expect_detach(receiver).name == "amqp:link:stolen"
    with pytest.raises(LinkRefused) as refused:
        service.receiver(reader_of(partition))
    assert refused.value.condition == "amqp:link:stolen"


def test_sixth_plain_reader_is_refused(service, partition):
    receivers = [service.receiver(reader_of(partition)) for _ in range(5)]

    with pytest.raises(LinkRefused) as refused:
        service.receiver(reader_of(partition))

    assert refused.value.condition == "amqp:resource-limit-exceeded"
    service.detach(receivers[0])
    service.receiver(reader_of(partition))


def test_exclusive_reader_of_a_lost_connection_frees_the_partition(hub, service, partition):
    lost = Peer.of_service(hub)
    exclusive(lost, partition, 9)

    lost.drop()

    def let_in():
        try:
            return exclusive(service, partition, 1)
        except LinkRefused:
            return None

    service.until(let_in, what="the partition is free")


# Questions.


class Questions:
    """A pair of links to `$management`."""

    def __init__(self, peer, address="$management"):
        self.peer = peer
        self.sender = peer.sender(address, both=True)
        self.receiver = peer.receiver(address, both=True)

    def ask(self, kind, identifier=None, *, operation="READ", **properties):
        request = Message(body=b"[]", id=identifier or str(uuid.uuid4()))
        request.inferred = True
        request.properties = {"operation": operation, "type": kind, **properties}
        return self.peer.request(self.sender, self.receiver, request)


@pytest.fixture(params=["$management", HUB_NAME + "/$management"])
def questions(request, service):
    return Questions(service, request.param)


@pytest.mark.parametrize("identifier", ["text", uuid.uuid4()], ids=["string", "uuid"])
def test_event_hub_is_described_with_the_right_types(questions, identifier):
    answer = questions.ask("com.microsoft:eventhub", identifier, name=HUB_NAME)

    assert answer.properties["status-code"] == 200 and type(answer.properties["status-code"]) is int32
    assert isinstance(answer.properties["status-description"], str)
    body = answer.body
    assert (body["name"], body["type"]) == (HUB_NAME, "com.microsoft:eventhub")
    assert type(body["created_at"]) is timestamp
    assert type(body["partition_count"]) is int32 and body["partition_count"] == PARTITIONS
    assert isinstance(body["partition_ids"], Array) and body["partition_ids"].type == Data.STRING
    assert list(body["partition_ids"].elements) == [str(number) for number in range(PARTITIONS)]
    assert body["georeplication_factor"] == 1 and type(body["georeplication_factor"]) is int32


def test_partition_is_described_with_the_right_types(questions, sent, partition):
    answer = questions.ask("com.microsoft:partition", name=HUB_NAME, partition=str(partition))

    body = answer.body
    assert (body["name"], body["type"], body["partition"]) == (HUB_NAME, "com.microsoft:partition", str(partition))
    assert type(body["begin_sequence_number"]) is int and body["begin_sequence_number"] == 0
    assert type(body["last_enqueued_sequence_number"]) is int
    assert body["last_enqueued_sequence_number"] == sent[-1].sequence_number
    assert body["last_enqueued_offset"] == sent[-1].document["offset"]
    assert type(body["last_enqueued_time_utc"]) is timestamp
    assert body["is_partition_empty"] is False


@pytest.mark.parametrize(
    "kind, options, status",
    [
        ("com.microsoft:eventhub", {"name": "nothing-here"}, 404),
        ("com.microsoft:partition", {"name": HUB_NAME, "partition": "99"}, 404),
        ("com.microsoft:partition", {"name": HUB_NAME}, 400),
        ("com.microsoft:teapot", {"name": HUB_NAME}, 400),
        ("com.microsoft:eventhub", {"name": HUB_NAME, "operation": "WRITE"}, 400),
        ("com.microsoft:eventhub", {}, 400),
    ],
)  # fmt: skip
def test_question_without_answer_is_answered(questions, kind, options, status):
    answer = questions.ask(kind, **options)

    found = answer.properties["status-code"]
    assert found == status or (status == 400 and 400 <= found < 500), answer.properties
    assert answer.properties["status-description"]
    assert questions.ask("com.microsoft:eventhub", name=HUB_NAME).properties["status-code"] == 200


def test_many_questions_at_once_are_all_answered(service):
    questions = Questions(service)
    questions.receiver.flow(100)
    identifiers = [str(number) for number in range(50)]
    for identifier in identifiers:
        request = Message(body=None, id=identifier)
        request.properties = {
            "operation": "READ", "type": "com.microsoft:partition", "name": HUB_NAME, "partition": "0",
        }  # fmt: skip
        service.send(questions.sender, request)

    answers = [service.receive(questions.receiver).message for _ in identifiers]

    assert sorted(answer.correlation_id for answer in answers) == sorted(identifiers)


def test_device_is_told_in_an_answer_that_it_may_not_ask(device, keep):
    """Clients say nothing of why a link for questions was refused."""
    peer = keep(Peer.of_device(device))

    answer = Questions(peer).ask("com.microsoft:eventhub", name=HUB_NAME)

    assert answer.properties["status-code"] == 401 and answer.body is None


# Tokens and the redirect.


@pytest.mark.parametrize(
    "resource, allowed",
    [
        ("{host}/{entity}", True), ("sb://{host}/{entity}/consumergroups/$default", True),
        ("sb://{host}/{entity}/ConsumerGroups/$Default/Partitions/{n}", True), ("amqps://{host}/{upper}/", True),
        ("sb://{host}/{entity}/ConsumerGroups/other", False), ("sb://{host}/{entity}/$management", False),
        ("sb://{host}/{entity}/ConsumerGroups/$Default/Partitions/7", False), ("{host}/devices", False),
        ("sb://{host}/{entity}x", False),
    ],
)  # fmt: skip
def test_token_reads_what_its_resource_covers(hub, sent, partition, keep, resource, allowed):
    peer = keep(Peer.to(hub))
    path = resource.format(host=hub.host, entity=HUB_NAME, upper=HUB_NAME.upper(), n=partition)
    peer.put_token(hub.sas("service", resource=path), "anything")

    if allowed:
        receiver = peer.receiver(reader_of(partition), filters=selector(after(sent[8])))
        assert peer.receive(receiver).body == b"9"
    else:
        with pytest.raises(LinkRefused) as refused:
            peer.receiver(reader_of(partition))
        assert refused.value.condition == "amqp:unauthorized-access"


@pytest.mark.parametrize(
    "tail", ["", "/$management", "/ConsumerGroups/$Default/Partitions/0", "/consumergroups/mine/partitions/3"]
)
@pytest.mark.parametrize("form", ["messages/events{tail}", "/messages/events{tail}", "amqps://{host}/messages/events{tail}"])
def test_hubs_own_address_is_redirected(hub, service, form, tail):
    with pytest.raises(LinkRefused) as refused:
        service.attach(form.format(host=hub.host, tail=tail), sender=False)

    redirect = refused.value
    assert redirect.condition == "amqp:link:redirect"
    info = {str(key): value for key, value in redirect.info.items()}
    assert info["hostname"] == info["network-host"] == hub.host
    assert info["port"] == 5671
    prefix = f"amqps://{hub.host}:5671/{HUB_NAME}"
    assert info["address"].startswith(prefix)
    assert info["address"].removeprefix(prefix).rstrip("/").lower() == tail.lower()
    assert "com.microsoft:tracking-id" in info


def test_redirected_address_can_be_read(hub, service, sent, partition):
    with pytest.raises(LinkRefused) as refused:
        service.attach(f"messages/events/ConsumerGroups/$Default/Partitions/{partition}", sender=False)
    address = {str(key): value for key, value in refused.value.info.items()}["address"]

    receiver = service.receiver(address, filters=selector(after(sent[8])))

    assert service.receive(receiver).body == b"9"


def test_device_sends_and_back_end_reads_on_one_connection(hub, device, service):
    service.put_token(device.sas(), "device")
    sender = service.sender(events_of(device))
    readers = [
        service.receiver(reader_of(number), filters=selector("amqp.annotation.x-opt-offset > '@latest'"))
        for number in range(PARTITIONS)
    ]

    assert service.deliver(sender, message(b"there and back")) == ACCEPTED

    def arrived():
        return next((reader for reader in readers if reader.current and not reader.current.partial), None)

    assert service.receive(service.until(arrived, what="the event")).body == b"there and back"


def test_number_of_events_in_one_flow_does_not_matter(hub, device, service):
    (first,) = publish(device, [b"begin"])
    sender_peer = Peer.of_device(device)
    sender = sender_peer.sender(events_of(device))
    deliveries = [sender_peer.send(sender, message(b"%d" % number)) for number in range(2000)]
    assert {sender_peer.outcome(delivery) for delivery in deliveries} == {ACCEPTED}
    sender_peer.drop()

    receiver = service.receiver(reader_of(first.partition), credit=5000, filters=selector(after(first)))

    assert bodies(service, receiver, 2000) == [b"%d" % number for number in range(2000)]
    assert uint(receiver.credit) == 3000
