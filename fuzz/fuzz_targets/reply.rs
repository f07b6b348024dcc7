//! Any bytes as a server's answer: nothing panics, and what is passed on is a frame with nothing beside the answer.

#![no_main]

use byleave_wire::builder::Builder;
use byleave_wire::frame::{LONGEST_REPLY, LONGEST_REQUEST, Message, message};
use byleave_wire::judge::{Verdict, judge};
use byleave_wire::reply::pass;
use byleave_wire::request::Request;
use byleave_wire::scope::{Limits, Namespace, Scope};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let open = ["state"].into_iter().filter_map(|name| name.parse().ok()).collect();
    let mut scope = Scope::new(open, [9; 16], Limits::default());
    scope.learn(Namespace { database: "state".to_owned(), collection: "items".to_owned() });
    let asked = message(1, 0, &Builder::new().string("find", "items").string("$db", "state").finish());
    let request = Request::read(&asked, LONGEST_REQUEST).expect("a request");
    let Verdict::Allowed(allowed) = judge(&request, &scope) else { unreachable!("a find is allowed") };
    let mut frame = message(1, 2, bytes);
    if pass(&mut frame, &allowed, 2, (7, 1), &mut scope).is_ok() {
        let passed = Message::read(&frame, LONGEST_REPLY).expect("a frame");
        for element in passed.body.elements() {
            let name = element.expect("readable").name;
            assert!(["cursor", "ok", "errmsg", "code", "codeName"].contains(&name), "{name}");
        }
    }
});
