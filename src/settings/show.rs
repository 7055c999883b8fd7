//! Settings → the file that would say all of them.
//!
//! Invariants: secrets are hidden; every setting in force stands there, also
//! where it is the default; but for hidden secrets the text can be read again.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::check::DEFAULT_PLACE;
use super::file::{
    AlertRuleTable, AlertmanagerTable, AlertsTable, File, HttpTable, IntakeTable, KafkaTable,
    LimitsTable, LogTable, OversightTable, PeopleTable, ProfileTable, SaslTable, SecurityTable,
    SourceTable, TopicsTable, WindowsTable,
};
use super::value::{Curve, Listen, RawOptions, SpanText, Whole, Word};
use super::{Alerts, Kafka, Login, Security, Settings};
use crate::event::Workflow;

/// The configuration in force without its secrets: as TOML by
/// [`to_toml`](Effective::to_toml), as anything else by `Serialize`.
#[derive(Clone, Debug)]
pub struct Effective(File);

impl Effective {
    /// As a configuration file.
    ///
    /// # Errors
    /// None is known: names and values all have a form in TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(&self.0)
    }
}

impl Serialize for Effective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // By way of TOML, which leaves out what is not set.
        toml::Value::try_from(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl Settings {
    /// The configuration in force without its secrets.
    pub fn effective(&self) -> Effective {
        Effective(File {
            kafka: Some(kafka(&self.kafka)),
            topics: Some(TopicsTable {
                prefix: Some(self.topics.prefix.clone()),
                create: Some(self.topics.create),
                partitions: Some(Whole(i64::from(self.topics.partitions))),
                replication_factor: Some(Whole(i64::from(self.topics.replication_factor))),
            }),
            sources: Some(
                self.sources
                    .iter()
                    .map(|source| SourceTable {
                        topic: Some(source.topic.clone()),
                        format: Some(Word(source.format)),
                        prekeyed: Some(source.prekeyed),
                    })
                    .collect(),
            ),
            intake: Some(IntakeTable { workers: whole(self.intake.workers) }),
            windows: Some(windows(self)),
            oversight: Some(oversight(self)),
            profiles: Some(profiles(self)),
            attackers: Some(attackers(self)),
            limits: Some(limits(self)),
            alerts: Some(alerts(&self.alerts)),
            people: Some(PeopleTable { show: Some(Word(self.people)) }),
            http: Some(HttpTable {
                listen: Some(Listen(self.http.listen)),
                token: self.http.token.clone(),
                token_file: None,
                view_windows_max: whole(self.http.view_windows_max),
            }),
            log: Some(LogTable {
                format: Some(Word(self.log.format)),
                filter: Some(self.log.filter.clone()),
            }),
        })
    }
}

/// All numbers were read from an `i64`, or are smaller defaults.
fn whole(number: usize) -> Option<Whole> {
    i64::try_from(number).ok().map(Whole)
}

fn kafka(kafka: &Kafka) -> KafkaTable {
    KafkaTable {
        brokers: Some(kafka.brokers.clone()),
        group: Some(kafka.group.clone()),
        instance: kafka.instance.clone(),
        start: Some(Word(kafka.start)),
        delivery: Some(Word(kafka.delivery)),
        commit_interval: Some(SpanText(kafka.commit_interval)),
        session_timeout: Some(SpanText(kafka.session_timeout)),
        transaction_timeout: Some(SpanText(kafka.transaction_timeout)),
        startup_timeout: Some(SpanText(kafka.startup_timeout)),
        shutdown_timeout: Some(SpanText(kafka.shutdown_timeout)),
        security: Some(security(&kafka.security)),
        librdkafka: Some(RawOptions(kafka.librdkafka.clone())),
    }
}

fn security(security: &Security) -> SecurityTable {
    SecurityTable {
        protocol: Some(Word(security.protocol)),
        ca_file: security.ca_file.clone(),
        certificate_file: security.certificate_file.clone(),
        key_file: security.key_file.clone(),
        key_password: security.key_password.clone(),
        key_password_file: None,
        sasl: security.sasl.as_ref().map(|sasl| SaslTable {
            mechanism: Some(Word(sasl.mechanism)),
            username: sasl.username.clone(),
            password: sasl.password.clone(),
            password_file: None,
            client_id: sasl.client_id.clone(),
            client_secret: sasl.client_secret.clone(),
            client_secret_file: None,
            token_endpoint_url: sasl.token_endpoint_url.clone(),
            scope: sasl.scope.clone(),
        }),
    }
}

fn windows(settings: &Settings) -> WindowsTable {
    let engine = &settings.windows.engine;
    WindowsTable {
        workers: whole(settings.windows.workers),
        settle: engine.settle.map(SpanText),
        skew_tolerance: Some(SpanText(engine.skew_tolerance)),
        orphan_timeout: Some(SpanText(engine.orphan_timeout)),
        events_per_window: Some(Whole(i64::from(engine.events_per_window))),
        undetected_credentials: whole(engine.undetected_credentials),
        credentials: whole(engine.credentials),
        credential_bytes: whole(engine.credential_bytes),
    }
}

fn oversight(settings: &Settings) -> OversightTable {
    let config = &settings.oversight;
    OversightTable {
        delay: Some(SpanText(config.delay)),
        batch_hold: Some(SpanText(config.batch_hold)),
        // Both were read from whole numbers.
        paging_decisions: Some(Whole(config.paging_decisions as i64)),
        false_discovery_percent: Some(Whole((config.alpha * 100.0).round() as i64)),
        all_truths: Some(config.all_truths),
        reviewers: whole(config.reviewers_max),
        small_group: Some(Whole(i64::from(config.small_group))),
        aliases: Some(config.aliases.clone()).filter(|aliases| !aliases.is_empty()),
    }
}

fn profiles(settings: &Settings) -> BTreeMap<Word<Workflow>, ProfileTable> {
    let table = |workflow| {
        let profile = settings.profiles.get(workflow);
        ProfileTable {
            review_due_soon: Some(SpanText(profile.review_due_soon)),
            review_overdue: Some(SpanText(profile.targets.in_time)),
            attacker_likely: Some(SpanText(profile.targets.late)),
            containment_limit: Some(SpanText(profile.containment_limit)),
            expects_opening: Some(profile.expects_opening),
        }
    };
    Workflow::ALL.iter().map(|workflow| (Word(*workflow), table(*workflow))).collect()
}

fn attackers(settings: &Settings) -> BTreeMap<String, Curve> {
    let default = (DEFAULT_PLACE, settings.race.curve(None));
    let curves = settings.race.locations().chain([default]);
    curves.map(|(place, curve)| (place.to_owned(), Curve(*curve))).collect()
}

fn alerts(alerts: &Alerts) -> AlertsTable {
    let alertmanagers = alerts.alertmanagers.iter().map(|one| {
        let (bearer_token, username, password) = match &one.login {
            None => (None, None, None),
            Some(Login::Bearer(token)) => (Some(token.clone()), None, None),
            Some(Login::Basic { username, password }) => {
                (None, Some(username.clone()), Some(password.clone()))
            }
        };
        AlertmanagerTable {
            url: Some(one.url.clone()),
            bearer_token,
            bearer_token_file: None,
            username,
            password,
            password_file: None,
            ca_file: one.ca_file.clone(),
            timeout: Some(SpanText(one.timeout)),
        }
    });
    fn words<T: Copy>(list: &[T]) -> Option<Vec<Word<T>>> {
        (!list.is_empty()).then(|| list.iter().copied().map(Word).collect())
    }
    let rules = alerts.rules.iter().map(|rule| AlertRuleTable {
        alerts: words(&rule.alerts),
        workflows: words(&rule.workflows),
        severities: words(&rule.severities),
        push: Some(rule.push),
        urgency: rule.urgency.map(Word),
    });
    AlertsTable {
        alertmanagers: Some(alertmanagers.collect()),
        rules: Some(rules.collect()),
        external_url: alerts.external_url.clone(),
        runbooks: Some(alerts.runbooks.clone()),
        resend_interval: Some(SpanText(alerts.resend_interval)),
        ends_after: Some(SpanText(alerts.ends_after)),
        resolved_for: Some(SpanText(alerts.resolved_for)),
        gather: Some(SpanText(alerts.gather)),
        storm_size: whole(alerts.storm_size),
        storm_within: Some(SpanText(alerts.storm_within)),
        flap_count: whole(alerts.flap_count),
        flap_within: Some(SpanText(alerts.flap_within)),
        flap_hold: Some(SpanText(alerts.flap_hold)),
        firing_max: whole(alerts.firing_max),
        queue_max: whole(alerts.queue_max),
    }
}

fn limits(settings: &Settings) -> LimitsTable {
    let limits = &settings.limits;
    LimitsTable {
        record_bytes: whole(limits.record_bytes),
        depth: whole(limits.depth),
        id_bytes: whole(limits.id_bytes),
        credential_id_bytes: whole(limits.credential_id_bytes),
        text_bytes: whole(limits.text_bytes),
        events_per_record: whole(limits.events_per_record),
    }
}
