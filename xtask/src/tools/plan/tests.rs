use super::*;

/// A Debian machine with rustup, rust-src and bpf-linker.
fn ready() -> Facts {
    Facts {
        apt: Some("debian".into()),
        rustup: Some(Rustup {
            toolchain: "stable".into(),
            source: true,
        }),
        linkers: vec![Version::RustcLlvm],
        ..Facts::default()
    }
}

fn rustup() -> Toolchain {
    Toolchain::Rustup("stable".into())
}

fn without_source() -> Facts {
    Facts {
        rustup: Some(Rustup {
            toolchain: "stable".into(),
            source: false,
        }),
        ..ready()
    }
}

#[test]
fn a_ready_machine_needs_nothing() {
    let plan = plan(&ready(), Choice::Auto).unwrap();
    assert_eq!((plan.toolchain, plan.actions), (rustup(), vec![]));
}

#[test]
fn rust_src_comes_before_the_linker() {
    let facts = Facts {
        linkers: vec![],
        ..without_source()
    };
    let actions = plan(&facts, Choice::Auto).unwrap().actions;
    assert_eq!(
        actions,
        [
            Action::RustSource {
                toolchain: "stable".into()
            },
            Action::Linker(rustup())
        ]
    );
}

#[test]
fn refused_sources_lead_to_the_systems_packages_in_one_installation() {
    let facts = Facts {
        source_refused: true,
        missing_commands: vec!["tshark"],
        ..without_source()
    };
    let plan = plan(&facts, Choice::Auto).unwrap();
    let packages = [
        "tshark",
        "rustc-web",
        "cargo-web",
        "rust-web-src",
        "llvm-22-dev",
        "libpolly-22-dev",
    ];
    assert_eq!(plan.toolchain, Toolchain::System);
    assert_eq!(
        plan.actions,
        [
            Action::Packages(packages.into()),
            Action::Linker(Toolchain::System)
        ]
    );
}

#[test]
fn without_rustup_the_system_builds() {
    let facts = Facts {
        rustup: None,
        system: System {
            rust: true,
            llvm: true,
        },
        ..ready()
    };
    let plan = plan(&facts, Choice::Auto).unwrap();
    assert_eq!(
        (plan.toolchain, plan.actions),
        (Toolchain::System, vec![Action::Linker(Toolchain::System)])
    );
}

#[test]
fn a_ready_system_is_not_passed_over_for_a_download() {
    let facts = Facts {
        system: System {
            rust: true,
            llvm: false,
        },
        linkers: vec![Version::SystemLlvm],
        ..without_source()
    };
    let plan = plan(&facts, Choice::Auto).unwrap();
    assert_eq!((plan.toolchain, plan.actions), (Toolchain::System, vec![]));
}

#[test]
fn each_toolchain_can_be_forced() {
    let facts = Facts {
        source_refused: true,
        ..without_source()
    };
    assert_eq!(plan(&facts, Choice::Rustup).unwrap().toolchain, rustup());
    assert_eq!(
        plan(&ready(), Choice::System).unwrap().toolchain,
        Toolchain::System
    );
}

#[test]
fn forcing_rustup_without_rustup_is_refused() {
    let facts = Facts {
        rustup: None,
        ..ready()
    };
    let error = plan(&facts, Choice::Rustup).unwrap_err();
    assert_eq!(error.downcast_ref::<Failure>().unwrap().code, "no-rustup");
}

#[test]
fn without_apt_missing_commands_are_refused_by_name() {
    let facts = Facts {
        apt: None,
        missing_commands: vec!["tshark", "ip"],
        ..ready()
    };
    let error = plan(&facts, Choice::Auto).unwrap_err();
    let failure = error.downcast_ref::<Failure>().unwrap();
    assert_eq!(failure.code, "tools-missing");
    assert!(failure.what.contains("tshark, ip"), "{}", failure.what);
}

#[test]
fn without_apt_a_complete_machine_works() {
    assert!(
        plan(&Facts { apt: None, ..ready() }, Choice::Auto)
            .unwrap()
            .actions
            .is_empty()
    );
}
