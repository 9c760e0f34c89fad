use martello_planner::Planner;

use crate::support::Http;

#[tokio::test]
async fn an_entity_is_created_updated_and_read_with_its_version() {
    let planner = Planner::start().await.unwrap();
    let http = Http::new(&planner);
    let path = "/planning/v1/orders/o-1";
    assert_eq!(http.get(path).await.0, 404);
    for (body, status, tag) in [("1", 201, "W/\"1\""), ("2", 200, "W/\"2\""), ("2", 200, "W/\"2\"")] {
        let (got, headers, echoed) = http.put(path, &[], body).await;
        assert_eq!((got, headers["etag"].to_str().unwrap(), echoed.as_str()), (status, tag, body));
    }
    let (status, headers, body) = http.get(path).await;
    assert_eq!((status, headers["etag"].to_str().unwrap(), body.as_str()), (200, "W/\"2\"", "2"));
    assert_eq!((planner.receipts(path), planner.receipts("/planning/v1/orders/o-2")), (3, 0));
    assert_eq!(planner.entity(path).unwrap().version, 2);
    assert_eq!(planner.entities().len(), 1);
}

#[tokio::test]
async fn a_write_under_a_condition_meets_only_the_version_that_it_names() {
    let planner = Planner::start().await.unwrap();
    let http = Http::new(&planner);
    assert_eq!(http.put("/orders/a", &[("if-match", "W/\"1\"")], "0").await.0, 412);
    http.put("/orders/a", &[], "1").await;
    assert_eq!(http.put("/orders/a", &[("if-match", "W/\"24\"")], "2").await.0, 412);
    assert_eq!(http.put("/orders/a", &[("if-match", "W/\"1\"")], "2").await.0, 200);
    // Sent once more, it meets the version that it has made itself.
    assert_eq!(http.put("/orders/a", &[("if-match", "W/\"1\"")], "2").await.0, 412);
    assert_eq!(planner.entity("/orders/a").unwrap().body, "2");
}

#[tokio::test]
async fn who_prefers_little_gets_nothing_back() {
    let planner = Planner::start().await.unwrap();
    let http = Http::new(&planner);
    for prefer in ["return=minimal", "return=minimal"] {
        let (status, headers, body) = http.put("/orders/a", &[("prefer", prefer)], "1").await;
        assert_eq!((status, body.as_str(), headers.contains_key("etag")), (204, "", true));
    }
    assert_eq!(http.put("/orders/b", &[("prefer", "return=representation")], "1").await.0, 201);
}

#[tokio::test]
async fn an_id_that_is_none_and_a_body_that_is_wrong_are_refused() {
    let check = |body: &[u8]| {
        if body == b"bad" { Err("the window ends before it starts".to_owned()) } else { Ok(()) }
    };
    let planner = Planner::builder().check(check).start().await.unwrap();
    let http = Http::new(&planner);
    for wrong in ["/orders/a%20b", "/orders/", "/orders/a%2Fb", "/orders/a+b"] {
        assert_eq!(http.put(wrong, &[], "1").await.0, 400, "{wrong}");
    }
    assert_eq!(http.put("/orders/aZ0.~-_", &[], "1").await.0, 201);
    let (status, _, body) = http.put("/orders/a", &[], "bad").await;
    assert_eq!((status, body.as_str()), (422, r#"{"error":"the window ends before it starts"}"#));
    assert_eq!(http.send("DELETE", "/orders/a", &[], "").await.0, 405);
    assert_eq!(planner.entities().len(), 1);
}
