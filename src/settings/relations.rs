//! What several settings must satisfy together.
//!
//! A relation names the keys that it is about; it is silent when one of them has a
//! fault of its own.

use super::address::is_exposed;
use super::kafka::{GroupProtocol, Mechanism, NO_BROKER, Role};
use super::librdkafka;
use super::live::Settings;
use super::reader::{Reader, join};
use super::receivers::{Verify, standard_key};
use super::values::{listed, span_text};
use crate::config::Approver;
use crate::event::Workflow;
use crate::formats::Format;

/// Checks every relation.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    kafka(settings, reader);
    receivers(settings, reader);
    maps(settings, reader);
    groups(settings, reader);
    times(settings, reader);
    for option in settings.kafka.librdkafka.keys() {
        if let Some(why) = librdkafka::refusal(option) {
            reader.contradiction(&[&join("kafka.librdkafka", option)], why);
        }
    }
    encryption(settings, reader);
    login(settings, reader);
    sources(settings, reader);
    profiles(settings, reader);
    oversight(settings, reader);
    alerts(settings, reader);
    alertmanagers(settings, reader);
    http(settings, reader);
}

/// Without brokers nothing else about Kafka has an effect.
fn kafka(settings: &Settings, reader: &mut Reader<'_>) {
    const BROKERS: &str = "kafka.brokers";
    let meant = settings.uses_kafka() || reader.is_given("kafka");
    let receives = settings.kafka.role == Role::Receiver;
    if meant && settings.sources.is_empty() && settings.receivers.is_empty() && !receives {
        let why = "no topic to read; add [[sources]] with topic = \"…\", or [[receivers]]";
        reader.contradiction(&["sources"], why);
    }
    if settings.uses_kafka() {
        if receives && settings.http.listen.is_none() {
            let why = "a receiver takes deliveries through the server; set an address, or another \
                       kafka.role";
            reader.contradiction(&["http.listen", "kafka.role"], why);
        }
        return;
    }
    if settings.http.listen.is_none() {
        let why = "without Kafka, events only come in through the server; set an address, or kafka.brokers";
        reader.contradiction(&["http.listen"], why);
    }
    if reader.is_given("kafka") {
        reader.contradiction(&[BROKERS, "kafka"], NO_BROKER);
    } else if reader.is_given("sources") {
        let why = "topics are read from Kafka; set kafka.brokers, or remove [[sources]]";
        reader.contradiction(&["sources"], why);
    }
}

/// A format that is no other must be a map.
fn maps(settings: &Settings, reader: &mut Reader<'_>) {
    let sources = settings.sources.iter().map(|source| source.format);
    let receivers = settings.receivers.iter().map(|receiver| receiver.format);
    let at = |list: &str, index: usize| join(&format!("{list}[{index}]"), "format");
    let formats: Vec<(String, Format)> = sources
        .enumerate()
        .map(|(index, format)| (at("sources", index), format))
        .chain(receivers.enumerate().map(|(index, format)| (at("receivers", index), format)))
        .filter(|(_, format)| matches!(format, Format::Map(_)))
        .collect();
    if formats.is_empty() {
        return;
    }
    let maps = settings.maps();
    for (key, format) in formats {
        if maps.get(format.as_str()).is_none() {
            let names: Vec<&str> = maps.iter().map(|map| map.name()).collect();
            let why = format!(
                "neither a format nor a map; formats are {}; maps are {}",
                listed("\"", Format::ALL),
                listed("\"", &names)
            );
            reader.contradiction(&[&key, "intake.maps_dir"], why);
        }
    }
}

