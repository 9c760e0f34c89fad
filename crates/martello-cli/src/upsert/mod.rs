//! `martello upsert`: the entities of a file, one request each.

mod bar;
mod ending;
mod hurried;
mod input;
mod report;
mod request;
mod rows;
mod template;

use std::time::Duration;

use http::Method;
use martello_upsert::{Journal, Records, Report, RunTarget, UpsertAll};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use self::{
    hurried::Hurry,
    input::Input,
    report::Reporter,
    request::Maker,
    rows::{Row, Trouble},
    template::Template,
};
use crate::{
    api::{self, Credentials},
    args::Upsert,
    failure::{Exit, Failure},
    files::RunFiles,
    interrupt::Interrupts,
    output::Output,
    place::{self, Place},
};

/// How long what is in flight has to come to its end when the run is interrupted; what is left is ambiguous.
const GRACE: Duration = Duration::from_secs(1);

/// What a run reads and writes.
struct Opened {
    credentials: Credentials,
    input: Input,
    journal: Option<Journal>,
    place: Option<Place>,
    reporter: Reporter,
}

pub(crate) async fn run(out: &mut Output, args: Upsert) -> Result<Exit, Failure> {
    let (mut interrupts, maker) = (Interrupts::catch()?, maker(&args)?);
    check_files(&args)?;
    let Opened { credentials, mut input, journal, place, mut reporter } =
        interrupts.before(Box::pin(open(&args, &maker))).await?;
    let concurrency = usize::from(args.concurrency);
    let service = api::service(&args.api, &maker.template.sample("id")?, concurrency, &credentials)?;
    let journaled = journal.is_some();

    let ((stop, mut stopped), hurry) = (watch::channel(false), Hurry::new());
    let mut upserts = UpsertAll::new(hurry.around(service), move |row: &Row| maker.request(row))
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
    let (show, trouble) = (bar::show(input.count(), upserts.progress()), Trouble::default());
    let records = upserts.records(rows::rows(input.reader, trouble.clone()))?;
    let written = write(records, &mut reporter, &stop);
    let ended = attend(out, written, show, interrupts, &stop, &hurry, &credentials).await;
    if let Some(place) = place {
        place.close().await;
    }
    let (report, failure) = ended?;
    ending::tell(out, &report, reporter.is_stdout())?;
    let unread = trouble.take().map(|error| input::unreadable(&args.input, error));
    match failure.or(unread) {
        Some(failure) => Err(failure),
        None => ending::exit(&report, journaled, hurry.has_broken()),
    }
}

fn maker(args: &Upsert) -> Result<Maker, Failure> {
    let method: Method = args.method.parse().map_err(|_| Failure::usage("--method is none"))?;
    let template = Template::parse(&args.url)?;
    if template.is_fixed() && method != Method::POST {
        return Err(Failure::usage("--url has no {field}: all entities would be written to the same place"));
    }
    Ok(Maker::new(template, method, &api::headers(&args.api)?))
}

/// Refuses what would be read or written as something else, too, before anything is opened.
fn check_files(args: &Upsert) -> Result<(), Failure> {
    let mut files = RunFiles::new();
    files.reads("--input", &args.input)?;
    if let Some(path) = &args.api.token_file {
        files.reads("--token-file", path)?;
    }
    if let Some(path) = args.outbox.as_deref().and_then(place::file) {
        files.store(&path)?;
    }
    if let Some(path) = &args.journal {
        input::can_be_read_again(&args.input)?;
        files.keeps("--journal", path)?;
    }
    args.report.as_deref().map_or(Ok(()), |path| files.writes("--report", path))
}

/// Opens all of it, in the order in which it is asked for; the report, which is emptied by that, at last.
async fn open(args: &Upsert, maker: &Maker) -> Result<Opened, Failure> {
    let credentials = Credentials::of(&args.api).await?;
    if let (Some((name, _)), true) = (credentials.telling_apart().next(), args.outbox.is_some()) {
        return Err(Failure::usage(format!(
            "an outbox does not store {name} of --header-env, which may tell its requests apart: use --header"
        )));
    }
    let input = Input::open(&args.input).await?;
    let journal = journal(args, maker, &credentials, &input).await?;
    let place = match &args.outbox {
        Some(name) => Some(Place::open_named(Some(name.as_str()).filter(|name| !name.is_empty())).await?),
        None => None,
    };
    let reporter = Reporter::open(args.report.as_deref()).await?;
    Ok(Opened { credentials, input, journal, place, reporter })
}

/// Names the run by the content of its input and by what it does with it: what was sent there was not sent elsewhere.
async fn journal(
    args: &Upsert,
    maker: &Maker,
    credentials: &Credentials,
    input: &Input,
) -> Result<Option<Journal>, Failure> {
    let Some(path) = &args.journal else { return Ok(None) };
    let content = input.fingerprint(&args.input).await?;
    let target = RunTarget::new(maker.method.clone(), &args.url).headers(&maker.headers);
    let target = credentials.telling_apart().fold(target, |target, (name, value)| target.header(name, value));
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
    show: impl Future<Output = ()>,
    mut interrupts: Interrupts,
    stop: &watch::Sender<bool>,
    hurry: &Hurry,
    credentials: &Credentials,
) -> Result<(Report, Option<Failure>), Failure> {
    let (mut shown, mut until) = (false, None);
    tokio::pin!(run, show);
    loop {
        tokio::select! {
            biased;
            () = interrupts.next() => {
                credentials.interrupt();
                if stop.send_replace(true) {
                    return Err(Failure::interrupted("interrupted: nobody knows what became of what was in flight"));
                }
                until = Some(Instant::now() + GRACE);
                out.note("stopping: what is in flight has a second to come to its end; once more ends at once")?;
            }
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                until = None;
                hurry.now();
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
