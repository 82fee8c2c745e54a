//! What stays in the BPF file system when an agent ends, and how it goes.

use std::io;
use std::path::Path;

use aya::maps::{Map, MapData, ProgramArray};
use fabric_common::maps::{after, name};

use super::bpffs;

/// Maps that are pinned; with them an agent can be replaced.
pub(super) const PINNED: &[&str] = &[
    name::LAYOUT,
    name::PORTS,
    name::ACCESS,
    name::TAGS,
    name::TUNNEL_KEYS,
    name::BINDINGS,
    name::TUNNELS,
    name::VTEPS,
    name::LINES,
    name::LABEL_SITES,
    name::ROUTES,
    name::SEGMENTS,
    name::FDB,
    name::NEXT_HOPS,
    name::PATHS,
    name::VSMS,
    name::VSM_PLACES,
    name::FLOWS,
    name::IRBS,
    name::PREFIXES,
    name::NEIGHBOURS,
    name::FLOOD,
    name::FLOOD_NEXT_HOPS,
    name::SILENT,
    name::SWITCHES,
    name::EGRESS,
    name::COUNT_IN,
    name::COUNT_OUT,
    name::COUNT_DROPS,
    name::FLOOD_SEQUENCE,
    name::FLOOD_PROGRESS,
    name::TOO_BIG,
    name::TELL_LIMITS,
    name::ROUTED,
    name::AFTER,
];

/// Removes the pins of an agent that was killed before its maps were complete, or while it took them down.
pub(super) fn clear(directory: &Path) -> io::Result<()> {
    empty_programs(directory);
    PINNED
        .iter()
        .chain(&["links"])
        .try_for_each(|pin| bpffs::unpin(&directory.join(pin)))
}

/// Unmounts the pins, after the last link is gone: programs and maps end with their last user.
pub(super) fn release(directory: &Path) -> io::Result<()> {
    empty_programs(directory);
    bpffs::release(directory)
}

/// Takes the programs out of the array that holds them, as far as that is possible.
///
/// The kernel empties an array of programs when its last user lets go, in work that waits for a grace period for each program
/// that jumps through a full slot (`bpf_arch_poke_desc_update`). Somebody who looks at the array twice meanwhile makes that
/// work due again while it waits already, and the reference taken for it is never given back (`prog_array_map_clear`; seen on
/// Linux 6.18): the array would stay for ever. Emptied before, there is nothing to wait for.
fn empty_programs(directory: &Path) {
    let pinned = MapData::from_pin(directory.join(name::AFTER)).map(Map::ProgramArray);
    let Some(mut array) = pinned.ok().and_then(|map| ProgramArray::try_from(map).ok()) else {
        return;
    };
    for place in 0..after::COUNT {
        // At worst it is what is said above.
        let _ = array.clear_index(&place);
    }
}
