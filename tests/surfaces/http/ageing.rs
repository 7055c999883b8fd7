//! Connections that have lasted long enough.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use shutterlag::metrics::Receivers as Figures;
use shutterlag::runtime::http::{EVENTS, Options, Receivers};
use shutterlag::runtime::receive::{Deliveries, Taken};

use super::client::{connect, get};
use super::made::{options, served, shown, start};

/// Long enough that a slow machine comes to the first question within it.
const LASTS: Duration = Duration::from_secs(2);

fn short_lived() -> Options {
    let mut options = options(None);
    options.connection_within = LASTS;
    options.answer_within = LASTS;
    options
}

/// The head of the next answer, whose body is left out.
fn answer(client: &mut BufReader<TcpStream>) -> String {
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let begun = head.len();
        assert!(client.read_line(&mut head).unwrap() > 0, "the connection ended: {head:?}");
        if let Some(stated) = head[begun..].to_lowercase().strip_prefix("content-length: ") {
            length = stated.trim().parse().unwrap();
        }
    }
    client.read_exact(&mut vec![0; length]).unwrap();
    head.to_lowercase()
}

#[test]
fn a_client_is_told_before_its_connection_ends() {
    let made = start(short_lived());
    let mut client = BufReader::new(connect(made.address()));
    let ask = |client: &mut BufReader<TcpStream>| {
        client.get_mut().write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        answer(client)
    };
    assert!(!ask(&mut client).contains("connection: close"));
    // Between two requests its time is up. A request may be on its way already.
    thread::sleep(LASTS + LASTS / 3);
    let last = ask(&mut client);
    assert!(last.starts_with("http/1.1 200 "), "{last}");
    assert!(last.contains("connection: close"), "{last}");
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "it goes on");
}

#[test]
fn a_client_that_says_nothing_more_is_sent_away() {
    let mut options = short_lived();
    options.connections_max = 1;
    let made = start(options);
    let mut client = connect(made.address());
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "it goes on");
    get(made.address(), "/healthz").is(200);
}

#[test]
fn a_delivery_under_way_is_taken_whatever_the_age_of_its_connection() {
    let mut shown = shown(10);
    let figures = Figures::register(&shown.metrics, &[EVENTS.to_owned()]).unwrap();
    let (queue, deliveries) = Deliveries::new(vec![EVENTS.to_owned()], 10);
    shown.receivers = Some(Arc::new(Receivers::new(&[], queue, figures).unwrap()));
    let made = served(short_lived(), shown);
    thread::scope(|scope| {
        scope.spawn(|| {
            let Ok(delivery) = deliveries.recv_timeout(Duration::from_secs(60)) else { return };
            assert_eq!(delivery.received.body, b"half and half");
            delivery.answer.send(Ok(Taken::default())).unwrap();
        });
        let mut client = BufReader::new(connect(made.address()));
        let head =
            b"POST /in/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n\r\nhalf ";
        client.get_mut().write_all(head).unwrap();
        thread::sleep(LASTS * 3);
        client.get_mut().write_all(b"and half").unwrap();
        let head = answer(&mut client);
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        assert!(head.contains("connection: close"), "{head}");
    });
}
