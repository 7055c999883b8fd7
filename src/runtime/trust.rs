//! How we ask web servers, and the authorities that their certificates are checked against.

use std::path::Path;
use std::sync::Arc;

use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;
use ureq::{Agent, Proxy};

use crate::time::Span;

/// Why there are no authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoTrust {
    /// The file with authorities' certificates cannot be used.
    File(String),
    /// There is no file, and the system has none.
    Nobody,
}

/// Who may be between us and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// Nobody.
    Nobody,
    /// The proxy that the environment names, if it names one and TLS keeps it from reading.
    Proxy,
}

/// What asks the server at `url`: with TLS, except for `http://`; it follows no redirect, and gives
/// up after `within`.
pub(crate) fn asking(
    url: &str,
    ca_file: Option<&Path>,
    between: Between,
    within: Span,
) -> Result<ConfigBuilder<AgentScope>, NoTrust> {
    let plain = url.starts_with("http://");
    let proxy = if plain || between == Between::Nobody { None } else { Proxy::try_from_env() };
    let config = Agent::config_builder()
        .https_only(!plain)
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent("shutterlag")
        .proxy(proxy)
        .timeout_global(Some(within.to_std()));
    Ok(if plain { config } else { config.tls_config(tls(ca_file)?) })
}

/// TLS that trusts the system's authorities and those in `ca_file`.
fn tls(ca_file: Option<&Path>) -> Result<TlsConfig, NoTrust> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(authorities(ca_file)?)
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

fn authorities(ca_file: Option<&Path>) -> Result<RootCerts, NoTrust> {
    let system = rustls_native_certs::load_native_certs();
    let mut trusted: Vec<Certificate<'static>> =
        system.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    if let Some(file) = ca_file {
        let pem = std::fs::read(file).map_err(|error| NoTrust::File(error.to_string()))?;
        let before = trusted.len();
        for item in ureq::tls::parse_pem(&pem) {
            let item = item.map_err(|_| NoTrust::File("not PEM".to_owned()))?;
            if let PemItem::Certificate(one) = item {
                trusted.push(one);
            }
        }
        if trusted.len() == before {
            return Err(NoTrust::File("there is no certificate in it".to_owned()));
        }
    }
    if trusted.is_empty() { Err(NoTrust::Nobody) } else { Ok(RootCerts::from(trusted)) }
}

/// The TLS error behind an error of reading.
pub(crate) fn objection(error: &std::io::Error) -> Option<String> {
    error.get_ref()?.downcast_ref::<rustls::Error>().map(ToString::to_string)
}
