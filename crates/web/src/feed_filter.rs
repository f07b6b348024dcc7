//! Which part of the feed an address of the activity page shows: written by the API, read by the page.
//!
//! Everything in such an address is a word of a closed alphabet, so that it needs no escaping and survives sign-in.

use byleave_api::event_type::EventType;
use byleave_core::id::ProjectId;
use byleave_core::name::ClusterName;
use byleave_core::time::Timestamp;
use serde::Deserialize;

/// The address of the activity page.
pub(crate) const ACTIVITY: &str = "/activity";

/// Which part of the feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FeedFilter {
    /// Only events of this project.
    pub(crate) project: Option<ProjectId>,
    /// Only events of these types, in Atlas's words; all if there is none.
    pub(crate) types: Vec<String>,
    /// Only events of these clusters; all if there is none.
    pub(crate) clusters: Vec<ClusterName>,
    /// Only at this time or later.
    pub(crate) from: Option<Timestamp>,
    /// Only at this time or before.
    pub(crate) until: Option<Timestamp>,
}

/// The filter as it stands in an address.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Written {
    #[serde(default)]
    project: String,
    #[serde(default)]
    types: String,
    #[serde(default)]
    clusters: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
}

impl FeedFilter {
    /// Reads what stands in an address; `None` if it cannot be read.
    pub(crate) fn read(written: &Written) -> Option<Self> {
        let list =
            |text: &str| text.split(',').filter(|one| !one.is_empty()).map(ToOwned::to_owned).collect::<Vec<_>>();
        let instant = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
        let filter = Self {
            project: if written.project.is_empty() { None } else { Some(written.project.parse().ok()?) },
            types: list(&written.types),
            clusters: list(&written.clusters).iter().map(|name| name.parse()).collect::<Result<_, _>>().ok()?,
            from: instant(&written.from)?,
            until: instant(&written.until)?,
        };
        // Names of clusters are those of one project.
        (filter.project.is_some() || filter.clusters.is_empty()).then_some(filter)
    }

    /// Whether everything is shown.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The names of the events of these types, if there are some. Types that Byleave does not have match nothing.
    pub(crate) fn names(&self) -> Option<Vec<&'static str>> {
        let wanted = |kind: &&EventType| self.types.iter().any(|word| word == kind.as_str());
        (!self.types.is_empty()).then(|| EventType::ALL.iter().filter(wanted).map(|kind| kind.event_name()).collect())
    }

    /// The query of the address, without `?`; empty if everything is shown.
    pub(crate) fn query(&self) -> String {
        let names: Vec<&str> = self.clusters.iter().map(ClusterName::as_str).collect();
        let parts = [
            ("project", self.project.map(|id| id.to_string()).unwrap_or_default()),
            ("types", self.types.join(",")),
            ("clusters", names.join(",")),
            ("from", self.from.map(|at| at.to_string()).unwrap_or_default()),
            ("until", self.until.map(|at| at.to_string()).unwrap_or_default()),
        ];
        let given = parts.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    /// The path of the page with this filter.
    pub(crate) fn path(&self) -> String {
        match self.query().as_str() {
            "" => ACTIVITY.to_owned(),
            query => format!("{ACTIVITY}?{query}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let filter = FeedFilter {
            project: Some(ProjectId::from_bytes([7; 12])),
            types: vec!["EMPLOYEE_ACCESS_GRANTED".into(), "TEAM_CREATED".into()],
            clusters: vec!["Cluster0".parse().unwrap(), "b".parse().unwrap()],
            from: Some("2026-11-23T18:00:00Z".parse().unwrap()),
            until: Some("2026-11-24T18:00:00.5Z".parse().unwrap()),
        };
        let query: axum::extract::Query<Written> =
            axum::extract::Query::try_from_uri(&filter.path().parse().unwrap()).unwrap();
        assert_eq!(FeedFilter::read(&query), Some(filter.clone()));
        assert_eq!(filter.names(), Some(vec!["grant.given"]));
        assert_eq!(FeedFilter::default().path(), "/activity");
        assert_eq!(FeedFilter::read(&Written::default()), Some(FeedFilter::default()));
        for bad in [
            Written { project: "x".into(), ..Written::default() },
            Written { project: "07".repeat(12), clusters: "a b".into(), ..Written::default() },
            Written { clusters: "b".into(), ..Written::default() },
            Written { from: "soon".into(), ..Written::default() },
            Written { until: "2026".into(), ..Written::default() },
        ] {
            assert_eq!(FeedFilter::read(&bad), None, "{bad:?}");
        }
    }
}
