//! Decided windows as acts of their reviewers, and what each decision was worth: *Certificates*
//! in `docs/oversight.md`.

use std::collections::{BTreeMap, BTreeSet};

use shutterlag::event::{Action, Severity, Verdict, Workflow};
use shutterlag::time::Timestamp;

use super::record::{Advice, Decision, Record};
use super::setting::Setting;
use super::summary::Asked;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Decisions under one batch id that follow each other within this are one act.
const PAUSE_MS: i64 = MINUTE_MS;
/// The longest text that counts.
const FLOOR_MAX_MS: i64 = 20 * DAY_MS;
/// What is told apart of one reviewer.
const RELEASES_MAX: usize = 24;
const STRATA_MAX: usize = 24;
const GROUPS_MAX: usize = 16;
const TEXTS_MAX: usize = 64;
const PAST_MAX: usize = 32;
const DIGESTS_MAX: usize = 20;

/// One decided window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'r> {
    /// Its place among the windows.
    pub(super) at: usize,
    pub(super) window: &'r Record,
    pub(super) decision: &'r Decision,
}

/// What makes one act of several decisions: the incident, else the batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Group {
    Incident(String),
    Batch(String),
}

/// An event by its id and time.
pub(super) type Named = (String, Timestamp);

/// Like cases: workflow, model, severity when the advice was given, band of confidence.
pub(super) type Stratum = (Workflow, Option<String>, Option<Severity>, u8);

/// What an act adds to the comparison with peers: the period, the stratum, the agreement.
pub(super) type Compared = (i64, Stratum, bool);

/// Cases that were decided together.
#[derive(Debug)]
struct Act<'r> {
    /// By exposure.
    cases: Vec<Case<'r>>,
    first_ms: i64,
    last_ms: i64,
}

/// What one act came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) due_ms: i64,
    /// The last of its windows.
    pub(super) window: usize,
    /// Whether it is the first of its incident or batch.
    pub(super) is_new: bool,
    /// Whether it completes a certificate at 600 words a minute.
    pub(super) hasty: Option<bool>,
    /// Whether no evidence was opened.
    pub(super) unopened: Option<bool>,
    pub(super) compared: Option<Compared>,
    /// Each case's place, and its certificates.
    pub(super) reasons: Vec<(usize, BTreeSet<&'static str>)>,
}

impl<'r> Case<'r> {
    pub(super) fn decided_ms(&self) -> i64 {
        self.decision.decided_at.as_millis()
    }

