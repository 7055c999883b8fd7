//! The configuration file as it is written: tables and keys, nothing checked
//! but names and types.
//!
//! Invariant: a key that is not here is refused with the names that are. The
//! same types write a configuration out, so what is printed can be read again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Secret;
use super::value::{Curve, Listen, RawOptions, SpanText, Whole, Word};
use super::{Delivery, LogFormat, Mechanism, PeopleShown, Protocol, Start};
use crate::engine::alerts::{Alert, Urgency};
use crate::event::{Severity, Workflow};
use crate::formats::Format;

/// Declares tables whose keys are all optional: what is missing is told when
/// the whole is known, since the environment may add it.
macro_rules! tables {
    ($($(#[$meta:meta])* $name:ident { $($key:ident: $type:ty),+ $(,)? })+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, Default, Deserialize, Serialize)]
            #[serde(deny_unknown_fields, default)]
            pub(super) struct $name { $(pub(super) $key: Option<$type>),+ }
        )+
    };
}

tables! {
    /// The whole file.
    File {
        kafka: KafkaTable,
        topics: TopicsTable,
        sources: Vec<SourceTable>,
        intake: IntakeTable,
        windows: WindowsTable,
        oversight: OversightTable,
        profiles: BTreeMap<Word<Workflow>, ProfileTable>,
        attackers: BTreeMap<String, Curve>,
        limits: LimitsTable,
        alerts: AlertsTable,
        people: PeopleTable,
        http: HttpTable,
        log: LogTable,
    }

    /// `[kafka]`
    KafkaTable {
        brokers: String,
        group: String,
        instance: String,
        start: Word<Start>,
        delivery: Word<Delivery>,
        commit_interval: SpanText,
        session_timeout: SpanText,
        transaction_timeout: SpanText,
        startup_timeout: SpanText,
        shutdown_timeout: SpanText,
        security: SecurityTable,
        librdkafka: RawOptions,
    }

    /// `[kafka.security]`
    SecurityTable {
        protocol: Word<Protocol>,
        ca_file: PathBuf,
        certificate_file: PathBuf,
        key_file: PathBuf,
        key_password: Secret,
        key_password_file: PathBuf,
        sasl: SaslTable,
    }

    /// `[kafka.security.sasl]`
    SaslTable {
        mechanism: Word<Mechanism>,
        username: String,
        password: Secret,
        password_file: PathBuf,
        client_id: String,
        client_secret: Secret,
        client_secret_file: PathBuf,
        token_endpoint_url: String,
        scope: String,
    }

    /// `[topics]`
    TopicsTable {
        prefix: String,
        create: bool,
        partitions: Whole,
        replication_factor: Whole,
    }

    /// One of `[[sources]]`
    SourceTable {
        topic: String,
        format: Word<Format>,
        prekeyed: bool,
    }

    /// `[intake]`
    IntakeTable {
        workers: Whole,
    }

    /// `[windows]`
    WindowsTable {
        workers: Whole,
        settle: SpanText,
        skew_tolerance: SpanText,
        orphan_timeout: SpanText,
        events_per_window: Whole,
        undetected_credentials: Whole,
        credentials: Whole,
        credential_bytes: Whole,
    }

    /// `[oversight]`
    OversightTable {
        delay: SpanText,
        batch_hold: SpanText,
        paging_decisions: Whole,
        false_discovery_percent: Whole,
        all_truths: bool,
        reviewers: Whole,
        small_group: Whole,
        aliases: BTreeMap<String, String>,
    }

    /// One of `[profiles.<workflow>]`
    ProfileTable {
        review_due_soon: SpanText,
        review_overdue: SpanText,
        attacker_likely: SpanText,
        containment_limit: SpanText,
        expects_opening: bool,
    }

    /// `[limits]`
    LimitsTable {
        record_bytes: Whole,
        depth: Whole,
        id_bytes: Whole,
        credential_id_bytes: Whole,
        text_bytes: Whole,
        events_per_record: Whole,
    }

    /// `[alerts]`
    AlertsTable {
        alertmanagers: Vec<AlertmanagerTable>,
        rules: Vec<AlertRuleTable>,
        external_url: String,
        runbooks: String,
        resend_interval: SpanText,
        ends_after: SpanText,
        resolved_for: SpanText,
        gather: SpanText,
        storm_size: Whole,
        storm_within: SpanText,
        flap_count: Whole,
        flap_within: SpanText,
        flap_hold: SpanText,
        firing_max: Whole,
        queue_max: Whole,
    }

    /// One of `[[alerts.alertmanagers]]`
    AlertmanagerTable {
        url: String,
        bearer_token: Secret,
        bearer_token_file: PathBuf,
        username: String,
        password: Secret,
        password_file: PathBuf,
        ca_file: PathBuf,
        timeout: SpanText,
    }

    /// One of `[[alerts.rules]]`
    AlertRuleTable {
        alerts: Vec<Word<Alert>>,
        workflows: Vec<Word<Workflow>>,
        severities: Vec<Word<Severity>>,
        push: bool,
        urgency: Word<Urgency>,
    }

    /// `[people]`
    PeopleTable {
        show: Word<PeopleShown>,
    }

    /// `[http]`
    HttpTable {
        listen: Listen,
        token: Secret,
        token_file: PathBuf,
        view_windows_max: Whole,
    }

    /// `[log]`
    LogTable {
        format: Word<LogFormat>,
        filter: String,
    }
}

/// Keys whose value is a secret. Each has a twin that ends in `_file`.
pub(super) const SECRETS: &[&[&str]] = &[
    &["kafka", "security", "key_password"],
    &["kafka", "security", "sasl", "password"],
    &["kafka", "security", "sasl", "client_secret"],
    &["http", "token"],
];
