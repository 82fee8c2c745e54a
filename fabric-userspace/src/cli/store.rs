//! How a store that several nodes share is named, and where its credentials are.

use std::path::PathBuf;

use clap::Args;

use crate::error::{Refusal, codes};
use crate::store::etcd::{Address, Secret, TlsFiles, User};

/// The store's address and credentials. What is not given here is taken from the environment.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct StoreArgs {
    /// file, or etcd://HOST[:PORT],.../PREFIX [of agent and import: $FABRIC_STORE]
    #[arg(long, value_name = "STORE", hide_short_help = true)]
    store: Option<String>,
    /// CA of etcd's certificates, PEM; turns TLS on [$FABRIC_STORE_CA]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    store_ca: Option<PathBuf>,
    /// Our certificate for etcd, PEM [$FABRIC_STORE_CERT]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    store_cert: Option<PathBuf>,
    /// Its private key, PEM [$FABRIC_STORE_KEY]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    store_key: Option<PathBuf>,
    /// User of etcd [$FABRIC_STORE_USER]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    store_user: Option<String>,
    /// Where its password is [or $FABRIC_STORE_PASSWORD]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    store_password_file: Option<PathBuf>,
}

impl StoreArgs {
    /// Whether one was given on the command line.
    pub(super) fn any(&self) -> bool {
        let files = [
            &self.store_ca,
            &self.store_cert,
            &self.store_key,
            &self.store_password_file,
        ];
        self.store.is_some() || self.store_user.is_some() || files.iter().any(|file| file.is_some())
    }

    /// The etcd that is meant; `None` for the file.
    ///
    /// # Errors
    /// When an address or a credential is wrong, or half of a pair is missing.
    pub(super) fn address(&self) -> Result<Option<Address>, Refusal> {
        let text = self.store.clone().or_else(|| variable("FABRIC_STORE"));
        let Some(text) = text.filter(|text| text != "file") else {
            return match self.any() && self.store.is_none() {
                true => Err(usage(
                    "credentials of a store without a store",
                    "--store etcd://HOST/PREFIX",
                )),
                false => Ok(None),
            };
        };
        let address = Address::parse(&text)?;
        Ok(Some(Address {
            tls: self.tls()?,
            user: self.user()?,
            ..address
        }))
    }

    fn tls(&self) -> Result<Option<TlsFiles>, Refusal> {
        let authority = file(&self.store_ca, "FABRIC_STORE_CA");
        let certificate = file(&self.store_cert, "FABRIC_STORE_CERT");
        let key = file(&self.store_key, "FABRIC_STORE_KEY");
        match (authority, certificate, key) {
            (None, None, None) => Ok(None),
            (Some(authority), None, None) => Ok(Some(TlsFiles {
                authority,
                identity: None,
            })),
            (Some(authority), Some(certificate), Some(key)) => Ok(Some(TlsFiles {
                authority,
                identity: Some((certificate, key)),
            })),
            (None, _, _) => Err(usage(
                "a certificate for etcd without its authority",
                "--store-ca FILE",
            )),
            (_, _, None) => Err(usage(
                "a certificate for etcd without its key",
                "--store-key FILE",
            )),
            (_, None, _) => Err(usage(
                "a key for etcd without its certificate",
                "--store-cert FILE",
            )),
        }
    }

    fn user(&self) -> Result<Option<User>, Refusal> {
        let Some(name) = self.store_user.clone().or_else(|| variable("FABRIC_STORE_USER")) else {
            return Ok(None);
        };
        let password = match &self.store_password_file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                Refusal::new(codes::NO_FILE, format!("cannot read {}: {error}", path.display()))
                    .with_cure(format!("ls -l {}", path.display()))
            })?,
            None => variable("FABRIC_STORE_PASSWORD").ok_or_else(|| {
                usage(
                    "a user of etcd without a password",
                    "--store-password-file FILE, or FABRIC_STORE_PASSWORD",
                )
            })?,
        };
        Ok(Some(User {
            name,
            password: Secret::new(password.trim_end_matches(['\r', '\n'])),
        }))
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn file(given: &Option<PathBuf>, name: &str) -> Option<PathBuf> {
    given.clone().or_else(|| variable(name).map(PathBuf::from))
}

fn usage(sentence: &str, cure: &str) -> Refusal {
    Refusal::new(codes::USAGE, sentence).with_cure(format!("give {cure}"))
}
