//! The recording of a session: what was run, shown and moved, as text, and each part to take away.
//!
//! Only organization owners and owners of the project may; the store notes who reads before anything is handed out. What
//! an engineer's session wrote is hostile text: it is escaped, freed of control codes, and never handed out as anything
//! that a browser would render. This page must never ask for itself again when something changes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use byleave_core::id::SessionId;
use byleave_store::session::SessionRow;
use maud::{Markup, html};

use super::icon::{Icon, icon};
use super::layout::Tab;
use super::path;
use super::problem::{Answer, Problem, capital, sentence};
use super::visitor::Visitor;
use super::when::full;
use super::wording::{bytes, count};
use crate::app::App;
use crate::door::{DoorError, Most};

mod contents;
mod plain;

use self::contents::{Change, Channel, Contents, Entry, File, Part, Seal, Stream};
use self::plain::Shown;

/// How many bytes of one part are shown.
const PART: usize = 64 * 1024;
/// How many bytes of all parts together are shown.
const PAGE: usize = 512 * 1024;
/// How much of a recording is held to show that. A terminal's text is shorter than what is held of it.
const MOST: Most = Most { part: 4 * PART, all: 16 * 1024 * 1024 };
/// How many files or steps of one transfer are shown.
const LINES: usize = 500;

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let row = read(&app, &visitor, &id).await?;
    let parts = match app.door.recording(row.id, MOST).await {
        Ok(parts) => parts,
        Err(DoorError::NotFound) => Vec::new(),
        Err(DoorError::Unavailable(text)) => return Err(Problem::Stopped(sentence(&text))),
    };
    let contents = Contents::read(parts, row.recording_sha256);
    let mut room = PAGE;
    let content = html! {
        div.head {
            div {
                p.crumbs {
                    a href=(path::SESSIONS) { "Sessions" } " / " a href=(path::session(row.id)) { "Session" }
                }
                h1 { "Recording" }
                p { code { (row.identifier) } " on " code { (row.host) } ", " (full(row.opened_at)) }
            }
        }
        (seal(&row, &contents))
        @if contents.channels.is_empty() {
            section.panel { div.empty { (icon(Icon::Terminal)) p { "Nothing was recorded of this session." } } }
        }
        @for channel in &contents.channels { (panel(&row, channel, &mut room)) }
    };
    visitor.page(&app, Tab::Sessions, "Recording", content).await
}

/// One part, to take away.
pub(super) async fn download(
    State(app): State<Arc<App>>,
    Path((id, name)): Path<(String, String)>,
    visitor: Visitor,
) -> Answer {
    let row = read(&app, &visitor, &id).await?;
    match app.door.recording_part(row.id, name.clone()).await {
        Ok(pieces) => take_away(row.id, &name, Body::from_stream(pieces)),
        Err(DoorError::NotFound) => Err(Problem::NotFound),
        Err(DoorError::Unavailable(text)) => Err(Problem::Stopped(sentence(&text))),
    }
}

/// Notes who reads the recording: before anything of it is handed out.
async fn read(app: &App, visitor: &Visitor, id: &str) -> Result<SessionRow, Problem> {
    let id: SessionId = id.parse().map_err(|_| Problem::NotFound)?;
    Ok(app.store.read_recording(visitor.actor(), &app.read_clock(), id).await?.value)
}

fn take_away(session: SessionId, name: &str, content: Body) -> Answer {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.chars().all(plain) {
        return Err(Problem::NotFound);
    }
    Ok(super::layout::attachment("application/octet-stream", &format!("session-{session}-{name}"), content))
}

/// Whether this is what the log vouches for.
fn seal(row: &SessionRow, contents: &Contents) -> Markup {
    html! {
        @match contents.seal {
            Seal::Holds => {
                div.notice.done { (icon(Icon::Check)) div {
                    p { "This is the recording that your organization’s log vouches for." }
                    p.small.quiet { "Its table of contents has the hash in the log"
                        @if let Some(hash) = row.recording_sha256 { ": " code { (hex::encode(hash)) } } " "
                        (table_link(row, contents)) }
                } }
            }
            Seal::Broken if contents.channels.is_empty() && contents.table.is_none() => {
                div.notice.error role="alert" { (icon(Icon::Alert)) div {
                    strong { "The recording is missing" }
                    p { "Your organization’s log has the hash of a recording, but the server has none. Ask who runs it." }
                } }
            }
            Seal::Broken => {
                div.notice.error role="alert" { (icon(Icon::Alert)) div {
                    strong { "This is not what your organization’s log vouches for" }
                    p { "The recording was changed after the session ended, or parts of it are missing. Keep what you see "
                        "and ask who runs the server. " (table_link(row, contents)) }
                } }
            }
            Seal::None if row.ended.is_none() => {
                div.notice { (icon(Icon::Info)) div {
                    p { "The session goes on. This is its recording up to now; load the page again to see more." }
                } }
            }
            Seal::None if !contents.channels.is_empty() => {
                div.notice.warn { (icon(Icon::Alert)) div {
                    p { "The log has no hash of this recording, because the gateway was interrupted. It is shown as far as "
                        "it was written." }
                } }
            }
            Seal::None => {}
        }
        @if row.partly_recorded {
            div.notice.warn { (icon(Icon::Alert)) div {
                p { "Partly recorded: of long streams only the beginning was kept, and the rest was hashed." }
            } }
        }
    }
}

