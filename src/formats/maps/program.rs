//! `map.jq`: from text to a program, and its runs.

use std::fmt;

use jaq_core::load::lex::{Lexer, StrPart, Tok, Token};
use jaq_core::load::parse::{Def, Parser};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Exn, Filter, Vars};
use jaq_json::Val;

use super::functions::{DEFINITIONS_LEFT_OUT, functions};
use super::guard::{Guarded, Run, STEPS_MAX};
use super::mark::Mark;
use super::rewrite::{Rewriter, line_of};
use super::stop::Stop;
use super::world::World;
use crate::formats::rejection::{RejectReason, Rejection};

/// A longer program is no map.
const PROGRAM_BYTES_MAX: usize = 256 << 10;
/// The parser calls itself for each bracket.
const BRACKETS_MAX: usize = 64;
/// Every word and sign may be a level of the program. Each needs some of the stack.
const TOKENS_MAX: usize = 16_384;
const STACK_BYTES: usize = 64 << 20;
/// The definition that holds the whole program.
const MAIN: &str = "_map";

/// A compiled program.
pub(super) struct Program {
    filter: Filter<Guarded>,
    marks: Vec<Mark>,
    messages: Vec<String>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Program(…)")
    }
}

/// Why a run gave nothing: a reason, a text without any content of the record, and the line.
#[derive(Debug, PartialEq)]
pub(super) struct Failed {
    pub(super) reason: RejectReason,
    pub(super) why: String,
    pub(super) mark: Option<Mark>,
}

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    /// Every fault with its line.
    pub(super) fn compile(code: &str) -> Result<Program, String> {
        check_form(code)?;
        // What reads a program calls itself for each level of it.
        std::thread::scope(|scope| {
            let compiling = std::thread::Builder::new().stack_size(STACK_BYTES);
            let compiled = compiling.spawn_scoped(scope, || Program::compile_here(code));
            let compiled = compiled.map(|running| running.join());
            let fault = "map.jq: cannot be compiled, because there is no memory left";
            compiled.map_or_else(|_| Err(fault.into()), |end| end.unwrap_or(Err(fault.into())))
        })
    }

    fn compile_here(code: &str) -> Result<Program, String> {
        let arena = Arena::default();
        let tokens = Lexer::new(code).lex().map_err(|errors| {
            faults(code, errors.iter().map(|(expected, at)| (*at, expected.as_str().to_owned())))
        })?;
        if count(&tokens) > TOKENS_MAX {
            return Err(format!("map.jq: more than {TOKENS_MAX} words and signs"));
        }
        let term = Parser::new(&tokens).parse(|parser| parser.term()).map_err(|errors| {
            faults(
                code,
                errors.iter().map(|(expected, found)| {
                    (Token::opt_as_str(*found, code), expected.as_str().to_owned())
                }),
            )
        })?;
        let mut rewriter = Rewriter::new(&arena, Some(code));
        let body = rewriter.term(term);
        let (marks, messages) = (rewriter.marks, rewriter.messages);
        let main = Def { name: MAIN, args: Vec::new(), body };
        let mut engine = Rewriter::new(&arena, None);
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let defs: Vec<Def<&str>> = defs
            .filter(|def| !DEFINITIONS_LEFT_OUT.contains(&def.name))
            .map(|def| engine.definition(def))
            .chain([main])
            .collect();
        let modules = Loader::new(defs)
            .load(&arena, File { code: MAIN, path: () })
            .map_err(|_| "map.jq: cannot be loaded".to_owned())?;
        let filter = Compiler::<&str, Guarded>::default()
            .with_funs(functions())
            .compile(modules)
            .map_err(|errors| {
            let undefined = errors.iter().flat_map(|(_, errors)| errors);
            let undefined: Vec<String> = undefined
                .map(|(name, what)| {
                    let line = line_of(code, name).map(|line| format!("line {line}: "));
                    let line = line.unwrap_or_default();
                    format!("map.jq: {line}no {} `{name}`", what.as_str())
                })
                .collect();
            undefined.join("; ")
        })?;
        Ok(Program { filter, marks, messages })
    }

    /// Runs the program on `record`. `each` gets its outputs in order, and may end the run.
    ///
    /// Returns how many steps it took, and how it ended.
    pub(super) fn run<E: From<Failed>>(
        &self,
        record: Val,
        world: World<'_>,
        mut each: impl FnMut(Val) -> Result<(), E>,
    ) -> (u32, Result<(), E>) {
        let run = Run::new(&self.filter.lut, &record, world, &self.messages, &self.marks);
        let context = Ctx::<Guarded>::new(&run, Vars::new([]));
        let mut outputs = self.filter.id.run((context, record));
        let ended = outputs.try_for_each(|output| match output {
            Ok(value) => each(value),
            Err(exception) => Err(failure(exception, &run).into()),
        });
        (run.steps(), ended)
    }
}

