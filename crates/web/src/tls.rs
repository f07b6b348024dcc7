//! TLS of the listener: a certificate chain and its key from PEM files, which may be replaced while the server runs.
//!
//! A pair that cannot be read, or whose halves do not fit, is never taken: the one before stays. TLS 1.2 and 1.3 only
//! (RFC 5246, RFC 8446), with the library's choice of ciphers, and no clients' certificates.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// Where the certificate and the key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFiles {
    /// The certificate and those between it and the authority, in this order.
    pub certificate: PathBuf,
    /// The private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// Why a certificate or a key is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("`{path}` holds no {wanted} in PEM form")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        wanted: &'static str,
    },
    /// The key does not belong to the certificate, or is of a kind that cannot be used.
    #[error("the key and the certificate cannot be used together")]
    Pair(#[source] rustls::Error),
}

/// The TLS side of a listener. Clones share the certificate.
#[derive(Clone)]
pub struct Tls {
    files: PemFiles,
    current: Arc<Current>,
    pub(crate) acceptor: TlsAcceptor,
}

/// What is shown to clients now.
#[derive(Debug)]
struct Current(RwLock<Pair>);

#[derive(Debug, Clone)]
struct Pair {
    pem: [Vec<u8>; 2],
    key: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).key.clone())
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] if one of them cannot be read or the two do not fit.
    pub fn load(files: PemFiles) -> Result<Self, TlsError> {
        let current = Arc::new(Current(RwLock::new(Pair::read(&files)?)));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?
            .with_no_client_auth();
        let mut config = config.with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { files, current, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Reads the files again; answers whether they held something new, which connections from now on are shown.
    ///
    /// # Errors
    /// [`TlsError`] as [`Tls::load`]; what was shown before is shown on.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let pem = self.files.read()?;
        if self.current.0.read().unwrap_or_else(PoisonError::into_inner).pem == pem {
            return Ok(false);
        }
        let pair = Pair::of(&self.files, pem)?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(true)
    }
}

impl PemFiles {
    fn read(&self) -> Result<[Vec<u8>; 2], TlsError> {
        let read = |path: &Path| fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source });
        Ok([read(&self.certificate)?, read(&self.key)?])
    }
}

impl Pair {
    fn read(files: &PemFiles) -> Result<Self, TlsError> {
        Self::of(files, files.read()?)
    }

    fn of(files: &PemFiles, pem: [Vec<u8>; 2]) -> Result<Self, TlsError> {
        let [certificate, key] = &pem;
        let no = |path: &Path, wanted| TlsError::Pem { path: path.to_owned(), wanted };
        let no_certificate = || no(&files.certificate, "certificate");
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>().map_err(|_| no_certificate())?;
        if chain.is_empty() {
            return Err(no_certificate());
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| no(&files.key, "private key"))?;
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::Pair)?;
        Ok(Self { pem, key: Arc::new(key) })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
