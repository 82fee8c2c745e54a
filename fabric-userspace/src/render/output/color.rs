//! Whether a stream is coloured: by `--color`, the terminal, and `NO_COLOR`, `TERM` and `CLICOLOR_FORCE`.

use std::env;
use std::ffi::OsStr;

/// When colours are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says no.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl ColorChoice {
    /// Whether a stream is coloured.
    pub fn applies_to(self, is_terminal: bool) -> bool {
        let variable = |name: &str| env::var_os(name);
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let environment = Environment {
            no_color: is_set("NO_COLOR"),
            is_dumb: variable("TERM").as_deref() == Some(OsStr::new("dumb")),
            is_forced: is_set("CLICOLOR_FORCE")
                && variable("CLICOLOR_FORCE").as_deref() != Some("0".as_ref()),
        };
        self.in_environment(is_terminal, &environment)
    }

    fn in_environment(self, is_terminal: bool, environment: &Environment) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                environment.is_forced || (is_terminal && !environment.no_color && !environment.is_dumb)
            }
        }
    }
}

struct Environment {
    /// `NO_COLOR` is set and not empty (no-color.org).
    no_color: bool,
    /// `TERM=dumb`.
    is_dumb: bool,
    /// `CLICOLOR_FORCE` is set and not 0 (bixense.com/clicolors).
    is_forced: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_needs_a_terminal_or_force_and_nobody_who_says_no() {
        let with = |no_color, is_dumb, is_forced| Environment {
            no_color,
            is_dumb,
            is_forced,
        };
        let auto =
            |terminal, environment: Environment| ColorChoice::Auto.in_environment(terminal, &environment);
        assert!(auto(true, with(false, false, false)));
        assert!(!auto(false, with(false, false, false)));
        assert!(!auto(true, with(true, false, false)));
        assert!(!auto(true, with(false, true, false)));
        assert!(auto(false, with(true, true, true)));
        assert!(ColorChoice::Always.in_environment(false, &with(true, true, false)));
        assert!(!ColorChoice::Never.in_environment(true, &with(false, false, true)));
    }
}
