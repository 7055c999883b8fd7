//! Puts steps, counts and marks into a program, before the engine compiles it.
//!
//! A step counts what repeats, and a count what is made ([`guard`](super::guard)). A mark remembers
//! the place of an error that comes out of what it is around: the engine knows none.

use jaq_core::load::Arena;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};

use super::functions::{
    CALLING, FAIL, INDEX, MADE, MAKING, MARK, NEST, PAIR, PAIRING, PLUS, PUT_TOGETHER, SEARCH,
    SEARCHING, SEEN, TICK, TIMES,
};
use super::mark::Mark;

/// A step is put in at every so many levels of nesting.
const LEVELS: usize = 32;
/// A text or an object of more parts is made piece by piece.
const PIECE: usize = 8;
/// Variables of our own. The space keeps them apart from those of a program.
const FIRST: &str = "$ first";
const SECOND: &str = "$ second";

/// What was found on the way through a program.
pub(super) struct Rewriter<'s> {
    arena: &'s Arena,
    /// The program of a map; `None` within the engine's own definitions, which have no marks.
    code: Option<&'s str>,
    /// The definitions that call themselves and that we are in, with the number of arguments.
    recursive: Vec<(&'s str, usize)>,
    pub(super) marks: Vec<Mark>,
    /// Texts of `error("…")`.
    pub(super) messages: Vec<String>,
    /// How deep the term is that is being rewritten.
    depth: usize,
}

type T<'s> = Term<&'s str>;

