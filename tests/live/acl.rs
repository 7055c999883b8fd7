//! Rights on a broker.
//!
//! librdkafka can set them and its Rust binding cannot, so that the one request
//! it takes (`CreateAcls`, version 1) is written here byte by byte.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::broker::Broker;

/// What a right is about; the number is the protocol's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resource {
    Topic = 2,
    Group = 3,
    TransactionalId = 5,
}

/// What may be done; the number is the protocol's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Read = 3,
    Write = 4,
    Create = 5,
    Describe = 8,
    DescribeConfigs = 10,
}

/// A right of a user on everything whose name begins with `prefix`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Right<'r> {
    pub(crate) resource: Resource,
    pub(crate) prefix: &'r str,
    pub(crate) operation: Operation,
}

/// Gives a user rights.
pub(crate) fn allow(broker: &Broker, user: &str, rights: &[Right<'_>]) {
    const CREATE_ACLS: i16 = 30;
    const VERSION: i16 = 1;
    const PREFIXED: u8 = 4;
    const ALLOW: u8 = 3;
    let mut request = Vec::new();
    request.extend(CREATE_ACLS.to_be_bytes());
    request.extend(VERSION.to_be_bytes());
    request.extend(7_i32.to_be_bytes());
    text(&mut request, "shutterlag-tests");
    request.extend((rights.len() as i32).to_be_bytes());
    for right in rights {
        request.push(right.resource as u8);
        text(&mut request, right.prefix);
        request.push(PREFIXED);
        text(&mut request, &format!("User:{user}"));
        text(&mut request, "*");
        request.push(right.operation as u8);
        request.push(ALLOW);
    }
    let mut stream = TcpStream::connect(broker.address()).unwrap();
    stream.write_all(&(request.len() as i32).to_be_bytes()).unwrap();
    stream.write_all(&request).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; i32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).unwrap();
    // Correlation and throttling, the number of results, then a code and an
    // empty message for each.
    let results = &answer[12..];
    assert_eq!(answer[8..12], (rights.len() as i32).to_be_bytes());
    assert_eq!(results, vec![0; 4 * rights.len()], "{user} {rights:?}");
}

fn text(request: &mut Vec<u8>, text: &str) {
    request.extend((text.len() as i16).to_be_bytes());
    request.extend(text.as_bytes());
}
