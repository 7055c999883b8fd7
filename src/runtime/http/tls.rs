//! TLS by a certificate and a key in files, which are read again when they change.
//!
//! Invariants: certificate and key always belong together; files that cannot be used leave
//! those in force that could; connections keep what they began with; no message shows a key.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

/// What the server proves its name with. Clones share it.
#[derive(Clone)]
pub struct Tls {
    files: Arc<Files>,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

/// Why a certificate and a key cannot be used.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Read(PathBuf, io::Error),
    /// A file has no certificate, or one that is no PEM.
    Certificate(PathBuf),
    /// A file has no private key, or one that is no PEM.
    Key(PathBuf),
    /// The key is of no known kind, or is not that of the certificate.
    Unusable(PathBuf, rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Read(path, error) => {
                write!(f, "{}: {error}; let this user read the file", path.display())
            }
            TlsError::Certificate(path) => write!(
                f,
                "{}: no PEM certificate; write the server's certificate and those that lead to its \
                 authority",
                path.display()
            ),
            TlsError::Key(path) => write!(
                f,
                "{}: no PEM private key without a passphrase; write the key of the certificate",
                path.display()
            ),
            TlsError::Unusable(path, error) => write!(
                f,
                "{}: {error}; write the private key that belongs to the certificate",
                path.display()
            ),
        }
    }
}

impl std::error::Error for TlsError {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.files.certificate).finish()
    }
}

/// Where certificate and key come from.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// The digest of what was read last, usable or not.
    seen: Mutex<[u8; 32]>,
}

/// The certificate in force, and its key.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Reads a certificate and its key: PEM, the server's own certificate first.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Tls, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let (pems, seen) = read(certificate, key)?;
        let current = certified(certificate, key, &pems, &provider)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(current))));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Unusable(key.to_owned(), error))?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&current) as _;
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            seen: Mutex::new(seen),
        };
        Ok(Tls { files: Arc::new(files), current, config: Arc::new(config) })
    }

    /// Reads the files again, and uses what they hold for new connections.
    pub(super) fn reload(&self) {
        let Files { certificate, key, seen } = &*self.files;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        // While one file replaces another there may be none for a moment.
        let Ok((pems, digest)) = read(certificate, key) else { return };
        if std::mem::replace(&mut *seen, digest) == digest {
            return;
        }
        match certified(certificate, key, &pems, self.config.crypto_provider()) {
            Ok(read) => {
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
                info!(file = %certificate.display(), "the server's certificate was replaced");
            }
            Err(error) => warn!("the server keeps its certificate: {error}"),
        }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// What both files hold, and its digest.
fn read(certificate: &Path, key: &Path) -> Result<([Vec<u8>; 2], [u8; 32]), TlsError> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| TlsError::Read(path.to_owned(), error));
    let pems = [read(certificate)?, read(key)?];
    let mut digest = Sha256::new();
    for pem in &pems {
        digest.update((pem.len() as u64).to_le_bytes());
        digest.update(pem);
    }
    Ok((pems, digest.finalize().into()))
}

fn certified(
    certificate: &Path,
    key: &Path,
    [certificates, private]: &[Vec<u8>; 2],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::Certificate(certificate.to_owned()))?;
    let private = PrivateKeyDer::from_pem_slice(private);
    let private = private.map_err(|_| TlsError::Key(key.to_owned()))?;
    CertifiedKey::from_der(chain, private, provider)
        .map_err(|error| TlsError::Unusable(key.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn pem(kind: &str, der: &[u8]) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
    }

    fn pems(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        (pem("CERTIFICATE", made.cert.der()), pem("PRIVATE KEY", &made.signing_key.serialize_der()))
    }

    struct Made {
        directory: tempfile::TempDir,
    }

    impl Made {
        fn new() -> Made {
            Made { directory: tempfile::tempdir().unwrap() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn write(&self, certificate: &str, key: &str) {
            std::fs::write(self.path("certificate.pem"), certificate).unwrap();
            std::fs::write(self.path("key.pem"), key).unwrap();
        }

        fn load(&self) -> Result<Tls, TlsError> {
            Tls::load(&self.path("certificate.pem"), &self.path("key.pem"))
        }
    }

    fn in_force(tls: &Tls) -> Vec<u8> {
        tls.current.0.read().unwrap().cert[0].to_vec()
    }

    #[test]
    fn files_that_cannot_be_used_are_refused_and_leave_what_is_in_force() {
        let made = Made::new();
        let missing = made.load().unwrap_err().to_string();
        assert!(missing.contains("certificate.pem") && missing.contains("read"), "{missing}");
        let ((first, first_key), (second, second_key)) = (pems("first"), pems("second"));
        for (certificate, key, why) in [
            ("", &*first_key, "certificate.pem: no PEM certificate"),
            (&*first, "", "key.pem: no PEM private key"),
            (&*first, &*second_key, "belongs to the certificate"),
        ] {
            made.write(certificate, key);
            let refused = made.load().unwrap_err().to_string();
            assert!(refused.contains(why) && !refused.contains("BEGIN"), "{refused}");
        }
        made.write(&first, &first_key);
        let tls = made.load().unwrap();
        let began = in_force(&tls);
        // One of the two is replaced before the other.
        made.write(&second, &first_key);
        tls.reload();
        assert_eq!(in_force(&tls), began);
        std::fs::remove_file(made.path("key.pem")).unwrap();
        tls.reload();
        assert_eq!(in_force(&tls), began);
        made.write(&second, &second_key);
        tls.reload();
        assert_ne!(in_force(&tls), began);
        assert_eq!(format!("{tls:?}").matches("PRIVATE").count(), 0);
    }
}
