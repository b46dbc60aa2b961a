//! What is found when a backlog is opened.

use std::io;

use twinhub_core::ids::HubName;
use twinhub_core::routing::EndpointId;
use twinhub_event_log::Log;

use super::log::firsts;
use super::place::Place;
use super::progress::{self, Delivered, Found};

/// How far it is delivered, as the file tells: where it tells nothing sound,
/// from the oldest event there is. Blocks.
pub(super) fn recover(
    log: &Log,
    place: &Place,
    hub: &HubName,
    endpoint: EndpointId,
) -> io::Result<Vec<Delivered>> {
    let partitions = 0..log.partitions();
    let ends = partitions.map(|partition| log.partition(partition).map_or(0, |known| known.next));
    let ends: Vec<u64> = ends.collect();
    let found = progress::read(place.path())?;
    let from_the_oldest = firsts(log)
        .into_iter()
        .map(|next| Delivered { next, lost: 0 });
    let (delivered, is_new) = match &found {
        Found::Delivered(found) if found.len() == ends.len() => {
            // Of another log than this one, if it is ahead of it.
            let each = found.iter().zip(&ends).zip(from_the_oldest);
            let checked = each.map(
                |((found, end), oldest)| {
                    if found.next > *end { oldest } else { *found }
                },
            );
            (checked.collect(), false)
        }
        _ => (
            from_the_oldest.collect::<Vec<_>>(),
            ends.iter().all(|end| *end == 0),
        ),
    };
    if Found::Delivered(delivered.clone()) == found {
        return Ok(delivered);
    }
    if !is_new {
        tracing::warn!(
            %hub, %endpoint,
            "how far an endpoint is delivered is not known: it gets all events there are, some of \
             them again"
        );
    }
    match progress::write(place.path(), &delivered) {
        // On a full disk; it is written later.
        Err(error) if !is_new => {
            tracing::warn!(%hub, %endpoint, %error, "could not write how far an endpoint is delivered");
        }
        written => written?,
    }
    Ok(delivered)
}
