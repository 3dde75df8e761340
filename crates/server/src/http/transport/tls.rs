//! TLS: certificate and key from files, which are read again when they change. Connections that are open keep theirs.
//!
//! INVARIANT: a pair that does not fit together is never used: the last good one stays, and the log and `/readyz` say so.

use std::fmt;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use crate::app::notices::{Notices, Topic};
use crate::config::Tls;
use crate::fault::Fault;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Certificate and key in force, and where they come from.
#[derive(Clone)]
pub struct TlsState {
    files: Tls,
    provider: Arc<CryptoProvider>,
    pair: Arc<Pair>,
    acceptor: TlsAcceptor,
}

impl fmt::Debug for TlsState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TlsState").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What handshakes take.
#[derive(Debug)]
struct Pair(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Pair {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// What shows that a file was replaced: time, size and number.
type Stamp = [Option<(i64, i64, u64, u64)>; 2];

impl TlsState {
    /// Reads the files.
    ///
    /// # Errors
    /// [`Fault::Config`] that names the file and what is wrong with it.
    pub fn open(files: &Tls) -> Result<Self, Fault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pair = Arc::new(Pair(RwLock::new(Arc::new(read(files, &provider)?))));
        let versions = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[&TLS13, &TLS12]);
        let versions = versions.map_err(|error| Fault::Config(format!("set up TLS: {error}")))?;
        let mut config = versions.with_no_client_auth().with_cert_resolver(Arc::<Pair>::clone(&pair));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { files: files.clone(), provider, pair, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// For handshakes.
    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// [`Fault::Config`]; then what was in force stays.
    pub fn reload(&self) -> Result<(), Fault> {
        let fresh = Arc::new(read(&self.files, &self.provider)?);
        *self.pair.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Reads the files again whenever they change, and on SIGHUP. Never ends.
    pub async fn watch(&self, notices: Notices) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut seen = self.stamp();
        loop {
            let asked = async {
                match &mut hangup {
                    Some(hangup) => drop(hangup.recv().await),
                    None => std::future::pending().await,
                }
            };
            let asked = tokio::select! {
                () = asked => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            let now = self.stamp();
            if now == seen && !asked {
                continue;
            }
            seen = now;
            match self.reload() {
                Ok(()) => {
                    tracing::info!(certificate = %self.files.certificate.display(), "the TLS certificate was read again");
                    notices.clear(Topic::Tls);
                }
                Err(fault) => {
                    tracing::error!(error = %fault, "the TLS certificate on disk cannot be used; the one before stays in use");
                    notices.set(Topic::Tls, &format!("the TLS certificate on disk cannot be used, the one before stays in use: {fault}"));
                }
            }
        }
    }

    fn stamp(&self) -> Stamp {
        [&self.files.certificate, &self.files.key].map(|path| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.mtime(), found.mtime_nsec(), found.size(), found.ino()))
        })
    }
}

/// The pair in the files, if its halves fit together.
fn read(files: &Tls, provider: &CryptoProvider) -> Result<CertifiedKey, Fault> {
    let bad = |path: &Path, reason: &str| Fault::Config(format!("`{}`: {reason}", path.display()));
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error: rustls::pki_types::pem::Error| bad(&path, &said(&error))
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate).map_err(unreadable(&files.certificate))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(unreadable(&files.certificate))?;
    if chain.is_empty() {
        return Err(bad(&files.certificate, "it holds no certificate in PEM form"));
    }
    let mode = std::fs::metadata(&files.key).map_err(|error| bad(&files.key, &error.to_string()))?.permissions().mode();
    if mode & 0o007 != 0 {
        let path = files.key.display();
        return Err(bad(&files.key, &format!("every user of this machine can use it (mode {:04o}): run `chmod o-rwx '{path}'`", mode & 0o7777)));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| bad(&files.key, &format!("it does not go with `{}`: {error}", files.certificate.display())))
}

/// What is wrong with a PEM file, without a word of what it holds.
fn said(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error::{Io, NoItemsFound};
    if let Io(error) = error {
        return error.to_string();
    }
    if matches!(error, NoItemsFound) { "it holds nothing of that kind in PEM form".to_owned() } else { "it is damaged".to_owned() }
}