impl<'s> Rewriter<'s> {
    pub(super) fn new(arena: &'s Arena, code: Option<&'s str>) -> Rewriter<'s> {
        Rewriter {
            arena,
            code,
            recursive: Vec::new(),
            marks: Vec::new(),
            messages: Vec::new(),
            depth: 0,
        }
    }

    /// A definition; if it calls itself, with a step in each call.
    pub(super) fn definition(&mut self, def: Def<&'s str>) -> Def<&'s str> {
        let called = (def.name, def.args.len());
        if !calls(&def.body, called.0, called.1) {
            return Def { body: self.term(def.body), ..def };
        }
        self.recursive.push(called);
        let body = self.term(def.body);
        self.recursive.pop();
        // A filter that is handed on from call to call becomes a chain.
        let hands_on = def.args.iter().any(|argument| !argument.starts_with('$'));
        let step = Term::Call(if hands_on { NEST } else { TICK }, Vec::new());
        Def { body: pipe(step, body), ..def }
    }

    pub(super) fn term(&mut self, term: T<'s>) -> T<'s> {
        self.depth += 1;
        let stepping = self.depth.is_multiple_of(LEVELS);
        let term = self.rewritten(term);
        self.depth -= 1;
        if stepping { pipe(tick(), term) } else { term }
    }

    fn rewritten(&mut self, term: T<'s>) -> T<'s> {
        match term {
            Term::Id | Term::Num(_) | Term::Var(_) | Term::Break(_) => term,
            Term::Recurse => pipe(term, tick()),
            Term::Str(format, parts) => self.text(format, parts),
            Term::Arr(None) => term,
            Term::Arr(Some(inner)) => {
                pipe(Term::Arr(Some(self.boxed(inner))), calling(PUT_TOGETHER))
            }
            Term::Obj(entries) => self.object(entries),
            Term::Neg(inner) => Term::Neg(self.boxed(inner)),
            Term::BinOp(left, operator, right) => self.operation(*left, operator, *right),
            Term::Label(name, inner) => Term::Label(name, self.boxed(inner)),
            Term::Fold(kind, over, pattern, parts) => {
                let over = self.boxed(over);
                let pattern = self.pattern(pattern);
                let parts = parts.into_iter().enumerate().map(|(index, part)| {
                    let part = self.term(part);
                    // What is done in each round comes second.
                    if index == 1 { pipe(tick(), part) } else { part }
                });
                Term::Fold(kind, over, pattern, parts.collect())
            }
            Term::TryCatch(inner, catch) => {
                Term::TryCatch(self.boxed(inner), catch.map(|catch| self.boxed(catch)))
            }
            Term::IfThenElse(cases, otherwise) => {
                let cases =
                    cases.into_iter().map(|(test, then)| (self.term(test), self.term(then)));
                let cases = cases.collect();
                Term::IfThenElse(cases, otherwise.map(|otherwise| self.boxed(otherwise)))
            }
            Term::Def(defs, inner) => {
                let defs = defs.into_iter().map(|def| self.definition(def)).collect();
                Term::Def(defs, self.boxed(inner))
            }
            Term::Call(name, arguments) => self.call(name, arguments),
            Term::Path(from, path) => self.path(*from, path),
        }
    }

    fn operation(&mut self, left: T<'s>, operator: BinaryOp<&'s str>, right: T<'s>) -> T<'s> {
        match operator {
            BinaryOp::Pipe(Some(pattern)) => {
                let first_within = self.marks.len();
                let left = self.term(left);
                let left = match &pattern {
                    Pattern::Var(name) => self.marked(name, first_within, left),
                    _ => left,
                };
                let pattern = self.pattern(pattern);
                binary(left, BinaryOp::Pipe(Some(pattern)), self.term(right))
            }
            // What comes behind a comma happens again with whatever follows.
            BinaryOp::Comma => {
                let left = self.term(left);
                binary(left, BinaryOp::Comma, pipe(tick(), self.term(right)))
            }
            BinaryOp::Math(operator) => {
                let left = self.term(left);
                calculate(left, operator, self.term(right))
            }
            BinaryOp::UpdateMath(operator) => {
                let left = self.term(left);
                let changed = calculate(Term::Id, operator, Term::Var(FIRST));
                let update = binary(left, BinaryOp::Update, changed);
                binding(self.term(right), FIRST, pipe(update, calling(MADE)))
            }
            BinaryOp::Update | BinaryOp::Assign | BinaryOp::UpdateAlt => {
                let left = self.term(left);
                pipe(binary(left, operator, self.term(right)), calling(MADE))
            }
            // Two values are compared part by part; with a literal that ends soon.
            BinaryOp::Cmp(_) if !is_literal(&left) && !is_literal(&right) => {
                let left = pipe(self.term(left), calling(SEEN));
                binary(left, operator, self.term(right))
            }
            operator => {
                let left = self.term(left);
                binary(left, operator, self.term(right))
            }
        }
    }

    /// A text; one of many parts is added up piece by piece, and none can be larger than a text.
    fn text(&mut self, format: Option<&'s str>, parts: Vec<StrPart<&'s str, T<'s>>>) -> T<'s> {
        let mut parts = parts
            .into_iter()
            .map(|part| match part {
                StrPart::Term(term) => StrPart::Term(self.term(term)),
                part => part,
            })
            .peekable();
        let mut whole = None;
        while parts.peek().is_some() {
            let piece: Vec<_> = parts.by_ref().take(PIECE).collect();
            let plain = piece.iter().all(|part| !matches!(part, StrPart::Term(_)));
            let piece = Term::Str(format, piece);
            let piece = if plain { piece } else { pipe(piece, calling(MADE)) };
            whole = Some(match whole {
                None => piece,
                Some(whole) => calculate(whole, Math::Add, piece),
            });
        }
        whole.unwrap_or(Term::Str(format, Vec::new()))
    }

    /// An object; one of many entries is added up piece by piece.
    fn object(&mut self, entries: Vec<(T<'s>, Option<T<'s>>)>) -> T<'s> {
        // A table of literals is as large as it is written.
        let plain = entries.iter().all(|(key, value)| {
            is_literal(key) && value.as_ref().is_some_and(|value| is_literal(value))
        });
        let mut entries = entries.into_iter().peekable();
        let mut whole = None;
        while entries.peek().is_some() {
            let mut piece = Vec::new();
            for (key, value) in entries.by_ref().take(if plain { usize::MAX } else { PIECE * 4 }) {
                piece.push(self.entry(key, value));
            }
            let piece = Term::Obj(piece);
            let piece = if plain { piece } else { pipe(piece, calling(PUT_TOGETHER)) };
            whole = Some(match whole {
                None => piece,
                Some(whole) => calculate(whole, Math::Add, piece),
            });
        }
        whole.unwrap_or(Term::Obj(Vec::new()))
    }

    #[expect(clippy::boxed_local, reason = "jaq's terms hold boxes")]
    fn boxed(&mut self, term: Box<T<'s>>) -> Box<T<'s>> {
        Box::new(self.term(*term))
    }

    fn pattern(&mut self, pattern: Pattern<&'s str>) -> Pattern<&'s str> {
        match pattern {
            Pattern::Var(name) => Pattern::Var(name),
            Pattern::Arr(parts) => {
                Pattern::Arr(parts.into_iter().map(|part| self.pattern(part)).collect())
            }
            Pattern::Obj(parts) => {
                let parts =
                    parts.into_iter().map(|(key, part)| (self.term(key), self.pattern(part)));
                Pattern::Obj(parts.collect())
            }
        }
    }

    /// An entry of an object, with a mark if its key is a plain name.
    fn entry(&mut self, key: T<'s>, value: Option<T<'s>>) -> (T<'s>, Option<T<'s>>) {
        let name = match &key {
            Term::Str(None, parts) => match parts.as_slice() {
                [StrPart::Str(name)] => Some(*name),
                _ => None,
            },
            _ => None,
        };
        let key = self.term(key);
        let Some(value) = value else { return (key, None) };
        // A constant cannot fail.
        let constant = match &value {
            Term::Str(None, parts) => matches!(parts.as_slice(), [] | [StrPart::Str(_)]),
            Term::Num(_) | Term::Var(_) => true,
            _ => false,
        };
        let first_within = self.marks.len();
        let value = self.term(value);
        match name {
            Some(name) if !constant => (key, Some(self.marked(name, first_within, value))),
            _ => (key, Some(value)),
        }
    }

    /// `term` with a mark around it, at the line of `name`.
    fn marked(&mut self, name: &str, first_within: usize, term: T<'s>) -> T<'s> {
        let Some(line) = self.line_of(name) else { return term };
        self.marks.push(Mark { line, field: name.to_owned(), first_within });
        Term::Call(MARK, vec![self.number(self.marks.len() - 1), term])
    }

    fn call(&mut self, name: &'s str, arguments: Vec<T<'s>>) -> T<'s> {
        if let ("error", [Term::Str(None, parts)]) = (name, arguments.as_slice())
            && let [StrPart::Str(message)] = parts.as_slice()
            && self.code.is_some()
        {
            self.messages.push((*message).to_owned());
            let fail = Term::Call(FAIL, vec![self.number(self.messages.len() - 1)]);
            return self.marked(name, self.marks.len(), fail);
        }
        let again = self.recursive.contains(&(name, arguments.len()));
        let repeats = again || CALLING.contains(&name);
        let arguments = arguments.into_iter().map(|argument| {
            let argument = self.term(argument);
            if repeats { pipe(tick(), argument) } else { argument }
        });
        let call = charged(name, arguments.collect());
        if MAKING.contains(&name) { pipe(call, calling(MADE)) } else { call }
    }

    /// A path; if it iterates, with a step for each value.
    fn path(&mut self, from: T<'s>, path: Path<T<'s>>) -> T<'s> {
        let iterates = path.0.iter().any(|(part, _)| matches!(part, Part::Range(None, None)));
        let from = Box::new(self.term(from));
        let parts = path.0.into_iter().map(|(part, opt)| {
            let part = match part {
                Part::Index(index) if is_literal(&index) => Part::Index(self.term(index)),
                Part::Index(index) => Part::Index(pipe(self.term(index), calling(INDEX))),
                Part::Range(start, end) => {
                    Part::Range(start.map(|it| self.term(it)), end.map(|it| self.term(it)))
                }
            };
            (part, opt)
        });
        let path = Term::Path(from, Path(parts.collect()));
        if iterates { pipe(path, tick()) } else { path }
    }

    fn number(&self, number: usize) -> T<'s> {
        Term::Num(self.arena.alloc(number.to_string()))
    }

    /// The line of a part of the program.
    pub(super) fn line_of(&self, part: &str) -> Option<usize> {
        line_of(self.code?, part)
    }
}

/// The line, from 1, of a part of `code`; `None` for a text from elsewhere.
pub(super) fn line_of(code: &str, part: &str) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(code.as_ptr().addr())?;
    let before = code.as_bytes().get(..start)?;
    Some(memchr::memchr_iter(b'\n', before).count() + 1)
}

fn calling<'s>(function: &'s str) -> T<'s> {
    Term::Call(function, Vec::new())
}

