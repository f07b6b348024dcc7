//! Golden files: what is published or must be read by people, compared byte for byte.

use std::path::Path;

/// Compares with `tests/golden/<name>`, or rewrites it with `BYLEAVE_BLESS=1`.
pub(crate) fn check(name: &str, text: &str) {
    let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BYLEAVE_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(text.lines()).position(|(old, new)| old != new);
    if let Some(line) = differs {
        let (old, new) = (golden.lines().nth(line).unwrap(), text.lines().nth(line).unwrap());
        panic!("{name}, line {}:\n  golden: {old}\n  now:    {new}\nset BYLEAVE_BLESS=1 if that is meant", line + 1);
    }
    assert_eq!(golden.len(), text.len(), "{name} is longer or shorter; set BYLEAVE_BLESS=1 if that is meant");
}
