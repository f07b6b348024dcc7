//! Many sessions from one process: a client so light that what it costs does not hide what the gateway costs.
//!
//! `sessions ADDRESS USER KEY COUNT` opens so many sessions that run `cat`, says `up` once all of them answered, and
//! holds them until its standard input ends. For measuring only: it looks at no host key.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use russh::client::{self, Handle, Msg};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many open at the same time.
const AT_ONCE: usize = 8;

struct AnyHost;

impl client::Handler for AnyHost {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, user, key, count] = arguments.as_slice() else {
        return Err("usage: sessions ADDRESS USER KEY COUNT".into());
    };
    let (key, count) = (PathBuf::from(key), count.parse::<usize>()?);
    let mut held = Vec::new();
    while held.len() < count {
        let batch = (0..AT_ONCE.min(count - held.len())).map(|_| open(address, user, &key));
        held.extend(futures_util::future::try_join_all(batch).await?);
    }
    println!("up");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    drop(held);
    Ok(())
}

async fn open(address: &str, user: &str, key: &PathBuf) -> Result<(Handle<AnyHost>, Channel<Msg>), Failure> {
    let key = Arc::new(russh::keys::load_secret_key(key, None)?);
    let mut handle = client::connect(Arc::new(client::Config::default()), address, AnyHost).await?;
    let known = handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, None)).await?;
    if !known.success() {
        return Err("the gateway does not know the key".into());
    }
    let mut channel = handle.channel_open_session().await?;
    channel.exec(true, "echo up; exec cat").await?;
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Data { .. }) => return Ok((handle, channel)),
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                return Err(String::from_utf8_lossy(&data).into_owned().into());
            }
            Some(_) => {}
            None => return Err("the gateway closed a session".into()),
        }
    }
}
