use std::ffi::OsString;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use super::{Evpn, STRANGER_CURE, Vni, Wanted};
use crate::cli::parse;
use crate::compile::tests::support::{compile_at, host, valid};
use crate::netlink::{Netlink, VniDevices};

#[test]
fn the_cure_for_a_stranger_is_made_of_legal_command_lines() {
    let parts = STRANGER_CURE.split([';', ',', ':']).map(str::trim);
    let commands: Vec<&str> = parts.filter(|part| part.starts_with("fabric ")).collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        let words = command.split('>').next().unwrap_or(command).split_whitespace();
        let words: Vec<OsString> = words.map(Into::into).collect();
        assert!(parse(&words).is_ok(), "{command}");
    }
}

fn vni() -> Vni {
    let valid = valid(&json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-3999"}],
        "nodes": [{"name": "e1", "datacenter": "dc1"}],
        "tenants": [{"name": "t", "segments": [
            {"name": "s", "attachments": [{"node": "e1", "port": "eth1", "vlan": 5}]}]}],
    }));
    let image = compile_at(&valid, "e1", &host(&valid, "e1", 1500)).unwrap();
    let (name, part) = image.segments.iter().next().unwrap();
    let wanted = Wanted {
        devices: VniDevices {
            vni: 7,
            local: "192.0.2.1".parse().unwrap(),
            udp_port: 4789,
        },
        segment: name.clone(),
        id: part.ids.segment,
        remotes: BTreeMap::new(),
        foreign: BTreeSet::new(),
    };
    Vni::new(wanted, Arc::clone(part))
}

#[tokio::test]
async fn moves_are_counted_on_when_their_vni_is_gone() {
    let mut evpn = Evpn::begin(BTreeSet::new(), Netlink::connect().unwrap());
    let moves = |evpn: &Evpn| (evpn.summary().moved_here, evpn.summary().moved_away);
    let mut first = vni();
    (first.moved_here, first.moved_away) = (3, 2);
    evpn.vnis.insert(7, first);
    assert_eq!(moves(&evpn), (3, 2));
    assert!(evpn.take_out(7).is_some());
    assert_eq!(moves(&evpn), (3, 2));
    let mut again = vni();
    again.moved_here = 1;
    evpn.vnis.insert(7, again);
    assert_eq!(moves(&evpn), (4, 2));
}