fn table_link(row: &SessionRow, contents: &Contents) -> Markup {
    html! {
        @if let Some(table) = &contents.table {
            a href=(path::recording_part(row.id, &table.name)) download { "Download the table of contents" }
        }
    }
}

fn panel(row: &SessionRow, channel: &Channel, room: &mut usize) -> Markup {
    let entry = &channel.entry;
    html! {
        section.panel #(format!("channel-{}", entry.channel)) {
            header {
                h2 { (entry.channel) ". " (kind(entry)) }
                @if entry.partly_recorded { span.chip.open { (icon(Icon::Alert)) "Partly recorded" } }
            }
            div.body {
                @if let Some(command) = &entry.command { pre.line { code { (plain(command)) } } }
                p.small.quiet { (facts(entry)) }
                @for name in &channel.missing {
                    div.notice.error { (icon(Icon::Alert)) div { p { "The part " code { (name) } " is missing." } } }
                }
                @if !entry.files.is_empty() { (files(&entry.files, entry.more_files)) }
                @let changed = entry.changes();
                @if !changed.is_empty() { (changes(&changed, entry.more_changes)) }
                @if !channel.steps.is_empty() { (steps(&channel.steps)) }
                @for part in &channel.parts { (shown(row, part, room)) }
            }
        }
    }
}

/// What a channel is, for people.
fn kind(entry: &Entry) -> &'static str {
    match (entry.kind.as_str(), &entry.command) {
        ("terminal", None) => "Shell on a terminal",
        ("terminal", Some(_)) => "Command on a terminal",
        ("command", None) => "Shell without a terminal",
        ("command", Some(_)) => "Command",
        ("transfer", _) => "File transfer",
        ("commands", _) => "Commands of MongoDB clients",
        ("word", _) => "Logs",
        (_, _) => "Channel",
    }
}

/// When, how long, and how it ended.
fn facts(entry: &Entry) -> Markup {
    html! {
        @match entry.at() { Some(at) => { (full(at)) } None => { (plain(&entry.at)) } }
        @match entry.millis {
            Some(millis) => { " · took " (took(millis)) }
            None => " · its end was not recorded (yet)"
        }
        @if let Some(exit) = &entry.exit {
            @if let Some(status) = exit.status { " · exit status " (status) }
            @if let Some(signal) = &exit.signal { " · ended by signal " (plain(signal)) }
        }
    }
}

/// `0.4 s`, `3 min 20 s`, `2 h 5 min`.
fn took(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{}.{} s", seconds, millis.max(0) % 1000 / 100),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A short text that an engineer or a node wrote, freed of what does not belong in a line.
fn plain(text: &str) -> String {
    plain::stream(text.as_bytes(), PART).map_or_else(|| "(not a text)".to_owned(), |shown| shown.text)
}

fn files(files: &[File], more: usize) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "File" } th { "Direction" } th { "Size" } th { "SHA-256" } } }
            tbody { @for file in files.iter().take(LINES) { tr {
                td data-label="File" { code { (plain(&file.file)) } }
                td data-label="Direction" { (plain(&file.direction)) }
                td data-label="Size" { (size(file.bytes)) }
                td data-label="SHA-256" { @match &file.sha256 { Some(hash) => code.small { (plain(hash)) }, None => "not hashed" } }
            } } (stop(files.len(), more, "file", 4)) }
        } }
    }
}

/// What a transfer changed besides.
fn changes(changes: &[Change], more: usize) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "Change" } th { "Path" } th { "Size" } } }
            tbody { @for change in changes.iter().take(LINES) { tr {
                td data-label="Change" { (capital(&plain(&change.what))) }
                td data-label="Path" { @for (at, path) in change.paths.iter().enumerate() {
                    @if at > 0 { " → " } code { (plain(path)) }
                } }
                td data-label="Size" { @if let Some(number) = change.size { "set to " (size(number)) } }
            } } (stop(changes.len(), more, "change", 3)) }
        } }
    }
}

/// The last row of a table that tells less than there is.
fn stop(number: usize, more: usize, noun: &str, columns: usize) -> Markup {
    let rest = number.saturating_sub(LINES).saturating_add(more);
    html! {
        @if rest > 0 {
            tr { td colspan=(columns) {
                "The table stops here: " (count(i64::try_from(rest).unwrap_or(i64::MAX), noun)) " more; download the notes to see all."
            } }
        }
    }
}

fn steps(steps: &[String]) -> Markup {
    html! {
        h3 { "Steps" }
        ul.steps { @for step in steps.iter().take(LINES) { li { code { (plain(step)) } } } }
        (rest(steps.len(), "step"))
    }
}

