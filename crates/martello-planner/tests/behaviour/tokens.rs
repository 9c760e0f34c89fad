use std::time::Duration;

use martello_planner::Planner;

use crate::support::Http;

#[tokio::test]
async fn a_known_client_gets_a_token_that_expires() {
    let lives = Duration::from_millis(150);
    let planner = Planner::builder().tokens("me", "s e", lives).start().await.unwrap();
    let http = Http::new(&planner);
    let (status, headers, _) = http.put("/orders/a", &[], "1").await;
    assert_eq!(
        (status, headers["www-authenticate"].to_str().unwrap()),
        (401, r#"Bearer error="invalid_token""#)
    );
    assert!(headers.contains_key("trackingid"));

    let form = "grant_type=client_credentials&client_id=me&client_secret=s+e";
    let (status, _, answer) = http.send("POST", "/oauth2/token", &[], form).await;
    assert_eq!(status, 200);
    let token = answer.split('"').nth(3).unwrap();
    assert_eq!(answer, format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":0}}"#));
    let bearer = format!("Bearer {token}");
    assert_eq!(http.put("/orders/a", &[("authorization", &bearer)], "1").await.0, 201);
    tokio::time::sleep(lives).await;
    assert_eq!(http.put("/orders/a", &[("authorization", &bearer)], "2").await.0, 401);
    assert_eq!(planner.entity("/orders/a").unwrap().body, "1");
}

#[tokio::test]
async fn no_other_client_gets_a_token_and_a_revoked_token_is_rejected() {
    let planner = Planner::builder().tokens("me", "secret", Duration::from_secs(300)).start().await.unwrap();
    let http = Http::new(&planner);
    let post =
        async |headers: &[(&str, &str)], form: &str| http.send("POST", "/oauth2/token", headers, form).await;
    let wrong = "grant_type=client_credentials&client_id=me&client_secret=guessed";
    assert_eq!(post(&[], wrong).await.0, 401);
    assert_eq!(post(&[], "grant_type=password&client_id=me&client_secret=secret").await.0, 400);
    assert_eq!(planner.tokens_issued(), 0);

    // RFC 6749 §2.3.1: `me:secret`, in base64.
    let (status, _, answer) =
        post(&[("authorization", "Basic bWU6c2VjcmV0")], "grant_type=client_credentials").await;
    let bearer = format!("Bearer {}", answer.split('"').nth(3).unwrap());
    assert_eq!((status, planner.tokens_issued()), (200, 1));
    assert_eq!(http.put("/orders/a", &[("authorization", &bearer)], "1").await.0, 201);
    planner.revoke_tokens();
    assert_eq!(http.put("/orders/a", &[("authorization", &bearer)], "1").await.0, 401);
}

#[tokio::test]
async fn a_token_is_issued_without_a_request() {
    let planner = Planner::builder().tokens("me", "secret", Duration::from_secs(300)).start().await.unwrap();
    let bearer = format!("Bearer {}", planner.issue_token().unwrap());
    let status = Http::new(&planner).put("/orders/a", &[("authorization", &bearer)], "1").await.0;
    assert_eq!((status, planner.tokens_issued()), (201, 1));
    assert_eq!(Planner::start().await.unwrap().issue_token(), None);
}
