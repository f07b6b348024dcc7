//! Whom the command line trusts over TLS, and what to do about a server that it does not trust.

use std::path::Path;

use rustls::CertificateError;

use super::fault::{Fault, Outcome};

/// What to do if the server's certificate is not to be trusted; `None` if that is not what went wrong.
pub(super) fn distrust(error: &reqwest::Error) -> Option<&'static str> {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if let Some(rustls::Error::InvalidCertificate(why)) = cause.downcast_ref() {
            return Some(advice(why));
        }
        // An I/O error does not count what it wraps among its causes.
        next = match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    None
}

fn advice(why: &CertificateError) -> &'static str {
    // Rustls keeps what only its verifier knows as text.
    if format!("{why:?}").contains("CaUsedAsEndEntity") {
        return "the server shows the certificate of an authority, as `openssl req -x509` makes them unless told otherwise: \
                make one with `-addext basicConstraints=critical,CA:FALSE`, or sign one with the authority";
    }
    "is it the right server? if its certificate is of an authority of your own, name that with --tls-ca or BYLEAVE_TLS_CA"
}

/// Reads the certificates of `--tls-ca`.
///
/// # Errors
/// If there are none in the file.
pub(super) fn authorities(file: &Path) -> Outcome<Vec<reqwest::Certificate>> {
    let fault = |why: String| Fault::usage(format!("--tls-ca `{}` {why}", file.display()));
    let pem = std::fs::read(file).map_err(|error| fault(format!("cannot be read: {error}")))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(fault("holds no certificate in PEM form".to_owned())),
    }
}