    fn advice(&self) -> Option<&'r Advice> {
        self.window.advice.as_ref()
    }

    /// The least time that the text takes, if it is long enough to be judged by.
    fn floor_ms(&self) -> Option<i64> {
        let advice = self.advice()?;
        let words = advice.summary_words.filter(|words| *words >= 20).map(|n| i64::from(n) * 60);
        let chars = advice.summary_chars.filter(|chars| *chars >= 120).map(|n| i64::from(n) * 10);
        words.or(chars).map(|floor| floor.min(FLOOR_MAX_MS))
    }

    /// The event that the judged text is from, when it was presented, and the event that the
    /// case's first text is from.
    fn heard(&self) -> Option<(Named, i64, Named)> {
        let advice = self.advice()?;
        let judged = advice.event.0.clone()?;
        let first = advice.first_event.0.clone()?;
        Some((judged, advice.presented_at.as_millis(), first))
    }

    /// The events that the judged text and the case's first text are from.
    pub(super) fn events(&self) -> Vec<Named> {
        self.heard().into_iter().flat_map(|(judged, _, first)| [judged, first]).collect()
    }

    pub(super) fn group(&self) -> Option<Group> {
        let incident = self.window.incident.clone().map(Group::Incident);
        incident.or_else(|| self.decision.batch_id.clone().map(Group::Batch))
    }

    /// Whether there is anything to judge it by.
    /// Whether the reviewer may decide: by the rule, else by the source's word.
    fn authorized(&self, setting: &Setting) -> Option<bool> {
        let owner = self.decision.owner.as_deref();
        let ruled = setting.may_decide(self.window.workflow, owner, &self.decision.reviewer);
        ruled.or(self.decision.authorized)
    }

    pub(super) fn is_assessed(&self, asked: &Asked) -> bool {
        let opening = self.decision.opened_at.is_some()
            || asked.expect_opening.contains(&self.window.workflow);
        let authority = self.authorized(&asked.setting).is_some();
        let known = self.floor_ms().is_some() || opening || authority;
        self.advice().is_some() && known
    }

    /// Whether the decision grants what somebody asked for.
    fn grants(&self) -> bool {
        let agreed = self.window.figures.agreed == Some(true);
        match (self.window.workflow, self.decision.verdict) {
            (Workflow::PolicyChange, Some(verdict)) => verdict == Verdict::Approve,
            // To dismiss one's own request is to take it back.
            (Workflow::PolicyChange, None) => agreed && self.decision.action != Action::Dismiss,
            _ => matches!(self.decision.action, Action::Dismiss | Action::Monitor),
        }
    }

    /// The certificates that need no other decision.
    fn own_reasons(&self, asked: &Asked) -> BTreeSet<&'static str> {
        let advice = self.advice().and_then(|advice| advice.requested_by.as_ref());
        let asker = advice.or(self.window.requested_by.as_ref());
        let unopened = asked.expect_opening.contains(&self.window.workflow)
            && self.decision.opened_at.is_none();
        let person = |id: &'r str| asked.setting.person(id).to_owned();
        let own_request = asker.map(|id| person(id)) == Some(person(&self.decision.reviewer));
        [
            ("evidence_unopened", unopened),
            ("unauthorized", self.authorized(&asked.setting) == Some(false)),
            ("self_approval", own_request && self.grants()),
        ]
        .into_iter()
        .filter_map(|(reason, holds)| holds.then_some(reason))
        .collect()
    }

    /// The digest of a free text.
    fn digest(&self) -> Option<&'r str> {
        let long = self.decision.rationale_words.is_some_and(|words| words >= 8);
        self.decision.rationale_digest.as_deref().filter(|_| long)
    }

    fn compared(&self, setting: &Setting) -> Option<Compared> {
        let advice = self.advice()?;
        let band = advice.confidence.map_or(0, |confidence| match confidence {
            sure if sure < 0.7 => 1,
            sure if sure < 0.9 => 2,
            _ => 3,
        });
        let stratum = (self.window.workflow, advice.model.clone(), advice.severity, band);
        let period = self.decided_ms().div_euclid(setting.period_ms);
        Some((period, stratum, self.window.figures.agreed?))
    }

    /// Whose clock the decision is by: that of its source, if it is known.
    fn clock(&self) -> String {
        match self.advice().and_then(|advice| advice.source.as_deref()) {
            Some(source) if self.decision.advice_same_clock => format!("source {source}"),
            _ => format!("credential {}", self.window.credential_id),
        }
    }

    /// From when on the case could be read, and by whose clock; `None` for another one than
    /// the decision's. A time by the decision's clock counts before one by another.
    fn release(&self) -> Option<(i64, Option<String>)> {
        let clock = |same: bool| same.then(|| self.clock());
        let advice = self.advice()?;
        let presented =
            (advice.first_presented_at.as_millis(), clock(self.decision.advice_same_clock));
        let Some(opened) = self.decision.first_opened_at else { return Some(presented) };
        let opened = (opened.as_millis(), clock(self.decision.opening_same_clock));
        let later = if opened.0 > presented.0 { &opened } else { &presented };
        Some(match (&presented.1, &opened.1) {
            (Some(_), None) => presented,
            (None, Some(_)) => opened,
            _ => later.clone(),
        })
    }
}

