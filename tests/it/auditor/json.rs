//! A strict JSON reader: numbers keep their digits, and whatever the law calls a fault is one.

/// A JSON value; numbers are kept as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The value under a key; a null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&Json> {
        let Json::Object(pairs) = self else {
            return None;
        };
        pairs.iter().find(|(k, v)| k == key && *v != Json::Null).map(|(_, v)| v)
    }
}

/// What is wrong with a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not JSON at all.
    Syntax,
    /// Deeper than 32, the record itself being 1.
    Depth,
    /// A key twice in one object, at any depth.
    DuplicateKey,
    /// Not UTF-8, or an escaped lone surrogate.
    Text,
}

const DEEPEST: usize = 32;

/// Reads one whole text.
pub(crate) fn read(bytes: &[u8]) -> Result<Json, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Text)?;
    let mut reader = Reader { chars: text.chars().collect(), at: 0 };
    reader.blanks();
    let value = reader.value(1)?;
    reader.blanks();
    if reader.at == reader.chars.len() { Ok(value) } else { Err(Fault::Syntax) }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Result<char, Fault> {
        let c = self.peek().ok_or(Fault::Syntax)?;
        self.at += 1;
        Ok(c)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), Fault> {
        if self.next()? == wanted { Ok(()) } else { Err(Fault::Syntax) }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, Fault> {
        for c in word.chars() {
            self.expect(c)?;
        }
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Json, Fault> {
        match self.peek().ok_or(Fault::Syntax)? {
            '{' | '[' if depth > DEEPEST => Err(Fault::Depth),
            '{' => self.object(depth),
            '[' => self.list(depth),
            '"' => Ok(Json::Text(self.text()?)),
            't' => self.word("true", Json::Bool(true)),
            'f' => self.word("false", Json::Bool(false)),
            'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Fault> {
        self.expect('{')?;
        let mut pairs: Vec<(String, Json)> = Vec::new();
        self.blanks();
        if self.peek() == Some('}') {
            self.at += 1;
            return Ok(Json::Object(pairs));
        }
        loop {
            self.blanks();
            let key = self.text()?;
            self.blanks();
            self.expect(':')?;
            self.blanks();
            let value = self.value(depth + 1)?;
            if pairs.iter().any(|(k, _)| *k == key) {
                return Err(Fault::DuplicateKey);
            }
            pairs.push((key, value));
            self.blanks();
            match self.next()? {
                ',' => {}
                '}' => return Ok(Json::Object(pairs)),
                _ => return Err(Fault::Syntax),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, Fault> {
        self.expect('[')?;
        let mut items = Vec::new();
        self.blanks();
        if self.peek() == Some(']') {
            self.at += 1;
            return Ok(Json::List(items));
        }
        loop {
            self.blanks();
            items.push(self.value(depth + 1)?);
            self.blanks();
            match self.next()? {
                ',' => {}
                ']' => return Ok(Json::List(items)),
                _ => return Err(Fault::Syntax),
            }
        }
    }

    fn text(&mut self) -> Result<String, Fault> {
        self.expect('"')?;
        let mut out = String::new();
        loop {
            match self.next()? {
                '"' => return Ok(out),
                '\\' => out.push(self.escape()?),
                c if (c as u32) < 0x20 => return Err(Fault::Syntax),
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        Ok(match self.next()? {
            '"' => '"',
            '\\' => '\\',
            '/' => '/',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode(),
            _ => return Err(Fault::Syntax),
        })
    }

    fn unicode(&mut self) -> Result<char, Fault> {
        let first = self.four()?;
        if !(0xD800..0xE000).contains(&first) {
            return char::from_u32(first).ok_or(Fault::Text);
        }
        if first >= 0xDC00 || self.peek() != Some('\\') {
            return Err(Fault::Text);
        }
        self.at += 1;
        if self.next()? != 'u' {
            return Err(Fault::Text);
        }
        let second = self.four()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(Fault::Text);
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(Fault::Text)
    }

    fn four(&mut self) -> Result<u32, Fault> {
        let mut n = 0;
        for _ in 0..4 {
            n = n * 16 + self.next()?.to_digit(16).ok_or(Fault::Syntax)?;
        }
        Ok(n)
    }

    fn digits(&mut self, out: &mut String) -> usize {
        let mut count = 0;
        while let Some(c) = self.peek()
            && c.is_ascii_digit()
        {
            out.push(c);
            self.at += 1;
            count += 1;
        }
        count
    }

    fn number(&mut self) -> Result<Json, Fault> {
        let mut out = String::new();
        if self.peek() == Some('-') {
            self.at += 1;
            out.push('-');
        }
        let starts_with_zero = self.peek() == Some('0');
        let whole = self.digits(&mut out);
        if whole == 0 || (starts_with_zero && whole > 1) {
            return Err(Fault::Syntax);
        }
        if self.peek() == Some('.') {
            self.at += 1;
            out.push('.');
            if self.digits(&mut out) == 0 {
                return Err(Fault::Syntax);
            }
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            out.push('e');
            if let Some(sign @ ('+' | '-')) = self.peek() {
                self.at += 1;
                out.push(sign);
            }
            if self.digits(&mut out) == 0 {
                return Err(Fault::Syntax);
            }
        }
        Ok(Json::Number(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_json_and_nothing_else() {
        for good in [r#"{"a":[1,-0.50,1e5,true,null,"\u0070\ud83d\ude00"]}"#, " [ ] ", "0"] {
            assert!(read(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in ["", "{", "{\"a\":}", "01", "1.", "[1,]", "{\"a\":1}x", "\"\t\"", "nul"] {
            assert_eq!(read(bad.as_bytes()), Err(Fault::Syntax), "{bad}");
        }
        assert_eq!(read(br#"{"a":{"b":1,"\u0062":2}}"#), Err(Fault::DuplicateKey));
        assert_eq!(read(br#""\ud800""#), Err(Fault::Text));
        assert_eq!(read(b"\"\xff\""), Err(Fault::Text));
    }

    #[test]
    fn thirty_two_deep_and_no_deeper() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(nested(32).as_bytes()).is_ok());
        assert_eq!(read(nested(33).as_bytes()), Err(Fault::Depth));
        assert_eq!(read("[".repeat(20_000).as_bytes()), Err(Fault::Depth));
    }
}