fn tick<'s>() -> T<'s> {
    calling(TICK)
}

fn binary<'s>(left: T<'s>, operator: BinaryOp<&'s str>, right: T<'s>) -> T<'s> {
    Term::BinOp(Box::new(left), operator, Box::new(right))
}

fn pipe<'s>(left: T<'s>, right: T<'s>) -> T<'s> {
    binary(left, BinaryOp::Pipe(None), right)
}

/// `value as $name | then`.
fn binding<'s>(value: T<'s>, name: &'s str, then: T<'s>) -> T<'s> {
    binary(value, BinaryOp::Pipe(Some(Pattern::Var(name))), then)
}

/// An operation of arithmetic, with a count of what it makes.
fn calculate<'s>(left: T<'s>, operator: Math, right: T<'s>) -> T<'s> {
    match operator {
        Math::Add => Term::Call(PLUS, vec![left, right]),
        Math::Mul => Term::Call(TIMES, vec![left, right]),
        // A text divided by another is a list of its parts.
        Math::Div => pipe(binary(left, BinaryOp::Math(operator), right), calling(MADE)),
        Math::Sub | Math::Rem => binary(left, BinaryOp::Math(operator), right),
    }
}

/// A call, with a charge in front of it where its arguments decide how long it takes.
fn charged<'s>(name: &'s str, mut arguments: Vec<T<'s>>) -> T<'s> {
    match (arguments.pop(), arguments.pop()) {
        // What is searched for in one pass is no matter if it is a literal.
        (Some(other), None)
            if PAIRING.contains(&name) && (name == "indices" || !is_literal(&other)) =>
        {
            let charge = Term::Call(PAIR, vec![Term::Var(FIRST)]);
            let call = Term::Call(name, vec![Term::Var(FIRST)]);
            binding(other, FIRST, pipe(charge, call))
        }
        (Some(flags), Some(pattern)) if SEARCHING.contains(&name) => {
            let charge = Term::Call(SEARCH, vec![Term::Var(FIRST)]);
            let call = Term::Call(name, vec![Term::Var(FIRST), Term::Var(SECOND)]);
            binding(pattern, FIRST, binding(flags, SECOND, pipe(charge, call)))
        }
        (last, before) => {
            arguments.extend(before);
            arguments.extend(last);
            Term::Call(name, arguments)
        }
    }
}

