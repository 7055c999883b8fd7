//! The text of a record of the ledger, held compressed.
//!
//! Invariant: what comes out is what went in, byte for byte.
//!
//! A record is about 1.9 kB of JSON, and most of it are the names of fields. So each is compressed
//! by itself, against a dictionary in which those names stand. Without it, the texts would be most
//! of the memory of a view.

use std::cell::RefCell;
use std::io;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::error;
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use crate::engine::attacker::Band;
use crate::engine::oversight::{HollowReasons, Quality};
use crate::engine::windows::{ExposureId, Key, State};
use crate::event::{Action, Evidence, ExposedAtQuality, Severity, Verdict, Workflow};
use crate::records::{AttackerChance, Durations, Object, WindowRecord};
use crate::time::{Span, Timestamp};

/// zstd's level: a fast one, since the thread of the view compresses every record that it reads.
const LEVEL: i32 = -3;

/// The same text for all records, in which zstd finds what they have in common.
static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(sample);
static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(&SAMPLE, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(&SAMPLE));

thread_local! {
    static PACKER: RefCell<Option<Compressor<'static>>> =
        RefCell::new(Compressor::with_prepared_dictionary(&ENCODER).ok());
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// How often a text could not be had, in this process.
static UNREADABLE: AtomicU64 = AtomicU64::new(0);

/// How often a text could not be had, in this process.
pub(super) fn unreadable() -> u64 {
    UNREADABLE.load(Ordering::Relaxed)
}

/// A text, compressed.
#[derive(Debug)]
pub(super) struct Packed {
    /// The bytes of the text.
    len: usize,
    /// The text itself if it has as many bytes as that, else its compressed form.
    bytes: Box<[u8]>,
}

impl Packed {
    /// Compresses a text. One that does not become shorter is held as it is.
    pub(super) fn new(text: &str) -> Packed {
        let packed =
            PACKER.with_borrow_mut(|packer| packer.as_mut()?.compress(text.as_bytes()).ok());
        let shorter = packed.filter(|packed| packed.len() < text.len());
        Packed { len: text.len(), bytes: shorter.unwrap_or_else(|| text.into()).into() }
    }

    /// How many bytes the text has.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The text. `None`, which is logged and counted: there is no memory for it.
    pub(super) fn text(&self) -> Option<String> {
        UNPACKER.with_borrow_mut(|unpacker| {
            let make = || Decompressor::with_prepared_dictionary(&DECODER);
            self.text_by(unpacker, make, &UNREADABLE)
        })
    }

    /// The same by this decompressor, or by one that `make` makes; failures are added to `failed`.
    fn text_by(
        &self,
        unpacker: &mut Option<Decompressor<'static>>,
        make: impl Fn() -> io::Result<Decompressor<'static>>,
        failed: &AtomicU64,
    ) -> Option<String> {
        let bytes = match self.bytes.len() == self.len {
            true => Ok(self.bytes.to_vec()),
            false => self.unpack(unpacker, make),
        };
        // These bytes were made of a text, by the same dictionary.
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
        text.inspect_err(|error| {
            let times = failed.fetch_add(1, Ordering::Relaxed) + 1;
            // Of a million windows not each has a line of the log.
            if times.is_power_of_two() {
                error!(times, "a record that the view holds cannot be unpacked: {error}");
            }
        })
        .ok()
    }

    fn unpack(
        &self,
        unpacker: &mut Option<Decompressor<'static>>,
        make: impl Fn() -> io::Result<Decompressor<'static>>,
    ) -> io::Result<Vec<u8>> {
        if let Some(Ok(bytes)) =
            unpacker.as_mut().map(|unpacker| unpacker.decompress(&self.bytes, self.len))
        {
            return Ok(bytes);
        }
        // There is none yet, or it is the one that failed.
        unpacker.insert(make()?).decompress(&self.bytes, self.len)
    }
}

/// A window that nobody has decided, and one that was decided: between them they have every name
/// of a field with what often stands behind it.
fn sample() -> Vec<u8> {
    let at = Timestamp::from_millis(1_767_225_600_000);
    let key = Key { workflow: Workflow::SecretExposure, credential_id: "cred-0123456789abcdef" };
    let open = WindowRecord::detected(ExposureId { key, detected_at: at });
    let (some, after) = (|text: &str| Some(text.to_owned()), Some(Span::from_mins(7)));
    let decided = WindowRecord {
        source: some("github-secret-scanning"),
        location: some("repository/"),
        severity: Some(Severity::High),
        owner: some("team-"),
        state: State::Closed,
        revision: 4,
        r#final: true,
        exposed_at: Some(at),
        exposed_at_quality: Some(ExposedAtQuality::Exact),
        triaged_at: Some(at),
        presented_at: Some(at),
        opened_at: Some(at),
        decided_at: Some(at),
        contained_at: Some(at),
        touched_at: Some(at),
        first_presented_at: Some(at),
        first_opened_at: Some(at),
        durations_ms: Object(Durations {
            detection: after,
            triage: after,
            first_touch: after,
            review: after,
            time_to_review: after,
            containment: after,
            exposure: after,
        }),
        band: Some(Band::Ahead),
        attacker_first: Some(Object(AttackerChance { low: 0.5, high: 1.0, lower_bound: 0.25 })),
        items: Some(1),
        items_opened: Some(1),
        evidence: Some(Evidence::Raw),
        advice_source: some("triage-service"),
        model: some("model"),
        advised_severity: Some(Severity::High),
        recommendation: Some(Action::Revoke),
        confidence: Some(0.9),
        summary_words: Some(120),
        summary_chars: Some(700),
        reviewer: some("reviewer-"),
        verdict: Some(Verdict::Approve),
        action: Some(Action::Revoke),
        final_action: Some(Action::Revoke),
        agreed: Some(true),
        rationale_words: Some(12),
        hollow: Some(HollowReasons::default()),
        quality: Some(Quality::Meaningful),
        effective: Some(true),
        ..open.clone()
    };
    // Never fails: a record has nothing that JSON cannot say.
    let json = |record| serde_json::to_vec(record).unwrap_or_default();
    [json(&decided), json(&open)].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_takes_a_third_of_its_text_at_most() {
        let text = String::from_utf8(sample()).unwrap();
        let open =
            &text[text.rfind("{\"exposure_id").unwrap()..].replace("0123456789", "abcabcabca");
        let packed = Packed::new(open);
        assert_eq!((packed.text().as_deref(), packed.len()), (Some(&**open), open.len()));
        assert!(packed.bytes.len() * 3 < open.len(), "{} of {}", packed.bytes.len(), open.len());
    }

    #[test]
    fn a_text_that_cannot_be_unpacked_is_counted_and_comes_once_it_can() {
        let text = String::from_utf8(sample()).unwrap();
        let packed = Packed::new(&text);
        let (failed, mut unpacker) = (AtomicU64::new(0), None);
        let failures = || failed.load(Ordering::Relaxed);
        let full = || Err(io::Error::from(io::ErrorKind::OutOfMemory));
        assert_eq!(packed.text_by(&mut unpacker, full, &failed), None);
        assert_eq!(failures(), 1);
        let made = || Decompressor::with_prepared_dictionary(&DECODER);
        assert_eq!(packed.text_by(&mut unpacker, made, &failed).as_ref(), Some(&text));
        // One that cannot unpack it is replaced.
        let mut useless = Some(Decompressor::new().unwrap());
        assert_eq!(packed.text_by(&mut useless, full, &failed), None);
        assert_eq!(packed.text_by(&mut useless, made, &failed), Some(text));
        assert_eq!(failures(), 2);
        let broken = Packed { len: 400, bytes: vec![0; 9].into() };
        assert_eq!(broken.text_by(&mut useless, made, &failed), None);
        assert_eq!(failures(), 3);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in ".{0,400}", times in 0..20_usize) {
            let text = text.repeat(times);
            prop_assert_eq!(Packed::new(&text).text(), Some(text));
        }
    }
}
