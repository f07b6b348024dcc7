//! Documents as text, so that tables of commands can be read: `{find: "items", filter: {_id: oid()}, $db: "state"}`.
//!
//! Names may stand bare. Whole numbers are 32 bits if they fit, else 64. Words for the other types are `long(1)`,
//! `double(1)`, `uuid(1)`, `oid()`, `bytes("x")`, `date(0)`, `ts(0)`, `decimal()`, `regex("a", "i")`, `code("x")`,
//! `scoped("x", {})`, `symbol("x")`, `pointer("a.b")`, `undefined`, `minKey`, `maxKey`. The same name may stand twice, and
//! a name or string may hold `\0`, `\n`, `\"`, `\\`.

/// Reads the text of one document.
pub(crate) fn document(text: &str) -> Vec<u8> {
    let mut reader = Reader { rest: text.trim() };
    let bytes = reader.document();
    assert_eq!(reader.rest, "", "left over in `{text}`");
    bytes
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, what: &str) -> bool {
        self.skip();
        self.rest.strip_prefix(what).map(|rest| self.rest = rest).is_some()
    }

    fn must(&mut self, what: &str) {
        assert!(self.eat(what), "expected `{what}` before `{}`", self.rest);
    }

    fn word(&mut self) -> String {
        self.skip();
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '*' | '-' | '+');
        let end = self.rest.find(|c| !plain(c)).unwrap_or(self.rest.len());
        assert!(end > 0, "expected a word before `{}`", self.rest);
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn string(&mut self) -> String {
        self.must("\"");
        let mut text = String::new();
        let mut characters = self.rest.chars();
        loop {
            match characters.next().expect("a string ends") {
                '"' => break,
                '\\' => text.push(match characters.next().expect("an escape ends") {
                    '0' => '\0',
                    'n' => '\n',
                    other => other,
                }),
                other => text.push(other),
            }
        }
        self.rest = characters.as_str();
        text
    }

    fn name(&mut self) -> Vec<u8> {
        self.skip();
        let name = if self.rest.starts_with('"') { self.string() } else { self.word() };
        [name.as_bytes(), &[0]].concat()
    }

    fn document(&mut self) -> Vec<u8> {
        self.must("{");
        let mut elements = Vec::new();
        while !self.eat("}") {
            let name = self.name();
            self.must(":");
            let (kind, value) = self.value();
            elements.extend([&[kind][..], &name, &value].concat());
            self.eat(",");
        }
        whole(&elements)
    }

    fn array(&mut self) -> Vec<u8> {
        self.must("[");
        let (mut elements, mut index) = (Vec::new(), 0);
        while !self.eat("]") {
            let (kind, value) = self.value();
            elements.extend([&[kind][..], format!("{index}\0").as_bytes(), &value].concat());
            index += 1;
            self.eat(",");
        }
        whole(&elements)
    }

    fn value(&mut self) -> (u8, Vec<u8>) {
        self.skip();
        match self.rest.chars().next().expect("a value") {
            '{' => (0x03, self.document()),
            '[' => (0x04, self.array()),
            '"' => (0x02, string(&self.string())),
            _ => {
                let word = self.word();
                if self.eat("(") { self.made(&word) } else { plain(&word) }
            }
        }
    }

    /// A value that is made by a word, after its opening parenthesis.
    fn made(&mut self, word: &str) -> (u8, Vec<u8>) {
        let value = match word {
            "bytes" => (0x05, binary(0, self.string().as_bytes())),
            "code" => (0x0d, string(&self.string())),
            "date" => (0x09, self.number().to_le_bytes().to_vec()),
            "decimal" => (0x13, vec![0; 16]),
            "double" => (0x01, self.word().parse::<f64>().unwrap().to_le_bytes().to_vec()),
            "long" => (0x12, self.number().to_le_bytes().to_vec()),
            "oid" => (0x07, vec![7; 12]),
            "pointer" => (0x0c, [string(&self.string()), vec![7; 12]].concat()),
            "regex" => {
                let pattern = self.string();
                self.must(",");
                (0x0b, format!("{pattern}\0{}\0", self.string()).into_bytes())
            }
            "scoped" => {
                let code = string(&self.string());
                self.must(",");
                let inner = [code, self.document()].concat();
                let length = i32::try_from(inner.len() + 4).unwrap().to_le_bytes();
                (0x0f, [&length[..], &inner].concat())
            }
            "symbol" => (0x0e, string(&self.string())),
            "ts" => (0x11, self.number().to_le_bytes().to_vec()),
            "uuid" => (0x05, binary(4, &[u8::try_from(self.number()).unwrap(); 16])),
            other => panic!("no such word: `{other}`"),
        };
        self.must(")");
        value
    }

    fn number(&mut self) -> i64 {
        self.word().parse().unwrap()
    }
}

fn plain(word: &str) -> (u8, Vec<u8>) {
    match word {
        "false" => (0x08, vec![0]),
        "maxKey" => (0x7f, vec![]),
        "minKey" => (0xff, vec![]),
        "null" => (0x0a, vec![]),
        "true" => (0x08, vec![1]),
        "undefined" => (0x06, vec![]),
        number => match (number.parse::<i32>(), number.parse::<i64>()) {
            (Ok(number), _) => (0x10, number.to_le_bytes().to_vec()),
            (Err(_), Ok(number)) => (0x12, number.to_le_bytes().to_vec()),
            (Err(_), Err(_)) => (0x01, number.parse::<f64>().unwrap().to_le_bytes().to_vec()),
        },
    }
}

fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap().to_le_bytes()
}

fn string(text: &str) -> Vec<u8> {
    [&length(text.len() + 1)[..], text.as_bytes(), &[0]].concat()
}

fn binary(subtype: u8, bytes: &[u8]) -> Vec<u8> {
    [&length(bytes.len())[..], &[subtype], bytes].concat()
}

fn whole(elements: &[u8]) -> Vec<u8> {
    [&length(elements.len() + 5)[..], elements, &[0]].concat()
}
