//! The settings of a server: flags and environment first, then `byleave.toml` in the data directory, then defaults.
//!
//! Unknown keys and values that break a rule are refused by name; nothing is guessed.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use byleave_core::name::{VendorName, VendorSlug};
use byleave_web::auth::digest::Algorithm;
use byleave_web::came::Proxies;
use byleave_web::public_url::PublicUrl;
use byleave_web::rate::Rates;
use byleave_web::tls::PemFiles;
use clap::Args;
use ipnet::IpNet;
use serde::Deserialize;

/// The settings of `byleave serve`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "Examples:\n  byleave serve --data /var/lib/byleave\n  \
    byleave serve --data ./data --vendor Acme --vendor-slug acme --gateway-source 10.0.0.5/32\n\n\
    Settings can stand in DIR/byleave.toml, too; flags and environment win. Everything that the installation keeps lies\n\
    in DIR, which is made if it is not there.")]
pub(crate) struct ServeArgs {
    /// Address of the pages and the REST API; without TLS on loopback only, or for trusted proxies
    #[arg(long, env = "BYLEAVE_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Scheme, host and port by which people reach the pages (https), in links that are handed on
    #[arg(long, env = "BYLEAVE_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,
    /// Certificate chain (PEM) for TLS; a new one is taken within 10 seconds, or at once on SIGHUP
    #[arg(long, env = "BYLEAVE_TLS_CERTIFICATE", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, env = "BYLEAVE_TLS_KEY", value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Networks of the proxies in front, comma separated: only these may say who a client is (X-Forwarded-For and -Proto)
    #[arg(long, env = "BYLEAVE_TRUSTED_PROXY", value_name = "NETWORKS", value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<IpNet>,
    /// How many requests one user or key may send in a minute
    #[arg(long, env = "BYLEAVE_REQUESTS_PER_CALLER", value_name = "NUMBER")]
    pub(crate) requests_per_caller: Option<NonZeroU32>,
    /// How many requests may come from one address in a minute
    #[arg(long, env = "BYLEAVE_REQUESTS_PER_ADDRESS", value_name = "NUMBER")]
    pub(crate) requests_per_address: Option<NonZeroU32>,
    /// How many sessions one support engineer may have at once
    #[arg(long, env = "BYLEAVE_SESSIONS_PER_EMPLOYEE", value_name = "NUMBER")]
    pub(crate) sessions_per_employee: Option<NonZeroU32>,
    /// Address of the SSH gateway
    #[arg(long, env = "BYLEAVE_SSH_LISTEN", value_name = "ADDRESS")]
    pub(crate) ssh_listen: Option<SocketAddr>,
    /// Address where MongoDB clients read sync data; without it there is no such door
    #[arg(long, env = "BYLEAVE_SYNC_LISTEN", value_name = "ADDRESS")]
    pub(crate) sync_listen: Option<SocketAddr>,
    /// The host name or IP address by which those clients reach the gateway; `sync-listen`'s if not given
    #[arg(long, env = "BYLEAVE_SYNC_HOST", value_name = "HOST", requires = "sync_listen")]
    pub(crate) sync_host: Option<String>,
    /// The vendor's name on pages
    #[arg(long, env = "BYLEAVE_VENDOR", value_name = "NAME")]
    pub(crate) vendor: Option<VendorName>,
    /// The vendor's word in employee identifiers, <vendor>-employee-<digits>
    #[arg(long, env = "BYLEAVE_VENDOR_SLUG", value_name = "WORD")]
    pub(crate) vendor_slug: Option<VendorSlug>,
    /// The gateway's addresses as nodes see them, comma separated: nodes accept its certificates from there only
    #[arg(long, env = "BYLEAVE_GATEWAY_SOURCE", value_name = "ADDRESSES")]
    pub(crate) gateway_source: Option<String>,
    /// The hash of HTTP Digest for API keys: md5, which all clients know, or sha-256
    #[arg(long, env = "BYLEAVE_DIGEST", value_name = "HASH")]
    pub(crate) digest: Option<String>,
    /// Where nodes have the byleave binary
    #[arg(long, env = "BYLEAVE_NODE_HELPER", value_name = "PATH")]
    pub(crate) node_helper: Option<String>,
}