/// Whether a term stands for a value that is as large as it is written.
fn is_literal(term: &T<'_>) -> bool {
    match term {
        Term::Str(None, parts) => parts.iter().all(|part| !matches!(part, StrPart::Term(_))),
        Term::Num(_) | Term::Arr(None) => true,
        Term::Obj(entries) => entries.is_empty(),
        Term::Neg(inner) => is_literal(inner),
        Term::Call(name, arguments) => {
            matches!(*name, "true" | "false" | "null") && arguments.is_empty()
        }
        _ => false,
    }
}

/// Whether `term` calls the filter `name` with so many arguments anywhere within it.
fn calls(term: &T<'_>, name: &str, arity: usize) -> bool {
    let within = |term: &T<'_>| calls(term, name, arity);
    match term {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Var(_) | Term::Break(_) => false,
        Term::Str(_, parts) => {
            parts.iter().any(|part| matches!(part, StrPart::Term(term) if within(term)))
        }
        Term::Arr(inner) => inner.as_deref().is_some_and(within),
        Term::Obj(entries) => {
            entries.iter().any(|(key, value)| within(key) || value.as_ref().is_some_and(within))
        }
        Term::Neg(inner) | Term::Label(_, inner) => within(inner),
        Term::BinOp(left, operator, right) => {
            let pattern = match operator {
                BinaryOp::Pipe(Some(pattern)) => pattern_calls(pattern, name, arity),
                _ => false,
            };
            pattern || within(left) || within(right)
        }
        Term::Fold(_, over, pattern, parts) => {
            within(over) || pattern_calls(pattern, name, arity) || parts.iter().any(within)
        }
        Term::TryCatch(inner, catch) => within(inner) || catch.as_deref().is_some_and(within),
        Term::IfThenElse(cases, otherwise) => {
            cases.iter().any(|(test, then)| within(test) || within(then))
                || otherwise.as_deref().is_some_and(within)
        }
        Term::Def(defs, inner) => defs.iter().any(|def| within(&def.body)) || within(inner),
        Term::Call(called, arguments) => {
            *called == name && arguments.len() == arity || arguments.iter().any(within)
        }
        Term::Path(from, path) => {
            within(from)
                || path.0.iter().any(|(part, _)| match part {
                    Part::Index(index) => within(index),
                    Part::Range(start, end) => {
                        start.as_ref().is_some_and(within) || end.as_ref().is_some_and(within)
                    }
                })
        }
    }
}

fn pattern_calls(pattern: &Pattern<&str>, name: &str, arity: usize) -> bool {
    match pattern {
        Pattern::Var(_) => false,
        Pattern::Arr(parts) => parts.iter().any(|part| pattern_calls(part, name, arity)),
        Pattern::Obj(parts) => parts
            .iter()
            .any(|(key, part)| calls(key, name, arity) || pattern_calls(part, name, arity)),
    }
}
