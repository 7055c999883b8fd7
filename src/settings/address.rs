//! What an address on the network looks like.

use std::net::{IpAddr, Ipv6Addr};

/// Whether `url` is `http://` or `https://` with a host and without a login,
/// query or fragment.
pub(super) fn is_web(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':', '?', '#'])
            && !rest.contains(|c: char| c.is_control() || c.is_whitespace() || c == '@')
            && !rest.contains(['?', '#'])
    })
}

/// Whether whatever is sent to `url` could be read on the way: `http://` to
/// another machine.
pub(super) fn is_exposed(url: &str) -> bool {
    url.strip_prefix("http://").is_some_and(|rest| !is_this_machine(rest))
}

/// Whether an address without its scheme never leaves this machine.
fn is_this_machine(address: &str) -> bool {
    let authority = address.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    let host = host.unwrap_or_default();
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn is_broker(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => {
                match port.strip_prefix(':') {
                    Some(port) => (address, Some(port)),
                    None if port.is_empty() => (address, None),
                    None => return false,
                }
            }
            _ => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    !host.is_empty()
        && host.bytes().all(fits)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::is_broker;

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        for broker in
            ["a:1", "kafka-1.example.org:9092", "kafka", "10.0.0.1:9092", "[::1]:9092", "[::1]"]
        {
            assert!(is_broker(broker), "{broker}");
        }
        for other in [
            "",
            ":1",
            "a:",
            "a:0",
            "a:65536",
            "a b:1",
            "ssl://a:1",
            "u:p@a:1",
            "[::1",
            "[x]:1",
            "[::1]1",
        ] {
            assert!(!is_broker(other), "{other}");
        }
    }
}
