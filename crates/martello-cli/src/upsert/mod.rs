//! `martello upsert`: writes the entities of a file, one request each.

mod abortable;
mod input;
mod progress_bar;
mod report_writer;
mod request;
mod rows;
mod summary;
mod url_template;

use std::time::Duration;

use http::Method;
use martello_upsert::{Journal, Records, Report, RunTarget, UpsertAll};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use self::{
    abortable::AbortHandle,
    input::Input,
    report_writer::ReportWriter,
    request::RequestTemplate,
    rows::{InputError, Row},
    url_template::UrlTemplate,
};
use crate::{
    api::{self, Credentials},
    args::UpsertArgs,
    error::{CommandError, Exit},
    files::RunFiles,
    interrupt::Interrupts,
    output::Output,
    store_handle::{self, StoreHandle},
};

/// How long requests in flight have to finish after an interrupt; the rest become ambiguous.
const GRACE: Duration = Duration::from_secs(1);

/// The open files and stores of a run.
struct Opened {
    credentials: Credentials,
    input: Input,
    journal: Option<Journal>,
    place: Option<StoreHandle>,
    report_writer: ReportWriter,
}

pub(crate) async fn run(out: &mut Output, args: UpsertArgs) -> Result<Exit, CommandError> {
    let (mut interrupts, template) = (Interrupts::catch()?, template(&args)?);
    check_files(&args)?;
    let Opened { credentials, mut input, journal, place, mut report_writer } =
        interrupts.before(Box::pin(open(&args, &template))).await?;
    let concurrency = usize::from(args.concurrency);
    let service = api::service(&args.api, &template.url.sample("id")?, concurrency, &credentials)?;
    let journaled = journal.is_some();

    let ((stop, mut stopped), abort) = (watch::channel(false), AbortHandle::new());
    let mut upserts = UpsertAll::new(abort.wrap(service), move |row: &Row| template.request(row))
        .concurrency(concurrency)
        .stop_when(async move {
            // Fails once the run is over and the sender is dropped.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        });
    if let Some(journal) = journal {
        upserts = upserts.journal(journal);
    }
    if let Some(place) = &place {
        upserts = upserts.defer_to(&place.outbox()?);
    }
    let (show, input_error) = (progress_bar::show(input.count(), upserts.progress()), InputError::default());
    let records = upserts.records(rows::rows(input.reader, input_error.clone()))?;
    let written = write(records, &mut report_writer, &stop);
    let ended = attend(out, written, show, interrupts, &stop, &abort, &credentials).await;
    if let Some(place) = place {
        place.close().await;
    }
    let (report, failure) = ended?;
    summary::print(out, &report, report_writer.is_stdout())?;
    let unread = input_error.take().map(|error| input::unreadable(&args.input, error));
    match failure.or(unread) {
        Some(failure) => Err(failure),
        None => summary::exit(&report, journaled, abort.has_aborted()),
    }
}

fn template(args: &UpsertArgs) -> Result<RequestTemplate, CommandError> {
    let method: Method = args.method.parse().map_err(|_| CommandError::usage("--method is invalid"))?;
    let url = UrlTemplate::parse(&args.url)?;
    if url.is_fixed() && method != Method::POST {
        return Err(CommandError::usage(
            "--url has no {field}: all entities would be written to the same URL",
        ));
    }
    Ok(RequestTemplate::new(url, method, &api::headers(&args.api)?))
}

/// Rejects files that conflict with each other, before any of them is opened.
fn check_files(args: &UpsertArgs) -> Result<(), CommandError> {
    let mut files = RunFiles::new();
    files.reads("--input", &args.input)?;
    if let Some(path) = &args.api.token_file {
        files.reads("--token-file", path)?;
    }
    if let Some(path) = args.outbox.as_deref().and_then(store_handle::file) {
        files.store(&path)?;
    }
    if let Some(path) = &args.journal {
        input::can_be_read_again(&args.input)?;
        files.keeps("--journal", path)?;
    }
    args.report.as_deref().map_or(Ok(()), |path| files.writes("--report", path))
}

/// Opens everything; the report last, because opening truncates it.
async fn open(args: &UpsertArgs, template: &RequestTemplate) -> Result<Opened, CommandError> {
    let credentials = Credentials::of(&args.api).await?;
    if let (Some((name, _)), true) = (credentials.identifying_headers().next(), args.outbox.is_some()) {
        return Err(CommandError::usage(format!(
            "--header-env {name} cannot be used with --outbox, which does not store it and would mix up requests: use \
             --header"
        )));
    }
    let input = Input::open(&args.input).await?;
    let journal = journal(args, template, &credentials, &input).await?;
    let place = match &args.outbox {
        Some(name) => {
            Some(StoreHandle::open_named(Some(name.as_str()).filter(|name| !name.is_empty())).await?)
        }
        None => None,
    };
    let report_writer = ReportWriter::open(args.report.as_deref()).await?;
    Ok(Opened { credentials, input, journal, place, report_writer })
}

/// Opens the journal of this run, which is identified by the content of the input, the method, the URL and
/// the headers.
async fn journal(
    args: &UpsertArgs,
    template: &RequestTemplate,
    credentials: &Credentials,
    input: &Input,
) -> Result<Option<Journal>, CommandError> {
    let Some(path) = &args.journal else { return Ok(None) };
    let content = input.fingerprint(&args.input).await?;
    let target = RunTarget::new(template.method.clone(), &args.url).headers(&template.headers);
    let target =
        credentials.identifying_headers().fold(target, |target, (name, value)| target.header(name, value));
    Ok(Some(Journal::open(path, content, target).await?))
}

/// Writes all records to the report. An error stops the run; its requests in flight still finish.
async fn write(
    mut records: Records,
    report_writer: &mut ReportWriter,
    stop: &watch::Sender<bool>,
) -> Result<(Report, Option<CommandError>), CommandError> {
    let mut failure = None;
    while let Some(record) = records.next().await {
        if failure.is_none()
            && let Err(error) = report_writer.write(&record).await
        {
            failure = Some(error);
            stop.send_replace(true);
        }
    }
    let report = records.report().await;
    if failure.is_none() {
        failure = report_writer.finish().await.err();
    }
    Ok((report?, failure))
}

/// Drives the run until it ends, and handles interrupts.
async fn attend(
    out: &mut Output,
    run: impl Future<Output = Result<(Report, Option<CommandError>), CommandError>>,
    show: impl Future<Output = ()>,
    mut interrupts: Interrupts,
    stop: &watch::Sender<bool>,
    abort: &AbortHandle,
    credentials: &Credentials,
) -> Result<(Report, Option<CommandError>), CommandError> {
    let (mut shown, mut until) = (false, None);
    tokio::pin!(run, show);
    loop {
        tokio::select! {
            biased;
            () = interrupts.next() => {
                credentials.interrupt();
                if stop.send_replace(true) {
                    return Err(CommandError::interrupted("interrupted: the results of the requests in flight are unknown"));
                }
                until = Some(Instant::now() + GRACE);
                out.note("stopping: requests in flight have one second to finish; interrupt again to exit at once")?;
            }
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                until = None;
                abort.abort();
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
