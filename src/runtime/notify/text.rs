//! Makes texts from outside safe for a page: short, one line, and nothing that a chat, a
//! mail or a template could take for markup.

use crate::time::Span;

/// `text` on one line of at most `chars_max` characters.
///
/// Control characters and those that change the direction of writing become a space.
/// Quotes, brackets, `@` and the `:` of a link become characters that look alike but have
/// no effect.
pub(super) fn plain(text: &str, chars_max: usize) -> String {
    let mut written = String::new();
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    let mut length = 0;
    while let Some(c) = chars.next() {
        if length + 1 >= chars_max && chars.peek().is_some() {
            written.push('…');
            break;
        }
        let shown = match c {
            c if c.is_control() || is_unseen(c) => ' ',
            '"' | '`' => '\'',
            '<' | '{' | '[' => '(',
            '>' | '}' | ']' => ')',
            // But not the `@` of a mail address.
            '@' if !before.is_alphanumeric() => '＠',
            ':' if chars.peek() == Some(&'/') => '∶',
            c => c,
        };
        if !(shown == ' ' && before == ' ') {
            written.push(shown);
            length += 1;
        }
        before = shown;
    }
    written.truncate(written.trim_end().len());
    written
}

/// Characters that are invisible and change how others are shown.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{FEFF}'
        | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// A length of time in its two largest units.
pub(super) fn length(span: Span) -> String {
    let seconds = span.as_millis().max(0) / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {:02} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A target as people write it, in its largest unit that needs no fraction: `9 min`, `7 d`.
pub(super) fn limit(span: Span) -> String {
    const UNITS: [(i64, &str); 4] =
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let ms = span.as_millis();
    let unit = UNITS.into_iter().find(|(unit, _)| ms > 0 && ms % unit == 0);
    unit.map_or_else(|| length(span), |(unit, name)| format!("{} {name}", ms / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_could_take_for_more_than_text_is_made_text() {
        for (text, shown) in [
            ("platform team", "platform team"),
            ("a\nb\r\n\tc\0d", "a b c d"),
            ("\u{202E}evil\u{200B}", "evil"),
            (
                "<!channel> \"x\" `y` {{ .Labels }} [a](b)",
                "(!channel) 'x' 'y' (( .Labels )) (a)(b)",
            ),
            ("@here ops@example.org", "＠here ops@example.org"),
            ("https://evil.example", "https∶//evil.example"),
            ("ключ-01 é", "ключ-01 é"),
            ("  \n ", ""),
        ] {
            assert_eq!(plain(text, 100), shown);
        }
        let long = plain(&"x".repeat(10_240), 100);
        assert_eq!((long.chars().count(), long.ends_with("x…")), (100, true));
        assert_eq!(plain(&"x".repeat(100), 100).len(), 100);
    }

    #[test]
    fn a_length_is_written_plainly() {
        for (seconds, shown) in [
            (-5, "0 s"),
            (59, "59 s"),
            (364, "6 min 04 s"),
            (3_600, "1 h 00 min"),
            (93_600, "1 d 2 h"),
        ] {
            assert_eq!(length(Span::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn a_limit_is_written_in_its_largest_whole_unit() {
        for (ms, shown) in [
            (540_000, "9 min"),
            (90_000, "90 s"),
            (7_200_000, "2 h"),
            (86_400_000, "1 d"),
            (1_500, "1 s"),
            (0, "0 s"),
        ] {
            assert_eq!(limit(Span::from_millis(ms)), shown);
        }
    }
}
