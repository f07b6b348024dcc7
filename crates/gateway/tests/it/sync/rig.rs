//! A server of the protocol with TLS, a gateway before it, and clients to try it with.
//!
//! Python and its packages come from `cargo xtask test`; `BYLEAVE_TEST_PYTHON` names another interpreter that has them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use byleave_core::grant::GrantType;
use byleave_core::inventory::{Revision, SyncSource};
use byleave_gateway::Config;
use byleave_gateway::control::SyncCredential;
use byleave_gateway::sync::SyncConfig;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use zeroize::Zeroizing;

use super::server::{self, Server};
use crate::world::{Running, World, text};

pub(crate) const CLUSTER_HOST: &str = "cluster0.shop.example";

/// An authority and what it signs.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem().replace('\r', "");
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn sign(&self) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    pub(crate) fn tls(&self) -> Arc<rustls::ServerConfig> {
        self.tls_with(WebPkiClientVerifier::no_client_auth())
    }

    /// TLS that asks every client for a certificate of that authority.
    pub(super) fn tls_for(&self, clients: &Self) -> Arc<rustls::ServerConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(clients.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        self.tls_with(WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap())
    }

    fn tls_with(&self, clients: Arc<dyn ClientCertVerifier>) -> Arc<rustls::ServerConfig> {
        let (certificate, key) = self.sign();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let builder =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_client_cert_verifier(clients);
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }

    /// A certificate and its key, as an administrator gives them to the gateway.
    pub(super) fn credential(&self) -> SyncCredential {
        let (certificate, key) = self.sign();
        SyncCredential::X509 { pem: Zeroizing::new(format!("{}{}", certificate.pem(), key.serialize_pem())) }
    }

    /// Writes a certificate and its key.
    pub(super) fn write(&self, directory: &Path) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.sign();
        let (at, key_at) = (directory.join("server.pem"), directory.join("server.key"));
        std::fs::write(&at, format!("{}{}", certificate.pem(), self.pem)).unwrap();
        std::fs::write(&key_at, key.serialize_pem()).unwrap();
        (at, key_at)
    }
}

/// Python with `pymongo` and `smongo`.
pub(crate) fn python() -> PathBuf {
    let named = std::env::var_os("BYLEAVE_TEST_PYTHON").map(PathBuf::from);
    let installed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/python");
    let python = named.unwrap_or_else(installed);
    assert!(python.exists(), "`{}` is not there; `cargo xtask test` installs it", python.display());
    python
}

/// The shell of MongoDB.
fn mongosh() -> PathBuf {
    let named = std::env::var_os("BYLEAVE_TEST_MONGOSH").map(PathBuf::from);
    let installed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node/node_modules/.bin/mongosh");
    let mongosh = named.unwrap_or_else(installed);
    assert!(mongosh.exists(), "`{}` is not there; `cargo xtask test` installs it", mongosh.display());
    mongosh
}

pub(crate) fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name)
}

/// A gateway with a door for sync data, and what is behind it.
pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) authority: Authority,
}

impl House {
    /// With nothing behind the door yet.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with another set-up.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let authority = Authority::new("test");
        let world = World::with(|config| {
            change(config);
            config.sync = Some(SyncConfig {
                listen: vec!["127.0.0.1:0".parse().unwrap()],
                tls: authority.tls(),
                ca: authority.pem.clone(),
                host: "127.0.0.1".to_owned(),
            });
        });
        let house = Self { world, authority };
        house.sign_in_with(server::credential());
        house
    }

    /// Sets from where the cluster's sync data is read, and grants it.
    pub(crate) fn grant(&self, servers: &str) {
        self.grant_at(servers, &self.authority.pem);
    }

    /// The same for a server that is not ours.
    pub(crate) fn grant_server(&self, server: &Server) {
        self.sign_in_with(server.credential.clone());
        self.grant_at(&server.servers, &server.ca);
    }

    /// The same for servers with these addresses and this authority.
    pub(crate) fn grant_at(&self, servers: &str, ca: &str) {
        let (servers, ca) = (servers.parse().unwrap(), ca.parse().unwrap());
        self.grant_from(SyncSource { servers, member: None, ca, since: Revision::FIRST });
    }

    /// The same for one chosen server of several.
    pub(super) fn grant_member(&self, servers: &str, member: &str) {
        let (servers, ca) = (servers.parse().unwrap(), self.authority.pem.parse().unwrap());
        self.grant_from(SyncSource { servers, member: Some(member.parse().unwrap()), ca, since: Revision::FIRST });
    }

    fn grant_from(&self, source: SyncSource) {
        self.world.memory.change(|facts| {
            let open = ["appsync_*", "state"].map(|name| (name.parse().unwrap(), Revision::FIRST));
            facts.cluster.sync_databases = open.to_vec();
            facts.cluster.sync_source = Some(source);
        });
        self.world.memory.grant(GrantType::InfrastructureAndSyncData);
    }

    /// Sets what the gateway signs in to the databases with.
    pub(crate) fn sign_in_with(&self, credential: SyncCredential) {
        *self.world.memory.credential.lock().unwrap() = Some(credential);
    }

    /// Why the word `sync` is refused.
    pub(crate) fn refused(&self) -> String {
        let output = self.world.ssh_to(CLUSTER_HOST, &[], &["sync"]).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{}", text(&output.stdout));
        text(&output.stderr)
    }

    /// Says the word `sync` and saves the gateway's certificate; answers the connection that keeps it open, and the URI.
    pub(crate) fn open(&self) -> (Running, BufReader<ChildStdout>, String) {
        let saved = self.world.ssh_to(CLUSTER_HOST, &[], &["sync-ca"]).output().unwrap();
        assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
        std::fs::write(self.world.path("byleave-sync-ca.pem"), &saved.stdout).unwrap();
        let mut child: Child = self.world.ssh_to(CLUSTER_HOST, &[], &["sync"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut uri = String::new();
        out.read_line(&mut uri).unwrap();
        let mut child = Running(child);
        if !uri.starts_with("mongodb://") {
            let mut errors = String::new();
            child.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("{uri:?}: {errors}");
        }
        (child, out, uri.trim().to_owned())
    }

    /// The address as a client in this process uses it, which is elsewhere than where the certificate was saved.
    pub(crate) fn local(&self, uri: &str) -> String {
        let saved = self.world.path("byleave-sync-ca.pem").display().to_string();
        uri.replace("tlsCAFile=byleave-sync-ca.pem", &format!("tlsCAFile={saved}"))
    }

    /// A client program in Python, where the gateway's certificate was saved.
    pub(crate) fn client(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(python());
        command.arg(program(name)).args(arguments).current_dir(self.world.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `mongosh`, where the gateway's certificate was saved, with a home of its own.
    pub(crate) fn mongosh(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(mongosh());
        command.args(arguments).current_dir(self.world.directory.path()).env("HOME", self.world.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}
