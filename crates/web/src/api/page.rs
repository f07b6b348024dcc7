//! Pages of a list, and their links.

use byleave_api::error::ErrorCode;
use byleave_api::page::{Link, Page};

use crate::api::caller::Caller;
use crate::api::error::Failure;

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Counted from 1.
    pub page: u32,
    /// At most 500.
    pub per_page: u32,
    /// Whether all are counted.
    pub count: bool,
}

impl Paging {
    /// Reads `pageNum`, `itemsPerPage` and `includeCount`.
    ///
    /// # Errors
    /// [`Failure`] naming the parameter.
    pub fn read(caller: &Caller) -> Result<Self, Failure> {
        Ok(Self {
            page: number(caller, "pageNum", 1, u32::MAX)?,
            per_page: number(caller, "itemsPerPage", 100, 500)?,
            count: caller.flag("includeCount", true)?,
        })
    }

    /// How many are on the pages before.
    pub fn skip(self) -> u64 {
        u64::from(self.page - 1) * u64::from(self.per_page)
    }

    /// This page of a list that is at hand whole.
    pub fn of<T>(self, caller: &Caller, all: Vec<T>) -> Page<T> {
        let total = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let skip = usize::try_from(self.skip()).unwrap_or(usize::MAX);
        let take = usize::try_from(self.per_page).unwrap_or(usize::MAX);
        self.with_total(caller, all.into_iter().skip(skip).take(take).collect(), total)
    }

    /// A page that was cut by the store.
    pub fn with_total<T>(self, caller: &Caller, results: Vec<T>, total: u64) -> Page<T> {
        let until = u64::from(self.page) * u64::from(self.per_page);
        let mut links = vec![self.link(caller, self.page, "self")];
        if until < total {
            links.push(self.link(caller, self.page.saturating_add(1), "next"));
        }
        if self.page > 1 {
            links.push(self.link(caller, self.page - 1, "previous"));
        }
        Page { links, results, total_count: self.count.then_some(total) }
    }

    fn link(self, caller: &Caller, page: u32, rel: &str) -> Link {
        let mut query = format!("includeCount={}&pageNum={page}&itemsPerPage={}", self.count, self.per_page);
        for pair in caller.raw_query().split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            if !matches!(name, "includeCount" | "pageNum" | "itemsPerPage") {
                query.push('&');
                query.push_str(pair);
            }
        }
        Link { href: format!("{}?{query}", caller.here()), rel: rel.to_owned() }
    }
}

fn number(caller: &Caller, name: &str, default: u32, most: u32) -> Result<u32, Failure> {
    let Some(text) = caller.parameter(name)? else { return Ok(default) };
    text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| {
        Failure::field(ErrorCode::InvalidQueryParameter, name, format!("must be a whole number from 1 to {most}"))
    })
}