/// `byleave.toml`: the same settings in a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Option<SocketAddr>,
    public_url: Option<String>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    trusted_proxy: Vec<String>,
    requests_per_caller: Option<NonZeroU32>,
    requests_per_address: Option<NonZeroU32>,
    sessions_per_employee: Option<NonZeroU32>,
    ssh_listen: Option<SocketAddr>,
    sync_listen: Option<SocketAddr>,
    sync_host: Option<String>,
    vendor: Option<String>,
    vendor_slug: Option<String>,
    gateway_source: Option<String>,
    node_helper: Option<String>,
    digest: Option<String>,
}

/// The door for sync data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyncListen {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// The host name or IP address that clients are told.
    pub(crate) host: String,
}

/// What a server runs with.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// Where pages and REST listen.
    pub(crate) listen: SocketAddr,
    /// The address in links that are handed on, if not the one that a request names.
    pub(crate) public_url: Option<PublicUrl>,
    /// The certificate and key of pages and REST; plain HTTP without.
    pub(crate) tls: Option<PemFiles>,
    /// The proxies in front.
    pub(crate) proxies: Proxies,
    /// How many requests are taken in a minute.
    pub(crate) rates: Rates,
    /// How many sessions one employee may have at once, if not the usual number.
    pub(crate) sessions_per_employee: Option<NonZeroU32>,
    /// Where the SSH gateway listens.
    pub(crate) ssh_listen: SocketAddr,
    /// Where clients of sync data connect, and the name by which they do.
    pub(crate) sync: Option<SyncListen>,
    /// The vendor's name on pages.
    pub(crate) vendor: VendorName,
    /// The vendor's word in employee identifiers.
    pub(crate) vendor_slug: VendorSlug,
    /// The `source-address` of certificates.
    pub(crate) gateway_source: String,
    /// The hash of HTTP Digest.
    pub(crate) digest: Algorithm,
    /// The path in the forced command of certificates.
    pub(crate) node_helper: String,
}

impl Config {
    /// Puts flags, file and defaults together.
    ///
    /// # Errors
    /// If the file cannot be read or a setting breaks a rule, by its name.
    pub(crate) fn load(args: ServeArgs, data: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(data) = data else { bail!("say where the installation lies: --data DIR, or BYLEAVE_DATA") };
        let file = read(&data.join("byleave.toml"))?;
        let vendor = match (args.vendor, file.vendor) {
            (Some(name), _) => name,
            (None, Some(text)) => text.parse().context("byleave.toml: `vendor`")?,
            (None, None) => "the vendor".parse()?,
        };
        let vendor_slug = match (args.vendor_slug, file.vendor_slug) {
            (Some(slug), _) => slug,
            (None, Some(text)) => text.parse().context("byleave.toml: `vendor_slug`")?,
            (None, None) => "vendor".parse()?,
        };
        let public_url = match (args.public_url, file.public_url) {
            (Some(url), _) => Some(url),
            (None, Some(text)) => Some(text.parse().context("byleave.toml: `public_url`")?),
            (None, None) => None,
        };
        let tls = match (args.tls_certificate.or(file.tls_certificate), args.tls_key.or(file.tls_key)) {
            (Some(certificate), Some(key)) => Some(PemFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => bail!("`tls_certificate` is given and `tls_key` is not: TLS needs both"),
            (None, Some(_)) => bail!("`tls_key` is given and `tls_certificate` is not: TLS needs both"),
        };
        let proxies = if args.trusted_proxy.is_empty() {
            let parsed = file.trusted_proxy.iter().map(|text| text.parse());
            parsed
                .collect::<Result<_, _>>()
                .context("byleave.toml: `trusted_proxy` must be networks such as 10.0.0.5/32")?
        } else {
            args.trusted_proxy
        };
        let usual = Rates::default();
        let rates = Rates {
            caller: args.requests_per_caller.or(file.requests_per_caller).unwrap_or(usual.caller),
            address: args.requests_per_address.or(file.requests_per_address).unwrap_or(usual.address),
        };
        let digest = match args.digest.or(file.digest).as_deref() {
            None | Some("md5") => Algorithm::Md5,
            Some("sha-256") => Algorithm::Sha256,
            Some(other) => bail!("`digest` must be md5 or sha-256, not `{other}`"),
        };
        let config = Self {
            data,
            public_url,
            tls,
            proxies: Proxies::new(proxies),
            rates,
            sessions_per_employee: args.sessions_per_employee.or(file.sessions_per_employee),
            digest,
            listen: args.listen.or(file.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            ssh_listen: args.ssh_listen.or(file.ssh_listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 2222))),
            sync: sync(args.sync_listen.or(file.sync_listen), args.sync_host.or(file.sync_host))?,
            vendor,
            vendor_slug,
            gateway_source: args.gateway_source.or(file.gateway_source).unwrap_or_else(|| "127.0.0.1/32".to_owned()),
            node_helper: args.node_helper.or(file.node_helper).unwrap_or_else(|| "/usr/local/bin/byleave".to_owned()),
        };
        config.check()
    }

