//! Namespaces come with names of their own and go completely.

use std::path::Path;
use std::process::Command;

use fabric_tests::netns::{Scope, pids_inside, release, sweep};
use fabric_tests::topology::{End, Net};
use fabric_tests::wait::{PATIENCE, until_true};

fn exists(name: &str) -> bool {
    Path::new("/run/netns").join(name).exists()
}

#[test]
fn a_scope_takes_names_links_and_processes_along() {
    let net = Net::new().unwrap();
    let (one, other) = (net.host("one").unwrap(), net.host("other").unwrap());
    net.veth(End::client(&one, "eth0"), End::client(&other, "eth0"))
        .unwrap();
    let mut sleeper = one.command("sleep").arg("1000").spawn().unwrap();
    assert_eq!(pids_inside(&one).unwrap(), [sleeper.id().cast_signed()]);
    net.tear_down().unwrap();
    assert!(!exists(one.name()) && !exists(other.name()));
    assert!(
        one.links().unwrap().is_empty(),
        "links live on in a namespace that a handle holds"
    );
    assert!(!sleeper.wait().unwrap().success());
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let mut name = String::new();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let scope = Scope::new().unwrap();
        scope.namespace("doomed").unwrap().name().clone_into(&mut name);
        assert!(!exists(&name), "{name} is there, as it should be");
    }));
    assert!(panicked.is_err() && !exists(&name) && name.ends_with("-doomed"));
}

#[test]
fn threads_and_commands_inside_see_only_the_namespace_and_all_mounts() {
    let scope = Scope::new().unwrap();
    let inside = scope.namespace("inside").unwrap();
    let links = inside
        .run(|| Ok(std::fs::read_to_string("/proc/thread-self/net/dev")?))
        .unwrap();
    assert_eq!(links.lines().count(), 3, "more than loopback: {links}");
    assert!(inside.output(&["ip", "-br", "link"]).unwrap().starts_with("lo "));
    let mount_of = |command: &mut Command| command.arg("/proc/self/ns/mnt").output().unwrap().stdout;
    assert_eq!(
        mount_of(&mut inside.command("readlink")),
        mount_of(&mut Command::new("readlink"))
    );
    let refused = inside.output(&["ip", "link", "show", "nosuch0"]).unwrap_err();
    assert!(format!("{refused:#}").contains("nosuch0"), "{refused:#}");
}

#[test]
fn a_name_is_never_given_twice() {
    let scope = Scope::new().unwrap();
    scope.namespace("same").unwrap();
    assert!(scope.namespace("same").is_err());
    assert!(Scope::new().unwrap().namespace("same").is_ok());
}

/// The process id above the kernel's largest is nobody's. The orphan lives inside before the name exists, because another test
/// program may sweep at any moment, too.
#[test]
fn a_sweep_removes_what_dead_processes_left_and_nothing_of_the_living() {
    let scope = Scope::new().unwrap();
    let living = scope.namespace("living").unwrap();
    let cradle = scope.namespace("cradle").unwrap();
    let mut orphan = cradle.command("sleep").arg("1000").spawn().unwrap();
    let dead = format!("fab{}-1-left", 4_194_305 + std::process::id());
    let attach = ["netns", "attach", &dead, &orphan.id().to_string()];
    assert!(Command::new("ip").args(attach).status().unwrap().success());
    sweep().unwrap();
    until_true(PATIENCE, "the name to go", || Ok(!exists(&dead))).unwrap();
    assert!(exists(living.name()));
    assert!(!orphan.wait().unwrap().success());
}

#[test]
fn what_is_kept_stays_until_released() {
    let scope = Scope::new().unwrap();
    let name = scope.namespace("kept").unwrap().name().to_owned();
    let prefix = scope.keep().unwrap();
    assert!(exists(&name));
    sweep().unwrap();
    assert!(exists(&name));
    assert_eq!(release(&prefix).unwrap(), [name.as_str()]);
    assert!(!exists(&name));
}
