//! Strangers at the door for sync data who take their time, each in another way.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use byleave_wire::frame::message;
use byleave_wire::upstream::hello;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::rig::House;
use crate::memory::PATIENCE;

/// More questions than anybody asks in the time of a stranger.
const MOST: usize = 100_000;

fn connect(house: &House) -> TcpStream {
    let stream = TcpStream::connect(house.world.gateway.sync_addresses()[0]).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn secure(house: &House) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(house.authority.pem.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let client = ClientConnection::new(Arc::new(builder.with_no_client_auth()), "127.0.0.1".try_into().unwrap());
    let mut stream = StreamOwned::new(client.unwrap(), connect(house));
    stream.conn.complete_io(&mut stream.sock).unwrap();
    stream
}

/// Waits until the gateway drops a connection, within the patience of a test.
fn is_dropped(stream: &mut impl Read) -> bool {
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn who_dawdles_at_the_door_for_sync_data_is_dropped_however_they_do_it() {
    let house = House::with(|config| config.login_grace = Duration::from_millis(300));
    assert!(is_dropped(&mut connect(&house)), "says nothing");
    let mut half = connect(&house);
    half.write_all(&[22, 3, 1, 0, 200, 1]).unwrap();
    assert!(is_dropped(&mut half), "half of a first message of TLS");
    assert!(is_dropped(&mut secure(&house)), "TLS and then nothing");
    let question = message(1, 0, &hello("a stranger"));
    let mut half = secure(&house);
    half.write_all(&question[..20]).unwrap();
    assert!(is_dropped(&mut half), "half of a frame");
    let mut talker = secure(&house);
    let mut asks = || {
        talker.write_all(&question)?;
        let mut head = [0; 4];
        talker.read_exact(&mut head)?;
        let mut rest = vec![0; u32::from_le_bytes(head) as usize - 4];
        talker.read_exact(&mut rest)
    };
    assert!((0..MOST).any(|_| asks().is_err()), "asks and asks");
}

#[test]
fn a_crowd_at_the_door_for_sync_data_pushes_out_its_own_oldest() {
    let house = House::with(|config| {
        config.strangers = 8;
        config.login_grace = PATIENCE * 100;
    });
    let crowd: Vec<_> = (0..64).map(|_| connect(&house)).collect();
    let mut newest = secure(&house);
    // Whichever thread serves them: the first 57 lose their places, the last 7 and the newest keep them.
    let (oldest, kept) = crowd.split_at(57);
    assert!(oldest.iter().all(|mut stream| is_dropped(&mut stream)));
    newest.write_all(&message(1, 0, &hello("the newest"))).unwrap();
    newest.read_exact(&mut [0; 4]).unwrap();
    for stream in kept {
        stream.set_nonblocking(true).unwrap();
        assert!(stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it was dropped");
    }
}