fn receivers(settings: &Settings, reader: &mut Reader<'_>) {
    let reachable = settings.http.listen.is_some_and(|address| !address.ip().is_loopback());
    for (index, one) in settings.receivers.iter().enumerate() {
        let at = |name| join(&format!("receivers[{index}]"), name);
        let (name, verify, secret) = (at("name"), at("verify"), at("secret"));
        if settings.receivers[..index].iter().any(|other| other.name == one.name) {
            reader.contradiction(&[&name], "this name is listed before; choose another");
        }
        if settings.http.listen.is_none() {
            let why = "the server is off; set http.listen, or remove [[receivers]]";
            reader.contradiction(&[&name, "http.listen"], why);
        }
        let with_secret = one.secret.is_some();
        match one.verify {
            Verify::None if reachable => reader.contradiction(
                &[&verify, "http.listen"],
                "other machines can reach this address, and everybody could deliver events; choose \
                 how a delivery proves who sent it, or listen on 127.0.0.1",
            ),
            Verify::None if with_secret => {
                reader.contradiction(
                    &[&secret, &verify],
                    "nothing uses it; remove it, or set verify",
                );
            }
            Verify::None => {}
            how if !with_secret => {
                let why =
                    format!("missing; verify = \"{how}\" needs it: set secret_file or secret");
                // A file that cannot be read has its own fault.
                reader.contradiction(&[&secret, &at("secret_file"), &verify], why);
            }
            Verify::StandardWebhooks => {
                let secrets = [("secret", &one.secret), ("second_secret", &one.second_secret)];
                for (key, secret) in secrets {
                    if secret.as_ref().is_some_and(|it| standard_key(it.reveal()).is_none()) {
                        let why = "not a secret of Standard Webhooks; write whsec_ and 16 bytes or more in Base64";
                        reader.contradiction(&[&at(key)], why);
                    }
                }
            }
            _ => {}
        }
        for (key, of, given) in [
            ("username", Verify::Basic, one.username.is_some()),
            ("header", Verify::Hmac, one.header.is_some()),
        ] {
            let key = at(key);
            if one.verify == of && !given {
                reader.contradiction(
                    &[&key, &verify],
                    format!("missing; verify = \"{of}\" needs it"),
                );
            } else if one.verify != of && given {
                let why = format!("only verify = \"{of}\" uses it; remove it");
                reader.contradiction(&[&key, &verify], why);
            }
        }
    }
}

/// What the protocol of KIP-848 leaves to the brokers, and what it does not promise.
fn groups(settings: &Settings, reader: &mut Reader<'_>) {
    const PROTOCOL: &str = "kafka.group_protocol";
    const SESSION: &str = "kafka.session_timeout";
    if settings.kafka.group_protocol == GroupProtocol::Classic {
        return;
    }
    if reader.is_given(SESSION) {
        let why = format!(
            "with {PROTOCOL} = \"consumer\" the brokers say how long a session is: remove it, and set \
             consumer.session.timeout.ms of the groups, or group.consumer.session.timeout.ms of \
             the brokers"
        );
        reader.contradiction(&[SESSION, PROTOCOL], why);
    }
    if let Some(index) = settings.sources.iter().position(|source| source.prekeyed) {
        let why = format!(
            "a prekeyed source needs the same partition of several topics in one worker, which \
             {PROTOCOL} = \"consumer\" does not promise while partitions move; set \
             {PROTOCOL} = \"classic\", or prekeyed = false"
        );
        reader.contradiction(&[&format!("sources[{index}].prekeyed"), PROTOCOL], why);
    }
}

fn times(settings: &Settings, reader: &mut Reader<'_>) {
    const TRANSACTION: &str = "kafka.transaction_timeout";
    let kafka = &settings.kafka;
    let classic = kafka.group_protocol == GroupProtocol::Classic;
    if classic && kafka.transaction_timeout >= kafka.session_timeout {
        reader.contradiction(
            &[TRANSACTION, "kafka.session_timeout"],
            format!(
                "must be shorter than kafka.session_timeout ({}), so that a process that takes over \
                 never waits for an open transaction; lower it, or raise kafka.session_timeout",
                span_text(kafka.session_timeout)
            ),
        );
    }
    if kafka.commit_interval + kafka.commit_interval >= kafka.transaction_timeout {
        reader.contradiction(
            &["kafka.commit_interval", TRANSACTION],
            format!(
                "must be shorter than half of {TRANSACTION} ({}), or transactions time out before \
                 they are committed; lower it, or raise {TRANSACTION}",
                span_text(kafka.transaction_timeout)
            ),
        );
    }
}

