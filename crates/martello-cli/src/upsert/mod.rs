//! `martello upsert`: the entities of a file, one request each.

mod bar;
mod ending;
mod report;
mod request;
mod rows;
mod template;

use std::path::Path;

use http::Method;
use martello_upsert::{Journal, Records, Report, RunTarget, UpsertAll};
use tokio::sync::watch;

use self::{
    report::Reporter,
    request::Maker,
    rows::{Row, Trouble},
    template::Template,
};
use crate::{
    api::{self, Credentials},
    args::Upsert,
    failure::{Exit, Failure},
    interrupt::Interrupts,
    output::Output,
    place::Place,
};

pub(crate) async fn run(out: &mut Output, args: Upsert) -> Result<Exit, Failure> {
    let maker = maker(&args)?;
    let credentials = Credentials::of(&args.api).await?;
    let concurrency = usize::from(args.concurrency);
    let service = api::service(&args.api, &maker.template.sample("id")?, concurrency, &credentials)?;
    let reader = rows::open(&args.input).await?;
    let journal = journal(&args, &maker).await?;
    let journaled = journal.is_some();
    let place = match &args.outbox {
        Some(name) => Some(Place::open_named(Some(name.as_str()).filter(|name| !name.is_empty())).await?),
        None => None,
    };
    let mut reporter = Reporter::open(args.report.as_deref()).await?;

    let (stop, mut stopped) = watch::channel(false);
    let mut upserts = UpsertAll::new(service, move |row: &Row| maker.request(row))
        .concurrency(concurrency)
        .stop_when(async move {
            // Fails when the run is over.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        });
    if let Some(journal) = journal {
        upserts = upserts.journal(journal);
    }
    if let Some(place) = &place {
        upserts = upserts.defer_to(&place.outbox()?);
    }
    let (progress, trouble) = (upserts.progress(), Trouble::default());
    let records = upserts.records(rows::rows(reader, trouble.clone()))?;
    let written = write(records, &mut reporter, &stop);
    let ended = attend(out, written, &args.input, progress, &stop, &credentials).await;
    if let Some(place) = place {
        place.close().await;
    }
    let (report, failure) = ended?;
    ending::tell(out, &report, reporter.is_stdout())?;
    let unread = trouble.take().map(|error| rows::unreadable(&args.input, error));
    match failure.or(unread) {
        Some(failure) => Err(failure),
        None => ending::exit(&report, journaled),
    }
}

fn maker(args: &Upsert) -> Result<Maker, Failure> {
    let method: Method = args.method.parse().map_err(|_| Failure::usage("--method is none"))?;
    let template = Template::parse(&args.url)?;
    if template.is_fixed() && method != Method::POST {
        return Err(Failure::usage("--url has no {field}: all entities would be written to the same place"));
    }
    let same = |one: &Path, other: &Path| {
        one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
    };
    if args.report.as_deref().is_some_and(|report| same(report, &args.input)) {
        return Err(Failure::usage("--report names the input, which would be overwritten"));
    }
    Ok(Maker::new(template, method, &args.api.headers))
}

/// Names the run by the content of its input and by what it does with it: what was sent there was not sent elsewhere.
async fn journal(args: &Upsert, maker: &Maker) -> Result<Option<Journal>, Failure> {
    let Some(path) = &args.journal else { return Ok(None) };
    if rows::is_stdin(&args.input) {
        return Err(Failure::usage("--journal wants an input that can be read again: name a file"));
    }
    let content =
        Journal::fingerprint(&args.input).await.map_err(|error| rows::unreadable(&args.input, error))?;
    let target = RunTarget::new(maker.method.clone(), &args.url).headers(&maker.headers);
    Ok(Some(Journal::open(path, content, target).await?))
}

/// Writes all records. What keeps it from that stops the run, which comes to its end all the same.
async fn write(
    mut records: Records,
    reporter: &mut Reporter,
    stop: &watch::Sender<bool>,
) -> Result<(Report, Option<Failure>), Failure> {
    let mut failure = None;
    while let Some(record) = records.next().await {
        if failure.is_none()
            && let Err(error) = reporter.write(&record).await
        {
            failure = Some(error);
            stop.send_replace(true);
        }
    }
    let report = records.report().await;
    if failure.is_none() {
        failure = reporter.finish().await.err();
    }
    Ok((report?, failure))
}

/// Lets the run go on until it ends: by itself, or because somebody wants it to.
async fn attend(
    out: &mut Output,
    run: impl Future<Output = Result<(Report, Option<Failure>), Failure>>,
    input: &Path,
    progress: watch::Receiver<martello_upsert::Progress>,
    stop: &watch::Sender<bool>,
    credentials: &Credentials,
) -> Result<(Report, Option<Failure>), Failure> {
    let (mut interrupts, mut shown) = (Interrupts::catch()?, false);
    let show = bar::show(input, progress);
    tokio::pin!(run, show);
    loop {
        tokio::select! {
            biased;
            () = interrupts.next() => {
                if stop.send_replace(true) {
                    return Err(Failure::interrupted("interrupted: nobody knows what became of what was in flight"));
                }
                out.note("stopping: what is in flight comes to its end; once more ends at once")?;
            }
            () = credentials.given_up(), if !*stop.borrow() => drop(stop.send_replace(true)),
            ended = &mut run => {
                let (report, failure) = ended?;
                return Ok((report, credentials.failure().or(failure)));
            }
            () = &mut show, if !shown => shown = true,
        }
    }
}
