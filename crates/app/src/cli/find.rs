//! From what people call things to the things: organizations and clusters by name, host name or id.

use byleave_api::atlas::Organization;
use byleave_api::byleave::{Cluster, List};
use byleave_api::page::Page;
use byleave_core::id::OrgId;
use clap::Args;
use reqwest::Method;

use anyhow::Context;

use super::Caller;
use super::client::{ATLAS_JSON, Request};
use super::fault::{Exit, Fault, Outcome};

/// A cluster on the command line.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClusterName {
    /// The cluster, by its name or one of its host names
    pub(crate) cluster: String,
    /// The project of the cluster, by name or id; needed only where two have a cluster of that name
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
}

impl Caller {
    /// The organizations that the caller may know of.
    pub(super) async fn organizations(&self) -> Outcome<Vec<Organization>> {
        let path = "/api/atlas/v2/orgs?itemsPerPage=500".to_owned();
        let answer = self
            .client
            .expect(&Request { method: Method::GET, path, accept: ATLAS_JSON, body: None, tag: None })
            .await?;
        let page: Page<Organization> =
            serde_json::from_slice(&answer.body).context("the list of organizations has another form")?;
        Ok(page.results)
    }

    /// The id of the organization that the command is about: the one named, or the only one.
    pub(super) async fn organization(&self) -> Outcome<String> {
        let id = match &self.named {
            Some(id) if id.parse::<OrgId>().is_ok() => id.clone(),
            named => pick(named.as_deref(), &self.organizations().await?)?,
        };
        *self.asked.borrow_mut() = Some(id.clone());
        Ok(id)
    }

    /// The clusters of the organization that the command is about.
    pub(super) async fn clusters(&self) -> Outcome<Vec<Cluster>> {
        let path = format!("/organizations/{}/clusters", self.organization().await?);
        Ok(self.client.get::<List<Cluster>>(&path).await?.results)
    }

    /// One cluster.
    pub(super) async fn cluster(&self, name: &ClusterName) -> Outcome<Cluster> {
        choose(name, self.clusters().await?)
    }
}

fn pick(named: Option<&str>, known: &[Organization]) -> Outcome<String> {
    let names = || known.iter().map(|known| format!("`{}`", known.name)).collect::<Vec<_>>().join(", ");
    match (named, known) {
        (_, []) => Err(Fault::new(Exit::NotFound, "you may not know of any organization")),
        (None, [only]) => Ok(only.id.clone()),
        (None, _) => {
            Err(Fault::usage("there are several organizations").advise(format!("name one with --org: {}", names())))
        }
        (Some(name), _) => match known.iter().filter(|known| known.name == name).collect::<Vec<_>>().as_slice() {
            [only] => Ok(only.id.clone()),
            [] => Err(Fault::new(Exit::NotFound, format!("there is no organization `{name}`"))
                .advise(format!("you may know of: {}", names()))),
            _ => {
                Err(Fault::usage(format!("there are several organizations `{name}`")).advise("give its id with --org"))
            }
        },
    }
}

fn choose(name: &ClusterName, clusters: Vec<Cluster>) -> Outcome<Cluster> {
    let in_project = |cluster: &Cluster| match &name.project {
        Some(project) => cluster.group_name == *project || cluster.group_id == *project,
        None => true,
    };
    let is = |cluster: &Cluster| {
        let wanted = name.cluster.as_str();
        cluster.name == wanted || cluster.host == wanted || cluster.nodes.iter().any(|node| node.host == wanted)
    };
    let known = clusters.iter().map(|c| format!("`{}` ({})", c.name, c.group_name)).collect::<Vec<_>>().join(", ");
    let mut found: Vec<Cluster> = clusters.into_iter().filter(|cluster| in_project(cluster) && is(cluster)).collect();
    match (found.pop(), found.as_slice()) {
        (Some(only), []) => Ok(only),
        (Some(_), _) => Err(Fault::usage(format!("there are several clusters `{}`", name.cluster))
            .advise(format!("name the project with --project: {known}"))),
        (None, _) => {
            let fault = Fault::new(Exit::NotFound, format!("there is no cluster `{}`", name.cluster));
            Err(if known.is_empty() {
                fault.advise("you may not know of any cluster")
            } else {
                fault.advise(format!("there are: {known}"))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str, project: &str, host: &str) -> Cluster {
        Cluster {
            id: String::new(),
            name: name.into(),
            group_id: format!("id of {project}"),
            group_name: project.into(),
            org_id: String::new(),
            host: host.into(),
            revision: 1,
            blocked: false,
            sync_databases: Vec::new(),
            nodes: Vec::new(),
            grant: None,
        }
    }

    fn find(name: &str, project: Option<&str>) -> Result<String, Exit> {
        let clusters = vec![
            cluster("Shop", "Web", "shop.example"),
            cluster("Shop", "Test", "test.example"),
            cluster("Pay", "Web", "pay.example"),
        ];
        let name = ClusterName { cluster: name.into(), project: project.map(str::to_owned) };
        choose(&name, clusters).map(|cluster| cluster.host).map_err(|fault| fault.exit)
    }

    #[test]
    fn a_cluster_is_found_by_name_or_host_name() {
        assert_eq!(find("Pay", None), Ok("pay.example".into()));
        assert_eq!(find("test.example", None), Ok("test.example".into()));
        assert_eq!(find("Shop", Some("Test")), Ok("test.example".into()));
        assert_eq!(find("Shop", None), Err(Exit::Usage), "two have that name");
        assert_eq!(find("shop", None), Err(Exit::NotFound));
        assert_eq!(find("Pay", Some("Test")), Err(Exit::NotFound));
    }

    #[test]
    fn the_only_organization_needs_no_name() {
        let organization = |id: &str, name: &str| Organization {
            id: id.into(),
            name: name.into(),
            is_deleted: false,
            links: Vec::new(),
        };
        let (a, b) = (organization("1", "A"), organization("2", "B"));
        assert_eq!(pick(None, std::slice::from_ref(&a)).unwrap(), "1");
        assert_eq!(pick(None, &[a.clone(), b.clone()]).unwrap_err().exit, Exit::Usage);
        assert_eq!(pick(Some("B"), &[a.clone(), b.clone()]).unwrap(), "2");
        assert_eq!(pick(Some("C"), &[a.clone(), b]).unwrap_err().exit, Exit::NotFound);
        assert_eq!(pick(Some("A"), &[a.clone(), a]).unwrap_err().exit, Exit::Usage);
    }
}