/// Every reviewer's acts, in the order in which they are judged.
fn acts<'r>(windows: &'r [Record], setting: &'r Setting) -> BTreeMap<&'r str, Vec<Act<'r>>> {
    let mut cases: BTreeMap<&str, Vec<Case<'_>>> = BTreeMap::new();
    for (at, window) in windows.iter().enumerate() {
        if let Some(decision) = &window.decision {
            let person = setting.person(&decision.reviewer);
            cases.entry(person).or_default().push(Case { at, window, decision });
        }
    }
    let hold_ms = setting.batch_hold_ms;
    cases.into_iter().map(|(reviewer, cases)| (reviewer, together(cases, hold_ms))).collect()
}

/// One reviewer's decisions, those of one batch together.
fn together(mut cases: Vec<Case<'_>>, hold_ms: i64) -> Vec<Act<'_>> {
    cases.sort_by_key(|case| (case.decided_ms(), case.at));
    let mut acts: Vec<Act<'_>> = Vec::new();
    for case in cases {
        let now = case.decided_ms();
        let same = |act: &&mut Act<'_>| {
            case.decision.batch_id.is_some()
                && act.cases[0].decision.batch_id == case.decision.batch_id
        };
        let open = acts.iter_mut().rfind(same);
        match open.filter(|act| now <= act.last_ms + PAUSE_MS && now <= act.first_ms + hold_ms) {
            Some(act) => {
                act.cases.push(case);
                act.last_ms = now;
            }
            None => acts.push(Act { cases: vec![case], first_ms: now, last_ms: now }),
        }
    }
    acts.iter_mut().for_each(|act| act.cases.sort_by_key(|case| case.at));
    acts.sort_by_key(|act| (act.last_ms, act.cases[0].at));
    acts
}

/// The incidents and batches in which somebody decided, those decided last at the end.
#[derive(Default)]
pub(super) struct Groups(Vec<Entered>);

struct Entered {
    group: Group,
    since_ms: i64,
}

impl Groups {
    /// Whether this is the first decision in the group.
    pub(super) fn enter(&mut self, group: Group, now: i64, hold_ms: i64) -> bool {
        let place = self.0.iter().position(|entered| entered.group == group);
        let known = place.map(|place| self.0.remove(place));
        let lasts = |entered: &Entered| match group {
            Group::Incident(_) => true,
            Group::Batch(_) => (now - entered.since_ms).abs() <= hold_ms,
        };
        let known = known.filter(lasts);
        let is_new = known.is_none();
        self.0.push(known.unwrap_or(Entered { group, since_ms: now }));
        if self.0.len() > GROUPS_MAX {
            self.0.remove(0);
        }
        is_new
    }
}

/// What somebody read in incidents and batches, what was read last at the end.
#[derive(Default)]
struct Texts {
    read: Vec<(Group, Text)>,
    /// When the latest text of each group was presented, the group used last at the end.
    groups: Vec<(Group, i64)>,
    /// Incidents that were forgotten, the latest at the end.
    past: Vec<Group>,
    /// Of groups that were forgotten: when their latest text was presented.
    forgotten_ms: Option<i64>,
    /// Groups of which a text was forgotten: those presented up to then may be it.
    holes: Vec<(Group, i64)>,
}

/// When it was presented, but for those of an incident; how many words and characters.
type Text = (Option<i64>, Option<u32>, Option<u32>);

impl Texts {
    /// Whether one of the texts of a case was read before, or may have been.
    fn read_before(&mut self, presented: i64, texts: &[(Group, Text)]) -> bool {
        let mut before = false;
        for (group, text) in texts {
            self.enter(group, presented);
            before |= self.holes.iter().any(|(of, until)| of == group && presented <= *until);
            let place = self.read.iter().position(|(of, other)| (of, other) == (group, text));
            place.map(|place| self.read.remove(place));
            before |= place.is_some();
        }
        for text in texts {
            self.read.push(text.clone());
            if self.read.len() > TEXTS_MAX {
                let (group, _) = self.read.remove(0);
                let latest = self.groups.iter().find(|(of, _)| *of == group).map(|found| found.1);
                let ever = matches!(group, Group::Incident(_)).then_some(i64::MAX);
                self.holes.extend(latest.map(|latest| (group, ever.unwrap_or(latest))));
            }
        }
        before
    }

