//! Frames by hand: what is taken, and every way in which a frame can be wrong.

use byleave_wire::bson::BsonError;
use byleave_wire::builder::Builder;
use byleave_wire::frame::{FrameError, Header, LONGEST_REQUEST, Message, Operation, legacy_reply, message};
use byleave_wire::judge::{Local, Verdict, judge, judge_before_sign_in};
use byleave_wire::request::{Manner, Request};

use crate::{scope, text};

/// The parts of an `OP_MSG`, to be put together in other ways.
pub(crate) fn parts(flags: u32, sections: &[u8], after: &[u8]) -> Vec<u8> {
    let length = i32::try_from(20 + sections.len() + after.len()).unwrap();
    let head = [length, 5, 0, 2013].map(i32::to_le_bytes).concat();
    [&head[..], &flags.to_le_bytes(), sections, after].concat()
}

fn body(text: &str) -> Vec<u8> {
    [&[0][..], &text::document(text)].concat()
}

fn sequence(name: &str, documents: &[&str]) -> Vec<u8> {
    let documents: Vec<u8> = documents.iter().flat_map(|document| text::document(document)).collect();
    let size = i32::try_from(4 + name.len() + 1 + documents.len()).unwrap();
    [&[1][..], &size.to_le_bytes(), name.as_bytes(), &[0], &documents].concat()
}

fn query(flags: u32, namespace: &str, skip: i32, wanted: i32, document: &str) -> Vec<u8> {
    let document = text::document(document);
    let rest =
        [&flags.to_le_bytes()[..], namespace.as_bytes(), &[0], &skip.to_le_bytes(), &wanted.to_le_bytes(), &document];
    let rest = rest.concat();
    let length = i32::try_from(16 + rest.len()).unwrap();
    [&[length, 5, 0, 2004].map(i32::to_le_bytes).concat()[..], &rest].concat()
}

/// The same checksum as a driver would make, by the plain definition.
pub(crate) fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    (!crc).to_le_bytes()
}

fn error(frame: &[u8]) -> FrameError {
    Request::read(frame, LONGEST_REQUEST).unwrap_err()
}

const PING: &str = r#"{ping: 1, $db: "admin"}"#;

#[test]
fn a_message_with_a_body_and_sequences_is_read_in_any_order() {
    let sections = [sequence("documents", &["{a: 1}", "{}"]), body(PING)].concat();
    let frame = parts(0, &sections, &[]);
    let message = Message::read(&frame, LONGEST_REQUEST).unwrap();
    assert_eq!(message.body.as_bytes(), text::document(PING));
    assert_eq!((message.sequences[0].name, message.sequences[0].documents), ("documents", 2));
    // No command that is open has any.
    let request = Request::read(&frame, LONGEST_REQUEST).unwrap();
    assert!(matches!(judge(&request, &scope()), Verdict::Refused(refusal) if refusal.text.contains("`documents`")));
}

#[test]
fn a_checksum_is_verified() {
    let mut frame = parts(1, &body(PING), &[0; 4]);
    let end = frame.len() - 4;
    let right = checksum(&frame[..end]);
    frame[end..].copy_from_slice(&right);
    assert!(Request::read(&frame, LONGEST_REQUEST).is_ok());
    for place in 12..frame.len() {
        let mut wrong = frame.clone();
        wrong[place] ^= 4;
        assert!(Request::read(&wrong, LONGEST_REQUEST).is_err(), "byte {place}");
    }
    assert_eq!(error(&parts(1, &body(PING), &[0; 4])), FrameError::Checksum);
    assert_eq!(error(&parts(1, &[], &[])), FrameError::Truncated);
}

