//! HTTPS: who is served, and what a new certificate changes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use shutterlag::runtime::http::Tls;

use super::client::connect;
use super::made::{options, start};

const SOON: Duration = Duration::from_secs(10);

fn pem(kind: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
}

/// A new certificate of the server, in its files; what a client has to trust.
fn renew(directory: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("certificate.pem"), pem("CERTIFICATE", made.cert.der())).unwrap();
    std::fs::write(
        directory.join("key.pem"),
        pem("PRIVATE KEY", &made.signing_key.serialize_der()),
    )
    .unwrap();
    made.cert.der().clone()
}

/// The connection of a client that trusts this certificate alone.
fn trusting(
    address: SocketAddr,
    certificate: &CertificateDer<'static>,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), connect(address))
}

/// Asks whether the server is well; `None` when the client does not trust it.
fn healthz(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> Option<String> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
    let (mut answer, mut part) = (String::new(), [0; 1024]);
    while !answer.contains("\"healthy\"") {
        let count = stream.read(&mut part).ok().filter(|count| *count > 0)?;
        answer.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    Some(answer)
}

#[test]
fn a_renewed_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let first = renew(directory.path());
    let mut options = options(None);
    let files = ["certificate.pem", "key.pem"].map(|name| directory.path().join(name));
    options.tls = Some(Tls::load(&files[0], &files[1]).unwrap());
    options.tls_reload_every = Duration::from_millis(20);
    let made = start(options);
    let mut old = trusting(made.address(), &first);
    assert!(healthz(&mut old).unwrap().starts_with("HTTP/1.1 200"));
    // Plain HTTP is not answered, and who trusts another certificate does not ask.
    let mut plain = connect(made.address());
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1"), "{answer:?}");

    let second = renew(directory.path());
    let began = Instant::now();
    while healthz(&mut trusting(made.address(), &second)).is_none() {
        assert!(began.elapsed() < SOON, "the new certificate is not used");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(healthz(&mut trusting(made.address(), &first)), None);
    assert!(healthz(&mut old).unwrap().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_client_that_does_not_agree_on_tls_is_cut_off_and_holds_nobody_up() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = renew(directory.path());
    let mut options = options(None);
    let files = ["certificate.pem", "key.pem"].map(|name| directory.path().join(name));
    options.tls = Some(Tls::load(&files[0], &files[1]).unwrap());
    options.head_within = Duration::from_millis(500);
    let made = start(options);
    let mut silent: Vec<TcpStream> = (0..50).map(|_| connect(made.address())).collect();
    assert!(healthz(&mut trusting(made.address(), &certificate)).is_some());
    for stream in &mut silent {
        // Nothing was said; the connection ends.
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
    }
}
