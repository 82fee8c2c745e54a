//! Where an etcd is and how to prove who we are; nothing here prints a secret.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Refusal, codes};

/// etcd's port for clients.
const PORT: u16 = 2379;
/// Below which keys are kept if the address has no path.
const PREFIX: &str = "/fabric";

/// One fabric in an etcd: `etcd://h1:2379,h2:2379/PREFIX`, and credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `host:port` of members, tried in turn.
    pub endpoints: Vec<String>,
    /// Begins with a slash and does not end with one.
    pub prefix: String,
    /// TLS, if a certificate authority is given.
    pub tls: Option<TlsFiles>,
    /// For an etcd with authentication.
    pub user: Option<User>,
}

/// PEM files for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Who signed the members' certificates.
    pub authority: PathBuf,
    /// Our own certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A user of etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Address {
    /// Reads `etcd://h1:2379,h2:2379/PREFIX`; port and prefix may be left out.
    ///
    /// # Errors
    /// `bad-value` with what is wrong.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let rest = text
            .strip_prefix("etcd://")
            .ok_or_else(|| wrong("it does not begin with etcd://"))?;
        if rest.contains('@') {
            // The sentence must not repeat what may be a password.
            return Err(wrong(
                "a user does not belong into it, because every user of the host can read command lines",
            )
            .with_cure(
                "--store-user NAME, with the password in FABRIC_STORE_PASSWORD or --store-password-file",
            ));
        }
        let (hosts, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let endpoints = hosts.split(',').map(endpoint).collect::<Result<Vec<_>, _>>()?;
        let prefix = match prefix.trim_matches('/') {
            "" => PREFIX.to_owned(),
            path if path.chars().all(|c| c.is_ascii_graphic()) => format!("/{path}"),
            _ => return Err(wrong("its prefix has characters other than visible ASCII")),
        };
        Ok(Self {
            endpoints,
            prefix,
            tls: None,
            user: None,
        })
    }
}

/// As it may be shown: members and prefix.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd://{}{}", self.endpoints.join(","), self.prefix)
    }
}

fn endpoint(text: &str) -> Result<String, Refusal> {
    let bare = text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    let (host, port) = match bare {
        Some((host, port)) => (
            host,
            port.parse()
                .map_err(|_| wrong("a port is not a number up to 65535"))?,
        ),
        None => (text, PORT),
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let name = !host.is_empty() && host.chars().all(legal);
    let v6 = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    if name || v6 {
        Ok(format!("{host}:{port}"))
    } else {
        Err(wrong("it names no host, or one with illegal characters"))
    }
}

fn wrong(what: &str) -> Refusal {
    Refusal::new(
        codes::BAD_VALUE,
        format!("the address of the store is not understood: {what}"),
    )
    .with_cure("--store etcd://h1:2379,h2:2379,h3:2379/fabric")
}

/// Reads a PEM file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    std::fs::read(path).map_err(|error| {
        Refusal::new(codes::NO_FILE, format!("cannot read {}: {error}", path.display()))
            .with_cure(format!("ls -l {}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_the_prefix_have_defaults() {
        let address = Address::parse("etcd://10.0.0.1,h2:4001,[2001:db8::1],[::1]:5").unwrap();
        assert_eq!(
            address.endpoints,
            ["10.0.0.1:2379", "h2:4001", "[2001:db8::1]:2379", "[::1]:5"]
        );
        assert_eq!(address.prefix, "/fabric");
        assert_eq!(Address::parse("etcd://h/a/b/").unwrap().prefix, "/a/b");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "h1:2379",
            "http://h",
            "etcd://",
            "etcd://,h",
            "etcd://h:x",
            "etcd://h:70000",
            "etcd://h/\u{e9}",
            "etcd://[zz]:1",
        ] {
            assert_eq!(Address::parse(text).unwrap_err().code, codes::BAD_VALUE, "{text}");
        }
    }

    #[test]
    fn a_password_is_refused_on_the_command_line_and_never_shown() {
        let refusal = Address::parse("etcd://root:hunter2@h1").unwrap_err();
        assert!(!format!("{refusal}").contains("hunter2"));
        let user = User {
            name: "root".into(),
            password: Secret::new("hunter2"),
        };
        let address = Address {
            user: Some(user),
            ..Address::parse("etcd://h1").unwrap()
        };
        assert!(!format!("{address:?} {address}").contains("hunter2"));
    }
}
