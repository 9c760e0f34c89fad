//! A self-signed certificate for the run, and a client configuration that trusts it.

use std::sync::Arc;

use rcgen::CertifiedKey;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use crate::BoxError;

/// The protocols that a server offers in the TLS handshake (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// Only HTTP/1.1.
    Http1,
    /// HTTP/2 for clients that support it, else HTTP/1.1.
    Http2,
}

/// A self-signed certificate for 127.0.0.1, created for this run.
#[derive(Debug)]
pub struct Tls {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl Tls {
    /// Creates the key and the certificate.
    ///
    /// # Errors
    ///
    /// When the system provides no random numbers.
    pub fn new() -> Result<Self, BoxError> {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        Ok(Self {
            certificate: cert.into(),
            key: PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into(),
            provider: Arc::new(ring::default_provider()),
        })
    }

    /// The configuration of a client that trusts this certificate and no other.
    ///
    /// # Errors
    ///
    /// When the certificate is invalid.
    pub fn trusted(&self) -> Result<ClientConfig, BoxError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider));
        Ok(config.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
    }

    pub(crate) fn acceptor(&self, protocols: Protocols) -> Result<TlsAcceptor, BoxError> {
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let mut config = config
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())?;
        config.alpn_protocols = match protocols {
            Protocols::Http1 => vec![b"http/1.1".to_vec()],
            Protocols::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