    /// From now on the group is the one used last.
    fn enter(&mut self, group: &Group, presented: i64) {
        let latest = match self.groups.iter().position(|(other, _)| other == group) {
            Some(place) => self.groups.remove(place).1,
            None => {
                self.holes.retain(|(other, _)| other != group);
                self.holes.extend(self.forgotten_ms.map(|until| (group.clone(), until)));
                if let Some(place) = self.past.iter().position(|other| other == group) {
                    self.past.remove(place);
                    self.holes.push((group.clone(), i64::MAX));
                }
                presented
            }
        };
        self.groups.push((group.clone(), latest.max(presented)));
        if self.groups.len() > GROUPS_MAX {
            let (gone, latest) = self.groups.remove(0);
            self.read.retain(|(other, _)| *other != gone);
            self.forgotten_ms = self.forgotten_ms.max(Some(latest));
            if matches!(gone, Group::Incident(_)) {
                self.past.push(gone);
                if self.past.len() > PAST_MAX {
                    self.past.remove(0);
                }
            }
        }
    }
}

/// The texts that somebody decided about, by their events.
#[derive(Default)]
struct Heard {
    /// Those used last at the end.
    judged: Vec<Named>,
    /// The first text of a case and the second of the last decision about such a case.
    first: Vec<(Named, i64)>,
}

const HEARD_MAX: usize = 64;
const FIRST_MAX: usize = 8;

impl Heard {
    /// Whether the text was decided about, or came after a decision about an earlier version.
    fn knows(&self, case: &Case<'_>) -> bool {
        let Some((judged, presented, first)) = case.heard() else { return false };
        let revised = |(known, decided_s): &(Named, i64)| {
            *known == first && presented.div_euclid(1000) >= *decided_s
        };
        self.judged.contains(&judged) || self.first.iter().any(revised)
    }

    fn take(&mut self, case: &Case<'_>) {
        let Some((judged, _, first)) = case.heard() else { return };
        used_last(&mut self.judged, judged, HEARD_MAX);
        self.first.retain(|(known, _)| *known != first);
        self.first.push((first, case.decided_ms().div_euclid(1000)));
        if self.first.len() > FIRST_MAX {
            self.first.remove(0);
        }
    }
}

/// Puts `name` at the end and drops the first where there are more than `most`.
pub(super) fn used_last(names: &mut Vec<Named>, name: Named, most: usize) {
    names.retain(|known| *known != name);
    names.push(name);
    if names.len() > most {
        names.remove(0);
    }
}

/// What came of every reviewer's acts.
pub(super) fn outcomes<'r>(
    windows: &'r [Record],
    asked: &'r Asked,
) -> BTreeMap<&'r str, Vec<Outcome>> {
    acts(windows, &asked.setting)
        .into_iter()
        .map(|(reviewer, acts)| {
            let mut course = Course::default();
            let outcomes = acts.iter().map(|act| course.outcome(act, asked)).collect();
            (reviewer, outcomes)
        })
        .collect()
}

/// One reviewer on the way through the acts.
#[derive(Default)]
struct Course {
    groups: Groups,
    texts: Texts,
    heard: Heard,
    /// Of the latest acts.
    digests: Vec<Option<String>>,
    reading: Reading,
    /// Periods and strata that are not settled.
    open: Vec<(i64, Stratum)>,
}

