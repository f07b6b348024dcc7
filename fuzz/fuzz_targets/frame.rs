//! Any bytes as a frame of a client: nothing panics, and what is read is inside the frame.

#![no_main]

use byleave_wire::frame::{HEADER, Header, LONGEST_REQUEST};
use byleave_wire::request::Request;
use byleave_wire::shape;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(head) = bytes.first_chunk::<HEADER>() {
        let _ = Header::read(head, LONGEST_REQUEST);
    }
    if let Ok(request) = Request::read(bytes, LONGEST_REQUEST) {
        assert!(request.body.as_bytes().len() + HEADER < bytes.len());
        assert!(shape::of(request.body).len() <= shape::LONGEST + 4);
    }
});
