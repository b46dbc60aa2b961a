"""Who may read the built-in endpoint, and what the others are told; consumer groups."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.eventhub import EventHubConsumerClient, EventHubProducerClient, EventData
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventHubError

from support import sas
from support.event_hub import Reading, body_of, client_options, consumer, publish
from support.hub import HUB_NAME, PARTITIONS

pytestmark = pytest.mark.timeout(60)

OTHER_KEY = "bm90IHRoZSBrZXkgb2YgdGhpcyBodWIgYXQgYWxsISEh"


@pytest.fixture
def sent(hub):
    return publish(hub.with_device("read"), [b"event"])[0]


def client_with(hub, credential, entity=HUB_NAME, **options):
    return EventHubConsumerClient(
        hub.host, entity, credential=credential, **client_options(hub, **options)
    )


def reads(client, sent):
    """Whether the client gets the event; an error of the reader is raised."""
    start = {"starting_position": sent.sequence_number, "starting_position_inclusive": True}
    with Reading(client, partition_id=str(sent.partition), **start) as reading:
        return body_of(reading.take(1)[0]) == b"event"


@pytest.mark.parametrize("policy", ["iothubowner", "service"])
def test_policies_with_service_connect_read(hub, sent, policy):
    client = consumer(hub, hub.event_hub_connection_string(policy))

    assert reads(client, sent)


def test_printed_connection_string_reads(hub, sent):
    printed = hub.cli("connection-string", "--policy", "service", "--default-eventhub").stdout.strip()

    assert printed == hub.event_hub_connection_string("service")
    assert reads(consumer(hub, printed), sent)


def test_printed_environment_reads(hub, sent):
    exports = hub.cli("env").stdout

    (printed,) = [
        word.strip("'\"")
        for line in exports.splitlines()
        for word in [line.partition("=")[2].strip().rstrip(";")]
        if "Endpoint=sb://" in word
    ]
    assert reads(consumer(hub, printed), sent)


def test_key_counts_as_text_and_as_the_bytes_it_encodes(hub, sent):
    """Event Hubs clients sign with the text of the key, hub clients with what it encodes."""
    as_text = AzureNamedKeyCredential("service", hub.policy_key("service"))
    as_bytes = AzureSasCredential(hub.sas("service", resource=f"{hub.host}/{HUB_NAME}"))

    assert reads(client_with(hub, as_text), sent)
    assert reads(client_with(hub, as_bytes), sent)


def test_token_for_the_whole_hub_reads(hub, sent):
    assert reads(client_with(hub, AzureSasCredential(hub.sas("service"))), sent)


def test_names_are_compared_without_case(hub, sent):
    client = consumer(hub, hub.event_hub_connection_string(entity=HUB_NAME.upper()), consumer_group="$DEFAULT")

    assert reads(client, sent)


def is_unauthorized(error):
    """A bad token fails at once; one with too few rights when the link is asked for."""
    return isinstance(error, AuthenticationError) or "unauthorized" in f"{error} {getattr(error, 'error', '')}".lower()


def refusal(client):
    """The error for a question about the event hub."""
    with client:
        with pytest.raises(EventHubError) as asked:
            client.get_eventhub_properties()
    return asked.value


def both_refusals(client):
    """The error for a question, and the one that a reader is told."""
    with Reading(client, partition_id="0") as reading:
        read = reading.error()
        with pytest.raises(EventHubError) as asked:
            client.get_eventhub_properties()
    return asked.value, read


def not_allowed(hub):
    """Clients that must not get in."""
    device = hub.with_device("curious")
    printed = hub.event_hub_connection_string()
    wrong = printed.replace(hub.policy_key("service"), OTHER_KEY)

    def token(text):
        return client_with(hub, AzureSasCredential(text))

    return {
        "wrong key": consumer(hub, wrong),
        "wrong key over WebSocket": consumer(hub, wrong, websockets=True),
        "unknown policy": consumer(hub, printed.replace("KeyName=service", "KeyName=nobody")),
        "device policy": consumer(hub, hub.event_hub_connection_string("device")),
        "registry policy": consumer(hub, hub.event_hub_connection_string("registryReadWrite")),
        "expired token": token(hub.sas("service", expiry=str(int(time.time()) - 60))),
        "device token": token(device.sas()),
        "device key, hub's resource": token(sas.token(device.primary_key, hub.host)),
        "device key, endpoint's resource": token(sas.token(device.primary_key, f"{hub.host}/{HUB_NAME}")),
        "token for another path": token(hub.sas("service", resource=f"{hub.host}/devices")),
    }


def test_nobody_else_gets_in(hub):
    clients = not_allowed(hub)

    # Side by side, since the SDK is slow to see that it is refused.
    with ThreadPoolExecutor(len(clients)) as pool:
        errors = dict(zip(clients, pool.map(both_refusals, clients.values())))

    let_in = {case: both for case, both in errors.items() if not all(map(is_unauthorized, both))}
    assert not let_in
    assert isinstance(errors["wrong key"][0], AuthenticationError)


def test_unknown_event_hub_is_told_so(hub):
    client = consumer(hub, hub.event_hub_connection_string(entity="nothing-here"))

    error = refusal(client)

    # It leaves the description out.
    assert "404" in str(error), error
    with Reading(consumer(hub, hub.event_hub_connection_string(entity="nothing-here")), partition_id="0") as reading:
        assert "404" in str(reading.error())


def test_unknown_partition_is_told_so(hub):
    with consumer(hub) as client, pytest.raises(EventHubError):
        client.get_partition_properties("99")


def test_sending_to_the_endpoint_is_refused(hub):
    producer = EventHubProducerClient.from_connection_string(
        hub.event_hub_connection_string(), connection_verify=str(hub.ca_file), retry_total=0
    )

    with producer, pytest.raises(EventHubError):
        producer.send_event(EventData(b"from nobody"))


# Consumer groups.


def test_unknown_group_is_told_so(hub, sent):
    with Reading(consumer(hub, consumer_group="nobody"), partition_id=str(sent.partition)) as reading:
        error = reading.error()

    assert isinstance(error, ConnectError | EventHubError)
    assert "could not be found" in str(error) and "nobody" in str(error), error


def test_new_group_reads_until_it_is_deleted(hub, sent):
    with hub.consumer_group() as group:
        assert reads(consumer(hub, consumer_group=group), sent)
        assert reads(consumer(hub, consumer_group=group.upper()), sent)

    with Reading(consumer(hub, consumer_group=group), partition_id=str(sent.partition)) as reading:
        assert "could not be found" in str(reading.error())


def test_every_partition_of_a_new_group_can_be_read(hub):
    with hub.consumer_group() as group, Reading(
        consumer(hub, consumer_group=group), starting_position="@latest"
    ) as reading:
        opened = {reading.initialized.get(timeout=15) for _ in range(PARTITIONS)}

    assert opened == {str(number) for number in range(PARTITIONS)}
