//! Certificates: signs of a hollow review that need no statistics.
//!
//! Invariants: a reviewer's reviews are judged in the order of (`decided_at`,
//! `exposure_id`) over all workflows; without the data that a certificate needs
//! there is no certificate.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt};

use super::{HollowReason, HollowReasons};
use crate::config::Profile;
use crate::engine::attacker::Band;
use crate::engine::windows::Window;
use crate::time::{Span, Timestamp};

/// The fewest milliseconds one word takes: 300 words a minute, the upper end of
/// adult silent reading (Brysbaert 2019: most adults 175 to 300, mean 238).
const READING_MS_PER_WORD: i64 = 60_000 / 300;

/// How far back equal reasons are looked for, and how many make a template.
const TEMPLATE_REVIEWS: usize = 20;
const TEMPLATE_REPEATS: usize = 5;

/// One human decision, reduced to what the certificates need.
#[derive(Clone, Copy, Debug)]
struct Review {
    reviewer: u32,
    number: u32,
    decided_at: Timestamp,
    presented_at: Option<Timestamp>,
    opened_at: Option<Timestamp>,
    floor: Option<Span>,
    batch: Option<u32>,
    digest: Option<u32>,
    ahead: bool,
    reasons: HollowReasons,
}

/// The judgement of one window's decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Whether there is a decision to judge.
    pub reviewed: bool,
    /// Whether it came before the fastest attackers.
    pub ahead: bool,
    /// Why it is hollow; empty for a meaningful review.
    pub reasons: HollowReasons,
    /// The time there was to read, where a floor is known.
    pub attention: Option<Span>,
    /// The time that reading takes at the least.
    pub floor: Option<Span>,
}

impl Judgement {
    /// A real review before the fastest attackers: what the headline counts.
    pub fn effective(&self) -> bool {
        self.ahead && self.reasons.is_empty()
    }
}

/// Collects decisions and judges them per reviewer.
#[derive(Debug, Default)]
pub struct Reviews {
    reviews: Vec<Review>,
    texts: HashMap<String, u32>,
    windows: u32,
}

impl Reviews {
    /// No reviews yet.
    pub fn new() -> Reviews {
        Reviews { reviews: Vec::new(), texts: HashMap::new(), windows: 0 }
    }

    /// Takes in the next window; windows come in the order of their `exposure_id`.
    pub fn push(&mut self, window: &Window<'_>, profile: &Profile) {
        let number = self.windows;
        self.windows += 1;
        let Some(decision) = window.decision else { return };
        let advice = window.advice;
        let mut reasons = HollowReasons::default();
        reasons.insert_if(
            HollowReason::EvidenceUnopened,
            profile.expects_opening && decision.opened_at.is_none(),
        );
        reasons.insert_if(HollowReason::Unauthorized, decision.authorized == Some(false));
        let asked = advice.and_then(|advice| advice.requested_by);
        reasons.insert_if(HollowReason::SelfApproval, asked == Some(decision.reviewer));
        let words = advice.and_then(|advice| advice.summary_words);
        let review = Review {
            reviewer: self.number_of(decision.reviewer),
            number,
            decided_at: decision.decided_at,
            presented_at: advice.map(|advice| advice.presented_at),
            opened_at: decision.opened_at,
            floor: words.map(|words| Span::from_millis(i64::from(words) * READING_MS_PER_WORD)),
            batch: decision.batch_id.map(|batch| self.number_of(batch)),
            digest: decision.rationale_digest.map(|digest| self.number_of(digest)),
            ahead: window.band() == Some(Band::Ahead),
            reasons,
        };
        self.reviews.push(review);
    }

    /// Takes in what was collected from the windows that follow these.
    pub fn append(&mut self, later: Reviews) {
        let mut numbers = vec![0; later.texts.len()];
        for (text, number) in later.texts {
            if let Some(to) = numbers.get_mut(number as usize) {
                *to = self.number_of(&text);
            }
        }
        let renumber = |number: u32| numbers.get(number as usize).copied().unwrap_or_default();
        self.reviews.extend(later.reviews.into_iter().map(|review| Review {
            reviewer: renumber(review.reviewer),
            number: self.windows + review.number,
            batch: review.batch.map(renumber),
            digest: review.digest.map(renumber),
            ..review
        }));
        self.windows += later.windows;
    }