fn encryption(settings: &Settings, reader: &mut Reader<'_>) {
    const PROTOCOL: &str = "kafka.security.protocol";
    const CERTIFICATE: &str = "kafka.security.certificate_file";
    const KEY: &str = "kafka.security.key_file";
    const PASSWORD: &str = "kafka.security.key_password";
    let protocol = settings.kafka.security.protocol;
    if !protocol.is_encrypted() {
        for key in ["kafka.security.ca_file", CERTIFICATE, KEY, PASSWORD] {
            if reader.is_given(key) {
                reader.contradiction(
                    &[key, PROTOCOL],
                    format!(
                        "it has no effect without encryption; set {PROTOCOL} to \"ssl\" or \
                         \"sasl_ssl\", or remove it"
                    ),
                );
            }
        }
        return;
    }
    for (given, missing) in [(CERTIFICATE, KEY), (KEY, CERTIFICATE), (PASSWORD, KEY)] {
        if reader.is_given(given) && !reader.is_given(missing) {
            reader.contradiction(
                &[given, missing],
                format!("it needs {missing}; set that as well, or remove it"),
            );
        }
    }
}

fn login(settings: &Settings, reader: &mut Reader<'_>) {
    const PROTOCOL: &str = "kafka.security.protocol";
    const SASL: &str = "kafka.security.sasl";
    let with_login = settings.kafka.security.protocol.has_login();
    let Some(sasl) = &settings.kafka.security.sasl else {
        if with_login && !reader.is_given(SASL) {
            reader.contradiction(&[PROTOCOL], "it needs a login; add [kafka.security.sasl]");
        }
        return;
    };
    if !with_login {
        reader.contradiction(
            &[SASL, PROTOCOL],
            format!(
                "it has no effect without a login; set {PROTOCOL} to \"sasl_ssl\", or remove it"
            ),
        );
        return;
    }
    let mechanism = sasl.mechanism;
    let password = &["username", "password"][..];
    let token = &["client_id", "client_secret", "token_endpoint_url"][..];
    let (needed, useless) = match mechanism {
        Mechanism::OauthBearer => (token, password),
        _ => (password, &["client_id", "client_secret", "token_endpoint_url", "scope"][..]),
    };
    let at = |name: &str| join(SASL, name);
    for key in needed.iter().map(|name| at(name)) {
        let empty = (key.ends_with("username") && sasl.username.as_deref() == Some(""))
            || (key.ends_with("client_id") && sasl.client_id.as_deref() == Some(""));
        if empty || !reader.is_given(&key) {
            reader
                .contradiction(&[&key, &at("mechanism")], format!("missing; {mechanism} needs it"));
        }
    }
    for key in useless.iter().map(|name| at(name)) {
        if reader.is_given(&key) {
            reader.contradiction(
                &[&key, &at("mechanism")],
                format!("{mechanism} does not use it; remove it"),
            );
        }
    }
}

fn sources(settings: &Settings, reader: &mut Reader<'_>) {
    let sources = &settings.sources;
    for (index, source) in sources.iter().enumerate() {
        let key = format!("sources[{index}].topic");
        if settings.topics.all().any(|(_, own)| own == source.topic) {
            reader.contradiction(
                &[&key, "topics.prefix"],
                "shutterlag writes this topic itself; name another topic, or choose another \
                 topics.prefix",
            );
        } else if sources[..index].iter().any(|other| other.topic == source.topic) {
            reader.contradiction(&[&key], "this topic is listed before; remove one of the two");
        }
    }
}

