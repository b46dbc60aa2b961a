//! The sockets that the hub listens on.
//!
//! All are bound before the hub says that it is ready. One that can't be
//! bound is told with what to do about it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that wait to be accepted: a whole fleet returns at once after
/// a restart.
const BACKLOG: i32 = 4096;

/// A port of the hub, by its setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// `https`: the setting is `ports.https`, the option `--https-port`.
    pub name: &'static str,
    /// The number; 0 takes any free one.
    pub number: u16,
}

/// The sockets of one port, one for each address.
#[derive(Debug)]
pub struct Listeners {
    /// Bound and listening.
    pub sockets: Vec<TcpListener>,
    /// The number that was bound.
    pub port: u16,
    /// Default addresses that this machine doesn't have.
    pub passed_over: Vec<IpAddr>,
}

/// Why a port can't be bound.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Someone listens there.
    #[error(
        "{address} ({name}) is in use by another program: stop it (`ss -ltnp 'sport = :{}'` tells which it is), or move the port with --{name}-port",
        address.port()
    )]
    InUse {
        /// The address and port.
        address: SocketAddr,
        /// The port's name.
        name: &'static str,
    },
    /// The account may not use the port.
    #[error(
        "this account may not listen on {address} ({name}): run `sudo setcap cap_net_bind_service=+ep $(command -v twinhub)`, or `sudo sysctl net.ipv4.ip_unprivileged_port_start={}`, or move the port with --{name}-port (SDKs know only the usual one)",
        address.port()
    )]
    NotAllowed {
        /// The address and port.
        address: SocketAddr,
        /// The port's name.
        name: &'static str,
    },
    /// The address belongs to another machine.
    #[error("this machine has no address {0}: correct --listen, or write 0.0.0.0 or :: for all")]
    NoSuchAddress(IpAddr),
    /// Anything else.
    #[error("could not listen on {address} ({name})")]
    Other {
        /// The address and port.
        address: SocketAddr,
        /// The port's name.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Binds one port on every address. Must be called within a tokio runtime.
///
/// With `by_default`, an IPv6 loopback that the machine lacks is passed over:
/// nobody asked for it.
pub fn bind(addresses: &[IpAddr], port: Port, by_default: bool) -> Result<Listeners, ListenError> {
    let mut listeners = Listeners {
        sockets: Vec::new(),
        port: port.number,
        passed_over: Vec::new(),
    };
    for &ip in addresses {
        let address = SocketAddr::new(ip, listeners.port);
        match bind_one(address) {
            Ok((socket, bound)) => {
                listeners.sockets.push(socket);
                // One number for all addresses, also when any would do.
                listeners.port = bound;
            }
            Err(error) if by_default && ip.is_ipv6() && is_missing(&error) => {
                listeners.passed_over.push(ip);
            }
            Err(error) => return Err(refusal(error, address, port.name)),
        }
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // So that :: and 0.0.0.0 can be named side by side.
        socket.set_only_v6(true)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || is_unknown_family(error)
}

/// The system was built or started without IPv6.
fn is_unknown_family(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = if cfg!(target_os = "linux") { 97 } else { 47 };
    cfg!(unix) && error.raw_os_error() == Some(EAFNOSUPPORT)
}

fn refusal(source: io::Error, address: SocketAddr, name: &'static str) -> ListenError {
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address, name },
        io::ErrorKind::PermissionDenied => ListenError::NotAllowed { address, name },
        _ if is_missing(&source) => ListenError::NoSuchAddress(address.ip()),
        _ => ListenError::Other {
            address,
            name,
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Port = Port {
        name: "https",
        number: 0,
    };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn every_address_gets_the_same_port() {
        let listeners = bind(&[ip("127.0.0.1"), ip("127.0.0.2")], ANY, false).unwrap();

        let ports: Vec<u16> = listeners
            .sockets
            .iter()
            .map(|socket| socket.local_addr().unwrap().port())
            .collect();
        assert_eq!(ports, [listeners.port, listeners.port]);
        assert_ne!(listeners.port, 0);
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_with_the_option_that_moves_it() {
        let first = bind(&[ip("127.0.0.1")], ANY, false).unwrap();
        let port = Port {
            name: "mqtts",
            number: first.port,
        };

        let refused = bind(&[ip("127.0.0.1")], port, false).unwrap_err();

        assert!(matches!(refused, ListenError::InUse { name: "mqtts", .. }));
        assert!(refused.to_string().contains("--mqtts-port"));
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused() {
        let refused = bind(&[ip("192.0.2.1")], ANY, true).unwrap_err();

        assert!(
            matches!(refused, ListenError::NoSuchAddress(address) if address == ip("192.0.2.1"))
        );
    }

    #[tokio::test]
    async fn a_missing_ipv6_address_is_passed_over_only_by_default() {
        // No machine has an address of the documentation prefix.
        let addresses = [ip("127.0.0.1"), ip("2001:db8::1")];

        let tolerated = bind(&addresses, ANY, true).unwrap();
        let refused = bind(&addresses, ANY, false);

        assert_eq!(tolerated.sockets.len(), 1);
        assert_eq!(tolerated.passed_over, [ip("2001:db8::1")]);
        assert!(refused.is_err());
    }

    #[test]
    fn a_privileged_port_is_refused_with_the_three_ways_out() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);

        let refused = refusal(error, "127.0.0.1:443".parse().unwrap(), "https").to_string();

        for way in ["setcap", "ip_unprivileged_port_start=443", "--https-port"] {
            assert!(refused.contains(way), "{refused}");
        }
    }
}