    /// Judges all of them: one judgement per window handed in, in that order;
    /// undecided windows have an empty one.
    pub fn judge(mut self) -> Vec<Judgement> {
        self.reviews.sort_unstable_by_key(|r| (r.reviewer, r.decided_at, r.number));
        let mut judgements = vec![Judgement::default(); self.windows as usize];
        for mine in self.reviews.chunk_by(|a, b| a.reviewer == b.reviewer) {
            let batches = batches(mine);
            for (at, review) in mine.iter().enumerate() {
                let mut reasons = review.reasons;
                reasons.insert_if(HollowReason::TemplatedRationale, templated(mine, at));
                let reading = match review.batch.and_then(|batch| batches.get(&batch)) {
                    Some(batch) => batch.reading(),
                    None => reading(mine, at),
                };
                let impossible = reading.is_some_and(|(attention, floor)| attention < floor);
                reasons.insert_if(HollowReason::ImpossibleReading, impossible);
                if let Some(judgement) = judgements.get_mut(review.number as usize) {
                    let (attention, floor) = reading.unzip();
                    *judgement = Judgement {
                        reviewed: true,
                        ahead: review.ahead,
                        reasons,
                        attention,
                        floor,
                    };
                }
            }
        }
        judgements
    }

    fn number_of(&mut self, text: &str) -> u32 {
        if let Some(number) = self.texts.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.texts.insert(text.to_owned(), number);
        number
    }
}

/// Attention available and reading floor of a single case.
fn reading(mine: &[Review], at: usize) -> Option<(Span, Span)> {
    let review = mine[at];
    let (floor, presented) = review.floor.zip(review.presented_at)?;
    let previous = at.checked_sub(1).map(|before| mine[before].decided_at);
    let from = [review.opened_at, previous].into_iter().flatten().fold(presented, Timestamp::max);
    Some((review.decided_at.since(from), floor))
}

/// Cases that one reviewer decided together.
#[derive(Clone, Copy, Debug)]
struct Batch {
    floor: Option<Span>,
    presented_at: Option<Timestamp>,
    previous: Option<Timestamp>,
    decided_at: Timestamp,
}

impl Batch {
    fn reading(self) -> Option<(Span, Span)> {
        let (floor, presented) = self.floor.zip(self.presented_at)?;
        let from = self.previous.map_or(presented, |previous| previous.max(presented));
        Some((self.decided_at.since(from), floor))
    }
}

fn batches(mine: &[Review]) -> BTreeMap<u32, Batch> {
    let mut batches: BTreeMap<u32, Batch> = BTreeMap::new();
    for (at, review) in mine.iter().enumerate() {
        let Some(number) = review.batch else { continue };
        let batch = batches.entry(number).or_insert_with(|| Batch {
            floor: None,
            presented_at: None,
            // The first of the batch: all before it is outside.
            previous: at.checked_sub(1).map(|before| mine[before].decided_at),
            decided_at: review.decided_at,
        });
        batch.decided_at = review.decided_at;
        let Some(presented) = review.presented_at else { continue };
        batch.presented_at = Some(batch.presented_at.map_or(presented, |at| at.min(presented)));
        if let Some(floor) = review.floor {
            batch.floor = Some(batch.floor.unwrap_or_default() + floor);
        }
    }
    batches
}

