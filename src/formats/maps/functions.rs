//! The functions that a program may call: those of the engine that know nothing of the world,
//! and our own.

use jaq_core::box_iter::box_once;
use jaq_core::native::{self, Fun, bome, v};
use jaq_core::val::ValXs;
use jaq_core::{Bind, Cv, Error, Exn, Native, RunPtr};
use jaq_json::Val;

use super::extent::TEXT_BYTES_MAX;
use super::guard::{Guarded, Run};
use super::stop::Stop;
use super::times;
use super::value::{self, number_text};
use crate::formats::names;

/// The engine's functions that a program may call. All others are left out: the clock, the
/// environment, the local time zone, output, the end of the process, trigonometry.
const ALLOWED: &[&str] = &[
    "ascii_downcase",
    "ascii_upcase",
    "bsearch",
    "ceil",
    "contains",
    "decode_base64",
    "decode_uri",
    "encode_base64",
    "encode_uri",
    "endswith",
    "error_empty",
    "escape_html",
    "escape_sh",
    "explode",
    "first",
    "floor",
    "fromdateiso8601",
    "gmtime",
    "group_by",
    "has",
    "implode",
    "indices",
    "key_values",
    "keys_unsorted",
    "last",
    "length",
    "limit",
    "ltrim",
    "ltrimstr",
    "matches",
    "max_by_or_empty",
    "min_by_or_empty",
    "mktime",
    "path",
    "path_value",
    "reverse",
    "round",
    "rtrim",
    "rtrimstr",
    "skip",
    "sort",
    "sort_by",
    "split_",
    "split_matches",
    "startswith",
    "strftime",
    "strptime",
    "tobytes",
    "todateiso8601",
    "tojson",
    "trim",
    "unescape_html",
    "utf8bytelength",
];

/// Definitions of the engine that need a function which is left out.
pub(super) const DEFINITIONS_LEFT_OUT: &[&str] = &[
    "debug",
    "drem",
    "gamma",
    "halt",
    "halt_error",
    "logb",
    "nexttoward",
    "pow10",
    "scalb",
    "significand",
    "stderr",
];

/// Counts a step, and gives its input.
pub(super) const TICK: &str = "_tick";
/// Counts a step that makes something longer which only recursion can free.
pub(super) const NEST: &str = "_nest";
/// Runs its second argument, and remembers that an error came out of the mark whose number it is
/// given.
pub(super) const MARK: &str = "_mark";
/// Counts its input, which was made of values that are there anyway, and gives it.
pub(super) const PUT_TOGETHER: &str = "_put_together";
/// Counts its input, of which everything may be new, and gives it.
pub(super) const MADE: &str = "_made";
/// Counts its input, all of which is looked at, and gives it.
pub(super) const SEEN: &str = "_seen";
/// Multiplies, within bounds.
pub(super) const TIMES: &str = "_times";
/// Adds, within bounds.
pub(super) const PLUS: &str = "_plus";
/// Charges for what holds its input against its argument, and gives its input.
pub(super) const PAIR: &str = "_pair";
/// Charges for a search of its input for its argument, and gives its input.
pub(super) const SEARCH: &str = "_search";
/// Fails if its input is a list, and gives it.
pub(super) const INDEX: &str = "_index";
/// Fails with the message whose number it is given.
pub(super) const FAIL: &str = "_fail";

/// Functions of the engine whose result may be more than their input.
pub(super) const MAKING: &[&str] = &[
    "decode_base64",
    "encode_base64",
    "encode_uri",
    "escape_html",
    "escape_sh",
    "explode",
    "fromjson",
    "group_by",
    "implode",
    "indices",
    "key_values",
    "matches",
    "path",
    "path_value",
    "split_",
    "split_matches",
    "strftime",
    "strptime",
    "tobytes",
    "tojson",
];
/// Functions of the engine that call a filter for each element.
pub(super) const CALLING: &[&str] = &["group_by", "max_by_or_empty", "min_by_or_empty", "sort_by"];
/// Functions of the engine that hold their input against their argument, part by part.
pub(super) const PAIRING: &[&str] = &["contains", "has", "indices"];
/// Functions of the engine that search their input for a regular expression.
pub(super) const SEARCHING: &[&str] = &["matches", "split_", "split_matches"];