impl Course {
    fn outcome(&mut self, act: &Act<'_>, asked: &Asked) -> Outcome {
        let setting = &asked.setting;
        self.open.retain(|(period, _)| setting.settled_ms(*period) >= act.last_ms);
        let mut by_time: Vec<&Case<'_>> = act.cases.iter().collect();
        by_time.sort_by_key(|case| (case.decided_ms(), case.at));
        let first = by_time[0];
        let hold_ms = setting.batch_hold_ms;
        let mut enter = |group| self.groups.enter(group, first.decided_ms(), hold_ms);
        let is_new = first.group().is_none_or(&mut enter);
        let is_new = is_new && !self.heard.knows(first);
        let mut outcome = Outcome {
            due_ms: act.last_ms,
            window: act.cases[act.cases.len() - 1].at,
            is_new,
            hasty: None,
            unopened: None,
            compared: first.compared(setting).filter(|_| is_new),
            reasons: Vec::new(),
        };
        if let Some((period, stratum, _)) = &outcome.compared {
            let kind = (*period, stratum.clone());
            match (self.open.contains(&kind), self.open.len() < STRATA_MAX) {
                (true, _) => {}
                (false, true) => self.open.push(kind),
                (false, false) => outcome.compared = None,
            }
        }
        let known = self.digests.clone();
        for case in &act.cases {
            let mut reasons = case.own_reasons(asked);
            let alike = |digest: &str| {
                known.iter().filter(|other| other.as_deref() == Some(digest)).count()
            };
            if case.digest().is_some_and(|digest| alike(digest) >= 5) {
                reasons.insert("templated_rationale");
            }
            let again = self.read_before(case) | self.heard.knows(case);
            self.heard.take(case);
            if let Some(job) = job(case, act.last_ms).filter(|_| !again) {
                let [impossible, hasty] = self.reading.take(job, setting.skew_tolerance_ms);
                outcome.hasty = Some(outcome.hasty == Some(true) || hasty);
                if impossible {
                    reasons.insert("impossible_reading");
                }
            }
            if asked.expect_opening.contains(&case.window.workflow) {
                let unopened = case.decision.opened_at.is_none();
                outcome.unopened = Some(outcome.unopened.unwrap_or(true) && unopened);
            }
            outcome.reasons.push((case.at, reasons));
        }
        if is_new {
            let digest = act.cases.iter().find_map(Case::digest);
            self.digests.push(digest.map(str::to_owned));
            if self.digests.len() > DIGESTS_MAX {
                self.digests.remove(0);
            }
        }
        outcome
    }

    /// Whether the text of the case was read before, in the same incident or batch.
    fn read_before(&mut self, case: &Case<'_>) -> bool {
        let Some(advice) = case.advice() else { return false };
        let first = advice.first_presented_at.as_millis();
        let judged = advice.presented_at.as_millis();
        let text = |time| (time, advice.summary_words, advice.summary_chars);
        let incident = case.window.incident.clone().map(Group::Incident);
        let mut texts: Vec<_> = incident.map(|group| (group, text(None))).into_iter().collect();
        if let Some(id) = case.decision.batch_id.clone() {
            let mut times = vec![first, judged];
            times.dedup();
            let group = Group::Batch(id);
            texts.extend(times.into_iter().map(|time| (group.clone(), text(Some(time)))));
        }
        self.texts.read_before(first, &texts)
    }
}

/// An approved case as something to read.
struct Job {
    release_ms: i64,
    due_ms: i64,
    floor_ms: i64,
    clock: Option<String>,
}

fn job(case: &Case<'_>, due_ms: i64) -> Option<Job> {
    let approved = case.window.figures.agreed == Some(true);
    let floor_ms = case.floor_ms().filter(|_| approved && !case.decision.repeats_advice)?;
    let (release_ms, clock) = case.release()?;
    Some(Job { release_ms, due_ms, floor_ms, clock })
}

/// Everything that had to be read, by release.
#[derive(Default)]
struct Reading(Vec<Release>);

#[derive(Clone)]
struct Release {
    at_ms: i64,
    /// What is left at 1,000 and at 600 words a minute.
    left_ms: [i64; 2],
    /// The longest text at both.
    longest_ms: [i64; 2],
    clock: Option<String>,
}

