//! Checks of encryption and login: what belongs together is there, and what
//! would be ignored is refused.

use std::net::IpAddr;

use super::Check;
use crate::settings::file::{SaslTable, SecurityTable};
use crate::settings::value::Word;
use crate::settings::{Mechanism, Protocol, Sasl, Security};

const SECURITY: [&str; 2] = ["kafka", "security"];

/// The key of a login's part.
const fn login(name: &str) -> [&str; 4] {
    [SECURITY[0], SECURITY[1], "sasl", name]
}

impl Check<'_> {
    pub(super) fn security(&mut self, table: &SecurityTable) -> Security {
        let protocol = table.protocol.map_or(Protocol::default(), |Word(protocol)| protocol);
        let encrypted = matches!(protocol, Protocol::Ssl | Protocol::SaslSsl);
        for (name, given) in [
            ("ca_file", table.ca_file.is_some()),
            ("certificate_file", table.certificate_file.is_some()),
            ("key_file", table.key_file.is_some()),
            ("key_password", table.key_password.is_some()),
            ("key_password_file", table.key_password_file.is_some()),
        ] {
            if given && !encrypted {
                self.fault(
                    &[SECURITY[0], SECURITY[1], name],
                    "of no use without encryption; set kafka.security.protocol to \"ssl\" or \
                     \"sasl_ssl\", or remove it",
                );
            }
        }
        let mut path = |name, given: &Option<_>| {
            self.path(
                &[SECURITY[0], SECURITY[1], name],
                Option::<std::path::PathBuf>::as_deref(given),
            )
        };
        let ca_file = path("ca_file", &table.ca_file);
        let certificate_file = path("certificate_file", &table.certificate_file);
        let key_file = path("key_file", &table.key_file);
        let key_password = self.secret(
            &[SECURITY[0], SECURITY[1], "key_password"],
            table.key_password.as_ref(),
            table.key_password_file.as_deref(),
        );
        if certificate_file.is_some() != key_file.is_some() {
            self.fault(&SECURITY, "certificate_file and key_file belong together; set both");
        }
        if key_password.is_some() && key_file.is_none() {
            self.fault(
                &[SECURITY[0], SECURITY[1], "key_password"],
                "there is no key_file that it could open; set one, or remove it",
            );
        }
        let with_login = matches!(protocol, Protocol::SaslPlaintext | Protocol::SaslSsl);
        let sasl = match &table.sasl {
            Some(sasl) if with_login => self.sasl(sasl),
            Some(_) => {
                self.fault(
                    &["kafka", "security", "sasl"],
                    "of no use without a login; set kafka.security.protocol to \"sasl_ssl\", or \
                     remove it",
                );
                None
            }
            None if with_login => {
                self.fault(
                    &["kafka", "security", "protocol"],
                    "asks for a login; add [kafka.security.sasl]",
                );
                None
            }
            None => None,
        };
        Security { protocol, ca_file, certificate_file, key_file, key_password, sasl }
    }

    fn sasl(&mut self, table: &SaslTable) -> Option<Sasl> {
        let password = self.secret(
            &login("password"),
            table.password.as_ref(),
            table.password_file.as_deref(),
        );
        let client_secret = self.secret(
            &login("client_secret"),
            table.client_secret.as_ref(),
            table.client_secret_file.as_deref(),
        );
        let Some(Word(mechanism)) = table.mechanism else {
            let known: Vec<_> = Mechanism::ALL.iter().map(|word| format!("\"{word}\"")).collect();
            self.fault(
                &login("mechanism")[..3],
                format!("no mechanism; set mechanism to one of {}", known.join(", ")),
            );
            return None;
        };
        let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let password_given = table.password.is_some() || table.password_file.is_some();
        let secret_given = table.client_secret.is_some() || table.client_secret_file.is_some();
        let by_name = [("username", given(&table.username)), ("password", password_given)];
        let by_token = [
            ("client_id", given(&table.client_id)),
            ("client_secret", secret_given),
            ("token_endpoint_url", given(&table.token_endpoint_url)),
        ];
        let scope = ("scope", table.scope.is_some());
        let (needed, other): (&[_], &[_]) = match mechanism {
            Mechanism::OauthBearer => (&by_token, &by_name),
            _ => (&by_name, &[by_token[0], by_token[1], by_token[2], scope]),
        };
        for (name, _) in needed.iter().filter(|(_, given)| !given) {
            self.fault(&login(name), format!("missing; {mechanism} needs it"));
        }
        for (name, _) in other.iter().filter(|(_, given)| *given) {
            self.fault(&login(name), format!("{mechanism} has no use for it; remove it"));
        }
        if let Some(url) = &table.token_endpoint_url {
            let web = url.starts_with("https://") || url.starts_with("http://");
            if !web || url.contains('@') || url.contains(|c: char| c.is_control() || c == ' ') {
                self.fault(
                    &login("token_endpoint_url"),
                    "write an https:// address without a login; that goes into client_id and \
                     client_secret",
                );
            } else if url.strip_prefix("http://").is_some_and(|rest| !is_this_machine(rest)) {
                self.fault(
                    &login("token_endpoint_url"),
                    "the secret would go through the network unencrypted; write https://, or                      http:// with localhost, 127.0.0.1 or [::1]",
                );
            }
        }
        Some(Sasl {
            mechanism,
            username: table.username.clone(),
            password,
            client_id: table.client_id.clone(),
            client_secret,
            token_endpoint_url: table.token_endpoint_url.clone(),
            scope: table.scope.clone(),
        })
    }
}

/// Whether an address, without its scheme, is one that never leaves this machine.
pub(super) fn is_this_machine(address: &str) -> bool {
    let authority = address.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    let host = host.unwrap_or_default();
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
