//! A certificate of this run's own, and who trusts it.

use std::sync::Arc;

use rcgen::CertifiedKey;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use crate::BoxError;

/// What a server speaks, and says so while the connection is secured (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 for those who know it, else HTTP/1.1.
    Http2,
}

/// A certificate for 127.0.0.1, made for this run and signed by nobody else.
#[derive(Debug)]
pub struct Tls {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl Tls {
    /// Makes key and certificate.
    ///
    /// # Errors
    ///
    /// When no random numbers are to be had.
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