fn rest(number: usize, noun: &str) -> Markup {
    html! {
        @if let Some(rest) = number.checked_sub(LINES).filter(|rest| *rest > 0) {
            p.small.quiet { (count(i64::try_from(rest).unwrap_or(i64::MAX), noun)) " more; download the notes to see all." }
        }
    }
}

fn size(number: u64) -> String {
    bytes(i64::try_from(number).unwrap_or(i64::MAX))
}

/// One part: its facts, a button to take it away, and its text as far as it is one.
fn shown(row: &SessionRow, part: &Part, room: &mut usize) -> Markup {
    let title = title(part.stream);
    html! {
        div.part {
            div.part-head {
                h3 { (title) }
                span.small.quiet {
                    (size(part.kept))
                    @if let Some(all) = part.bytes.filter(|all| *all > part.kept) { " of " (size(all)) " kept" }
                }
                (part_seal(part.seal))
                a.button.low href=(path::recording_part(row.id, &part.name)) download
                    aria-label=(format!("Download {}, {}", title, part.name)) { "Download" }
            }
            p.hash.small.quiet { "SHA-256 " code { (part.sha256) } }
            @if part.stream != Stream::Notes { (text(part, title, room)) }
        }
    }
}

fn text(part: &Part, title: &str, room: &mut usize) -> Markup {
    let longest = PART.min(*room);
    let shown = match part.stream {
        Stream::Terminal => Some(plain::terminal(&part.content, longest)),
        Stream::Commands | Stream::Errors | Stream::Input | Stream::Notes | Stream::Other | Stream::Output => {
            plain::stream(&part.content, longest)
        }
    };
    let Some(Shown { text, is_cut }) = shown else {
        return html! { p.quiet { "This is no text. Download it to look into it." } };
    };
    let is_cut = is_cut || !part.is_whole();
    *room = room.saturating_sub(text.len());
    html! {
        @if text.is_empty() && !is_cut {
            p.quiet { "Empty." }
        } @else {
            pre.output tabindex="0" role="region" aria-label=(title) { (text) }
        }
        @if is_cut { p.small.quiet { "Only the beginning is shown. Download it to see all." } }
        @if part.stream == Stream::Terminal {
            p.small.quiet { "Control codes are left out, so what the screen overwrote stays to be read. What was typed without "
                "being shown, such as passwords, is not recorded." }
        }
    }
}

const fn title(stream: Stream) -> &'static str {
    match stream {
        Stream::Commands => "Commands, without their values",
        Stream::Errors => "Standard error",
        Stream::Input => "Standard input",
        Stream::Notes => "Notes of the gateway",
        Stream::Other => "Part",
        Stream::Output => "Standard output",
        Stream::Terminal => "What the terminal showed",
    }
}

fn part_seal(seal: Seal) -> Markup {
    match seal {
        Seal::Broken => html! { span.chip.bad { (icon(Icon::Cross)) "Not as recorded" } },
        Seal::Holds => html! { span.chip.closed { (icon(Icon::Check)) "As recorded" } },
        Seal::None => html! {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_handed_out_as_a_file_and_never_rendered() {
        let content = || Body::from("<script>alert(1)</script>");
        let id = SessionId::from_bytes([1; 12]);
        let answer = take_away(id, "1.stdout", content()).unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/octet-stream");
        assert_eq!(answer.headers().get_all("content-type").iter().count(), 1, "one type, nothing to choose from");
        assert_eq!(header("content-disposition"), format!("attachment; filename=\"session-{id}-1.stdout\""));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
        for bad in ["a\"b", "a\r\nb", "../x", "a b"] {
            assert!(take_away(id, bad, content()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_table_of_what_was_changed_says_where_it_stops() {
        let change = |at: usize| Change {
            what: "rename".to_owned(),
            paths: vec![format!("/<{at}>"), "/b".to_owned()],
            size: None,
        };
        let few = changes(&[change(1), Change { size: Some(7), ..change(2) }], 0).into_string();
        assert!(few.contains("<td data-label=\"Change\">Rename</td>"), "{few}");
        assert!(few.contains("<code>/&lt;1&gt;</code> → <code>/b</code>") && few.contains("set to 7 B"), "{few}");
        assert!(!few.contains("stops here"), "{few}");
        let many: Vec<_> = (0..LINES + 2).map(change).collect();
        let told = changes(&many, 40).into_string();
        assert_eq!(told.matches("<tr>").count(), LINES + 2, "a head, the lines and where they stop");
        let stop = told.find("The table stops here: 42 changes more").unwrap();
        assert!(stop < told.find("</table>").unwrap(), "in the table itself");
        let file = File { file: "a".into(), direction: "to node".into(), bytes: 1, sha256: None };
        assert!(files(&[file], 3).into_string().contains("The table stops here: 3 files more"));
    }

    #[test]
    fn how_long_it_took_is_told_in_words() {
        for (millis, text) in [(0, "0.0 s"), (412, "0.4 s"), (200_000, "3 min 20 s"), (7_500_000, "2 h 5 min")] {
            assert_eq!(took(millis), text);
        }
    }
}
