//! Forms: what was typed, what is wrong with it, and the fields that show both.
//!
//! A fault names its field and stands beside it; what was typed is kept, except passwords.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{Form, FromRequest, Request};
use axum::response::Response;
use maud::{Markup, html};

use super::icon::{Icon, icon};
use super::layout::{Tab, lost};
use crate::auth::password;
use crate::auth::throttle::TooEarly;

/// What was typed.
#[derive(Debug, Default)]
pub(super) struct Typed(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Typed {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        use axum::response::IntoResponse;
        let Form(pairs) =
            Form::<Vec<(String, String)>>::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Ok(Self(pairs))
    }
}

impl Typed {
    /// A form that nobody has filled in yet, with these values in it.
    pub(super) fn with<const N: usize>(values: [(&str, String); N]) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The text of a field as it was typed; empty if there is none.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The text of a field without spaces around it and with line breaks as spaces.
    pub(super) fn text(&self, name: &str) -> String {
        self.raw(name).split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// All values of a field that may be given several times.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Puts another value in place of the one that was typed.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(key, _)| key != name);
        self.push(name, value);
    }

    /// Adds a value.
    pub(super) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }
}

/// What is wrong with a form, field by field.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(&'static str, String)>);

impl Faults {
    /// One fault.
    pub(super) fn one(field: &'static str, rule: impl Display) -> Self {
        let mut faults = Self::default();
        faults.add(field, rule);
        faults
    }

    /// Notes what is wrong with a field.
    pub(super) fn add(&mut self, field: &'static str, rule: impl Display) {
        self.0.push((field, rule.to_string()));
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with this field.
    pub(super) fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == field).map(|(_, rule)| rule.as_str())
    }

    /// Takes the value of a field, or notes the rule that it breaks.
    pub(super) fn take<T: FromStr<Err: Display>>(
        &mut self,
        field: &'static str,
        label: &str,
        typed: &str,
    ) -> Option<T> {
        match typed.parse() {
            Ok(value) => Some(value),
            Err(rule) => {
                self.add(field, format!("{label} {rule}."));
                None
            }
        }
    }

    /// Takes a field that may be left empty.
    pub(super) fn take_optional<T: FromStr<Err: Display>>(
        &mut self,
        field: &'static str,
        label: &str,
        typed: &str,
    ) -> Option<T> {
        if typed.is_empty() { None } else { self.take(field, label, typed) }
    }

    /// The faults that belong to no field.
    pub(super) fn general(&self) -> Markup {
        html! {
            @if let Some(rule) = self.of("") {
                div.notice.error role="alert" { (icon(Icon::Alert)) div { p { (rule) } } }
            }
        }
    }
}

/// The frame of one field.
pub(super) struct Field<'a> {
    pub(super) name: &'static str,
    pub(super) label: &'a str,
    pub(super) hint: Option<&'a str>,
    pub(super) optional: bool,
}

impl Field<'_> {
    /// A line of text.
    pub(super) fn input(&self, kind: &str, typed: &Typed, faults: &Faults, autocomplete: &str) -> Markup {
        let value = (kind != "password").then(|| typed.raw(self.name));
        self.frame(faults, html! {
            input id=(self.name) name=(self.name) type=(kind) value=[value] autocomplete=(autocomplete)
                required[!self.optional] aria-invalid=[self.invalid(faults)] aria-describedby=[self.described(faults)];
        })
    }

    /// Several lines of text.
    pub(super) fn area(&self, typed: &Typed, faults: &Faults, longest: u32) -> Markup {
        self.frame(
            faults,
            html! {
                textarea id=(self.name) name=(self.name) maxlength=(longest) required[!self.optional]
                    aria-invalid=[self.invalid(faults)] aria-describedby=[self.described(faults)] {
                    (typed.raw(self.name))
                }
            },
        )
    }

    /// Several lines of a secret: hidden where the browser can, and never shown again.
    pub(super) fn secret_area(&self, faults: &Faults) -> Markup {
        self.frame(
            faults,
            html! {
                textarea.unseen id=(self.name) name=(self.name) autocomplete="off" spellcheck="false"
                    required[!self.optional] aria-invalid=[self.invalid(faults)] aria-describedby=[self.described(faults)] {}
            },
        )
    }

    /// Label, hint and fault around a control whose id is the field's name.
    pub(super) fn frame(&self, faults: &Faults, control: Markup) -> Markup {
        html! {
            div.field {
                label for=(self.name) { (self.label) @if self.optional { " " span.optional { "(optional)" } } }
                (control)
                @if let Some(hint) = self.hint { p.hint id=(format!("{}-hint", self.name)) { (hint) } }
                (fault(self.name, faults))
            }
        }
    }

    fn invalid(&self, faults: &Faults) -> Option<&'static str> {
        faults.of(self.name).map(|_| "true")
    }

    fn described(&self, faults: &Faults) -> Option<String> {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let fault = faults.of(self.name).map(|_| format!("{}-fault", self.name));
        let ids: Vec<String> = fault.into_iter().chain(hint).collect();
        if ids.is_empty() { None } else { Some(ids.join(" ")) }
    }
}

