//! The check of a node through the gateway: enters as the infrastructure account with a certificate that can run the
//! probe and nothing else, and reads its report.
//!
//! No employee takes part and nothing can be typed: the forced command is fixed in the certificate. The verdict is
//! recorded by the caller as an event that the customer sees.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use byleave_core::name::PublicKey;
use byleave_core::time::{Clock, Entropy};
use byleave_store::check::CheckFacts;
use byleave_web::door::{NodeReport, NodeReportLine};
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{Certificate, PrivateKey, PublicKeyOrCertificate, ssh_key};
use russh::{ChannelMsg, client};
use tokio::time::timeout;

use crate::ca;
use crate::entropy::draw;
use crate::node::report::Report;

/// How long a check may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest report that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Tries nodes.
pub(crate) struct Prober {
    /// The machine's clocks.
    pub(crate) clock: Arc<dyn Clock>,
    /// The machine's randomness.
    pub(crate) entropy: Arc<dyn Entropy>,
    /// The `source-address` of certificates.
    pub(crate) source: String,
    /// The path in their forced command.
    pub(crate) helper: String,
}

impl Prober {
    /// Tries what the node's account can reach.
    ///
    /// # Errors
    /// If the node cannot be entered or its report cannot be read.
    pub(crate) async fn probe(&self, facts: &CheckFacts) -> anyhow::Result<NodeReport> {
        let printed = timeout(PATIENCE, self.run(facts)).await.context("the node does not answer in time")??;
        let report: Report = serde_json::from_slice(&printed).context("the node's report cannot be read")?;
        let lines: Vec<NodeReportLine> = report
            .lines
            .iter()
            .map(|line| NodeReportLine { name: line.name.clone(), passed: line.passes(), text: line.text() })
            .collect();
        ensure!(!lines.is_empty(), "the node's report is empty");
        Ok(NodeReport { passed: report.passes(), lines })
    }

    async fn run(&self, facts: &CheckFacts) -> anyhow::Result<Vec<u8>> {
        let pinned = ssh_key::PublicKey::from_openssh(facts.node.host_key.as_str())?;
        let config = Arc::new(client::Config { nodelay: true, ..client::Config::default() });
        let connected = client::connect(config, facts.node.address.as_str(), Pinned(pinned)).await;
        let mut handle =
            connected.context("the node cannot be reached, or shows another host key than the inventory")?;
        let (own, certificate) = self.certificate(facts)?;
        let entered = handle.authenticate_openssh_cert("byleave", Arc::new(own), certificate).await?;
        ensure!(
            entered.success(),
            "the node does not accept the gateway's certificate; run `byleave node setup` there"
        );
        let mut channel = handle.channel_open_session().await?;
        channel.exec(true, crate::node::session::CHECK).await?;
        let mut printed = Vec::new();
        while let Some(message) = channel.wait().await {
            if let ChannelMsg::Data { data } = message {
                if printed.len() + data.len() > LONGEST {
                    bail!("the node's report is too long");
                }
                printed.extend_from_slice(&data);
            }
        }
        Ok(printed)
    }

    fn certificate(&self, facts: &CheckFacts) -> anyhow::Result<(PrivateKey, Certificate)> {
        let entropy = self.entropy.as_ref();
        let own = PrivateKey::new(KeypairData::from(Ed25519Keypair::from_seed(&draw(entropy))), "")?;
        let subject = PublicKey::from_line(&own.public_key().to_openssh()?)?;
        let order = ca::Order {
            purpose: ca::Purpose::Check,
            node: facts.node.id,
            subject: &subject,
            source: &self.source,
            helper: &self.helper,
            now: self.clock.read().wall,
            serial: u64::from_be_bytes(draw(entropy)),
            nonce: draw(entropy),
        };
        let line = ca::sign(&facts.ca, &order)?;
        Ok((own, Certificate::from_openssh(&line)?))
    }
}

/// Accepts the host key of the inventory and no other.
struct Pinned(ssh_key::PublicKey);

impl client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.key_data() == self.0.key_data(),
            PublicKeyOrCertificate::Certificate(_) => false,
        })
    }
}