fn failure(exception: Exn<'_, Val>, run: &Run<'_>) -> Failed {
    match run.stopped() {
        Some(stop) => stopped(stop, run),
        None => match exception.get_err().map(jaq_core::Error::into_val) {
            Ok(Val::TStr(text)) => failed(&text, run),
            _ => failed(b"", run),
        },
    }
}

fn stopped(stop: Stop, run: &Run<'_>) -> Failed {
    let (reason, why) = match stop {
        Stop::Steps => (
            RejectReason::MapFailed,
            format!("took more than {STEPS_MAX} steps for one record: it loops, or is too slow"),
        ),
        Stop::Depth => (RejectReason::MapFailed, "calls or values are nested too deep".to_owned()),
        Stop::Size => (
            RejectReason::MapFailed,
            "a value became too large, or all values together did".to_owned(),
        ),
        Stop::NoDetectionTime => (
            RejectReason::NoDetectionTime,
            "the source gives no time of detection: pass --detected-at".to_owned(),
        ),
    };
    Failed { reason, why, mark: run.mark().cloned() }
}

/// `text` is the engine's message. It may quote the record, so only its kind is told.
fn failed(text: &[u8], run: &Run<'_>) -> Failed {
    let said = run.said().filter(|said| said.as_bytes() == text);
    let why = match std::str::from_utf8(text).unwrap_or_default() {
        _ if said.is_some() => said.unwrap_or_default(),
        text if text.starts_with("cannot index ") => {
            "looks for a key or an element in a value that is neither an object nor an array"
        }
        text if text.starts_with("cannot use ") => "uses a value of another type than it needs",
        text if text.starts_with("cannot calculate ") => "calculates with values that do not fit",
        text if text.starts_with("invalid path expression") => {
            "changes what is no part of its input"
        }
        text if text.starts_with("cannot parse ") => "reads a text that is no JSON",
        _ => "an error whose text is not shown, because it may quote the record",
    };
    Failed { reason: RejectReason::MapFailed, why: why.to_owned(), mark: run.mark().cloned() }
}

impl From<Failed> for Rejection {
    fn from(failed: Failed) -> Rejection {
        let place = match failed.mark {
            None => String::new(),
            Some(Mark { line, field, .. }) => format!("map.jq line {line}, at `{field}`: "),
        };
        Rejection::new(failed.reason, format!("{place}{}", failed.why))
    }
}

/// What must hold before the parser sees a program.
fn check_form(code: &str) -> Result<(), String> {
    if code.len() > PROGRAM_BYTES_MAX {
        return Err(format!("map.jq: longer than {PROGRAM_BYTES_MAX} bytes"));
    }
    let mut depth = 0_usize;
    for byte in code.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > BRACKETS_MAX {
            return Err(format!("map.jq: brackets nested deeper than {BRACKETS_MAX}"));
        }
    }
    Ok(())
}

/// Words and signs of a program, with those in brackets and in texts.
fn count(tokens: &[Token<&str>]) -> usize {
    let within = |Token(_, token): &Token<&str>| match token {
        Tok::Block(tokens) => count(tokens),
        Tok::Str(parts) => parts.iter().map(part).sum(),
        _ => 0,
    };
    fn part(part: &StrPart<&str, Token<&str>>) -> usize {
        match part {
            StrPart::Term(token) => 1 + count(std::slice::from_ref(token)),
            StrPart::Str(_) | StrPart::Char(_) => 1,
        }
    }
    tokens.iter().map(|token| 1 + within(token)).sum()
}

fn faults<'c>(code: &str, errors: impl Iterator<Item = (&'c str, String)>) -> String {
    let faults: Vec<String> = errors
        .map(|(at, expected)| match line_of(code, at) {
            Some(line) => format!("map.jq: line {line}: expected {expected}"),
            None => format!("map.jq: at its end: expected {expected}"),
        })
        .collect();
    faults.join("; ")
}
