//! Sentences about the recovery of a lost last owner.

use byleave_core::event::Event;
use maud::{Markup, html};

use super::{Line, Tone, name_of};
use crate::pages::icon::Icon;
use crate::pages::when::full;

/// What the vendor began, and what became of it.
#[expect(clippy::wildcard_enum_match_arm, reason = "`other` is the total end of the chain")]
pub(super) fn recovery(who: &Markup, event: &Event) -> Option<Line> {
    Some(match event {
        Event::RecoveryStarted { user_name, ready_at, .. } => {
            let text = html! {
                (who) " began to make " (name_of(user_name)) " an owner, because the last owner is said to be lost. Any "
                "member can stop it until " (full(*ready_at)) " and longer."
            };
            Line::new(Icon::Alert, Tone::Bad, text)
        }
        Event::RecoveryStopped { .. } => {
            Line::new(Icon::Lock, Tone::Closed, html! { (who) " stopped the recovery of a lost owner." })
        }
        Event::RecoveryInvited { user_name, .. } => {
            let text =
                html! { (who) " invited " (name_of(user_name)) " as an owner: nobody had stopped that for 72 hours." };
            Line::new(Icon::Alert, Tone::Bad, text)
        }
        _ => return None,
    })
}
