//! Each key has its own permits.

use std::{borrow::Cow, time::Duration};

use http::Request;
use martello_limit::{ConcurrencyLimit, ConcurrencyLimitLayer};
use martello_outcome::ErrorKind;
use tokio_test::{assert_pending, assert_ready_ok};

use crate::support::{Answered, Api, Call, Client, call, failure, limited, unread};

fn per_tenant(max_waiting: usize) -> ConcurrencyLimitLayer {
    let tenant = |tenant: &http::HeaderValue| tenant.to_str().unwrap_or_default().to_owned();
    ConcurrencyLimitLayer::builder()
        .permits(1)
        .max_waiting(max_waiting)
        .max_wait(Duration::from_secs(1))
        .key_by(move |head| Cow::Owned(head.headers.get("x-tenant").map(tenant).unwrap_or_default()))
        .build()
        .unwrap()
}

fn start(service: &ConcurrencyLimit<Client>, tenant: &str) -> Call {
    call(service, Request::builder().header("x-tenant", tenant).body(()).unwrap())
}

fn hold(service: &ConcurrencyLimit<Client>, api: &mut Api, tenant: &str) -> Answered {
    let mut call = start(service, tenant);
    api.answer(unread());
    assert_ready_ok!(call.poll())
}

#[tokio::test(start_paused = true)]
async fn a_key_without_a_free_permit_blocks_no_other_key() {
    let layer = per_tenant(10);
    let (service, mut api) = limited(&layer);
    let red = hold(&service, &mut api, "red");
    let mut second_red = start(&service, "red");
    assert_pending!(second_red.poll());
    let blue = hold(&service, &mut api, "blue");
    assert_eq!((layer.usage().in_flight, layer.usage().keys), (2, 2));
    drop(blue);
    assert!(!second_red.is_woken());
    drop(red);
    assert!(second_red.is_woken());
}

#[tokio::test(start_paused = true)]
async fn idle_keys_are_removed() {
    let layer = per_tenant(10);
    let (service, mut api) = limited(&layer);
    for tenant in 0..20 {
        let held = hold(&service, &mut api, &tenant.to_string());
        let mut waits = start(&service, &tenant.to_string());
        assert_pending!(waits.poll());
        assert_eq!(layer.usage().keys, 1);
        drop(held);
        assert_eq!(layer.usage().keys, 1, "it was granted the permit");
        drop(waits);
        assert_eq!(layer.usage().keys, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_takes_too_long_reports_its_own_key_only() {
    let (service, mut api) = limited(&per_tenant(10));
    let _red = hold(&service, &mut api, "red");
    let _blue = start(&service, "blue");
    let red = failure(start(&service, "red")).await;
    assert!(red.to_string().contains("permits held: 1 of 1, 1 of them by unread response bodies"), "{red}");
    let blue = failure(start(&service, "blue")).await;
    assert!(blue.to_string().contains("permits held: 1 of 1, none of them"), "{blue}");
}

#[tokio::test(start_paused = true)]
async fn the_maximum_of_waiting_requests_counts_all_keys() {
    let (service, mut api) = limited(&per_tenant(1));
    let _held = [hold(&service, &mut api, "red"), hold(&service, &mut api, "blue")];
    let mut red = start(&service, "red");
    assert_pending!(red.poll());
    assert_eq!(failure(start(&service, "blue")).await.kind(), ErrorKind::LimitFull);
}

#[tokio::test(start_paused = true)]
async fn by_authority_tells_servers_apart() {
    let layer = ConcurrencyLimitLayer::builder().permits(1).by_authority().build().unwrap();
    let (service, _api) = limited(&layer);
    let calls = ["https://one.example/a", "https://One.example:443/b", "https://two.example/a"]
        .map(|uri| call(&service, Request::get(uri).body(()).unwrap()));
    let usage = layer.usage();
    assert_eq!((usage.in_flight, usage.waiting, usage.keys), (2, 1, 2));
    drop(calls);
    assert_eq!(layer.usage().keys, 0);
}

/// RFC 9110 §4.2.3: a URI without a port, with an empty one and with the default port name the same server.
#[tokio::test(start_paused = true)]
async fn by_authority_treats_an_empty_port_as_none() {
    for uris in [
        ["http://api.example/", "http://api.example:/", "http://api.example:80/", "http://me@API.example:/"],
        ["https://[::1]/", "https://[::1]:/", "https://[::1]:443/", "https://me@[::1]:/"],
    ] {
        let layer = ConcurrencyLimitLayer::builder().permits(4).by_authority().build().unwrap();
        let (service, _api) = limited(&layer);
        let _calls = uris.map(|uri| call(&service, Request::get(uri).body(()).unwrap()));
        assert_eq!((layer.usage().in_flight, layer.usage().keys), (4, 1), "{uris:?}");
    }

    let layer = ConcurrencyLimitLayer::builder().permits(2).by_authority().build().unwrap();
    let (service, _api) = limited(&layer);
    let _calls = ["api.example", "api.example:"]
        .map(|host| call(&service, Request::get("/orders").header("host", host).body(()).unwrap()));
    assert_eq!((layer.usage().in_flight, layer.usage().keys), (2, 1));
}
