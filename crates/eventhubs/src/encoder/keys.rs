//! The keys of annotations, as symbols on the wire.

use twinhub_amqp_engine::format_code;

macro_rules! keys {
    ($($name:ident = $text:literal;)*) => {
        $(
            #[doc = concat!("`", $text, "`")]
            pub(super) const $name: &[u8] = &symbol::<{ $text.len() + 2 }>($text);
        )*
    };
}

const fn symbol<const ENCODED: usize>(text: &str) -> [u8; ENCODED] {
    assert!(text.is_ascii() && text.len() < 256 && text.len() + 2 == ENCODED);
    let mut encoded = [0; ENCODED];
    encoded[0] = format_code::SYMBOL8;
    encoded[1] = text.len() as u8;
    let mut at = 0;
    while at < text.len() {
        encoded[at + 2] = text.as_bytes()[at];
        at += 1;
    }
    encoded
}

keys! {
    DEVICE = "iothub-connection-device-id";
    MODULE = "iothub-connection-module-id";
    AUTH_METHOD = "iothub-connection-auth-method";
    GENERATION = "iothub-connection-auth-generation-id";
    HUB_ENQUEUED = "iothub-enqueuedtime";
    SOURCE = "iothub-message-source";
    MODEL = "dt-dataschema";
    COMPONENT = "dt-subject";
    INTERFACE = "iothub-interface-id";
    DIAGNOSTIC_ID = "Diagnostic-Id";
    CORRELATION_CONTEXT = "Correlation-Context";
    ABSOLUTE_EXPIRY = "absolute-expiry-time";
    SEQUENCE_NUMBER = "x-opt-sequence-number";
    OFFSET = "x-opt-offset";
    ENQUEUED = "x-opt-enqueued-time";
}
