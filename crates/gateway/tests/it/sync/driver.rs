//! The official Rust driver as a client: the same session of support as `support_session.py` and `support_session.js`.

use std::sync::mpsc::{Receiver, Sender, channel};

use futures_util::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use serde_json::{Value, json};

use super::support::Step;
use crate::memory::PATIENCE;

/// Starts it; answers its steps as they come.
pub(super) fn start(uri: String, opened: String, closed: String) -> Receiver<Step> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut options = ClientOptions::parse(&uri).await.unwrap();
            options.server_selection_timeout = Some(PATIENCE / 4);
            let client = Client::with_options(options).unwrap();
            run(&client, &client.database(&opened), &client.database(&closed), &sender).await;
        });
    });
    receiver
}

async fn run(client: &Client, opened: &Database, closed: &Database, steps: &Sender<Step>) {
    let orders: Collection<Document> = opened.collection("orders");
    let accounts: Collection<Document> = closed.collection("accounts");
    let say = |name: &str, result: Result<Value, Error>| {
        steps.send((name.to_owned(), result.unwrap_or_else(|error| told(&error)))).unwrap();
    };
    say("collections", opened.list_collection_names().await.map(sorted));
    say("ordered", ordered(&orders).await);
    say("cursor", sum(&orders).await);
    say("aggregate", groups(&orders).await);
    let explained = opened.run_command(doc! { "explain": { "find": "orders", "filter": { "number": 1005 } } }).await;
    say("explain", explained.map(|plan| json!(plan.contains_key("queryPlanner"))));
    say("count", orders.count_documents(doc! { "state": "open" }).await.map(|count| json!(count)));
    let values = orders.distinct("state", doc! {}).await;
    say("distinct", values.map(|values| sorted(values.iter().filter_map(Bson::as_str).map(str::to_owned).collect())));
    say("databases", client.list_database_names().await.map(|names| json!(names)));
    say("insert", orders.insert_one(doc! { "_id": -1 }).await.map(|_| json!("written")));
    say("delete", orders.delete_many(doc! {}).await.map(|_| json!("written")));
    say("elsewhere", accounts.find_one(doc! {}).await.map(|_| json!("read")));
    let streaming = || say("streaming", Ok(Value::Null));
    say("cut", stream(&orders, streaming).await);
    say("after", orders.count_documents(doc! {}).await.map(|count| json!(count)));
}

/// The code of a server's refusal; none if there was no answer.
fn told(error: &Error) -> Value {
    let refusal = if let ErrorKind::Command(refusal) = error.kind.as_ref() { Some(refusal) } else { None };
    let code = refusal.map(|refusal| refusal.code);
    json!({ "code": code, "error": error.to_string() })
}

fn sorted(mut names: Vec<String>) -> Value {
    names.sort();
    json!(names)
}

async fn ordered(orders: &Collection<Document>) -> Result<Value, Error> {
    let found = orders.find(doc! { "state": "open" }).projection(doc! { "number": 1 }).sort(doc! { "number": -1 });
    let found: Vec<Document> = found.batch_size(300).await?.try_collect().await?;
    let number = |one: Option<&Document>| one.map(number);
    let mut fields: Vec<&String> = found.first().unwrap().keys().collect();
    fields.sort();
    Ok(json!([found.len(), number(found.first()), number(found.last()), fields]))
}

async fn sum(orders: &Collection<Document>) -> Result<Value, Error> {
    let mut found = orders.find(doc! {}).batch_size(100).await?;
    let mut sum = 0;
    while let Some(one) = found.try_next().await? {
        sum += number(&one);
    }
    Ok(json!(sum))
}

fn number(document: &Document) -> i64 {
    whole(document.get("number").unwrap())
}

fn whole(number: &Bson) -> i64 {
    number.as_i64().or_else(|| number.as_i32().map(i64::from)).unwrap()
}

async fn groups(orders: &Collection<Document>) -> Result<Value, Error> {
    let count = doc! { "$group": { "_id": "$state", "n": { "$sum": 1 } } };
    let pipeline = [doc! { "$match": { "number": { "$lt": 1300 } } }, count];
    let found: Vec<Document> = orders.aggregate(pipeline).await?.try_collect().await?;
    let group = |one: &Document| (one.get_str("_id").unwrap().to_owned(), whole(one.get("n").unwrap()));
    let mut groups: Vec<(String, i64)> = found.iter().map(group).collect();
    groups.sort();
    Ok(json!(groups))
}

async fn stream(orders: &Collection<Document>, streaming: impl Fn()) -> Result<Value, Error> {
    orders.find_one(doc! {}).await?;
    streaming();
    loop {
        let mut found = orders.find(doc! {}).batch_size(2).await?;
        while found.try_next().await?.is_some() {}
    }
}

/// A client that reads one document each time that it is asked to.
pub(super) struct Reader {
    ask: Sender<()>,
    seen: Receiver<Result<i64, String>>,
}

impl Reader {
    pub(super) fn start(uri: &str) -> Self {
        let ((ask, asked), (see, seen), uri) = (channel(), channel(), uri.to_owned());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = Client::with_uri_str(&uri).await.unwrap();
                let orders: Collection<Document> = client.database("appsync_1").collection("orders");
                while asked.recv().is_ok() {
                    let read = orders.find_one(doc! {}).await;
                    let id = read.map(|one| whole(one.unwrap().get("_id").unwrap()));
                    see.send(id.map_err(|error| error.to_string())).unwrap();
                }
            });
        });
        Self { ask, seen }
    }

    /// The number of the document, or why it cannot be read.
    pub(super) fn read(&self) -> Result<i64, String> {
        self.ask.send(()).unwrap();
        self.seen.recv_timeout(PATIENCE * 2).unwrap()
    }
}
