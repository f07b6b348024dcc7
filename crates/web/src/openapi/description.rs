//! What is said of one operation: a sentence, what it takes, what it answers. The rest follows from the route.
//!
//! Which refusals an operation can answer with is not written down one by one: who has to sign in can get a 401, what
//! has versions a 406, what reads a body a 413. Only what does not follow is said, with [`Description::refuses`].

use std::borrow::Cow;
use std::collections::BTreeSet;

use byleave_api::byleave::List;
use byleave_api::page::Page;
use byleave_api::path::{ends_access, takes_key};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use super::parameter::{
    ENVELOPE, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, INCLUDE_COUNT, ITEMS_PER_PAGE, PAGE_NUM, PRETTY, Parameter,
};
use crate::api::version::Versions;

/// Operations that belong together.
pub(super) struct Section {
    /// Their headline.
    pub(super) title: &'static str,
    /// What they are about.
    pub(super) says: &'static str,
    /// The operations.
    pub(super) operations: &'static [Description],
}

/// One operation.
#[derive(Clone, Copy)]
pub(super) struct Description {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) says: &'static str,
    pub(super) asks: Asks,
    pub(super) parameters: &'static [Parameter],
    pub(super) takes: Takes,
    pub(super) status: u16,
    pub(super) answers: Answers,
    /// Another status, with a body that is no error.
    pub(super) otherwise: Option<(u16, Shape)>,
    effect: Effect,
    refuses: &'static [u16],
}

/// What an operation does to what is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It changes something.
    Changes,
    /// It reads.
    Reads,
    /// It reads something that has a tag.
    ReadsTagged,
}

/// What somebody has to show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// Credentials of any kind.
    Credentials,
    /// The credentials of an OAuth client.
    Client,
    /// Nothing.
    Nothing,
}

/// The body of a request.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    Form(Shape),
    List(Shape),
    Nothing,
    Object(Shape),
    ObjectIfAny(Shape),
}

/// The body of the answer when it is done.
#[derive(Clone, Copy)]
pub(super) enum Answers {
    /// Bytes of this media type, of which no more is said.
    Bytes(&'static str),
    List(Shape),
    Nothing,
    Object(Shape),
    /// A page of a list.
    Page(Listed),
    /// Text of this media type.
    Text(&'static str),
    /// A list that comes whole, in an object.
    Whole(Listed),
}

/// A list in an object, and what is on it.
#[derive(Clone, Copy)]
pub(super) struct Listed {
    pub(super) list: Shape,
    pub(super) of: Shape,
}

/// A type of the API, as its schema.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: fn() -> Cow<'static, str>,
    pub(super) schema: fn() -> RefOr<Schema>,
    pub(super) within: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Shape {
    pub(super) const fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, within: T::schemas }
    }
}

pub(super) const fn get(path: &'static str, says: &'static str) -> Description {
    Description::new("GET", path, says).unprotected()
}

pub(super) const fn post(path: &'static str, says: &'static str) -> Description {
    Description::new("POST", path, says)
}

pub(super) const fn patch(path: &'static str, says: &'static str) -> Description {
    Description::new("PATCH", path, says)
}

pub(super) const fn delete(path: &'static str, says: &'static str) -> Description {
    Description::new("DELETE", path, says)
}

impl Description {
    const fn new(method: &'static str, path: &'static str, says: &'static str) -> Self {
        Self {
            method,
            path,
            says,
            asks: Asks::Credentials,
            parameters: &[],
            takes: Takes::Nothing,
            status: 204,
            answers: Answers::Nothing,
            otherwise: None,
            effect: Effect::Changes,
            refuses: &[],
        }
    }

    /// It changes nothing that a key or a tag could protect.
    pub(super) const fn unprotected(mut self) -> Self {
        self.effect = Effect::Reads;
        self
    }

    /// What it reads has a tag.
    pub(super) const fn tagged(mut self) -> Self {
        self.effect = Effect::ReadsTagged;
        self
    }

    /// Whether it answers 304 to who has what it reads.
    pub(super) fn is_tagged(&self) -> bool {
        self.effect == Effect::ReadsTagged
    }

    /// Whether it heeds an `Idempotency-Key`.
    fn has_key(&self) -> bool {
        self.method == "POST" && self.expects()
    }

    /// Whether it heeds an `If-Match`.
    fn expects(&self) -> bool {
        self.effect == Effect::Changes && self.asks == Asks::Credentials && takes_key(self.method, self.path)
    }

    /// Nobody has to sign in. What it refuses with is said whole.
    pub(super) const fn open(mut self) -> Self {
        self.asks = Asks::Nothing;
        self
    }

    /// An OAuth client has to show its credentials.
    pub(super) const fn for_clients(mut self) -> Self {
        self.asks = Asks::Client;
        self
    }

    /// Parameters of the query or of a header.
    pub(super) const fn with(mut self, parameters: &'static [Parameter]) -> Self {
        self.parameters = parameters;
        self
    }

