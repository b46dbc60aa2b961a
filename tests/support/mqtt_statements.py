"""The numbered statements of MQTT 3.1.1, and which of them bind a hub.

The numbers are those of the standard's appendix B,
<https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>.
"""

# Where a test is that is not in test_conformance.py, seen from tests/mqtt.
ELSEWHERE = {
    "6.0.0-1": "test_websocket.py",  # text frames
    "6.0.0-4": "test_websocket.py",  # the subprotocol
    "3.2.2-6": "test_malformed.py",  # closed without CONNACK
    "4.8.0-2": "../crash/test_telemetry.py",  # a full disk is a transient error: the connection closes
}

# As docs/compatibility.md says.
DIFFERS = {
    "3.1.2-7": "there are no retained messages",
    "3.1.2-17": "a will with retain is telemetry with the property mqtt-retain",
    "3.1.3-9": "a client id that is not the identity's is code 5, as on the hub",
    "3.3.1-5": "there are no retained messages",
    "3.3.1-6": "there are no retained messages",
    "3.3.1-7": "there are no retained messages",
    "3.3.1-8": "there are no retained messages",
    "3.3.1-3": "devices don't publish to devices, so there is no DUP to pass on",
    "4.6.0-3": "QoS 2 closes",
    "4.6.0-4": "QoS 2 closes",
    "4.7.2-1": "no filter begins with a wildcard",
}

# Statements about clients, about transports, and about what conforming means.
NOT_THE_SERVERS = {
    "2.3.1-2", "2.3.1-3", "3.1.0-1", "3.1.2-23", "3.1.3-7", "3.14.4-2", "4.2.0-1", "4.5.0-2", "4.6.0-1",
    "6.0.0-3", "7.0.0-1", "7.0.0-2",
}  # fmt: skip

LAST_OF_EACH_SECTION = {
    "1.5.3": 3, "2.2.2": 2, "2.3.1": 7, "3.1.0": 2, "3.1.2": 24, "3.1.3": 11, "3.1.4": 5, "3.2.0": 1,
    "3.2.2": 6, "3.3.1": 12, "3.3.2": 3, "3.3.4": 1, "3.3.5": 2, "3.6.1": 1, "3.8.1": 1, "3.8.3": 4,
    "3.8.4": 6, "3.9.3": 2, "3.10.1": 1, "3.10.3": 2, "3.10.4": 6, "3.12.4": 1, "3.14.1": 1, "3.14.4": 3,
    "4.1.0": 2, "4.2.0": 1, "4.3.1": 1, "4.3.2": 2, "4.3.3": 2, "4.4.0": 1, "4.5.0": 2, "4.6.0": 6,
    "4.7.1": 3, "4.7.2": 1, "4.7.3": 4, "4.8.0": 2, "6.0.0": 4, "7.0.0": 2,
}  # fmt: skip

STATEMENTS = {
    f"{section}-{number}" for section, last in LAST_OF_EACH_SECTION.items() for number in range(1, last + 1)
}
