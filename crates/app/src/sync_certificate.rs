//! The certificates by which clients of sync data know the gateway: an authority of the installation's own, kept in the
//! data directory, and one certificate that it signs at each start.
//!
//! Its key never leaves the directory; its certificate goes to whoever asks the gateway for it over SSH, where the
//! gateway is known by its host key already.

use std::fs;
use std::sync::Arc;

use anyhow::Context;
use byleave_core::time::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::data::DataDir;

/// TLS towards clients, and the authority's certificate in PEM.
///
/// # Errors
/// If the authority can be neither read nor written.
pub(crate) fn prepare(data: &DataDir, name: &str, now: Timestamp) -> anyhow::Result<(Arc<ServerConfig>, String)> {
    let year = year(now);
    let (ca, issuer) = authority(data, year)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![name.to_owned()]).context("the name that clients of sync data use")?;
    params.distinguished_name.push(DnType::CommonName, "Byleave gateway");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (date_time_ymd(year - 1, 1, 1), date_time_ymd(year + 2, 1, 1));
    let certificate = params.signed_by(&key, &issuer)?;
    let config = config(&certificate, &key)?;
    Ok((Arc::new(config), ca))
}

fn config(certificate: &Certificate, key: &KeyPair) -> anyhow::Result<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?)
}

/// The authority: read, or made at the first start that needs it.
fn authority(data: &DataDir, year: i32) -> anyhow::Result<(String, Issuer<'static, KeyPair>)> {
    let (certificate, key) = (data.path().join("sync_ca.pem"), "sync_ca.key");
    let params = params(year)?;
    let key = match data.secret(key)? {
        Some(pem) => KeyPair::from_pem(&pem).context("`sync_ca.key`")?,
        None => {
            let made = KeyPair::generate()?;
            data.keep_secret(key, &made.serialize_pem())?;
            made
        }
    };
    let pem = match fs::read_to_string(&certificate) {
        Ok(pem) => pem,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let pem = params.self_signed(&key)?.pem().replace('\r', "");
            fs::write(&certificate, &pem).with_context(|| format!("`{}`", certificate.display()))?;
            pem
        }
        Err(error) => return Err(error).with_context(|| format!("`{}`", certificate.display())),
    };
    Ok((pem, Issuer::new(params, key)))
}

fn params(year: i32) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Byleave sync data");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (date_time_ymd(year - 1, 1, 1), date_time_ymd(year + 20, 1, 1));
    Ok(params)
}

/// The year of an instant.
fn year(now: Timestamp) -> i32 {
    now.to_string().split('-').next().and_then(|year| year.parse().ok()).unwrap_or(2026)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_stays_and_a_certificate_fits_it() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(&root.path().join("data")).unwrap();
        let now = Timestamp::from_millis(1_795_000_000_000);
        let (_, first) = prepare(&data, "127.0.0.1", now).unwrap();
        let (_, again) = prepare(&data, "gateway.example", now.plus(400 * byleave_core::time::DAY)).unwrap();
        assert_eq!(first, again);
        assert!(first.parse::<byleave_core::name::SyncCa>().is_ok(), "{first}");
        fs::remove_file(data.path().join("sync_ca.pem")).unwrap();
        let (_, made_again) = prepare(&data, "gateway.example", now).unwrap();
        assert!(data.path().join("sync_ca.pem").exists() && made_again.parse::<byleave_core::name::SyncCa>().is_ok());
        fs::write(data.path().join("sync_ca.key"), "no key").unwrap();
        assert!(prepare(&data, "gateway.example", now).is_err(), "another key is not made in its place");
    }
}
