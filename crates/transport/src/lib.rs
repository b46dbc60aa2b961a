//! Accepting TLS connections: deadlines, caps for strangers, draining.
