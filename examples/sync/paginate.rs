//! Fetches a list of 250 plannings in pages of a hundred, over a network that loses some of the pages. Each
//! item is received once. Then the program stops after two pages, and resumes from a stored position.
//!
//! ```text
//! cargo run --example paginate
//! ```

use std::{
    error::Error,
    io::Write,
    pin::pin,
    time::{Duration, SystemTime},
};

use futures_util::TryStreamExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{
    Body, Paginate, Stack,
    paginate::{JsonCursor, Position},
};
use martello_planner::{Faults, Planner, Planning};
use tower::Layer;

const PLANNINGS: usize = 250;

#[derive(serde::Deserialize)]
struct Row {
    id: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let planner = Planner::builder().seed(3).faults(Faults::bad_network()).start().await?;
    release(&planner);
    let url = planner.uri("/planning/v1/plannings?released_since=2024-11-29T10:00:00.000Z&limit=100");

    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    // With `whole_responses`, a page whose body breaks off is a failed attempt, and is retried.
    let api = Stack::new().retry(|retry| retry.whole_responses(16 << 20)).build()?.layer(http);
    let plannings = Paginate::new(api, JsonCursor::<Row>::new(url)?.items("plannings")?);

    let mut items = pin!(plannings.items());
    let mut seen = Vec::new();
    while let Some(row) = items.try_next().await? {
        seen.push(row.id);
    }
    let (newest, oldest) = seen.first().zip(seen.last()).ok_or("the list is empty")?;
    writeln!(out, "{} items from {newest} (the newest) to {oldest} (the oldest)", seen.len())?;

    // Fetch two pages, then stop. The position is text, so it can be stored.
    let mut again = Vec::new();
    let position = {
        let mut pages = pin!(plannings.pages());
        for _ in 0..2 {
            again.extend(pages.try_next().await?.ok_or("there are three pages")?.items);
        }
        pages.position().ok_or("there is a third page")?.as_str().to_owned()
    };
    let mut pages = pin!(plannings.pages_from(Position::try_from(position)?));
    while let Some(page) = pages.try_next().await? {
        again.extend(page.items);
    }
    writeln!(out, "{} items in two parts: two pages, then the rest from the stored position", again.len())?;
    let again: Vec<String> = again.into_iter().map(|row| row.id).collect();
    if seen.len() != PLANNINGS || again != seen {
        return Err("an item is missing, or was received twice".into());
    }
    Ok(())
}

fn release(planner: &Planner) {
    let start = SystemTime::now() - Duration::from_secs(3_600);
    for number in 0..PLANNINGS {
        let at = start + Duration::from_secs(u64::try_from(number).unwrap_or_default());
        planner.release(Planning::new(format!("P-{number}"), at, at));
    }
}
