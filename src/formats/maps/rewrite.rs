//! Puts steps and marks into a program, before the engine compiles it.
//!
//! A step counts, so that nothing repeats without end ([`guard`](super::guard)). A mark
//! remembers the place of an error that comes out of what it is around: the engine knows none.

use jaq_core::load::Arena;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};

use super::functions::{FAIL, MARK, NEST, TICK, TIMES};
use super::mark::Mark;

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
    /// What a program must not use, with the reason.
    pub(super) faults: Vec<&'static str>,
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
            faults: Vec::new(),
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
        match term {
            Term::Id | Term::Recurse | Term::Num(_) | Term::Var(_) | Term::Break(_) => term,
            Term::Str(format, parts) => {
                let parts = parts.into_iter().map(|part| match part {
                    StrPart::Term(term) => StrPart::Term(self.term(term)),
                    part => part,
                });
                Term::Str(format, parts.collect())
            }
            Term::Arr(inner) => Term::Arr(inner.map(|inner| self.boxed(inner))),
            Term::Obj(entries) => {
                let entries = entries.into_iter().map(|(key, value)| self.entry(key, value));
                Term::Obj(entries.collect())
            }
            Term::Neg(inner) => Term::Neg(self.boxed(inner)),
            Term::BinOp(left, BinaryOp::Math(Math::Mul), right) => {
                Term::Call(TIMES, vec![self.term(*left), self.term(*right)])
            }
            Term::BinOp(left, operator, right) => {
                if matches!(operator, BinaryOp::UpdateMath(Math::Mul)) {
                    self.faults.push("`*=` is not supported; write `|= . * …`");
                }
                match operator {
                    BinaryOp::Pipe(Some(pattern)) => {
                        let first_within = self.marks.len();
                        let left = self.term(*left);
                        let left = match &pattern {
                            Pattern::Var(name) => self.marked(name, first_within, left),
                            _ => left,
                        };
                        let pattern = self.pattern(pattern);
                        let operator = BinaryOp::Pipe(Some(pattern));
                        Term::BinOp(Box::new(left), operator, self.boxed(right))
                    }
                    operator => Term::BinOp(self.boxed(left), operator, self.boxed(right)),
                }
            }
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
        let arguments = arguments.into_iter().map(|argument| {
            let argument = self.term(argument);
            if again { pipe(tick(), argument) } else { argument }
        });
        Term::Call(name, arguments.collect())
    }

    /// A path; if it iterates, with a step for each value.
    fn path(&mut self, from: T<'s>, path: Path<T<'s>>) -> T<'s> {
        let iterates = path.0.iter().any(|(part, _)| matches!(part, Part::Range(None, None)));
        let from = Box::new(self.term(from));
        let parts = path.0.into_iter().map(|(part, opt)| {
            let part = match part {
                Part::Index(index) => Part::Index(self.term(index)),
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

fn tick<'s>() -> T<'s> {
    Term::Call(TICK, Vec::new())
}

fn pipe<'s>(left: T<'s>, right: T<'s>) -> T<'s> {
    Term::BinOp(Box::new(left), BinaryOp::Pipe(None), Box::new(right))
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
