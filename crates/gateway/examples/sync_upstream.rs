//! A server of the MongoDB protocol that answers from memory: what stands behind the gateway when sync data is measured.
//!
//! `sync_upstream DOCUMENTS` says in one line of JSON where it listens, by which certificate it is known and who may sign
//! in, and serves until its standard input ends. As `mongod` does, it takes TLS and SCRAM-SHA-256, has a thread for each
//! connection, holds its documents one by one and writes a batch of up to 16 MiB anew for each answer. For measuring only.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use byleave_wire::answer;
use byleave_wire::bson::{Document, Value};
use byleave_wire::builder::Builder;
use byleave_wire::frame::{HEADER, Header, LONGEST_REQUEST, message};
use byleave_wire::judge::{Local, Verdict, judge_before_sign_in};
use byleave_wire::request::Request;
use byleave_wire::scram::{ITERATIONS, Verifier};
use byleave_wire::sign_in::SignIn;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Who may sign in.
const USER: &str = "gateway";
const PASSWORD: &str = "a-bench-needs-no-secret";
/// Documents of a first batch, as MongoDB has it.
const FIRST_BATCH: usize = 101;
/// Bytes of a batch, as MongoDB has it.
const BATCH: usize = 16 * 1024 * 1024;

fn main() -> Result<(), Failure> {
    let count = std::env::args().nth(1).ok_or("usage: sync_upstream DOCUMENTS")?.parse::<i32>()?;
    let documents: Arc<Vec<Vec<u8>>> = Arc::new((0..count).map(document).collect());
    let bytes: usize = documents.iter().map(Vec::len).sum();
    let (tls, ca) = tls()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    println!("{}", json!({ "port": port, "ca": ca, "user": USER, "password": PASSWORD, "bytes": bytes }));
    let verifier = Verifier::new(PASSWORD, [3; 16], ITERATIONS)?;
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (tls, documents, verifier) = (tls.clone(), documents.clone(), verifier.clone());
            // A connection that breaks ends its thread, and nobody needs to hear of it.
            std::thread::spawn(move || drop(serve(stream, tls, &documents, &verifier)));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A document of about a kibibyte, with the kinds of fields that an application has.
fn document(number: i32) -> Vec<u8> {
    let text = |length: usize| {
        "the quick brown fox jumps over the lazy dog. ".chars().cycle().take(length).collect::<String>()
    };
    let address = Builder::new().string("street", &text(40)).string("city", &text(16)).int32("code", number);
    let tags = Builder::new().string("0", &text(12)).string("1", &text(12)).string("2", &text(12));
    Builder::new()
        .int32("_id", number)
        .string("name", &text(32))
        .string("state", if number % 3 == 0 { "done" } else { "open" })
        .int64("total", i64::from(number) * 100)
        .double("weight", f64::from(number) / 3.0)
        .flag("paid", number % 2 == 0)
        .datetime("at", 1_700_000_000_000 + i64::from(number))
        .document("address", address)
        .array("tags", tags)
        .string("note", &text(600))
        .finish()
}

/// An authority made for this run, and a certificate that it signs.
fn tls() -> Result<(Arc<ServerConfig>, String), Failure> {
    let (ca_key, key) = (KeyPair::generate()?, KeyPair::generate()?);
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "the bench's databases");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key)?.pem().replace('\r', "");
    let mut of_server = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
    of_server.use_authority_key_identifier_extension = true;
    let signed = of_server.signed_by(&key, &Issuer::new(params, ca_key))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![CertificateDer::from(signed.der().to_vec())];
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
    Ok((Arc::new(builder.with_single_cert(chain, key)?), ca))
}

/// One connection, until it ends.
fn serve(stream: TcpStream, tls: Arc<ServerConfig>, documents: &[Vec<u8>], verifier: &Verifier) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut stream = StreamOwned::new(ServerConnection::new(tls)?, stream);
    let (mut signing_in, mut place) = (SignIn::default(), 0);
    let mut frame = Vec::new();
    while next(&mut stream, &mut frame).is_ok() {
        let request = Request::read(&frame, LONGEST_REQUEST)?;
        let body = body(&request, &mut signing_in, (documents, &mut place), verifier)?;
        stream.write_all(&message(1, request.id, &body))?;
        stream.flush()?;
    }
    Ok(())
}

fn next(stream: &mut Stream, frame: &mut Vec<u8>) -> Result<(), Failure> {
    frame.resize(HEADER, 0);
    stream.read_exact(frame)?;
    let header = Header::read(frame.first_chunk().ok_or("no header")?, LONGEST_REQUEST)?;
    frame.resize(header.length, 0);
    stream.read_exact(frame.get_mut(HEADER..).ok_or("no body")?)?;
    Ok(())
}

