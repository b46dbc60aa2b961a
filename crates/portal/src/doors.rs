//! Which right opens a page: who lacks it is told before anything is typed.
//!
//! It is the API that decides what is done; this only spares forms that would
//! be refused. What is not named here is open to all who are signed in.

use http::StatusCode;

use crate::client::ApiError;
use crate::visit::Rights;

/// What a page asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Read,
    Write,
    Service,
    Operator,
}

/// Pages, and all that is below them; the first that fits counts. Modules have
/// the doors of devices.
const DOORS: [(&str, Door); 18] = [
    ("/portal/devices/new", Door::Write),
    ("/portal/devices/enable", Door::Write),
    ("/portal/devices/disable", Door::Write),
    ("/portal/devices/delete", Door::Write),
    ("/portal/device/modules/new", Door::Write),
    ("/portal/device/modules", Door::Read),
    ("/portal/device/roll", Door::Write),
    ("/portal/device/delete", Door::Write),
    ("/portal/device/twin", Door::Service),
    ("/portal/device/messages", Door::Service),
    ("/portal/device/method", Door::Service),
    ("/portal/device/events", Door::Service),
    ("/portal/events", Door::Service),
    ("/portal/query", Door::Service),
    ("/portal/endpoint", Door::Service),
    ("/portal/transfers/export", Door::Write),
    ("/portal/transfers/import", Door::Write),
    ("/portal/transfers", Door::Read),
];

/// What only operators see.
const OF_OPERATORS: [&str; 4] = [
    "/portal/routes",
    "/portal/policies",
    "/portal/certificates",
    "/portal/settings",
];

/// Why a page stays closed to these rights.
pub fn refusal(path: &str, rights: Rights) -> Option<ApiError> {
    let needed = match door(path)? {
        Door::Read if !rights.registry_read => "RegistryRead",
        Door::Write if !rights.registry_write => "RegistryWrite",
        Door::Service if !rights.service => "ServiceConnect",
        Door::Operator if !rights.operator => return Some(ApiError::NotOperator),
        _ => return None,
    };
    let sentence = format!(
        "the policy that you are signed in with may not do this: sign in with one that has the \
         right {needed}"
    );
    Some(ApiError::unasked(StatusCode::FORBIDDEN, &sentence))
}

fn door(path: &str) -> Option<Door> {
    let of_a_module = path.strip_prefix("/portal/module");
    let path = of_a_module
        .filter(|rest| rest.starts_with('/'))
        .map_or_else(|| path.to_owned(), |rest| format!("/portal/device{rest}"));
    let is_at = |page: &str| {
        path.strip_prefix(page)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if OF_OPERATORS.into_iter().any(is_at) {
        return Some(Door::Operator);
    }
    let found = DOORS.into_iter().find(|(page, _)| is_at(page));
    found.map(|(_, door)| door)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_asks_for_the_right_that_its_forms_need() {
        for (path, expected) in [
            ("/portal", None),
            ("/portal/devices", None),
            ("/portal/device", None),
            ("/portal/module", None),
            ("/portal/sign-out", None),
            ("/portal/devices/new", Some(Door::Write)),
            ("/portal/device/modules/new", Some(Door::Write)),
            ("/portal/device/modules", Some(Door::Read)),
            ("/portal/module/twin/now", Some(Door::Service)),
            ("/portal/module/delete", Some(Door::Write)),
            ("/portal/query/download", Some(Door::Service)),
            ("/portal/queryish", None),
            ("/portal/transfers/jobs", Some(Door::Read)),
            ("/portal/policies/new", Some(Door::Operator)),
        ] {
            assert_eq!(door(path), expected, "{path}");
        }
    }

    #[test]
    fn who_lacks_the_right_is_told_which() {
        let service = Rights {
            service: true,
            ..Rights::default()
        };

        let refused = refusal("/portal/devices/new", service).unwrap();

        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert!(refused.to_string().ends_with("the right RegistryWrite"));
        assert!(refusal("/portal/query", service).is_none());
        assert!(matches!(
            refusal("/portal/settings", service),
            Some(ApiError::NotOperator)
        ));
    }
}
