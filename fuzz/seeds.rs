//! Writes what a fuzzer begins with, from the tables of the tests: `cargo run --manifest-path fuzz/Cargo.toml --bin seeds`.

#[path = "../crates/wire/tests/it/text.rs"]
mod text;

use std::path::Path;

use byleave_wire::frame::message;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for target in ["frame", "judge", "reply"] {
        std::fs::create_dir_all(root.join("corpus").join(target))?;
    }
    for table in ["hostile", "drivers"] {
        for file in std::fs::read_dir(root.join("../crates/wire/tests").join(table))? {
            for line in std::fs::read_to_string(file?.path())?.lines() {
                let command = line.split_once(" {").map(|(_, rest)| format!("{{{rest}"));
                let Some(command) = command.filter(|_| !line.starts_with(['#', '>', '=', '!'])) else { continue };
                let command = command.split(" -- ").next().unwrap_or_default();
                let bytes = text::document(command);
                std::fs::write(root.join(format!("corpus/judge/{count}")), &bytes)?;
                std::fs::write(root.join(format!("corpus/frame/{count}")), message(1, 0, &bytes))?;
                count += 1;
            }
        }
    }
    let answers = [
        r#"{cursor: {firstBatch: [{a: 1}], id: long(5), ns: "state.items"}, ok: 1, $clusterTime: {a: ts(1)}}"#,
        r#"{ok: 0, errmsg: "no", code: 1, codeName: "InternalError"}"#,
    ];
    for (index, answer) in answers.iter().enumerate() {
        std::fs::write(root.join(format!("corpus/reply/{index}")), text::document(answer))?;
    }
    println!("{count} commands, {} answers", answers.len());
    Ok(())
}
