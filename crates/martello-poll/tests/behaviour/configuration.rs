use std::time::Duration;

use martello_poll::{JsonCursor, JsonSince, PollOptions};

#[test]
fn options_have_ranges_and_say_which() {
    let builder = PollOptions::builder;
    let day = Duration::from_secs(24 * 60 * 60 + 1);
    for (options, field) in [
        (builder().interval(Duration::ZERO), "interval"),
        (builder().idle_interval(day), "idle_interval"),
        (builder().overlap(day), "overlap"),
        (builder().lease(Duration::ZERO), "lease"),
        (builder().source_keeps(Duration::ZERO), "source_keeps"),
        (builder().remember(1_000_001), "remember"),
        (builder().max_pages(0), "max_pages"),
        (builder().max_page_bytes(0), "max_page_bytes"),
        (builder().jitter(f64::NAN), "jitter"),
        (builder().jitter(1.1), "jitter"),
    ] {
        assert_eq!(options.build().unwrap_err().field(), field);
    }
    builder().build().unwrap();
}

#[test]
fn a_source_needs_an_absolute_url_and_hides_its_query() {
    assert!(JsonSince::new("/p", JsonCursor::new).is_err());
    let source = JsonSince::new("https://api.example/p?key=s3cret", JsonCursor::new).unwrap();
    assert!(!format!("{source:?}").contains("s3cret"));
}
