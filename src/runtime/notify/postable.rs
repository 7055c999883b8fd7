//! An alert as Alertmanager's API takes it: labels that identify it, and annotations for
//! the people who respond.
//!
//! Invariants: labels depend on the alert alone, so all instances push the same labels
//! and an Alertmanager sees one alert; labels hold no name that a source gave; every
//! value is bounded.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::{AlertChange, Subject, WindowDetails};
use super::text::{length, limit, plain};
use crate::config::{Profiles, Targets};
use crate::engine::alerts::{Alert, Urgency};
use crate::engine::attacker::{Band, Race};
use crate::engine::identity::NameOrder;
use crate::event::Workflow;
use crate::runtime::percent::encoded;
use crate::settings::Alerts;
use crate::time::{Span, Timestamp};

/// The label that marks alerts of this program.
const SERVICE: &str = "shutterlag";
/// Stands in place of a credential in the labels of a group.
const MANY: &str = "many";
/// Alerts that the annotations of a group list.
pub(super) const WORST: usize = 10;

/// Labels or annotations, in order.
pub(super) type Texts = BTreeMap<&'static str, String>;

/// An alert to be pushed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PostableAlert {
    pub(super) labels: Texts,
    pub(super) annotations: Texts,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    /// When it began.
    #[serde(skip)]
    pub(super) began: Timestamp,
    /// When it ended; `None` while it fires.
    #[serde(skip)]
    pub(super) ended: Option<Timestamp>,
}

/// What annotations need besides the alert: addresses for links, the attackers' curves, and
/// the targets of workflows.
#[derive(Clone, Debug)]
pub(super) struct Guide {
    pub(super) external_url: Option<String>,
    pub(super) runbooks: Option<String>,
    pub(super) race: Race,
    pub(super) profiles: Profiles,
    /// Which of a credential's names is shown.
    pub(super) names: NameOrder,
}

impl Guide {
    pub(super) fn new(alerts: &Alerts, race: Race, profiles: Profiles, names: NameOrder) -> Guide {
        Guide {
            external_url: alerts.external_url.clone(),
            runbooks: alerts.runbooks.clone(),
            race,
            profiles,
            names,
        }
    }

    /// How fast a decision has to be in `workflow`.
    fn targets(&self, workflow: Workflow) -> Targets {
        self.profiles.get(workflow).targets
    }

    fn runbook(&self, alert: Alert) -> String {
        match (&self.runbooks, &self.external_url) {
            (Some(base), _) => format!("{base}/{alert}.md"),
            // This program serves the runbooks itself.
            (None, Some(base)) => format!("{base}/runbook/{alert}"),
            (None, None) => format!("docs/runbooks/{alert}.md"),
        }
    }
}

fn labels(alert: Alert, urgency: Urgency) -> Texts {
    BTreeMap::from([
        ("alertname", alert.to_string()),
        ("service", SERVICE.to_owned()),
        ("severity", urgency.to_string()),
    ])
}

/// What is wrong, in words for the person who is paged. `targets` are those of the window's
/// workflow; an alert about a reviewer has none.
fn wrong(alert: Alert, targets: Option<Targets>) -> String {
    let within = |span: fn(Targets) -> Span| {
        targets.map_or(String::new(), |targets| format!(" within {}", limit(span(targets))))
    };
    let what = match alert {
        Alert::AttackObserved => "an attacker uses it, and nobody has contained or dismissed it",
        Alert::ReviewDueSoon => {
            return format!(
                "nobody has decided, and a decision is due{} of the start",
                within(|it| it.in_time)
            );
        }
        Alert::ReviewOverdue => return format!("nobody decided{}", within(|it| it.in_time)),
        Alert::AttackerLikelyPresent => {
            let late = within(|it| it.late);
            return format!("nobody decided{late}, and an attacker has likely tried it");
        }
        Alert::ContainmentOverdue => "decided to act, and still not contained",
        Alert::AiActedFirst => "the AI acted before any person had decided",
        Alert::HollowApproval => "the decision shows signs of not having been a review",
        Alert::SeededCaseMissed => "a deliberately wrong recommendation was let through",
        Alert::RubberStampSuspected => "decisions go through without signs of review",
    };
    what.to_owned()
}

