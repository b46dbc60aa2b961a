//! What the list was asked for, and the addresses of its pages.
//!
//! The hub tells where the next page begins, and never where one before did:
//! addresses carry the beginnings of the pages on the way here.

use crate::client::encoded;
use crate::fields::Fields;

/// Where the list is.
pub const LIST: &str = "/portal/devices";
/// The numbers of devices that a page may have. A page can be changed at once,
/// and the hub takes at most a hundred devices in a call.
pub const SIZES: [usize; 3] = [25, 50, 100];
const USUAL_SIZE: usize = 50;
/// How many pages the list can be turned back before it begins anew: addresses
/// must not grow for ever.
const MAX_PAST: usize = 20;

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What the IDs begin with.
    pub search: String,
    /// The condition.
    pub filter: String,
    /// How many devices a page has.
    pub size: usize,
    /// Where it begins; empty for the first page.
    pub from: String,
    /// Where the pages before it begin, the nearest last; empty for the first
    /// page.
    past: Vec<String>,
}

impl Wanted {
    /// What an address asks for.
    pub fn of(asked: &Fields) -> Self {
        let size = asked.get("size").parse();
        let size = size.ok().filter(|size| SIZES.contains(size));
        let past: Vec<_> = asked.all("past").map(str::to_owned).collect();
        let dropped = past.len().saturating_sub(MAX_PAST);
        Wanted {
            search: asked.get("search").trim().to_owned(),
            filter: asked.get("filter").trim().to_owned(),
            size: size.unwrap_or(USUAL_SIZE),
            from: asked.get("from").to_owned(),
            past: past.into_iter().skip(dropped).collect(),
        }
    }

    /// Whether only some of the hub's devices are asked for.
    pub fn narrows(&self) -> bool {
        !self.search.is_empty() || !self.filter.is_empty()
    }

    /// Its address.
    pub fn address(&self) -> String {
        let mut parameters = Vec::new();
        let mut add = |name: &str, value: &str| {
            parameters.push(format!("{name}={}", encoded(value)));
        };
        if !self.search.is_empty() {
            add("search", &self.search);
        }
        if !self.filter.is_empty() {
            add("filter", &self.filter);
        }
        if self.size != USUAL_SIZE {
            add("size", &self.size.to_string());
        }
        if !self.from.is_empty() {
            add("from", &self.from);
            for past in &self.past {
                add("past", past);
            }
        }
        match parameters.is_empty() {
            true => LIST.to_owned(),
            false => format!("{LIST}?{}", parameters.join("&")),
        }
    }

    /// The page that begins there, after this one.
    pub fn next(&self, from: &str) -> Self {
        let mut next = self.clone();
        next.past.push(self.from.clone());
        if next.past.len() > MAX_PAST {
            next.past.remove(0);
        }
        next.from = from.to_owned();
        next
    }

    /// The page before, if the way back to it is known.
    pub fn back(&self) -> Option<Self> {
        let mut back = self.clone();
        back.from = back.past.pop()?;
        Some(back)
    }

    /// The first page, unless this is it.
    pub fn first(&self) -> Option<Self> {
        (!self.from.is_empty()).then(|| Wanted {
            from: String::new(),
            past: Vec::new(),
            ..self.clone()
        })
    }

    /// The first page of devices whose ID begins so.
    pub fn searched(search: &str) -> Self {
        Wanted {
            search: search.to_owned(),
            ..Wanted::of(&Fields::default())
        }
    }

    /// The first page of devices of which a condition is true.
    pub fn filtered(filter: &str) -> Self {
        Wanted {
            filter: filter.to_owned(),
            ..Wanted::of(&Fields::default())
        }
    }
}

/// The list as a form says that one came from there, or else its first page.
pub fn way_back(fields: &Fields) -> String {
    let back = fields.get("back");
    let is_list = back == LIST || back.strip_prefix(LIST).is_some_and(|q| q.starts_with('?'));
    match is_list && !back.contains(char::is_control) {
        true => back.to_owned(),
        false => LIST.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Wanted {
        let query = address.split_once('?').map_or("", |(_, query)| query);
        Wanted::of(&Fields::parse(query.as_bytes()))
    }

    #[test]
    fn an_address_leads_to_what_it_was_made_of() {
        let wanted = read("?search=a%26b&filter=tags.x%20%3D%20'%C3%A9'&size=100").next("T2");

        assert_eq!(read(&wanted.address()), wanted);
    }

    #[test]
    fn the_usual_first_page_has_a_plain_address() {
        assert_eq!(read("?search=&filter=+&size=7&from=").address(), LIST);
    }

    #[test]
    fn back_leads_along_the_pages_to_the_first() {
        let first = read("?search=pump");
        let third = read(&read(&first.next("T2").address()).next("T3").address());

        let second = third.back().unwrap();

        assert_eq!(second.from, "T2");
        assert_eq!(second.back(), Some(first.clone()));
        assert_eq!(first.back(), None);
        assert_eq!(third.first(), Some(first));
    }

    #[test]
    fn an_address_does_not_grow_for_ever_and_its_oldest_page_has_no_way_back() {
        let mut wanted = read("");
        for number in 0..100 {
            wanted = read(&wanted.next(&format!("T{number}")).address());
        }

        let mut steps = 0;
        while let Some(back) = wanted.back() {
            (wanted, steps) = (back, steps + 1);
        }

        assert_eq!(steps, MAX_PAST);
        assert_eq!(wanted.from, "T79");
        assert!(wanted.first().is_some());
    }

    #[test]
    fn the_way_back_never_leads_elsewhere() {
        for (back, leads) in [
            ("/portal/devices?search=a", "/portal/devices?search=a"),
            ("/portal/devices", LIST),
            ("/portal/devices@elsewhere", LIST),
            ("https://elsewhere/portal/devices", LIST),
            ("//elsewhere", LIST),
            ("", LIST),
        ] {
            let form = format!("back={}", encoded(back));

            assert_eq!(way_back(&Fields::parse(form.as_bytes())), leads, "{back}");
        }
    }
}