fn templated(mine: &[Review], at: usize) -> bool {
    let Some(digest) = mine[at].digest else { return false };
    let previous = &mine[at.saturating_sub(TEMPLATE_REVIEWS)..at];
    previous.iter().filter(|review| review.digest == Some(digest)).count() >= TEMPLATE_REPEATS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + second * 1000)
    }

    fn review(number: u32, decided: i64) -> Review {
        Review {
            reviewer: 0,
            number,
            decided_at: at(decided),
            presented_at: Some(at(0)),
            opened_at: None,
            floor: Some(Span::from_secs(24)),
            batch: None,
            digest: None,
            ahead: false,
            reasons: HollowReasons::default(),
        }
    }

    fn judge(reviews: &[Review]) -> Vec<Vec<&'static str>> {
        let all = Reviews {
            reviews: reviews.to_vec(),
            texts: HashMap::new(),
            windows: reviews.len() as u32,
        };
        all.judge().iter().map(|j| j.reasons.iter().map(HollowReason::as_str).collect()).collect()
    }

    #[test]
    fn reading_takes_two_hundred_milliseconds_a_word() {
        // 120 words at 300 a minute: 24 s. One millisecond less is impossible.
        let exact = review(0, 24);
        let short = Review { decided_at: Timestamp::from_millis(at(24).as_millis() - 1), ..exact };
        assert_eq!(judge(&[exact]), [Vec::<&str>::new()]);
        assert_eq!(judge(&[short]), [["impossible_reading"]]);
    }

    #[test]
    fn attention_starts_at_the_latest_of_advice_look_and_previous_decision() {
        let looked = Review { opened_at: Some(at(80)), ..review(0, 100) };
        assert_eq!(judge(&[looked]), [["impossible_reading"]]);
        let busy = [review(0, 100), review(1, 110), review(2, 200)];
        assert_eq!(judge(&busy), [vec![], vec!["impossible_reading"], vec![]]);
        // Of two decisions in the same millisecond, the second had no time at all.
        assert_eq!(judge(&[review(0, 100), review(1, 100)]), [vec![], vec!["impossible_reading"]]);
    }

    #[test]
    fn without_words_or_advice_there_is_no_certificate() {
        let wordless = Review { floor: None, ..review(0, 1) };
        let unadvised = Review { presented_at: None, ..review(1, 1) };
        assert_eq!(judge(&[wordless, unadvised]), [Vec::<&str>::new(), vec![]]);
    }

    #[test]
    fn a_batch_is_read_as_a_whole() {
        let batch = |number, decided| Review { batch: Some(7), ..review(number, decided) };
        // Two cases of 24 s each, presented at 0: 48 s suffice, 47 do not, for both.
        assert_eq!(judge(&[batch(0, 48), batch(1, 48)]), [Vec::<&str>::new(), vec![]]);
        assert_eq!(
            judge(&[batch(0, 1), batch(1, 47)]),
            [["impossible_reading"], ["impossible_reading"]]
        );
        // A decision outside shortens the time; one inside does not.
        let after_other = [review(0, 30), batch(1, 60), batch(2, 77)];
        assert_eq!(
            judge(&after_other),
            [vec![], vec!["impossible_reading"], vec!["impossible_reading"]]
        );
        // A case of unknown length shares the fate of its batch.
        let unknown = Review { floor: None, ..batch(2, 20) };
        assert_eq!(judge(&[batch(0, 1), batch(1, 20), unknown])[2], ["impossible_reading"]);
    }

    #[test]
    fn five_equal_reasons_among_the_previous_twenty_are_a_template() {
        let same = |n: u32| Review { digest: Some(1), floor: None, ..review(n, i64::from(n)) };
        let other =
            |n: u32| Review { digest: Some(100 + n), floor: None, ..review(n, i64::from(n)) };
        let six: Vec<Review> = (0..6).map(same).collect();
        let found = judge(&six);
        assert!(found[..5].iter().all(Vec::is_empty));
        assert_eq!(found[5], ["templated_rationale"]);
        // Fifteen others push nothing out of the twenty; sixteen push one out.
        for (gap, template) in [(15, true), (16, false)] {
            let mut row: Vec<Review> = (0..5).map(same).collect();
            row.extend((5..5 + gap).map(other));
            row.push(same(5 + gap));
            assert_eq!(judge(&row).last().unwrap().is_empty(), !template, "gap {gap}");
        }
    }

    #[test]
    fn collecting_in_two_parts_is_collecting_at_once() {
        let part = |texts: &[&str], reviews: &[Review], windows| Reviews {
            reviews: reviews.to_vec(),
            texts: texts.iter().zip(0..).map(|(text, n)| ((*text).to_owned(), n)).collect(),
            windows,
        };
        // "a" is 0 in the first part and 1 in the second; "b" the other way round.
        let mut first =
            part(&["a", "b"], &[review(0, 100), Review { reviewer: 1, ..review(2, 50) }], 3);
        let second =
            part(&["b", "a"], &[Review { reviewer: 1, ..review(1, 110) }, review(0, 60)], 2);
        first.append(second);
        let hollow: Vec<bool> = first.judge().iter().map(|j| !j.reasons.is_empty()).collect();
        // b decided at 50 and 60, a at 100 and 110: the second of each was too soon.
        assert_eq!(hollow, [false, false, false, true, true]);
    }

    #[test]
    fn reviewers_do_not_share_a_clock() {
        let other = Review { reviewer: 1, ..review(1, 101) };
        assert_eq!(judge(&[review(0, 100), other]), [Vec::<&str>::new(), vec![]]);
    }
}
