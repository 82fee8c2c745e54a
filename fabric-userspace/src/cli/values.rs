//! Flags that several commands share, and how their values are read.

use std::time::Duration;

use clap::Args;

use crate::model::{LinkKind, OuterTpid, Vlan};

/// Exactly one of three ways to say which frames of a port are meant.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(super) struct VlanArgs {
    /// Frames whose outermost tag has this VLAN, 1 to 4094
    #[arg(long, value_name = "N")]
    vlan: Option<Vlan>,
    /// Frames without a tag
    #[arg(long)]
    untagged: bool,
    /// Every frame of the port
    #[arg(long)]
    any: bool,
}

impl VlanArgs {
    pub(super) fn vlan(&self) -> Vlan {
        match self.vlan {
            Some(vlan) => vlan,
            None if self.untagged => Vlan::Untagged,
            None => Vlan::Any,
        }
    }
}

/// What every change can be told.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ChangeArgs {
    /// Only show what would change
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask, even if traffic stops
    #[arg(long, short = 'y')]
    pub(super) yes: bool,
}

/// A positive number of seconds; decimals are allowed.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    const RULE: &str = "expected seconds, as in 10 or 0.5";
    let seconds: f64 = text.parse().map_err(|_| RULE.to_owned())?;
    let legal = seconds > 0.0 && seconds <= 31_536_000.0;
    Some(seconds)
        .filter(|_| legal)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| !time.is_zero())
        .ok_or_else(|| RULE.to_owned())
}

/// Whole seconds, minutes or hours that a change has to be confirmed in.
pub(super) fn window(text: &str) -> Result<Duration, String> {
    const RULE: &str = "expected a time, as in 60s, 5m or 1h";
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(RULE.to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| RULE.to_owned())?;
    let seconds = number.checked_mul(unit).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| RULE.to_owned())
}

/// A kind of links, as documents have it.
pub(super) fn link_kind(text: &str) -> Result<LinkKind, String> {
    let found = LinkKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| {
        format!(
            "expected one of {}",
            LinkKind::ALL.map(LinkKind::as_str).join(", ")
        )
    })
}

/// The EtherType of S-tags.
pub(super) fn outer_tpid(text: &str) -> Result<OuterTpid, String> {
    let all = [OuterTpid::Service, OuterTpid::Customer];
    let found = all.into_iter().find(|tpid| tpid.to_string() == text);
    found.ok_or_else(|| "expected 0x88a8 or 0x8100".to_owned())
}

/// `on` or `off`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_whole_and_has_a_unit() {
        let of = Duration::from_secs;
        for (text, time) in [("60", of(60)), ("60s", of(60)), ("5m", of(300)), ("2h", of(7200))] {
            assert_eq!(window(text), Ok(time), "{text}");
        }
        for bad in ["", "s", "0", "1.5m", "-1", "5d", "60 s", "99999999999999999999h"] {
            assert!(window(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds_are_positive_and_finite() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "nan", "inf", "1e300", "1e-12", "", "5s"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
