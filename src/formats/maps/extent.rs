//! How much a value is, with all that is in it.
//!
//! A value may hold one list a thousand times, and each of those the next one. In memory they
//! share it; written as text, compared or walked through they do not. So what counts here is the
//! value as if nothing were shared.

use jaq_json::{Num, Val};

use super::stop::Stop;

/// How deep a value may be.
const DEPTH_MAX: usize = 256;
/// The longest text, in bytes, and the longest list, in elements.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;
const ELEMENTS_MAX: usize = 100_000;
/// The largest whole number, in bits.
const NUMBER_BITS_MAX: u64 = 4_096;

/// Bytes of a value that is neither a text nor a container; of the head of one that is; and of an
/// entry of an object besides its key and its value.
const SCALAR_BYTES: usize = 16;
const HEAD_BYTES: usize = 48;
const ENTRY_BYTES: usize = 32;

/// How much a value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes in memory, about.
    pub(super) bytes: usize,
    /// The value itself and every value in it.
    pub(super) values: usize,
}

impl Extent {
    /// The extent of a record, which is bounded already.
    pub(super) fn of_record(record: &Val) -> Extent {
        let mut extent = Extent::default();
        // A record beyond a bound of ours has at least the extent that was counted so far.
        let _ = extent.count(record, usize::MAX, 0);
        extent
    }

    /// The extent of a value.
    ///
    /// # Errors
    /// When it is more than `bytes_max`, or beyond another bound. That is found out after
    /// `bytes_max` bytes, however large the value is.
    pub(super) fn of(value: &Val, bytes_max: usize) -> Result<Extent, Stop> {
        let mut extent = Extent::default();
        extent.count(value, bytes_max, 0)?;
        Ok(extent)
    }

    fn count(&mut self, value: &Val, bytes_max: usize, depth: usize) -> Result<(), Stop> {
        if depth > DEPTH_MAX {
            return Err(Stop::Depth);
        }
        self.values += 1;
        self.bytes += own_bytes(value)?;
        if self.bytes > bytes_max {
            return Err(Stop::Size);
        }
        match value {
            Val::Arr(list) => {
                list.iter().try_for_each(|value| self.count(value, bytes_max, depth + 1))
            }
            Val::Obj(object) => object.iter().try_for_each(|(key, value)| {
                self.count(key, bytes_max, depth + 1)?;
                self.count(value, bytes_max, depth + 1)
            }),
            _ => Ok(()),
        }
    }
}

/// Bytes that making a value takes, when what is in it is there already.
///
/// # Errors
/// When it is beyond a bound by itself.
pub(super) fn own_bytes(value: &Val) -> Result<usize, Stop> {
    let within = |size: usize, most: usize, bytes: usize| match size > most {
        true => Err(Stop::Size),
        false => Ok(HEAD_BYTES + bytes),
    };
    match value {
        Val::TStr(text) | Val::BStr(text) => within(text.len(), TEXT_BYTES_MAX, text.len()),
        Val::Arr(list) => within(list.len(), ELEMENTS_MAX, list.len() * SCALAR_BYTES),
        Val::Obj(object) => {
            within(object.len(), ELEMENTS_MAX, object.len() * (2 * SCALAR_BYTES + ENTRY_BYTES))
        }
        Val::Num(Num::BigInt(number)) if number.bits() > NUMBER_BITS_MAX => Err(Stop::Size),
        _ => Ok(SCALAR_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::read;
    use super::*;

    fn nested(levels: usize, of: impl Fn(Val) -> Vec<Val>) -> Val {
        (0..levels).fold(Val::Null, |value, _| of(value).into_iter().collect())
    }

    #[test]
    fn what_is_shared_counts_each_time() {
        let twice = |value: Val| vec![value.clone(), value];
        let (five, ten) = (nested(5, twice), nested(10, twice));
        assert_eq!(Extent::of(&five, 1 << 20).unwrap().values, 63);
        assert_eq!(Extent::of(&ten, 1 << 20).unwrap().values, 2_047);
        // It ends long before it has seen 2^60 values.
        assert_eq!(Extent::of(&nested(60, twice), 1 << 20), Err(Stop::Size));
    }

    #[test]
    fn depth_counts_wherever_it_is() {
        let middle = |value: Val| vec![Val::Null, value, Val::Null];
        assert!(Extent::of(&nested(256, middle), 1 << 20).is_ok());
        assert_eq!(Extent::of(&nested(257, middle), 1 << 20), Err(Stop::Depth));
    }

    #[test]
    fn texts_lists_and_numbers_are_bounded_by_themselves() {
        let own = |text: &str| own_bytes(&read(text).unwrap());
        assert_eq!(own(&format!("\"{}\"", "x".repeat(TEXT_BYTES_MAX + 1))), Err(Stop::Size));
        assert_eq!(own(&format!("[{}0]", "0,".repeat(ELEMENTS_MAX))), Err(Stop::Size));
        assert_eq!(own("[[1,2,3],{}]"), Ok(80));
        let large = Val::from_num("7".repeat(2_000).as_str());
        assert_eq!(large.map(|number| own_bytes(&number)), Ok(Err(Stop::Size)));
    }

    use jaq_core::ValT as _;
}
