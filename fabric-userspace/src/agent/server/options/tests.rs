use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use super::*;

async fn read<T: DeserializeOwned>(method: &str, uri: &str) -> Result<T, Problem> {
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .body(Body::empty())
        .unwrap();
    let (mut parts, _) = request.into_parts();
    let read: Result<Options<T>, Problem> = Options::from_request_parts(&mut parts, &()).await;
    read.map(|options| options.0)
}

async fn refused<T: DeserializeOwned + std::fmt::Debug>(method: &str, uri: &str) -> Refusal {
    let problem = read::<T>(method, uri).await.unwrap_err();
    let refusal = (*problem.refusal).clone();
    assert_eq!(problem.into_response().status(), StatusCode::BAD_REQUEST, "{uri}");
    refusal
}

#[tokio::test]
async fn what_a_request_takes_is_read() {
    let uri = "/v1/document?dry_run=true&cause=apply%20a.json&if_revision=3&confirm_within=60";
    let of: OfDocument = read("PUT", uri).await.unwrap();
    assert!(of.dry_run);
    assert_eq!(of.cause.as_deref(), Some("apply a.json"));
    assert_eq!((of.if_revision, of.confirm_within), (Some(3), Some(60)));
    let of: OfEdit = read("POST", "/v1/edit").await.unwrap();
    assert_eq!((of.dry_run, of.if_revision), (false, None));
    let of: OfRollback = read("POST", "/v1/rollback?if_revision=4").await.unwrap();
    assert_eq!(of.if_revision, Some(4));
    read::<NoOptions>("POST", "/v1/stop").await.unwrap();
}

#[tokio::test]
async fn an_option_of_another_request_is_refused_with_what_where_and_the_cure() {
    let edit = refused::<OfEdit>("POST", "/v1/edit?confirm_within=60").await;
    assert_eq!(
        edit.to_string(),
        "error: POST /v1/edit takes no option \"confirm_within\"; nothing was changed\n  \
         cure: leave it out; taken here: dry_run, if_revision\n  code: unknown-field"
    );
    let rollback = refused::<OfRollback>("POST", "/v1/rollback?dry_run=true").await;
    assert_eq!(rollback.cure.unwrap(), "leave it out; taken here: if_revision");
    let stop = refused::<NoOptions>("POST", "/v1/stop?dry_run=true").await;
    assert_eq!(stop.cure.unwrap(), "leave it out; no option is taken here");
}

#[tokio::test]
async fn a_misspelt_doubled_or_senseless_option_is_refused() {
    let misspelt = refused::<OfDocument>("PUT", "/v1/document?dryrun=true").await;
    assert_eq!(misspelt.cure.unwrap(), "write \"dry_run\" instead");
    let doubled = refused::<OfEdit>("POST", "/v1/edit?dry_run=true&dry_run=false").await;
    assert_eq!(doubled.code, codes::DUPLICATE_FIELD);
    let senseless = refused::<OfEdit>("POST", "/v1/edit?dry_run=yes").await;
    assert_eq!(senseless.code, codes::BAD_VALUE);
    assert!(senseless.sentence.contains("dry_run"), "{senseless}");
}