/// The frame of a dialogue that does something.
pub(super) struct Act<'a> {
    /// The place of the navigation that it belongs to.
    pub(super) tab: Tab,
    /// What the dialogue is called.
    pub(super) title: &'a str,
    /// Where the form is sent.
    pub(super) to: &'a str,
    /// Where cancelling leads.
    pub(super) back: &'a str,
    /// What the button says.
    pub(super) button: Button,
    /// What it asks of the visitor before it is done.
    pub(super) asks: Asks,
}

/// The button of an act.
#[derive(Debug, Clone, Copy)]
pub(super) enum Button {
    /// It takes something away.
    Danger(&'static str),
    /// Anything else.
    Primary(&'static str),
}

impl Button {
    fn show(self) -> Markup {
        match self {
            Self::Danger(label) => html! { button.button.danger type="submit" { (label) } },
            Self::Primary(label) => html! { button.button.primary type="submit" { (label) } },
        }
    }
}

/// What an act asks of the visitor. Those that close the door ask for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// Nothing.
    Nothing,
    /// The password, if it was not given just now.
    Password,
}

impl Act<'_> {
    /// The form with these fields; `fresh` says whether the password was given just now.
    pub(super) fn form(&self, fields: Markup, fresh: bool, faults: &Faults) -> Markup {
        html! {
            form method="post" action=(self.to) {
                (faults.general()) (lost())
                (fields)
                (confirmation(fresh || self.asks == Asks::Nothing, faults))
                div.actions { a.button href=(self.back) data-close { "Cancel" } (self.button.show()) }
            }
        }
    }
}

/// What is wrong with a field, beside it.
pub(super) fn fault(name: &str, faults: &Faults) -> Markup {
    html! {
        @if let Some(rule) = faults.of(name) {
            p.fault id=(format!("{name}-fault")) { (icon(Icon::Alert)) span { (rule) } }
        }
    }
}

/// The two fields in which a new password is chosen.
pub(super) fn new_password(label: &str, faults: &Faults) -> Markup {
    html! {
        (Field {
            name: "password",
            label,
            hint: Some("At least 12 characters, without your e-mail address. A few words that you can remember are fine."),
            optional: false,
        }.input("password", &Typed::default(), faults, "new-password"))
        (Field { name: "again", label: "The same password again", hint: None, optional: false }
            .input("password", &Typed::default(), faults, "new-password"))
    }
}

/// The new password, or notes what is wrong with it.
pub(super) fn take_new_password(typed: &Typed, user_name: &str, faults: &mut Faults) -> Option<String> {
    let given = typed.raw("password");
    if let Err(rule) = password::check(given, user_name) {
        faults.add("password", format!("The password {rule}."));
    } else if given != typed.raw("again") {
        faults.add("again", "The two passwords differ.");
    } else {
        return Some(given.to_owned());
    }
    None
}

/// The name of the account, for password managers.
pub(super) fn account_name(name: &str) -> Markup {
    html! {
        input.visually-hidden type="email" name="user_name" value=(name) autocomplete="username" readonly tabindex="-1"
            aria-hidden="true";
    }
}

/// How long to wait after too many tries.
pub(super) fn wait(early: TooEarly) -> String {
    format!("Too many tries. Please wait {}.", early.told())
}

/// The password that a sign-in older than five minutes has to give again; nothing while it is fresh.
fn confirmation(fresh: bool, faults: &Faults) -> Markup {
    html! {
        @if !fresh {
            div.fresh {
                (Field {
                    name: "password",
                    label: "Your password",
                    hint: Some("You signed in more than 5 minutes ago. Please confirm that it is you."),
                    optional: false,
                }.input("password", &Typed::default(), faults, "current-password"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_second_has_no_plural() {
        for (wait_ms, told) in [(1, "1 second."), (999, "1 second."), (1000, "2 seconds.")] {
            assert_eq!(wait(TooEarly { wait_ms }), format!("Too many tries. Please wait {told}"));
        }
    }

    #[test]
    fn a_fault_names_the_field_and_keeps_what_was_typed() {
        let typed = Typed::with([("duration", "25h\"><script>".to_owned())]);
        let mut faults = Faults::default();
        let taken: Option<byleave_core::time::Ttl> = faults.take("duration", "The duration", typed.raw("duration"));
        assert_eq!(taken, None);
        let field = Field { name: "duration", label: "Duration", hint: None, optional: false };
        let shown = field.input("text", &typed, &faults, "off").into_string();
        assert!(shown.contains("value=\"25h&quot;&gt;&lt;script&gt;\""), "{shown}");
        assert!(shown.contains("The duration must be a duration such as 24h"), "{shown}");
        assert!(shown.contains("aria-invalid=\"true\" aria-describedby=\"duration-fault\""), "{shown}");
    }

    #[test]
    fn a_password_is_never_sent_back() {
        let typed = Typed::with([("password", "hunter2hunter2".to_owned())]);
        let field = Field { name: "password", label: "Password", hint: None, optional: false };
        assert!(!field.input("password", &typed, &Faults::default(), "off").into_string().contains("hunter2"));
    }

    #[test]
    fn lines_become_one() {
        let typed = Typed::with([("reason", " slow queries \r\n\r\n since noon\n".to_owned())]);
        assert_eq!(typed.text("reason"), "slow queries since noon");
    }
}