/// All functions.
pub(super) fn functions() -> impl Iterator<Item = Fun<Guarded>> {
    let allowed = |fun: &Fun<Guarded>| ALLOWED.contains(&fun.0);
    let engine = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let own: [(&'static str, usize, RunPtr<Guarded>); 13] = [
        (TIMES, 2, product),
        (PLUS, 2, sum),
        (PAIR, 1, pair),
        (SEARCH, 1, search),
        (FAIL, 1, fail),
        ("range", 3, range),
        ("fromjson", 0, from_json),
        ("hmac", 0, |cv| {
            over_text(cv, |run, text| Ok(run.world.identity.name(text.as_bytes()).into()))
        }),
        ("digest", 0, |cv| {
            over_text(cv, |run, text| Ok(names::rationale(text, run.world.identity).into()))
        }),
        ("words", 0, |cv| over_text(cv, |_, text| Ok(Val::from(text.split_whitespace().count())))),
        ("time", 0, |cv| over_text(cv, time)),
        ("detected_at", 0, detected_at),
        ("items", 0, |(ctx, _)| bome(Ok(Val::from(ctx.data().world.items)))),
    ];
    let own = own.map(|(name, arity, run)| native::run::<Guarded>((name, v(arity), run)));
    // A value passes through these as it is, also where a path is followed or updated.
    macro_rules! passing {
        ($name:expr, $count:ident) => {{
            let fun: Fun<Guarded> = (
                $name,
                v(0),
                Native::<Guarded>::new(|(ctx, value)| {
                    box_once(ctx.data().$count(&value).map(|()| value))
                })
                .with_paths(|(ctx, value)| box_once(ctx.data().$count(&value.0).map(|()| value)))
                .with_update(|(ctx, value), update| match ctx.data().$count(&value) {
                    Ok(()) => update(value),
                    Err(stop) => box_once(Err(stop)),
                }),
            );
            fun
        }};
    }
    let passing = [
        passing!(TICK, step),
        passing!(NEST, nest),
        passing!(PUT_TOGETHER, put_together),
        passing!(MADE, made),
        passing!(SEEN, seen),
        passing!(INDEX, index),
    ];
    let mark = native::run::<Guarded>((MARK, [Bind::Var(()), Bind::Fun(())].into(), mark));
    engine.filter(allowed).chain(own).chain(passing).chain([mark])
}

/// A number that stands in the program, put there by us.
fn number(value: &Val) -> usize {
    match value {
        Val::Num(number) => number.as_isize().and_then(|it| usize::try_from(it).ok()).unwrap_or(0),
        _ => 0,
    }
}

fn mark<'a>((mut ctx, value): Cv<'a, Guarded>) -> ValXs<'a, Val> {
    let (within, context) = ctx.pop_fun();
    let mark = number(&ctx.pop_var());
    let run: &'a Run<'a> = ctx.data();
    Box::new(within.run((context, value)).inspect(move |output| {
        if output.is_err() {
            run.failed_within(mark);
        }
    }))
}

fn fail<'a>((mut ctx, _): Cv<'a, Guarded>) -> ValXs<'a, Val> {
    let message = number(&ctx.pop_var());
    let run: &'a Run<'a> = ctx.data();
    let message = run.messages.get(message).map(String::as_str).unwrap_or_default();
    bome(Err(failed(run, message)))
}

/// An error of our own, whose text may be shown.
fn failed<'a>(run: &'a Run<'a>, text: &'a str) -> Error<Val> {
    run.say(text);
    Error::str(text)
}

/// `left * right`. A text times a number repeats the text.
fn product<'a>((mut ctx, _): Cv<'a, Guarded>) -> ValXs<'a, Val> {
    let right = ctx.pop_var();
    let left = ctx.pop_var();
    let repeated = match (&left, &right) {
        (Val::TStr(text) | Val::BStr(text), Val::Num(times))
        | (Val::Num(times), Val::TStr(text) | Val::BStr(text)) => {
            let times = times.as_isize().map_or(usize::MAX, |it| it.max(0).unsigned_abs());
            text.len().saturating_mul(times)
        }
        _ => 0,
    };
    let run = *ctx.data();
    if repeated > TEXT_BYTES_MAX {
        return box_once(Err(run.stop(Stop::Size)));
    }
    box_once((left * right).map_err(Exn::from).and_then(|value| run.made(&value).map(|()| value)))
}

