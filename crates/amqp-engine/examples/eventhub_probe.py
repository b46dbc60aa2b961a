"""Drives the eventhub_probe example with Microsoft's azure-eventhub client.

    python eventhub_probe.py --port PORT

Exits non-zero, with the reason, if the client doesn't see what the example
serves. `UseDevelopmentEmulator=true` makes the client use plain TCP.
"""

import argparse
import threading
from datetime import datetime, timezone

from azure.eventhub import EventHubConsumerClient
from azure.eventhub.exceptions import AuthenticationError, EventHubError

PATIENCE = 20  # seconds until a step counts as failed


def client(port, *, policy="probe", group="$Default"):
    return EventHubConsumerClient.from_connection_string(
        f"Endpoint=sb://127.0.0.1:{port}/;SharedAccessKeyName={policy};"
        "SharedAccessKey=cHJvYmU=;EntityPath=probe;UseDevelopmentEmulator=true;",
        consumer_group=group,
        retry_total=0,
        auth_timeout=PATIENCE,
    )


def read(port, count, *, group="$Default", **receive):
    """Reads until `count` events, an error, or the end of patience."""
    events, errors, enough = [], [], threading.Event()

    def on_event(_, event):
        events.append(event)
        if len(events) >= count:
            enough.set()

    def on_error(_, error):
        errors.append(error)
        enough.set()

    reader = client(port, group=group)
    thread = threading.Thread(
        target=reader.receive,
        kwargs={"on_event": on_event, "on_error": on_error, **receive},
        daemon=True,
    )
    thread.start()
    in_time = enough.wait(PATIENCE)
    reader.close()
    thread.join(PATIENCE)
    assert in_time, f"only {len(events)} of {count} events, errors {errors}"
    assert not thread.is_alive(), "the reader does not end"
    return events, errors


def properties_are_read(port):
    with client(port) as hub:
        described = hub.get_eventhub_properties()
        full = hub.get_partition_properties("0")
        empty = hub.get_partition_properties("1")

    assert described["eventhub_name"] == "probe", described
    assert described["partition_ids"] == ["0", "1"], described
    assert described["created_at"] == datetime.fromtimestamp(1_700_000_000, timezone.utc), described
    assert full["last_enqueued_sequence_number"] == 4, full
    assert full["last_enqueued_offset"] == "4", full
    assert full["is_empty"] is False, full
    assert empty["is_empty"] is True, empty
    assert empty["last_enqueued_sequence_number"] == -1, empty


def events_arrive_whole_and_in_order(port):
    events, errors = read(port, 5, partition_id="0", starting_position="-1")

    assert not errors, errors
    assert [event.sequence_number for event in events] == [0, 1, 2, 3, 4], events
    assert [event.body_as_json()["number"] for event in events] == [0, 1, 2, 3, 4], events
    assert [event.offset for event in events] == ["0", "1", "2", "3", "4"], events
    assert len(events[3].body_as_json()["filling"]) == 5000, "the large event is cut"
    event = events[0]
    assert event.properties == {b"level": b"high"}, event.properties
    assert event.system_properties[b"iothub-connection-device-id"] == b"pump-7", event.system_properties
    assert event.content_type == "application/json", event.content_type
    assert event.enqueued_time == datetime.fromtimestamp(1_700_000_000, timezone.utc), event.enqueued_time


def a_filter_says_where_to_begin(port):
    after, errors = read(port, 2, partition_id="0", starting_position=2)
    assert not errors, errors
    assert [event.sequence_number for event in after] == [3, 4], after

    there, errors = read(
        port, 3, partition_id="0", starting_position="2", starting_position_inclusive=True
    )
    assert not errors, errors
    assert [event.sequence_number for event in there] == [2, 3, 4], there


def runtime_metrics_come_with_events(port):
    events, errors = read(
        port,
        1,
        partition_id="0",
        starting_position="-1",
        owner_level=7,
        track_last_enqueued_event_properties=True,
    )

    assert not errors, errors
    annotations = events[0].raw_amqp_message.delivery_annotations
    assert annotations[b"last_enqueued_sequence_number"] == 4, annotations


def a_refused_link_is_an_error_with_the_reason(port):
    _, errors = read(port, 1, partition_id="0", group="nobody", starting_position="-1")

    assert len(errors) == 1, errors
    assert isinstance(errors[0], EventHubError), errors
    assert "could not be found" in str(errors[0]), errors


def a_refused_token_is_an_authentication_error(port):
    with client(port, policy="stranger") as hub:
        try:
            hub.get_partition_ids()
        except AuthenticationError:
            return
    raise AssertionError("a stranger was let in")


STEPS = [
    properties_are_read,
    events_arrive_whole_and_in_order,
    a_filter_says_where_to_begin,
    runtime_metrics_come_with_events,
    a_refused_link_is_an_error_with_the_reason,
    a_refused_token_is_an_authentication_error,
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    for step in STEPS:
        step(port)
        print(f"ok {step.__name__}", flush=True)


if __name__ == "__main__":
    main()
