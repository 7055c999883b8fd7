//! One field of a record, not yet looked into.
//!
//! Invariant: null and absent are the same.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Fault, LedgerError};
use crate::time::{Span, Timestamp};

/// A field's name and its JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'j> {
    pub(super) name: &'static str,
    pub(super) json: Option<&'j RawValue>,
}

#[derive(Deserialize)]
struct Text<'j>(#[serde(borrow)] Cow<'j, str>);

impl<'j> Field<'j> {
    /// The error that `fault` in this field is.
    pub(super) fn wrong(self, fault: Fault) -> LedgerError {
        LedgerError { field: Some(self.name), fault }
    }

    /// `value`, which must be there.
    pub(super) fn required<T>(self, value: Option<T>) -> Result<T, LedgerError> {
        value.ok_or(self.wrong(Fault::Missing))
    }

    fn read<T: Deserialize<'j>>(self, expected: &'static str) -> Result<Option<T>, LedgerError> {
        let read = self.json.map(|json| serde_json::from_str(json.get()));
        read.transpose().map_err(|_| self.wrong(Fault::WrongType { expected }))
    }

    fn borrowed(self) -> Result<Option<Cow<'j, str>>, LedgerError> {
        Ok(self.read::<Text<'_>>("a text")?.map(|text| text.0))
    }

    pub(super) fn text(self) -> Result<Option<String>, LedgerError> {
        Ok(self.borrowed()?.map(Cow::into_owned))
    }

    pub(super) fn word<T>(self, parse: fn(&str) -> Option<T>) -> Result<Option<T>, LedgerError> {
        let word = self.borrowed()?;
        word.map(|word| parse(&word).ok_or(self.wrong(Fault::UnknownWord))).transpose()
    }

    /// The words of a list.
    pub(super) fn words<T>(
        self,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Option<Vec<T>>, LedgerError> {
        let Some(words) = self.read::<Vec<Text<'_>>>("a list of texts")? else { return Ok(None) };
        let word = |word: Text<'_>| parse(&word.0).ok_or(self.wrong(Fault::UnknownWord));
        words.into_iter().map(word).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn time(self) -> Result<Option<Timestamp>, LedgerError> {
        let time = |text: Cow<'_, str>| Timestamp::parse_rfc3339(&text);
        let time = self.borrowed()?.map(time).transpose();
        time.map_err(|error| self.wrong(Fault::Time(error)))
    }

    pub(super) fn span(self) -> Result<Option<Span>, LedgerError> {
        let expected = "a length in whole milliseconds";
        let ms = self.read::<i64>(expected)?;
        if ms.is_some_and(|ms| !(0..=Span::MAX.as_millis()).contains(&ms)) {
            return Err(self.wrong(Fault::WrongType { expected }));
        }
        Ok(ms.map(Span::from_millis))
    }

    pub(super) fn count(self) -> Result<Option<u64>, LedgerError> {
        self.read("a count")
    }

    pub(super) fn flag(self) -> Result<Option<bool>, LedgerError> {
        self.read("true or false")
    }

    pub(super) fn fraction(self) -> Result<Option<f64>, LedgerError> {
        let expected = "a number from 0 to 1";
        let number = self.read::<f64>(expected)?;
        if number.is_some_and(|number| !(0.0..=1.0).contains(&number)) {
            return Err(self.wrong(Fault::WrongType { expected }));
        }
        Ok(number)
    }
}
