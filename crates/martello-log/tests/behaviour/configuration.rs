//! Values that are refused, and how.

use martello_log::{LogBuilder, LogLayer, Redaction};

#[track_caller]
fn refused(builder: LogBuilder) -> String {
    assert_eq!(builder.clone().build_attempts().unwrap_err(), builder.clone().build_calls().unwrap_err());
    builder.build_calls().unwrap_err().to_string()
}

#[test]
fn header_names_that_are_none_are_refused_by_field() {
    let rule = "but must be a valid header name (RFC 9110 §5.1)";
    let builder = LogLayer::builder;
    assert_eq!(refused(builder().request_headers(["a b"])), format!("`request_headers` is \"a b\", {rule}"));
    assert_eq!(
        refused(builder().response_headers(["ok", ""])),
        format!("`response_headers` is \"\", {rule}")
    );
    assert_eq!(refused(builder().hide_headers(["a\n"])), format!("`hide_headers` is \"a\\n\", {rule}"));
    assert!(Redaction::default().hide_header("a:").is_err());
}

#[test]
fn this_crate_alone_names_what_its_signatures_hold() {
    fn theirs(_: &http::Extensions) -> Option<martello_log::CallerId> {
        None
    }
    let classifier: martello_log::Classifier = martello_outcome::Classifier::default();
    let builder = LogLayer::builder().classifier(classifier).caller_id_with(theirs);
    let _: Result<LogLayer, martello_log::ConfigError> = builder.build_calls();
    let _: Option<martello_log::CallError> = None::<martello_outcome::CallError>;
}

#[test]
fn the_first_mistake_is_named() {
    let builder = LogLayer::builder().excerpt(4_097).request_headers([" "]);
    assert_eq!(refused(builder), "`excerpt` is 4097, but must be 0 to 4096 bytes");
}

#[test]
fn lists_are_bounded() {
    let names = |count: usize| (0..count).map(|number| format!("x-{number}"));
    assert!(LogLayer::builder().request_headers(names(32)).build_calls().is_ok());
    let error = refused(LogLayer::builder().request_headers(names(33)));
    assert_eq!(error, "`request_headers` is longer, but must be at most 32 names");
}

#[test]
fn the_bounds_themselves_are_allowed() {
    assert!(LogLayer::builder().excerpt(4_096).build_calls().is_ok());
    assert!(LogLayer::builder().excerpt(0).build_attempts().is_ok());
}