    fn check(self) -> anyhow::Result<Self> {
        if !self.listen.ip().is_loopback() && self.tls.is_none() && self.proxies.is_empty() {
            bail!(
                "`listen` is {}: without TLS only loopback and trusted proxies are served; give `tls_certificate` and \
                 `tls_key`, or `trusted_proxy`, or listen on 127.0.0.1",
                self.listen
            );
        }
        let sources = self.gateway_source.split(',');
        if !sources.clone().all(is_network) {
            bail!(
                "`gateway_source` must be addresses such as 10.0.0.5/32, comma separated, not `{}`",
                self.gateway_source
            );
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
        if !self.node_helper.starts_with('/') || !self.node_helper.chars().all(plain) {
            bail!("`node_helper` must be an absolute path of letters, digits, `/`, `.`, `_` and `-`");
        }
        Ok(self)
    }
}

/// Where clients of sync data connect. A name must be given where the address tells none.
fn sync(listen: Option<SocketAddr>, host: Option<String>) -> anyhow::Result<Option<SyncListen>> {
    let host = match (listen, host) {
        (None, None) => return Ok(None),
        (None, Some(_)) => bail!("`sync_host` is given and `sync_listen` is not"),
        (Some(listen), None) if listen.ip().is_unspecified() => {
            bail!("`sync_host` must be the name by which clients reach `sync_listen` {listen}")
        }
        (Some(listen), None) => listen.ip().to_string(),
        (Some(_), Some(host)) => host,
    };
    let is_host = host.parse::<std::net::IpAddr>().is_ok() || host.parse::<byleave_core::name::HostName>().is_ok();
    if !is_host {
        bail!("`sync_host` must be a host name or an IP address, not `{host}`");
    }
    Ok(listen.map(|listen| SyncListen { listen, host }))
}

/// An address, or a network in CIDR form whose length fits.
fn is_network(text: &str) -> bool {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let longest = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length > 0 && length <= longest))
}

fn read(path: &Path) -> anyhow::Result<File> {
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).with_context(|| format!("`{}` is not valid", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(File::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str) -> anyhow::Result<Config> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("byleave.toml"), toml).unwrap();
        Config::load(ServeArgs::default(), Some(directory.path().to_owned()))
    }

    #[test]
    fn settings_are_read_and_bad_ones_named() {
        assert_eq!(load("").unwrap().ssh_listen.port(), 2222);
        assert_eq!(load("vendor = 'Acme'\nlisten = '127.0.0.1:9'").unwrap().vendor.as_str(), "Acme");
        assert_eq!(load("").unwrap().digest, Algorithm::Md5);
        assert_eq!(load("digest = 'sha-256'").unwrap().digest, Algorithm::Sha256);
        for (bad, named) in [
            ("colour = 'red'", "colour"),
            ("vendor_slug = 'Acme Inc'", "vendor_slug"),
            ("listen = '0.0.0.0:8080'", "loopback"),
            ("tls_key = 'key.pem'", "tls_certificate"),
            ("tls_certificate = 'certificate.pem'", "tls_key"),
            ("trusted_proxy = ['everybody']", "trusted_proxy"),
            ("requests_per_caller = 0", "requests_per_caller"),
            ("sessions_per_employee = 0", "sessions_per_employee"),
            ("gateway_source = 'everywhere'", "gateway_source"),
            ("gateway_source = '0.0.0.0/0'", "gateway_source"),
            ("node_helper = '/bin/sh -c id'", "node_helper"),
            ("public_url = 'http://byleave.vendor.example'", "public_url"),
            ("public_url = 'https://byleave.vendor.example/pages'", "public_url"),
            ("digest = 'sha-512'", "digest"),
            ("digest = 'MD5'", "digest"),
            ("sync_host = 'gateway.example'", "sync_listen"),
            ("sync_listen = '0.0.0.0:27018'", "sync_host"),
            ("sync_listen = '127.0.0.1:27018'\nsync_host = 'no host'", "sync_host"),
        ] {
            let error = format!("{:#}", load(bad).unwrap_err());
            assert!(error.contains(named), "{bad}: {error}");
        }
    }
}
