//! Which call of the resource provider a request means.

use http::Method;

use super::{BACKUP, ERRORS, SETTINGS, is_ours};
use crate::error_codes;
use crate::refusal::Refusal;

/// Subscription and resource group, as sent.
pub struct ResourceGroup<'a> {
    /// The subscription.
    pub subscription: &'a str,
    /// The group's name.
    pub name: &'a str,
}

/// A call.
pub enum Operation<'a> {
    /// `GET /providers/Microsoft.Devices/operations`
    Operations,
    /// `GET .../IotHubs`
    ListHubs(ResourceGroup<'a>),
    /// `GET .../IotHubs/{name}`
    GetHub(ResourceGroup<'a>, &'a str),
    /// `PUT .../IotHubs/{name}`
    PutHub(ResourceGroup<'a>, &'a str),
    /// `DELETE .../IotHubs/{name}`
    DeleteHub(&'a str),
    /// `POST .../IotHubs/{name}/listkeys`
    ListKeys(&'a str),
    /// `POST .../IotHubs/{name}/IotHubKeys/{policy}/listkeys`
    GetKeys(&'a str, &'a str),
    /// `GET .../IotHubs/{name}/certificates`
    ListCertificates(ResourceGroup<'a>, &'a str),
    /// `.../IotHubs/{name}/certificates/{certificate}`
    Certificate(ResourceGroup<'a>, &'a str, &'a str, CertificateCall),
    /// `GET .../IotHubs/{name}/eventHubEndpoints/events/ConsumerGroups`
    ListConsumerGroups(ResourceGroup<'a>, &'a str),
    /// `.../IotHubs/{name}/eventHubEndpoints/events/ConsumerGroups/{group}`
    ConsumerGroup(ResourceGroup<'a>, &'a str, &'a str, ConsumerGroupCall),
    /// `POST .../IotHubs/{name}/routing/routes/$testnew`
    TestRoute(&'a str),
    /// `POST .../IotHubs/{name}/routing/routes/$testall`
    TestAllRoutes(&'a str),
    /// `GET .../IotHubs/{name}/routingEndpointsHealth`
    EndpointHealth(&'a str),
    /// `POST .../IotHubs/{name}/exportDevices`
    Export(&'a str),
    /// `POST .../IotHubs/{name}/importDevices`
    Import(&'a str),
    /// `GET .../IotHubs/{name}/jobs`
    ListTransfers(&'a str),
    /// `GET .../IotHubs/{name}/jobs/{id}`
    GetTransfer(&'a str, &'a str),
    /// `POST .../checkNameAvailability`
    CheckName,
    /// `POST`, `GET`, `DELETE /twinhub/v1/backup`
    Backup(Method),
    /// `GET /twinhub/v1/errors`
    Errors,
    /// `GET /twinhub/v1/settings`
    Settings,
    /// A call that this version does not have.
    NotBuilt(&'static str),
}

/// A call about one consumer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerGroupCall {
    /// `GET`
    Get,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
}

/// A call about one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateCall {
    /// `GET`
    Get,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `POST .../generateVerificationCode`
    GenerateVerificationCode,
    /// `POST .../verify`
    Verify,
}

/// The group that hubs are listed in when only a subscription is named.
const DEFAULT_GROUP: &str = "local";

/// Finds the call; fixed segments match in any case.
pub fn route<'a>(method: &Method, segments: &[&'a str]) -> Result<Operation<'a>, Refusal> {
    let is = |segment: &str, fixed: &str| segment.eq_ignore_ascii_case(fixed);
    let (subscription, rest) = match segments {
        [providers, devices, operations]
            if is(providers, "providers")
                && is(devices, "Microsoft.Devices")
                && is(operations, "operations") =>
        {
            return only(method, &Method::GET, "GET", Operation::Operations);
        }
        segments if is_ours(segments, &BACKUP) => {
            return if super::backup::is_call(method) {
                Ok(Operation::Backup(method.clone()))
            } else {
                Err(Refusal::wrong_method("POST, GET, DELETE"))
            };
        }
        segments if is_ours(segments, &ERRORS) => {
            return only(method, &Method::GET, "GET", Operation::Errors);
        }
        segments if is_ours(segments, &SETTINGS) => {
            return only(method, &Method::GET, "GET", Operation::Settings);
        }
        [subscriptions, subscription, rest @ ..] if is(subscriptions, "subscriptions") => {
            (*subscription, rest)
        }
        _ => return Err(unknown()),
    };
    let (group, rest) = match rest {
        [groups, group, rest @ ..] if is(groups, "resourceGroups") => (Some(*group), rest),
        rest => (None, rest),
    };
    let [providers, devices, rest @ ..] = rest else {
        return Err(unknown());
    };
    if !is(providers, "providers") || !is(devices, "Microsoft.Devices") {
        return Err(unknown());
    }
    let group_or_default = ResourceGroup {
        subscription,
        name: group.unwrap_or(DEFAULT_GROUP),
    };
    match rest {
        [hubs] if is(hubs, "IotHubs") => only(
            method,
            &Method::GET,
            "GET",
            Operation::ListHubs(group_or_default),
        ),
        [check] if is(check, "checkNameAvailability") => {
            only(method, &Method::POST, "POST", Operation::CheckName)
        }
        [usages] if is(usages, "usages") => Ok(Operation::NotBuilt("subscription usages")),
        [hubs, name, rest @ ..] if is(hubs, "IotHubs") && group.is_some() => {
            of_hub(method, group_or_default, name, rest)
        }
        _ => Err(unknown()),
    }
}

fn of_hub<'a>(
    method: &Method,
    group: ResourceGroup<'a>,
    name: &'a str,
    rest: &[&'a str],
) -> Result<Operation<'a>, Refusal> {
    let is = |segment: &str, fixed: &str| segment.eq_ignore_ascii_case(fixed);
    match rest {
        [] => match *method {
            Method::GET => Ok(Operation::GetHub(group, name)),
            Method::PUT => Ok(Operation::PutHub(group, name)),
            Method::DELETE => Ok(Operation::DeleteHub(name)),
            Method::PATCH => Ok(Operation::NotBuilt("tags of hubs")),
            _ => Err(Refusal::wrong_method("GET, PUT, PATCH, DELETE")),
        },
        [list] if is(list, "listkeys") => {
            only(method, &Method::POST, "POST", Operation::ListKeys(name))
        }
        [keys, policy, list] if is(keys, "IotHubKeys") && is(list, "listkeys") => only(
            method,
            &Method::POST,
            "POST",
            Operation::GetKeys(name, policy),
        ),
        [certificates, rest @ ..] if is(certificates, "certificates") => {
            of_certificate(method, group, name, rest)
        }
        [endpoints, endpoint, groups, rest @ ..]
            if is(endpoints, "eventHubEndpoints")
                && is(endpoint, "events")
                && is(groups, "ConsumerGroups") =>
        {
            of_consumer_group(method, group, name, rest)
        }
        [routing, routes, test]
            if is(routing, "routing") && is(routes, "routes") && is(test, "$testnew") =>
        {
            only(method, &Method::POST, "POST", Operation::TestRoute(name))
        }
        [routing, routes, test]
            if is(routing, "routing") && is(routes, "routes") && is(test, "$testall") =>
        {
            only(
                method,
                &Method::POST,
                "POST",
                Operation::TestAllRoutes(name),
            )
        }
        [health] if is(health, "routingEndpointsHealth") => {
            only(method, &Method::GET, "GET", Operation::EndpointHealth(name))
        }
        [export] if is(export, "exportDevices") => {
            only(method, &Method::POST, "POST", Operation::Export(name))
        }
        [import] if is(import, "importDevices") => {
            only(method, &Method::POST, "POST", Operation::Import(name))
        }
        [jobs] if is(jobs, "jobs") => {
            only(method, &Method::GET, "GET", Operation::ListTransfers(name))
        }
        [jobs, id] if is(jobs, "jobs") => only(
            method,
            &Method::GET,
            "GET",
            Operation::GetTransfer(name, id),
        ),
        [feature, ..] => not_built(feature)
            .map(Operation::NotBuilt)
            .ok_or_else(unknown),
    }
}

fn of_consumer_group<'a>(
    method: &Method,
    group: ResourceGroup<'a>,
    hub: &'a str,
    rest: &[&'a str],
) -> Result<Operation<'a>, Refusal> {
    match rest {
        [] => only(
            method,
            &Method::GET,
            "GET",
            Operation::ListConsumerGroups(group, hub),
        ),
        [name] => {
            let call = match *method {
                Method::GET => ConsumerGroupCall::Get,
                Method::PUT => ConsumerGroupCall::Put,
                Method::DELETE => ConsumerGroupCall::Delete,
                _ => return Err(Refusal::wrong_method("GET, PUT, DELETE")),
            };
            Ok(Operation::ConsumerGroup(group, hub, name, call))
        }
        _ => Err(unknown()),
    }
}

fn of_certificate<'a>(
    method: &Method,
    group: ResourceGroup<'a>,
    hub: &'a str,
    rest: &[&'a str],
) -> Result<Operation<'a>, Refusal> {
    let is = |segment: &str, fixed: &str| segment.eq_ignore_ascii_case(fixed);
    match rest {
        [] => only(
            method,
            &Method::GET,
            "GET",
            Operation::ListCertificates(group, hub),
        ),
        [name] => {
            let call = match *method {
                Method::GET => CertificateCall::Get,
                Method::PUT => CertificateCall::Put,
                Method::DELETE => CertificateCall::Delete,
                _ => return Err(Refusal::wrong_method("GET, PUT, DELETE")),
            };
            Ok(Operation::Certificate(group, hub, name, call))
        }
        [name, action] => {
            let call = if is(action, "generateVerificationCode") {
                CertificateCall::GenerateVerificationCode
            } else if is(action, "verify") {
                CertificateCall::Verify
            } else {
                return Err(unknown());
            };
            let operation = Operation::Certificate(group, hub, name, call);
            only(method, &Method::POST, "POST", operation)
        }
        _ => Err(unknown()),
    }
}

fn not_built(segment: &str) -> Option<&'static str> {
    match segment.to_ascii_lowercase().as_str() {
        "skus" => Some("tiers to choose from; set [hub] sku in twinhub.toml"),
        "quotametrics" => Some("quota metrics"),
        "iothubstats" => Some("hub statistics; GET /statistics/devices has them"),
        "failover" => Some("failover"),
        "privateendpointconnections" | "privatelinkresources" => Some("private links"),
        _ => None,
    }
}

fn only<'a>(
    method: &Method,
    allowed: &Method,
    allow: &'static str,
    operation: Operation<'a>,
) -> Result<Operation<'a>, Refusal> {
    if method == allowed {
        Ok(operation)
    } else {
        Err(Refusal::wrong_method(allow))
    }
}

fn unknown() -> Refusal {
    Refusal::new(
        error_codes::GENERIC_NOT_FOUND,
        "the resource provider has nothing at this path",
    )
}
