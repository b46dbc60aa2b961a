//! The HTTPS gateway: REST, management, WebSocket upgrades.
