//! Sets of destinations: small enough to be copied for each event.

use super::settings::MAX_ENDPOINTS;

/// Destinations of a hub: the built-in endpoint, and custom endpoints by their
/// place among the hub's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Destinations(u16);

const _: () = assert!(MAX_ENDPOINTS < 16, "a bit for each, and the built-in one");

impl Destinations {
    /// Nowhere.
    pub const NONE: Destinations = Destinations(0);
    /// The built-in endpoint.
    pub const BUILT_IN: Destinations = Destinations(1);

    /// The custom endpoint at a place.
    ///
    /// # Panics
    /// If no hub has so many.
    pub fn custom(place: usize) -> Self {
        assert!(place < MAX_ENDPOINTS, "a hub has no endpoint {place}");
        Destinations(2 << place)
    }

    /// Those of either.
    #[must_use]
    pub fn and(self, others: Destinations) -> Self {
        Destinations(self.0 | others.0)
    }

    /// Those of both.
    #[must_use]
    pub fn among(self, others: Destinations) -> Self {
        Destinations(self.0 & others.0)
    }

    /// Without those.
    #[must_use]
    pub fn without(self, others: Destinations) -> Self {
        Destinations(self.0 & !others.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the built-in endpoint is among them.
    pub fn has_built_in(self) -> bool {
        !self.among(Self::BUILT_IN).is_empty()
    }

    /// The same destinations where endpoints have other places: those of
    /// `from` that are in `to`.
    #[must_use]
    pub fn moved<E: PartialEq>(self, from: &[E], to: &[E]) -> Self {
        self.each()
            .filter_map(|place| match place {
                None => Some(Self::BUILT_IN),
                Some(place) => {
                    let endpoint = from.get(place)?;
                    to.iter()
                        .position(|other| other == endpoint)
                        .map(Self::custom)
                }
            })
            .fold(Self::NONE, Self::and)
    }

    /// How many there are.
    pub fn count(self) -> u64 {
        self.0.count_ones().into()
    }

    /// One by one: nothing for the built-in endpoint, which comes first, or
    /// the place of a custom one.
    pub fn each(self) -> impl Iterator<Item = Option<usize>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(bit.checked_sub(1))
        })
    }

    /// The set of one that [`each`](Self::each) gave.
    pub(super) fn only(place: Option<usize>) -> Self {
        place.map_or(Self::BUILT_IN, Self::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_gives_back_what_was_put_in_once_each() {
        let set = Destinations::custom(9)
            .and(Destinations::custom(2))
            .and(Destinations::BUILT_IN)
            .and(Destinations::custom(2));

        assert_eq!(set.each().collect::<Vec<_>>(), [None, Some(2), Some(9)]);
        assert_eq!(set.count(), 3);
        assert_eq!(set.without(set), Destinations::NONE);
    }

    #[test]
    fn a_set_follows_endpoints_to_other_places_and_leaves_out_those_that_are_gone() {
        let set = [Destinations::custom(0), Destinations::custom(1)]
            .into_iter()
            .fold(Destinations::BUILT_IN, Destinations::and);

        let moved = set.moved(&["gone", "kept", "other"], &["other", "new", "kept"]);

        assert_eq!(moved, Destinations::BUILT_IN.and(Destinations::custom(2)));
    }
}