fn profiles(settings: &Settings, reader: &mut Reader<'_>) {
    for workflow in Workflow::ALL {
        let profile = settings.profiles.get(*workflow);
        let (soon, overdue, likely) =
            (profile.review_due_soon, profile.targets.in_time, profile.targets.late);
        if soon >= overdue || overdue >= likely {
            let why = format!(
                "review_due_soon ({}) must be shorter than in_time ({}), and that shorter \
                 than late ({})",
                span_text(soon),
                span_text(overdue),
                span_text(likely)
            );
            let table = format!("profiles.{workflow}");
            let keys = ["review_due_soon", "in_time", "late"];
            let [a, b, c] = keys.map(|key| join(&table, key));
            reader.contradiction(&[&table, &a, &b, &c], why);
        }
    }
}

fn oversight(settings: &Settings, reader: &mut Reader<'_>) {
    for workflow in Workflow::ALL {
        let by_group = settings.profiles.get(*workflow).approver == Approver::Group;
        if by_group && settings.owners.0.is_empty() {
            let why = "no group has members, so nobody would be checked; add [owners]";
            reader.contradiction(&[&format!("profiles.{workflow}.approver"), "owners"], why);
        }
    }
    if let Err(fault) = settings.oversight.validate() {
        let key = if fault.field == "aliases" { "oversight.aliases" } else { "oversight" };
        reader.contradiction(&[key], fault.rule);
    }
}

fn alerts(settings: &Settings, reader: &mut Reader<'_>) {
    let alerts = &settings.alerts;
    let resend = alerts.resend_interval;
    if alerts.ends_after < resend + resend + resend {
        reader.contradiction(
            &["alerts.ends_after", "alerts.resend_interval"],
            format!(
                "a few lost pushes would end an alert; set it to three times \
                 alerts.resend_interval ({}) or more",
                span_text(resend)
            ),
        );
    }
    for index in 0..alerts.rules.len() {
        let key = format!("alerts.rules[{index}]");
        if !reader.is_given(&join(&key, "push")) && !reader.is_given(&join(&key, "urgency")) {
            reader.contradiction(&[&key], "the rule changes nothing; set push = false, or urgency");
        }
    }
}

fn alertmanagers(settings: &Settings, reader: &mut Reader<'_>) {
    let all = &settings.alerts.alertmanagers;
    for (index, one) in all.iter().enumerate() {
        let at = |name| join(&format!("alerts.alertmanagers[{index}]"), name);
        let (url, ca_file) = (at("url"), at("ca_file"));
        let (token, username, password) = (at("bearer_token"), at("username"), at("password"));
        if all[..index].iter().any(|other| other.url == one.url) {
            reader.contradiction(&[&url], "this address is listed before; remove one of the two");
        }
        if one.ca_file.is_some() && one.url.starts_with("http://") {
            reader.contradiction(&[&ca_file, &url], "it has no effect without https://; remove it");
        }
        let given = |key: &String| reader.is_given(key);
        let (with_token, with_user, with_password) =
            (given(&token), given(&username), given(&password));
        if with_token && (with_user || with_password) {
            reader.contradiction(
                &[&token, &username, &password],
                "username or password is set as well; remove one of the two logins",
            );
        } else if with_user && !with_password {
            reader
                .contradiction(&[&username], "it needs password or password_file; set one of them");
        } else if with_password && !with_user {
            reader.contradiction(&[&password], "it needs username; set that as well");
        }
        if one.login().is_some() && is_exposed(&one.url) {
            reader.contradiction(
                &[&url],
                "the login would be sent unencrypted; write https://, or remove the login",
            );
        }
    }
}

fn http(settings: &Settings, reader: &mut Reader<'_>) {
    let reachable = settings.http.listen.is_some_and(|address| !address.ip().is_loopback());
    if reachable && !reader.is_given("http.token") {
        reader.contradiction(
            &["http.listen"],
            "other machines can reach this address; set token_file or token, or listen on 127.0.0.1",
        );
    }
    const CERTIFICATE: &str = "http.certificate_file";
    const KEY: &str = "http.key_file";
    for (given, missing) in [(CERTIFICATE, KEY), (KEY, CERTIFICATE)] {
        if reader.is_given(given) && !reader.is_given(missing) {
            let why = format!("it needs {missing}; set that as well, or remove it");
            reader.contradiction(&[given, missing], why);
        }
    }
}
