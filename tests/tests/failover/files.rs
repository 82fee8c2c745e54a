//! Servers of files: what a client of NFS and one of SMB sees of the death of the working member. Both members serve one folder, as
//! machines with a file system in common do.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fabric_tests::storage::{Disk, Load, MEMBERS, Protocol, Rig, RigOptions, SERVICE, Server, volume};
use fabric_tests::wait;

use super::support::{LONG, SOME};

/// Two members of `protocol`, and the folder that they serve.
fn serving(protocol: Protocol) -> (Rig, Vec<Server>, PathBuf) {
    let options = RigOptions {
        tcp_port: Some(protocol.port()),
        ..RigOptions::default()
    };
    let rig = Rig::start(&options).unwrap();
    let export = rig.folder("shared").unwrap();
    let start = |(member, name): (_, &&str)| {
        let folder = rig.folder(name).unwrap();
        let address = SERVICE.parse().unwrap();
        Server::of_folder(protocol, member, address, (&folder, &export)).unwrap()
    };
    let servers = rig.members.iter().zip(&MEMBERS).map(start).collect();
    rig.wait_all_up().unwrap();
    (rig, servers, export)
}

/// NFS version 3 has no state that dies with the server: a handle means the same file at the other one, and the open file goes on.
#[test]
fn an_open_file_of_nfs_goes_on_with_the_other_member() {
    let (rig, mut servers, export) = serving(Protocol::Nfs);
    let file = volume(&export.join("disk.img"), 64 << 20).unwrap();
    let folder = rig.folder("client").unwrap();
    let disk = Disk::nfs(&rig.client, &folder, SERVICE.parse().unwrap(), "disk.img").unwrap();
    let load = Load::write(&rig.client, &disk.target(), 1).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    servers[0].kill_hard().unwrap();
    rig.wait_working(MEMBERS[1]).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let record = load.stop().unwrap();
    println!("NFS, killed: stall {:?}", record.longest_stall().length());
    assert_eq!((&record.io_errors[..], &record.breaks[..]), (&[][..], &[][..]));
    let verdict = record.verify(&file).unwrap();
    assert!(
        verdict.acknowledged >= 2 * SOME && verdict.lost.is_empty(),
        "{verdict:?}"
    );
}

/// What a client of SMB has open is state of the server that dies with it (MS-SMB2 section 3.2.7.1: only durable and persistent
/// handles outlive a connection, and these need servers that share them). The session ends with an error at once, which is the
/// fabric's part in it; the client's next connection finds the other member, under the same name, with the same files.
#[test]
fn a_session_of_smb_ends_at_once_and_the_next_one_finds_the_other_member() {
    let (rig, mut servers, export) = serving(Protocol::Smb);
    let folder = rig.folder("client").unwrap();
    std::fs::write(folder.join("data"), vec![0x5a; 1 << 20]).unwrap();
    std::fs::write(
        folder.join("pause"),
        "touch paused; for try in $(seq 2000); do [ -e go ] && exit; sleep 0.01; done\n",
    )
    .unwrap();
    std::fs::write(folder.join("session"), "put data one\n!sh pause\nput data two\n").unwrap();
    std::fs::write(folder.join("again"), "put data two\nget one back\n").unwrap();
    let smb = |commands: &str| {
        let commands = std::fs::File::open(folder.join(commands)).unwrap();
        let mut command = rig.client.command("smbclient");
        command
            .current_dir(&folder)
            .args(["-N", &format!("//{SERVICE}/vol1")])
            .stdin(commands);
        command
    };
    std::thread::scope(|scope| {
        let session = scope.spawn(|| {
            let output = smb("session").output().unwrap();
            (
                String::from_utf8_lossy(&output.stdout).into_owned(),
                Instant::now(),
            )
        });
        wait::until_true(LONG, "the session to be open", || {
            Ok(folder.join("paused").exists())
        })
        .unwrap();
        servers[0].kill_hard().unwrap();
        let killed = Instant::now();
        std::fs::write(folder.join("go"), "").unwrap();
        let (said, ended) = session.join().unwrap();
        println!(
            "SMB, killed: the session ended after {:?}: {said}",
            ended - killed
        );
        assert!(said.contains("NT_STATUS_CONNECTION_"), "{said}");
        assert!(ended - killed < Duration::from_secs(5), "{:?}", ended - killed);
        let again = smb("again").output().unwrap();
        println!("SMB: served again {:?} after the kill", killed.elapsed());
        assert!(again.status.success(), "{again:?}");
    });
    assert_eq!(rig.working().unwrap().as_deref(), Some(MEMBERS[1]));
    let same = |path: &Path| std::fs::read(path).unwrap() == vec![0x5a; 1 << 20];
    assert!(same(&folder.join("back")) && same(&export.join("two")));
}
