"""What the tests are written with: hubs, identities, tokens, raw HTTP and raw MQTT."""