/// `left + right`.
fn sum<'a>((mut ctx, _): Cv<'a, Guarded>) -> ValXs<'a, Val> {
    let right = ctx.pop_var();
    let left = ctx.pop_var();
    let run = *ctx.data();
    box_once(
        (left + right)
            .map_err(Exn::from)
            .and_then(|value| run.put_together(&value).map(|()| value)),
    )
}

fn pair<'a>((mut ctx, value): Cv<'a, Guarded>) -> ValXs<'a, Val> {
    let other = ctx.pop_var();
    box_once(ctx.data().pair(&value, &other).map(|()| value))
}

fn search<'a>((mut ctx, value): Cv<'a, Guarded>) -> ValXs<'a, Val> {
    let pattern = ctx.pop_var();
    box_once(ctx.data().search(&value, &pattern).map(|()| value))
}

/// `range(from; upto; by)`, with a step for each number.
fn range<'a>((mut ctx, _): Cv<'a, Guarded>) -> ValXs<'a, Val> {
    let by = ctx.pop_var();
    let upto = ctx.pop_var();
    let mut next = Ok(ctx.pop_var());
    let run: &'a Run<'a> = ctx.data();
    let direction = by.cmp(&Val::from(0_usize));
    Box::new(std::iter::from_fn(move || {
        let current = match std::mem::replace(&mut next, Ok(upto.clone())) {
            Ok(current) => current,
            Err(error) => return Some(Err(Exn::from(error))),
        };
        let goes_on = match direction {
            std::cmp::Ordering::Greater => current < upto,
            std::cmp::Ordering::Less => current > upto,
            std::cmp::Ordering::Equal => current != upto,
        };
        if !goes_on {
            return None;
        }
        next = current.clone() + by.clone();
        Some(run.step(&current).map(|()| current))
    }))
}

/// The value that a text holds as JSON. The engine's own function follows a text of any depth
/// down the stack, which may end the process.
fn from_json<'a>((ctx, value): Cv<'a, Guarded>) -> ValXs<'a, Val> {
    let run: &'a Run<'a> = ctx.data();
    let Val::TStr(text) = &value else {
        return bome(Err(failed(run, "expected a text that holds JSON")));
    };
    let read = std::str::from_utf8(text).ok().and_then(|text| value::read(text).ok());
    bome(read.ok_or_else(|| {
        failed(run, "reads a text that is no JSON, or JSON that is nested too deep")
    }))
}

/// A function of a text. Numbers are taken as they are written; of `null` and of the empty
/// text it is `null`.
fn over_text<'a>(
    (ctx, value): Cv<'a, Guarded>,
    function: fn(&'a Run<'a>, &str) -> Result<Val, Error<Val>>,
) -> ValXs<'a, Val> {
    let run: &'a Run<'a> = ctx.data();
    let result = match &value {
        Val::Null => Ok(Val::Null),
        Val::TStr(text) if text.is_empty() => Ok(Val::Null),
        Val::TStr(text) => match std::str::from_utf8(text) {
            Ok(text) => function(run, text),
            Err(_) => Err(failed(run, "a text that is not UTF-8")),
        },
        Val::Num(number) => match number_text(number) {
            Ok(text) => function(run, &text),
            Err(_) => Err(failed(run, "a number that is not finite")),
        },
        _ => Err(failed(run, "expected a text, a number or null")),
    };
    bome(result)
}

fn time<'a>(run: &'a Run<'a>, text: &str) -> Result<Val, Error<Val>> {
    match times::read(text, run.world.times) {
        Some(time) => Ok(time.to_string().into()),
        None => Err(failed(
            run,
            "no time between 2000 and 2100 in RFC 3339, in a unit since the epoch, or in one of \
             the map's `times`",
        )),
    }
}

fn detected_at<'a>((ctx, _): Cv<'a, Guarded>) -> ValXs<'a, Val> {
    box_once(match ctx.data().world.detected_at {
        Some(time) => Ok(time.to_string().into()),
        None => Err(ctx.data().stop(Stop::NoDetectionTime)),
    })
}
