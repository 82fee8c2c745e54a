//! HTTP/1.1 connections to members, with or without TLS.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::{TlsFiles, read};
use super::failure::Failure;
use crate::error::{Refusal, codes};

/// A member needs a leader to serve a watch; one that has lost it ends the watch (etcd 3.3 and newer).
const NEEDS_LEADER: &str = "Grpc-Metadata-hasleader";

/// An open connection to a member.
pub(super) struct Link {
    pub(super) endpoint: String,
    sender: SendRequest<Full<Bytes>>,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Reads the certificates.
///
/// # Errors
/// When a file cannot be read or is not what it should be.
pub(super) fn tls(files: &TlsFiles) -> Result<TlsConnector, Refusal> {
    let wrong = |path: &std::path::Path, error: &dyn std::fmt::Display| {
        Refusal::new(
            codes::BAD_VALUE,
            format!("{} is of no use for TLS: {error}", path.display()),
        )
        .with_cure(format!("openssl x509 -noout -text -in {}", path.display()))
    };
    let certificates = |path: &std::path::Path| -> Result<Vec<CertificateDer<'static>>, Refusal> {
        let pem = read(path)?;
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match all {
            Ok(all) if all.is_empty() => Err(wrong(path, &"it holds no certificate")),
            Ok(all) => Ok(all),
            Err(error) => Err(wrong(path, &error)),
        }
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.authority)? {
        roots
            .add(certificate)
            .map_err(|error| wrong(&files.authority, &error))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Refusal::new(codes::BUG, format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots);
    let config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| wrong(key, &error))?;
            builder
                .with_client_auth_cert(certificates(certificate)?, secret)
                .map_err(|error| wrong(certificate, &error))?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

impl Link {
    /// Connects to a member. Whoever waits sets the time limit.
    pub(super) async fn open(endpoint: &str, tls: Option<&TlsConnector>) -> Result<Self, Failure> {
        let away = |error: std::io::Error| Failure::Away(format!("{endpoint}: {error}"));
        let stream = TcpStream::connect(endpoint).await.map_err(away)?;
        // Requests are small and waited for.
        stream.set_nodelay(true).map_err(away)?;
        let Some(tls) = tls else {
            return Self::over(endpoint, stream).await;
        };
        let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
        let host = host.trim_matches(['[', ']']).to_owned();
        let name =
            ServerName::try_from(host).map_err(|error| Failure::Refused(format!("{endpoint}: {error}")))?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|error| tls_failure(endpoint, &error))?;
        Self::over(endpoint, stream).await
    }

    async fn over(
        endpoint: &str,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, Failure> {
        let broken = |error: hyper::Error| Failure::Away(format!("{endpoint}: {error}"));
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Its error reaches the request too, and is told there.
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self {
            endpoint: endpoint.to_owned(),
            sender,
            driver,
        })
    }

    /// Whether another request can be sent.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and returns the head of its answer.
    pub(super) async fn send(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::post(path)
            .header(HOST, &self.endpoint)
            .header(CONTENT_TYPE, "application/json")
            .header(NEEDS_LEADER, "true");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let endpoint = self.endpoint.clone();
        let sent = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        sent.await
            .map_err(|error| Failure::Away(format!("{endpoint}: {error}")))
    }
}

/// A member that does not trust us, or that we do not trust, will not do so later.
fn tls_failure(endpoint: &str, error: &std::io::Error) -> Failure {
    let is_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    if is_tls {
        Failure::Denied(format!("{endpoint}: {error}"))
    } else {
        Failure::Away(format!("{endpoint}: {error}"))
    }
}