#[test]
fn a_sender_who_waits_for_no_answer_gets_none_and_may_only_end_its_sessions() {
    let sent = parts(2, &body(r#"{endSessions: [{id: uuid(1)}], writeConcern: {w: 0}, $db: "admin"}"#), &[]);
    let request = Request::read(&sent, LONGEST_REQUEST).unwrap();
    assert_eq!(request.manner, Manner::Unanswered);
    assert_eq!(judge(&request, &scope()), Verdict::Answered(Local::Done));
    assert_eq!(request.answer(1, &text::document("{ok: 1}")), []);
    for command in [r#"{find: "items", $db: "appsync_1"}"#, PING, r#"{insert: "items", $db: "appsync_1"}"#] {
        let sent = parts(2, &body(command), &[]);
        let request = Request::read(&sent, LONGEST_REQUEST).unwrap();
        assert!(matches!(judge(&request, &scope()), Verdict::Refused(_)), "{command}");
        assert!(matches!(judge_before_sign_in(&request), Verdict::Refused(_)), "{command}");
    }
}

#[test]
fn the_legacy_first_hello_is_taken_and_answered_in_kind() {
    for flags in [0, 4] {
        for wanted in [1, -1] {
            let frame = query(flags, "admin.$cmd", 0, wanted, "{ismaster: 1, helloOk: true}");
            let request = Request::read(&frame, LONGEST_REQUEST).unwrap();
            assert!(matches!(judge_before_sign_in(&request), Verdict::Answered(Local::Hello(..))));
            let answer = request.answer(9, &text::document("{ok: 1}"));
            assert_eq!(answer, legacy_reply(9, 5, &text::document("{ok: 1}")));
            let header = Header::read(answer.first_chunk().unwrap(), LONGEST_REQUEST).unwrap();
            assert_eq!((header.operation, header.length, header.answers), (Operation::Reply, answer.len(), 5));
        }
    }
}

#[test]
fn any_other_legacy_query_is_refused() {
    let hello = "{isMaster: 1}";
    for frame in [
        query(0, "state.$cmd", 0, 1, hello),
        query(0, "admin.$cmd.sys.inprog", 0, 1, hello),
        query(0, "state.items", 0, 1, hello),
        query(0, "admin.$cmd", 1, 1, hello),
        query(0, "admin.$cmd", 0, 0, hello),
        query(0, "admin.$cmd", 0, 100, hello),
        query(0, "admin.$cmd", 0, 1, r#"{find: "items"}"#),
        query(0, "admin.$cmd", 0, 1, "{ping: 1}"),
        query(0, "admin.$cmd", 0, 1, "{$query: {isMaster: 1}}"),
        query(0, "admin.$cmd", 0, 1, "{}"),
    ] {
        assert_eq!(error(&frame), FrameError::Legacy);
    }
    // Tailable, exhaust, partial, and what is not known.
    for flags in [2, 64, 128, 1 << 31] {
        assert_eq!(error(&query(flags, "admin.$cmd", 0, 1, hello)), FrameError::Flags(flags));
    }
}

#[test]
fn operations_that_are_not_taken_are_refused() {
    let mut frame = message(5, 0, &text::document(PING));
    for (operation, expected) in [
        (2012, FrameError::Compressed),
        (1, FrameError::Operation(1)),
        (2001, FrameError::Operation(2001)),
        (2002, FrameError::Operation(2002)),
        (2005, FrameError::Operation(2005)),
        (2006, FrameError::Operation(2006)),
        (2007, FrameError::Operation(2007)),
        (2010, FrameError::Operation(2010)),
        (0, FrameError::Operation(0)),
        (-1, FrameError::Operation(-1)),
    ] {
        frame[12..16].copy_from_slice(&i32::to_le_bytes(operation));
        assert_eq!(error(&frame), expected);
    }
}

#[test]
fn a_length_is_bounded_before_anything_is_read() {
    let header = |length: i32| {
        let bytes: Vec<u8> = [length, 1, 0, 2013].map(i32::to_le_bytes).concat();
        Header::read(bytes.first_chunk().unwrap(), 1000)
    };
    for length in [i32::MIN, -1, 0, 15, 1001, i32::MAX] {
        assert_eq!(header(length), Err(FrameError::Length { length, longest: 1000 }));
    }
    assert_eq!(header(16).unwrap().length, 16);
    assert_eq!(header(1000).unwrap().length, 1000);
}

#[test]
fn sections_that_are_not_understood_are_refused() {
    let ping = body(PING);
    assert_eq!(error(&parts(0, &[], &[])), FrameError::Body);
    assert_eq!(error(&parts(0, &[ping.clone(), ping.clone()].concat(), &[])), FrameError::Body);
    assert_eq!(error(&parts(0, &sequence("documents", &["{}"]), &[])), FrameError::Body);
    assert_eq!(error(&parts(0, &[&[2][..], &ping[1..]].concat(), &[])), FrameError::Section);
    assert_eq!(error(&parts(0, &[ping.clone(), sequence("a", &[]).repeat(9)].concat(), &[])), FrameError::Section);
    for flag in [4, 8, 1 << 15, 1 << 17, 1 << 31] {
        assert_eq!(error(&parts(flag, &ping, &[])), FrameError::Flags(flag));
    }
    assert!(Request::read(&parts(1 << 16, &ping, &[]), LONGEST_REQUEST).is_ok());
    for cut in 1..ping.len() {
        assert!(Request::read(&parts(0, &ping[..cut], &[]), LONGEST_REQUEST).is_err(), "cut at {cut}");
    }
    let mut longer = parts(0, &ping, &[]);
    longer.push(0);
    assert_eq!(error(&longer), FrameError::Truncated);
}

/// What a command in a sound frame is refused with for what is wrong in it.
fn refused(frame: &[u8]) -> Option<(i32, String)> {
    match judge(&Request::read(frame, LONGEST_REQUEST).unwrap(), &scope()) {
        Verdict::Refused(refusal) => Some((refusal.code.number(), refusal.text)),
        Verdict::Allowed(_) | Verdict::Answered(_) | Verdict::Empty(_) | Verdict::Lookup(_) => None,
    }
}

#[test]
fn bytes_that_say_their_length_twice_say_the_same() {
    for (inner, passes) in [(3_i32, true), (2, false), (900, false), (-1, false)] {
        let bytes = [&inner.to_le_bytes()[..], b"abc"].concat();
        let filter = Builder::new().binary("a", 2, &bytes);
        let find = Builder::new().string("find", "items").document("filter", filter).string("$db", "appsync_1");
        assert_eq!(refused(&message(5, 0, &find.finish())).is_none(), passes, "{inner}");
    }
}

#[test]
fn of_a_request_that_is_too_long_its_beginning_is_enough_to_answer_it() {
    let ids = "1, ".repeat(200);
    let find = text::document(&format!(r#"{{find: "items", filter: {{_id: {{$in: [{ids}]}}}}, $db: "appsync_1"}}"#));
    let mut frame = message(5, 0, &find);
    let long = i32::try_from(2 * LONGEST_REQUEST).unwrap().to_le_bytes();
    frame[..4].copy_from_slice(&long);
    for kept in [60, 200, frame.len()] {
        let request = Request::begun(&frame[..kept]).unwrap();
        let Verdict::Refused(refusal) = judge(&request, &scope()) else { panic!("let through") };
        let known = (refusal.record.command.as_str(), refusal.record.collection.as_deref());
        assert_eq!((request.id, refusal.code.number(), known), (5, 10_334, ("find", Some("items"))), "{kept}");
    }
    for kept in 0..60 {
        if let Ok(request) = Request::begun(&frame[..kept]) {
            assert!(matches!(judge(&request, &scope()), Verdict::Refused(_)), "{kept}");
        }
    }
}

#[test]
fn depth_and_counts_are_bounded() {
    // Made from the inside, so that it is not the test which overflows.
    let nested = |depth: usize| {
        let inner = (0..depth).fold(Builder::new(), |inner, _| Builder::new().document("a", inner));
        Builder::new().document("ping", inner).string("$db", "admin").finish()
    };
    let read = |document: &[u8]| refused(&message(5, 0, document));
    assert_eq!(read(&nested(98)), None);
    assert_eq!(read(&nested(99)), Some((15, "documents must be nested at most 100 deep".to_owned())));
    assert_eq!(read(&nested(20_000)).unwrap().0, 15);
    let many = format!("{{ping: [{}], $db: \"admin\"}}", "null,".repeat(100_000));
    let told = "a request must hold at most 100000 elements".to_owned();
    assert_eq!(read(&text::document(&many)), Some((10_334, told)));
}

#[test]
fn an_array_is_numbered_from_zero_in_one_spelling() {
    let read = |names: &[&str]| {
        let array = names.iter().fold(Builder::new(), |array, name| array.int32(name, 1));
        let command = Builder::new().array("ping", array).string("$db", "admin").finish();
        Request::read(&message(5, 0, &command), LONGEST_REQUEST).unwrap().fault
    };
    assert_eq!(read(&["0", "1", "2"]), None);
    for names in [&["1"][..], &["a"], &[""], &["00"], &["+0"], &["0", "0"], &["0", "2"], &["0", "01"], &["$where"]] {
        assert_eq!(read(names), Some(BsonError::Index), "{names:?}");
    }
}

#[test]
fn a_command_as_deep_as_it_may_be_is_judged_on_a_small_stack() {
    let nested =
        |name: &str| (0..96).fold(Builder::new().int32("a", 1), |inner, _| Builder::new().document(name, inner));
    let judged = move || {
        for (field, name, passes) in [
            ("filter", "a", true),
            ("filter", "$not", false),
            ("projection", "a", true),
            ("let", "$abs", false),
            ("let", "a", true),
        ] {
            let command = Builder::new().string("find", "items").document(field, nested(name));
            let command = command.string("$db", "appsync_1").finish();
            let frame = message(5, 0, &command);
            let request = Request::read(&frame, LONGEST_REQUEST).unwrap();
            assert_eq!(matches!(judge(&request, &scope()), Verdict::Allowed(_)), passes, "{field} {name}");
        }
        let deep = Builder::new().document("$expr", nested("$abs"));
        let command =
            Builder::new().string("find", "items").document("filter", deep).string("$db", "appsync_1").finish();
        let frame = message(5, 0, &command);
        assert!(matches!(judge(&Request::read(&frame, LONGEST_REQUEST).unwrap(), &scope()), Verdict::Allowed(_)));
    };
    std::thread::Builder::new().stack_size(512 * 1024).spawn(judged).unwrap().join().unwrap();
}