/// The answer. A connection has one cursor, which never ends: after the last document comes the first.
fn body(
    request: &Request<'_>,
    signing_in: &mut SignIn,
    (documents, place): (&[Vec<u8>], &mut usize),
    verifier: &Verifier,
) -> Result<Vec<u8>, Failure> {
    let whole = |name| request.body.get(name).ok().flatten().and_then(Value::whole);
    let batch_size = whole("batchSize").and_then(|size| usize::try_from(size).ok());
    Ok(match request.command()? {
        "hello" => {
            Builder::new().flag("isWritablePrimary", true).int32("maxWireVersion", 21).double("ok", 1.0).finish()
        }
        "buildInfo" => Builder::new().string("version", "7.0.12").double("ok", 1.0).finish(),
        "saslStart" | "saslContinue" => match judge_before_sign_in(request) {
            Verdict::Answered(Local::SaslStart(step)) => {
                let find = |user: &str| (user == USER).then(|| verifier.clone());
                signing_in.start(step, "0123456789abcdefghijklmnop", find, &[9; 32])?
            }
            Verdict::Answered(Local::SaslContinue(step)) => signing_in.go_on(step)?,
            Verdict::Allowed(_)
            | Verdict::Answered(_)
            | Verdict::Empty(_)
            | Verdict::Lookup(_)
            | Verdict::Refused(_) => {
                return Err("not a step of signing in".into());
            }
        },
        "listDatabases" => {
            let named = Builder::new().document("0", Builder::new().string("name", "appsync_1"));
            Builder::new().array("databases", named).double("ok", 1.0).finish()
        }
        "listCollections" => {
            let orders = Builder::new().string("name", "orders").string("type", "collection");
            let batch = Builder::new().document("0", orders).finish();
            cursor("firstBatch", &batch, 0, "appsync_1.$cmd.listCollections")
        }
        "find" => match one(request.body) {
            Some(id) => {
                let found = usize::try_from(id).ok().and_then(|id| documents.get(id));
                cursor("firstBatch", &batch(found.into_iter()), 0, "appsync_1.orders")
            }
            None => {
                *place = 0;
                let batch = scan(documents, place, batch_size.unwrap_or(FIRST_BATCH));
                cursor("firstBatch", &batch, 77, "appsync_1.orders")
            }
        },
        "getMore" => {
            cursor("nextBatch", &scan(documents, place, batch_size.unwrap_or(usize::MAX)), 77, "appsync_1.orders")
        }
        _ => answer::done(),
    })
}

/// The `_id` that is asked for, if one is.
fn one(body: Document<'_>) -> Option<i64> {
    body.get("filter").ok()??.document()?.get("_id").ok()??.whole()
}

/// The next documents, from the beginning again after the last.
fn scan(documents: &[Vec<u8>], place: &mut usize, most: usize) -> Vec<u8> {
    let mut bytes = 0;
    let fits = documents.iter().cycle().skip(*place).take(most).take_while(|document| {
        bytes += document.len() + 16;
        bytes <= BATCH
    });
    let count = fits.count();
    let batch = batch(documents.iter().cycle().skip(*place).take(count));
    *place = (*place + count) % documents.len().max(1);
    batch
}

/// An array of documents.
fn batch<'a>(documents: impl Iterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    use std::fmt::Write as _;
    let (mut array, mut name) = (vec![0; 4], String::new());
    for (index, document) in documents.enumerate() {
        name.clear();
        // Writing to a text cannot fail.
        let _ = write!(name, "{index}");
        array.push(3);
        array.extend_from_slice(name.as_bytes());
        array.push(0);
        array.extend_from_slice(document);
    }
    array.push(0);
    let length = i32::try_from(array.len()).unwrap_or(i32::MAX).to_le_bytes();
    if let Some(head) = array.first_chunk_mut::<4>() {
        *head = length;
    }
    array
}

/// The answer with a batch, written in one go.
fn cursor(name: &str, batch: &[u8], id: i64, namespace: &str) -> Vec<u8> {
    let mut inner = Vec::with_capacity(batch.len() + 128);
    inner.extend_from_slice(&[0; 4]);
    inner.push(4);
    inner.extend_from_slice(name.as_bytes());
    inner.push(0);
    inner.extend_from_slice(batch);
    let rest = Builder::new().int64("id", id).string("ns", namespace).finish();
    inner.extend_from_slice(rest.get(4..).unwrap_or_default());
    let length = i32::try_from(inner.len()).unwrap_or(i32::MAX).to_le_bytes();
    if let Some(head) = inner.first_chunk_mut::<4>() {
        *head = length;
    }
    Builder::new().raw_document("cursor", &inner).double("ok", 1.0).finish()
}
