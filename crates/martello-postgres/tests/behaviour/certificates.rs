//! The errors for a server with an untrusted certificate. The test server implements only the start of the
//! protocol, so these tests need no PostgreSQL.

use std::{error::Error, sync::Arc};

use martello_outbox::StoreErrorKind;
use martello_postgres::PostgresStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, rustls};

/// Starts a server with a self-signed certificate. Returns its port, its certificate and its task, which ends
/// when dropped.
async fn self_signed(name: &str) -> (u16, String, JoinSet<()>) {
    let signed = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let pem = signed.cert.pem();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signed.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.into()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            // The client requests TLS, and the server accepts.
            let mut asked = [0; 8];
            client.read_exact(&mut asked).await.unwrap();
            client.write_all(b"S").await.unwrap();
            drop(acceptor.accept(client).await);
        }
    });
    (port, pem, accepting)
}

async fn refused(url: &str) -> (StoreErrorKind, String) {
    let error = PostgresStore::connect(url).await.unwrap_err();
    (error.kind(), format!("{error}: {}", error.source().unwrap()))
}

#[tokio::test]
async fn an_untrusted_certificate_is_reported_as_untrusted() {
    let (port, _, _server) = self_signed("localhost").await;
    for mode in ["verify-ca", "verify-full"] {
        let (kind, said) = refused(&format!("postgres://u@localhost:{port}/x?sslmode={mode}")).await;
        assert_eq!(kind, StoreErrorKind::Unusable, "{said}");
        assert!(said.starts_with("the server's certificate is not trusted: "), "{said}");
        assert!(said.contains("sslrootcert") && said.contains("UnknownIssuer"), "{said}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_reported() {
    let (port, pem, _server) = self_signed("db.internal").await;
    let file = std::env::temp_dir().join(format!("martello-{}-{port}.pem", std::process::id()));
    std::fs::write(&file, pem).unwrap();
    let url = format!("postgres://u@localhost:{port}/x?sslmode=verify-full&sslrootcert={}", file.display());
    let (kind, said) = refused(&url).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(kind, StoreErrorKind::Unusable, "{said}");
    assert!(
        said.starts_with("the server's certificate is not trusted: ") && said.contains("db.internal"),
        "{said}"
    );
}

#[tokio::test]
async fn a_missing_certificate_file_is_reported() {
    let (port, _, _server) = self_signed("localhost").await;
    let url = format!("postgres://u@localhost:{port}/x?sslmode=verify-full&sslrootcert=/no/such/file");
    let (_, said) = refused(&url).await;
    assert!(said.starts_with("a file that the URL names does not exist: "), "{said}");
}
