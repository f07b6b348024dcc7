//! The few line drawings of the pages, hand-made on a grid of 24. They carry no meaning that words do not carry too.

use maud::{Markup, html};

/// One drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    Alert,
    Check,
    Clock,
    Cross,
    Dots,
    File,
    Info,
    Key,
    Lock,
    Person,
    Server,
    Terminal,
    Unlock,
}

impl Icon {
    const fn path(self) -> &'static str {
        match self {
            Self::Alert => "M12 4 3 20h18zM12 10v4M12 17v.01",
            Self::Check => "m5 12.5 4.5 4.5L19 7.5",
            Self::Clock => "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2",
            Self::Cross => "M6.5 6.5l11 11M17.5 6.5l-11 11",
            Self::Dots => "M5.5 12h.01M12 12h.01M18.5 12h.01",
            Self::File => "M6 3.5h8l4.5 4.5v12.5H6zM14 3.5V8h4.5M9 12.5h6M9 16h6",
            Self::Info => "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 11v5M12 8v.01",
            Self::Key => "M8 11.5a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 12.7 19.5 4.2M16 7.7l2.8 2.8",
            Self::Lock => "M5.5 11h13v9h-13zM8.5 11V7.5a3.5 3.5 0 0 1 7 0V11M12 14.5v2",
            Self::Person => "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20.5c.8-4 3.7-5.5 7.5-5.5s6.7 1.5 7.5 5.5",
            Self::Server => "M4 4.5h16v6.5H4zM4 13.5h16V20H4zM7.5 7.75h.01M7.5 16.75h.01",
            Self::Terminal => "M3.5 5h17v14h-17zM7 9.5l3 2.5-3 2.5M12.5 15H17",
            Self::Unlock => "M5.5 11h13v9h-13zM8.5 11V7.5a3.5 3.5 0 0 1 6.8-1.2M12 14.5v2",
        }
    }
}

/// The drawing, hidden from screen readers.
pub(super) fn icon(icon: Icon) -> Markup {
    html! { svg.icon viewBox="0 0 24 24" aria-hidden="true" { path d=(icon.path()) {} } }
}

/// The mark of Byleave: a door that stands ajar.
pub(super) fn mark() -> Markup {
    html! {
        svg viewBox="0 0 24 24" aria-hidden="true" {
            path d="M5 20.5V3.5h14v17" {}
            path d="M5 20.5l8.5 0V7.5L5 3.5M2.5 20.5h19M10.8 13.5v1.5" {}
        }
    }
}
