//! Sentences about access requests and handing back.

use byleave_core::event::Event;
use maud::{Markup, html};

use super::{Line, Names, Tone, erasable};
use crate::pages::icon::Icon;

/// What an employee asked, and what became of it.
#[expect(clippy::wildcard_enum_match_arm, reason = "`other` is the total end of the chain")]
pub(super) fn request(names: &Names<'_>, who: &Markup, event: &Event) -> Option<Line> {
    Some(match event {
        Event::RequestMade { cluster, kind, duration, case, reason, .. } => {
            let text = html! { (who) " asked for access to " (names.cluster(cluster)) " for " (duration) "." };
            Line::new(Icon::Info, Tone::Open, text).with(html! {
                (kind.label())
                @if let Some(case) = erasable(case.as_ref()) { " · case " (case) }
                " · “" (reason.text().unwrap_or("(erased)")) "”"
            })
        }
        Event::RequestApproved { cluster, .. } => {
            let text = html! { (who) " approved an access request for " (names.cluster(cluster)) "." };
            Line::new(Icon::Check, Tone::Open, text)
        }
        Event::RequestDeclined { cluster, reason, .. } => {
            let text = html! { (who) " declined an access request for " (names.cluster(cluster)) "." };
            let line = Line::new(Icon::Cross, Tone::Closed, text);
            match erasable(reason.as_ref()) {
                Some(reason) => line.with(html! { "“" (reason) "”" }),
                None => line,
            }
        }
        Event::RequestWithdrawn { cluster, .. } => {
            Line::plain(Icon::Info, html! { (who) " withdrew an access request for " (names.cluster(cluster)) "." })
        }
        Event::AccessHandedBack { cluster, grant, .. } => {
            let text = html! {
                (who) " handed back access to " (names.cluster(cluster)) "."
                @if grant.is_some() { " The grant stays in force until it is revoked or expires." }
            };
            Line::new(Icon::Check, Tone::Closed, text)
        }
        _ => return None,
    })
}
