//! A run with a certificate: what it says, and how it answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Arc;

use base64::Engine as _;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::equal::column;
use crate::process::Place;

fn pem(kind: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
}

#[test]
fn deliveries_come_over_https() {
    let place = Place::new("http.certificate_file = \"own.pem\"\nhttp.key_file = \"own.key\"\n");
    assert!(place.refuses().contains("http.certificate_file: the file cannot be read"));
    for name in ["own.pem", "own.key"] {
        std::fs::write(place.path(name), "no certificate").unwrap();
    }
    let says = place.refuses();
    assert!(says.contains("own.pem: no PEM certificate"), "{says}");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(place.path("own.pem"), pem("CERTIFICATE", made.cert.der())).unwrap();
    std::fs::write(place.path("own.key"), pem("PRIVATE KEY", &made.signing_key.serialize_der()))
        .unwrap();

    let mut command = place.command(&["run", "--config", "shutterlag.toml"]);
    let mut program = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let address = loop {
        let line = lines.next().unwrap().unwrap();
        if let Some((_, rest)) = line.split_once("the board      https://") {
            break rest.trim_end_matches('/').to_owned();
        }
    };
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(config, name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(&address).unwrap());
    let body =
        r#"{"id":"1","type":"leak.detected","time":"2026-03-02T12:00:00Z","credential_id":"a"}"#;
    let request = format!(
        "POST /in/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(column(&place, "SELECT credential_id FROM events"), ["a"]);
}