/// The postable alert of one alert.
pub(super) fn alert(
    change: &AlertChange,
    urgency: Urgency,
    ended: Option<Timestamp>,
    now: Timestamp,
    guide: &Guide,
) -> PostableAlert {
    let mut labels = labels(change.alert, urgency);
    let mut annotations = Texts::new();
    annotations.insert("runbook_url", guide.runbook(change.alert));
    let link = match &change.subject {
        Subject::Window(about) => {
            labels.insert("workflow", about.workflow.to_string());
            labels.insert("credential", about.credential_label.clone());
            labels.insert("exposure", about.exposure_label.clone());
            annotate(&mut annotations, change.alert, about, ended.unwrap_or(now), guide);
            let id = about.exposure_id.as_deref().map(encoded);
            let base = guide.external_url.as_deref();
            base.zip(id).map(|(base, id)| format!("{base}/exposure/{id}"))
        }
        Subject::Reviewer(reviewer) => {
            labels.insert("reviewer", reviewer.clone());
            annotations.insert("summary", format!("{reviewer}: {}", wrong(change.alert, None)));
            annotations.insert("since", change.at.to_string());
            let what = "This person's decisions look less like reviews than chance explains. Time, \
                        context or authority may be missing; it is not a verdict.";
            annotations.insert("description", what.to_owned());
            let base = guide.external_url.as_deref();
            base.map(|base| format!("{base}/reviewer/{}", encoded(reviewer)))
        }
    };
    if let Some(link) = &link {
        annotations.insert("link", link.clone());
    }
    PostableAlert { labels, annotations, link, began: change.at, ended }
}

fn annotate(into: &mut Texts, alert: Alert, about: &WindowDetails, now: Timestamp, guide: &Guide) {
    let place = about.location.as_deref().map(|place| plain(place, 120));
    let at_place = place.as_ref().map_or(String::new(), |place| format!(" on {place}"));
    let targets = guide.targets(about.workflow);
    let what = wrong(alert, Some(targets));
    into.insert("summary", format!("{}{at_place}: {what}", about.credential));
    into.insert("credential", about.credential.clone());
    if !about.other_names.is_empty() {
        into.insert("other_names", about.other_names.join(", "));
    }
    into.insert("as_of", now.to_string());
    let texts = [
        ("location", place.clone()),
        ("source", about.source.clone()),
        ("owner", about.owner.clone()),
        ("window_severity", about.severity.map(|severity| severity.to_string())),
        ("detected_at", Some(about.detected_at.to_string())),
        (
            // Nothing leaked where attackers do not race.
            if targets.raced { "exposed_since" } else { "started_at" },
            about.started_at.map(|at| at.to_string()),
        ),
    ];
    into.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text?))));
    into.insert(
        "recommendation",
        match (about.recommendation, about.confidence) {
            (Some(action), Some(share)) => {
                format!("the AI advises: {action} (its own confidence {:.0} %)", share * 100.0)
            }
            (Some(action), None) => format!("the AI advises: {action}"),
            (None, _) => "the AI has advised nothing yet".to_owned(),
        },
    );
    into.insert("description", description(about, place.as_deref(), now, &into["recommendation"]));
    let Some((start, age)) = about.started_at.and_then(|start| Some((start, age(start, now)?)))
    else {
        return;
    };
    into.insert("age", length(age));
    if matches!(alert, Alert::ReviewDueSoon | Alert::ReviewOverdue | Alert::AttackerLikelyPresent) {
        let from = if start == about.detected_at { ", counted from the detection" } else { "" };
        into.insert("band", format!("{}{from}", countdown(start, age, now, targets)));
        let place = about.location.as_deref();
        if guide.race.runs(about.workflow, place) {
            // It may have been exposed for longer than anybody knows.
            let chance = guide.race.curve(place).probability(age) * 100.0;
            let text =
                format!("at least {chance:.0} % chance that an attacker has tried it already");
            into.insert("attacker_first", text);
        }
    }
}

/// What somebody who is paged wants to know first, in sentences.
fn description(
    about: &WindowDetails,
    place: Option<&str>,
    now: Timestamp,
    recommendation: &str,
) -> String {
    let severity = about.severity.map_or(String::new(), |severity| format!(" ({severity})"));
    let cut = |text: &str| plain(text, 60);
    let mut text = format!("{}{severity}", cut(&about.credential));
    if let Some(place) = place {
        text.push_str(&format!(" at {}", cut(place)));
    }
    if let Some(age) = about.started_at.and_then(|start| age(start, now)) {
        text.push_str(&format!(", for {}", length(age)));
    }
    let owner = about.owner.as_deref().map_or("nobody known".to_owned(), cut);
    text.push_str(&format!(". It belongs to {owner}; {recommendation}."));
    text
}

