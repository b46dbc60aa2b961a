//! How much memory an event on its way takes.

use twinhub_core::events::EventRef;

/// The bytes of an event's body and properties.
pub(crate) fn of(event: &EventRef<'_>) -> usize {
    let system = event.system().map(|(_, value)| value.len());
    let application = event.application();
    let application = application.map(|(name, value)| name.len() + value.map_or(0, str::len));
    event.body().len() + system.sum::<usize>() + application.sum::<usize>()
}