    pub(super) const fn takes<T: ToSchema>(mut self) -> Self {
        self.takes = Takes::Object(Shape::of::<T>());
        self
    }

    pub(super) const fn takes_if_any<T: ToSchema>(mut self) -> Self {
        self.takes = Takes::ObjectIfAny(Shape::of::<T>());
        self
    }

    pub(super) const fn takes_list<T: ToSchema>(mut self) -> Self {
        self.takes = Takes::List(Shape::of::<T>());
        self
    }

    pub(super) const fn takes_form<T: ToSchema>(mut self) -> Self {
        self.takes = Takes::Form(Shape::of::<T>());
        self
    }

    /// Answers 200 with an object.
    pub(super) const fn gives<T: ToSchema>(mut self) -> Self {
        self.status = 200;
        self.answers = Answers::Object(Shape::of::<T>());
        self
    }

    /// Answers 201 with an object.
    pub(super) const fn makes<T: ToSchema>(mut self) -> Self {
        self.status = 201;
        self.answers = Answers::Object(Shape::of::<T>());
        self
    }

    /// Answers 200 with a list that comes whole, in an object.
    pub(super) const fn gives_whole<T: ToSchema>(mut self) -> Self {
        self.status = 200;
        self.answers = Answers::Whole(Listed { list: Shape::of::<List<T>>(), of: Shape::of::<T>() });
        self
    }

    /// Answers 200 with a bare list.
    pub(super) const fn gives_list<T: ToSchema>(mut self) -> Self {
        self.status = 200;
        self.answers = Answers::List(Shape::of::<T>());
        self
    }

    /// Answers 200 with a page of a list.
    pub(super) const fn gives_page<T: ToSchema>(mut self) -> Self {
        self.status = 200;
        self.answers = Answers::Page(Listed { list: Shape::of::<Page<T>>(), of: Shape::of::<T>() });
        self
    }

    /// Answers 200 with text of this media type.
    pub(super) const fn gives_text(mut self, kind: &'static str) -> Self {
        self.status = 200;
        self.answers = Answers::Text(kind);
        self
    }

    /// Answers 200 with bytes of this media type.
    pub(super) const fn gives_bytes(mut self, kind: &'static str) -> Self {
        self.status = 200;
        self.answers = Answers::Bytes(kind);
        self
    }

    /// Answers 200 without a body, where Atlas or a standard says so, not 204.
    pub(super) const fn gives_nothing(mut self) -> Self {
        self.status = 200;
        self
    }

    /// Answers, in another case, with this status and this object.
    pub(super) const fn or_gives<T: ToSchema>(mut self, status: u16) -> Self {
        self.otherwise = Some((status, Shape::of::<T>()));
        self
    }

    /// Refuses with these, besides what follows from the route.
    pub(super) const fn refuses(mut self, statuses: &'static [u16]) -> Self {
        self.refuses = statuses;
        self
    }

    /// Every status with which it can refuse.
    pub(super) fn refusals(&self, versions: Versions) -> BTreeSet<u16> {
        let has_body = !matches!(self.takes, Takes::Nothing);
        let names_something = self.path.contains('{');
        let signed_in = self.asks == Asks::Credentials;
        let follows = [
            (400, signed_in || has_body || names_something),
            (401, self.asks != Asks::Nothing),
            (403, signed_in),
            (404, names_something),
            (406, !versions.is_empty()),
            (409, self.has_key()),
            (412, self.expects()),
            (413, has_body),
            (
                415,
                signed_in && self.method != "GET" && !ends_access(self.method, self.path) || self.asks == Asks::Client,
            ),
            (422, self.has_key()),
            (429, self.asks != Asks::Nothing),
            (503, self.asks != Asks::Nothing),
        ];
        let follows = follows.into_iter().filter(|(_, so)| *so).map(|(status, _)| status);
        follows.chain(self.refuses.iter().copied()).collect()
    }

    /// The parameters of the query and of headers, with those that every call has that signs in.
    pub(super) fn all_parameters(&self) -> Vec<Parameter> {
        let pages: &[Parameter] = match self.answers {
            Answers::Page(_) => &[PAGE_NUM, ITEMS_PER_PAGE, INCLUDE_COUNT],
            Answers::Bytes(_)
            | Answers::List(_)
            | Answers::Nothing
            | Answers::Object(_)
            | Answers::Text(_)
            | Answers::Whole(_) => &[],
        };
        let manner: &[Parameter] = match self.asks {
            Asks::Credentials => &[ENVELOPE, PRETTY],
            Asks::Client | Asks::Nothing => &[],
        };
        let heeded = [(IDEMPOTENCY_KEY, self.has_key()), (IF_MATCH, self.expects()), (IF_NONE_MATCH, self.is_tagged())];
        let heeded: Vec<Parameter> = heeded.into_iter().filter(|(_, so)| *so).map(|(header, _)| header).collect();
        [self.parameters, pages, manner, &heeded].concat()
    }
}