fn age(start: Timestamp, now: Timestamp) -> Option<Span> {
    now.since(start).non_negative()
}

/// In which band a decision at `now` would fall, and for how long.
fn countdown(start: Timestamp, age: Span, now: Timestamp, targets: Targets) -> String {
    let Targets { in_time, late, .. } = targets;
    let until = |end: Span| {
        let at = start + end;
        format!("for another {}, until {at}", length(at.since(now)))
    };
    match Band::of(age, targets) {
        Band::Ahead => format!("ahead {}", until(in_time)),
        Band::Contested => format!("contested {}", until(late)),
        Band::Behind => {
            let by = Span::from_millis(age.as_millis() - late.as_millis());
            format!("behind, by {}", length(by))
        }
    }
}

/// What the postable alert of a group is made from.
pub(super) struct GroupContent<'t> {
    pub(super) alert: Alert,
    pub(super) workflow: Option<Workflow>,
    pub(super) urgency: Urgency,
    /// The beginning of the group's stretch of time: it tells two groups apart.
    pub(super) bucket: Timestamp,
    /// How many alerts began to fire, including those that ended.
    pub(super) seen: usize,
    /// The alerts that fire.
    pub(super) firing: Vec<&'t AlertChange>,
    pub(super) ended: Option<Timestamp>,
}

/// The postable alert of a group.
pub(super) fn group(content: GroupContent<'_>, now: Timestamp, guide: &Guide) -> PostableAlert {
    let GroupContent { alert, workflow, urgency, bucket, seen, mut firing, ended } = content;
    let mut labels = labels(alert, urgency);
    if let Some(workflow) = workflow {
        labels.insert("workflow", workflow.to_string());
    }
    labels.insert("credential", MANY.to_owned());
    labels.insert("alert_group", bucket.to_string());
    let began = firing.iter().map(|change| change.at).min().unwrap_or(bucket);
    // The most severe first, then the oldest.
    let start = |change: &AlertChange| {
        change.window().and_then(|about| about.started_at).unwrap_or(change.at)
    };
    firing.sort_by_key(|change| (std::cmp::Reverse(change.severity()), start(change)));
    let count = firing.len();
    let targets = workflow.map(|workflow| guide.targets(workflow));
    let mut annotations = Texts::new();
    annotations.insert("runbook_url", guide.runbook(alert));
    annotations.insert("summary", format!("{count} at once: {}", wrong(alert, targets)));
    annotations.insert("count", count.to_string());
    annotations.insert("seen", seen.to_string());
    annotations.insert("as_of", now.to_string());
    let worst: Vec<String> = firing.iter().take(WORST).map(|change| line(change, now)).collect();
    if !worst.is_empty() {
        annotations.insert("worst", worst.join("\n"));
    }
    let link = guide.external_url.as_deref();
    let workflow = workflow.map_or(String::new(), |workflow| format!("&workflow={workflow}"));
    let link = link.map(|base| format!("{base}/?state={}{workflow}", listed(alert)));
    if let Some(link) = &link {
        annotations.insert("link", link.clone());
    }
    PostableAlert { labels, annotations, link, began, ended }
}

/// The windows of the board's list among which those of a group are.
const fn listed(alert: Alert) -> &'static str {
    match alert {
        Alert::AttackObserved => "attacked",
        Alert::ReviewDueSoon | Alert::ReviewOverdue | Alert::AttackerLikelyPresent => "waiting",
        Alert::ContainmentOverdue => "reviewed",
        Alert::AiActedFirst
        | Alert::HollowApproval
        | Alert::SeededCaseMissed
        | Alert::RubberStampSuspected => "all",
    }
}

/// One alert of a group, on a line.
fn line(change: &AlertChange, now: Timestamp) -> String {
    let Some(about) = change.window() else {
        return match &change.subject {
            Subject::Reviewer(reviewer) => reviewer.clone(),
            Subject::Window(about) => about.credential.clone(),
        };
    };
    let mut line = about.credential.clone();
    let place = about.location.as_deref().map(|place| plain(place, 40));
    let parts = [
        about.severity.map(|severity| severity.to_string()),
        place,
        about.owner.clone(),
        about.started_at.and_then(|start| age(start, now)).map(length),
    ];
    for part in parts.into_iter().flatten() {
        line.push_str(", ");
        line.push_str(&part);
    }
    line
}
