//! Everything in the kernel that is there because of one agent.

use std::process::Command;

use aya::maps::MapData;
use aya::programs::links::{FdLink, PinnedLink};
use fabric_common::maps::name;
use fabric_tests::fabric::{Agent, Objects};
use fabric_tests::netns::run_tool;
use serde_json::Value;

use super::pins;

/// What it has open, what it has pinned, and the inner maps of the flood lists. An object lives by a descriptor, a pin,
/// an attachment or another object, so nothing else can have outlived its use.
pub(crate) fn owned(agent: &Agent) -> Objects {
    let mut objects = agent.objects().unwrap();
    let folder = agent.state_dir().join("bpf");
    for pin in pins(agent).iter().filter(|pin| pin.starts_with("links/")) {
        let link = FdLink::from(PinnedLink::from_pin(folder.join(pin)).unwrap());
        let link = link.info().unwrap();
        objects.links.insert(link.id());
        objects.programs.insert(link.program_id());
    }
    let is_map = |pin: &&String| pin.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    for pin in pins(agent).iter().filter(is_map) {
        let map = MapData::from_pin(folder.join(pin)).unwrap();
        objects.maps.insert(map.info().unwrap().id());
    }
    let mut dump = Command::new("bpftool");
    dump.args(["-j", "map", "dump", "pinned"])
        .arg(folder.join(name::FLOOD));
    let lists: Value = serde_json::from_str(&run_tool(&mut dump).unwrap()).unwrap();
    let inner = lists.as_array().unwrap().iter().map(|list| {
        // A number as its bytes: ["0x1f","0x00","0x00","0x00"].
        let bytes = list["value"]
            .as_array()
            .unwrap_or_else(|| panic!("{list}"))
            .iter()
            .rev();
        bytes.fold(0, |id, byte| {
            let byte = byte.as_str().unwrap().trim_start_matches("0x");
            id << 8 | u32::from_str_radix(byte, 16).unwrap()
        })
    });
    objects.maps.extend(inner);
    objects
}

/// How many descriptors it has open.
pub(crate) fn open_files(agent: &Agent) -> usize {
    let folder = format!("/proc/{}/fd", agent.pid().unwrap());
    std::fs::read_dir(folder).unwrap().count()
}
