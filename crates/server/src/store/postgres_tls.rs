//! The way to PostgreSQL: where it is, and how it is encrypted.
//!
//! INVARIANT: a server on another machine is reached through TLS, and has to prove who it is, unless the address says otherwise.
//! INVARIANT: no error shows the address: it holds the password.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fault::Fault;

/// Where Debian, Red Hat and Alpine keep the certificates of public authorities.
const SYSTEM_ROOTS: [&str; 3] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// How a server is reached: what `sslmode` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// In the clear.
    Disable,
    /// Encrypted, without knowing with whom.
    Require,
    /// Encrypted, and the server's certificate leads to a known root and bears its name.
    VerifyFull,
}

/// Where the database is, and how connections to it are made.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls: Connector,
}

impl Target {
    /// Reads `postgres://user:password@host/database?sslmode=…&sslrootcert=…`.
    ///
    /// # Errors
    /// [`Fault::Config`] that says what is wrong with it, without the address.
    pub(super) fn parse(address: &str) -> Result<Self, Fault> {
        let bad = |reason: &str| Fault::Config(format!("the database address is not one of PostgreSQL: {reason}"));
        let mut url = reqwest::Url::parse(address).map_err(|_| bad("it must be like postgres://user@host/database"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(bad("it must begin with postgres://"));
        }
        let (mut mode, mut root, mut rest) = (None, None, Vec::new());
        for (name, value) in url.query_pairs() {
            match &*name {
                "sslmode" => mode = Some(Mode::parse(&value)?),
                "sslrootcert" => root = Some(PathBuf::from(value.as_ref())),
                _ => rest.push((name.into_owned(), value.into_owned())),
            }
        }
        if mode.is_some() || root.is_some() {
            url.set_query(None);
            if !rest.is_empty() {
                url.query_pairs_mut().extend_pairs(&rest);
            }
        }
        // The reader of the driver wants spaces as %20.
        let plain = if mode.is_some() || root.is_some() { url.as_str().replace('+', "%20") } else { address.to_owned() };
        let mut config: Config = plain.parse().map_err(|error: tokio_postgres::Error| bad(&crate::fault::chain(&error)))?;
        let mode = mode.unwrap_or(if root.is_none() && is_local(&config) { Mode::Disable } else { Mode::VerifyFull });
        config.ssl_mode(if mode == Mode::Disable { SslMode::Disable } else { SslMode::Require });
        if mode == Mode::Disable && !is_local(&config) {
            tracing::warn!("the database is on another machine and sslmode is `disable`: whoever is on the way reads and alters what is stored");
        }
        Ok(Self { config, tls: Connector::new(mode, root.as_deref())? })
    }
}

impl Mode {
    fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "disable" => Ok(Self::Disable),
            "require" => Ok(Self::Require),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err(Fault::Config(format!("sslmode is `{}`, it must be verify-full, require or disable", text.chars().take(20).collect::<String>()))),
        }
    }
}

/// Whether all servers are on this machine.
fn is_local(config: &Config) -> bool {
    let name = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(name) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// Makes the encrypted part of connections.
#[derive(Clone)]
pub(super) struct Connector(TlsConnector);

impl std::fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connector")
    }
}

impl Connector {
    fn new(mode: Mode, root: Option<&Path>) -> Result<Self, Fault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Fault::Config(format!("set up TLS for the database: {error}")))?;
        let config = match (mode, root) {
            // Never used: no connection asks for it.
            (Mode::Disable, _) => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
            (Mode::Require, None) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))).with_no_client_auth(),
            // As with libpq: who names a root wants it checked.
            (Mode::Require | Mode::VerifyFull, root) => builder.with_root_certificates(roots(root)?).with_no_client_auth(),
        };
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, Fault> {
    let system = || SYSTEM_ROOTS.iter().map(Path::new).find(|path| path.exists());
    let file = match file {
        Some(file) => file,
        None => system().ok_or_else(|| Fault::Config("this machine has no list of certificate authorities: name one in sslrootcert".to_owned()))?,
    };
    let bad = |reason: String| Fault::Config(format!("sslrootcert `{}`: {reason}", file.display()));
    let mut store = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| bad(error.to_string()))?;
    let (added, _) = store.add_parsable_certificates(found);
    if added == 0 {
        return Err(bad("it holds no certificate in PEM form".to_owned()));
    }
    Ok(store)
}

/// Takes every certificate (`sslmode=require`): the way is encrypted, its other end is not known.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        end: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, end, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        end: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, end, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// One connection to be made.
pub(super) struct Handshake {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Encrypted<S>;
    type TlsConnect = Handshake;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, Self::Error> {
        Ok(Handshake { connector: self.0.clone(), name: ServerName::try_from(domain)?.to_owned() })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = Encrypted<S>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted<S>, std::io::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.name, stream).await.map(Encrypted) })
    }
}

/// An encrypted connection.
pub(super) struct Encrypted<S>(TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        // The certificate is checked instead.
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_are_reached_through_tls_unless_the_address_says_otherwise() {
        for (address, expected) in [
            ("postgres://u:p@localhost/d", SslMode::Disable),
            ("postgres://u:p@127.0.0.1:1/d", SslMode::Disable),
            ("postgres://u:p@[::1]/d", SslMode::Disable),
            ("postgres://u:p@db.example.com/d", SslMode::Require),
            ("postgres://u:p@10.0.0.1/d?sslmode=disable", SslMode::Disable),
            ("postgres://u:p@10.0.0.1/d?sslmode=require&application_name=a%20b", SslMode::Require),
            ("postgres://u:p@127.0.0.1/d?sslmode=verify-full", SslMode::Require),
        ] {
            let target = Target::parse(address);
            // Without a list of authorities on this machine verify-full cannot be set up, which is said.
            match target {
                Ok(target) => assert_eq!(target.config.get_ssl_mode(), expected, "{address}"),
                Err(fault) => assert!(fault.to_string().contains("sslrootcert"), "{address}: {fault}"),
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_address() {
        for (address, expected) in [
            ("host=h password=secret", "it must be like postgres://"),
            ("mysql://u:secret@h/d", "it must begin with postgres://"),
            ("postgres://u:secret@h/d?sslmode=prefer", "sslmode is `prefer`, it must be verify-full, require or disable"),
            ("postgres://u:secret@h/d?unknown=1", "unknown option `unknown`"),
            ("postgres://u:secret@h/d?sslrootcert=/none.pem", "sslrootcert `/none.pem`"),
        ] {
            let said = Target::parse(address).unwrap_err().to_string();
            assert!(said.contains(expected) && !said.contains("secret"), "{address}: {said}");
        }
    }
}
