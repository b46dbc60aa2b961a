//! MQTT 3.1.1 packets, bytes in and bytes out.