impl Reading {
    /// Whether the case completes a certificate, at 1,000 and at 600 words a minute.
    fn take(&mut self, job: Job, tolerance_ms: i64) -> [bool; 2] {
        let floors = [job.floor_ms, job.floor_ms * 5 / 3];
        let mut named = [false; 2];
        if job.due_ms < job.release_ms {
            return named;
        }
        let release = Release {
            at_ms: job.release_ms,
            left_ms: floors,
            longest_ms: floors,
            clock: job.clock,
        };
        match self.0.iter().position(|other| other.at_ms == job.release_ms) {
            Some(at) => self.0[at].absorb(&release),
            None => self.0.push(release),
        }
        self.0.sort_by_key(|release| release.at_ms);
        for (pace, named) in named.iter_mut().enumerate() {
            let times = (job.release_ms, job.due_ms, tolerance_ms);
            if let Some(longest) = self.too_short(times, pace) {
                *named = true;
                self.take_off(longest, pace);
            }
        }
        self.leave_no_gaps();
        self.forget(job.due_ms);
        self.keep_few();
        named
    }

    /// The longest text of the shortest interval that holds the release, ends now, and is too
    /// short for what has to be read in it.
    fn too_short(
        &self,
        (release_ms, now, tolerance_ms): (i64, i64, i64),
        pace: usize,
    ) -> Option<i64> {
        let begins = self.0.iter().map(|release| release.at_ms).filter(|at| *at <= release_ms);
        begins.rev().find_map(|from| {
            let within: Vec<&Release> = self.0.iter().filter(|it| it.at_ms >= from).collect();
            let clock = &within[0].clock;
            let one_clock = clock.is_some() && within.iter().all(|it| it.clock == *clock);
            let tolerance = if one_clock { 0 } else { tolerance_ms };
            let needed: i64 = within.iter().map(|release| release.left_ms[pace]).sum();
            let longest = within.iter().map(|release| release.longest_ms[pace]).max()?;
            (needed > now - from + tolerance).then_some(longest)
        })
    }

    /// An unread text is taken off, the newest releases first.
    fn take_off(&mut self, mut unread_ms: i64, pace: usize) {
        for release in self.0.iter_mut().rev() {
            let off = unread_ms.min(release.left_ms[pace]);
            release.left_ms[pace] -= off;
            unread_ms -= off;
        }
    }

    /// Counts releases as earlier where the one before leaves no time between them.
    fn leave_no_gaps(&mut self) {
        for at in (1..self.0.len()).rev() {
            let (earlier, later) = (&self.0[at - 1], &self.0[at]);
            let gap = later.at_ms - earlier.at_ms;
            if earlier.clock == later.clock && earlier.left_ms.iter().all(|left| *left >= gap) {
                self.join(at);
            }
        }
    }

    /// Forgets the intervals that begin with the newest one that has an hour to spare, or
    /// earlier.
    fn forget(&mut self, now: i64) {
        let spare = |from: &usize| {
            let left: i64 = self.0[*from..].iter().map(|it| it.left_ms[0].max(it.left_ms[1])).sum();
            now - self.0[*from].at_ms - left > 60 * MINUTE_MS
        };
        if let Some(newest) = (0..self.0.len()).rev().find(spare) {
            self.0.drain(..=newest);
        }
    }

    /// Counts the releases that lie closest together as one while there are too many.
    fn keep_few(&mut self) {
        while self.0.len() > RELEASES_MAX {
            let gap = |at: &usize| self.0[*at].at_ms - self.0[at - 1].at_ms;
            let Some(at) = (1..self.0.len()).min_by_key(gap) else { return };
            self.join(at);
        }
    }

    fn join(&mut self, at: usize) {
        let later = self.0.remove(at);
        self.0[at - 1].absorb(&later);
    }
}

impl Release {
    fn absorb(&mut self, later: &Release) {
        for pace in 0..2 {
            let left = self.left_ms[pace] + later.left_ms[pace];
            self.left_ms[pace] = left.min(u32::MAX.into());
            self.longest_ms[pace] = self.longest_ms[pace].max(later.longest_ms[pace]);
        }
        if self.clock != later.clock {
            self.clock = None;
        }
    }
}
