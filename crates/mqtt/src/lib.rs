//! The MQTT gateway: sessions and twins over MQTT and WebSocket.
