//! Two tenants with equal addresses at one edge, and behind one Linux host that is a VTEP and speaks BGP.

use std::time::Duration;

use fabric_tests::fabric::{Agent, Launch};
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::frr::Frr;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::wait::{PATIENCE, until_true};
use serde_json::Value;

/// The edge's VTEP.
pub(crate) const HERE: &str = "192.0.2.1";
/// The Linux host's.
pub(crate) const THERE: &str = "192.0.2.2";
/// Another address of the same host, which no document knows.
pub(crate) const STRANGER: &str = "192.0.2.9";

/// Tenant acme.
pub(crate) const VNI_A: u32 = 10_001;
/// Tenant globex, whose hosts have the same addresses as acme's.
pub(crate) const VNI_B: u32 = 10_002;

/// Of both tenants' hosts at the edge.
pub(crate) const CLIENT: &str = "192.168.0.10";
pub(crate) const CLIENT_MAC: &str = "02:00:00:00:0a:10";
/// Of both tenants' hosts behind the Linux host.
pub(crate) const SERVER: &str = "192.168.0.20";
pub(crate) const SERVER_MAC: &str = "02:00:00:00:0b:20";

/// Learned addresses that each segment may have.
pub(crate) const MAC_LIMIT: u32 = 16;

/// Everything runs; hosts have not said a word.
pub(crate) struct Lan {
    // First to go, while its interfaces are there.
    pub(crate) agent: Agent,
    pub(crate) here: Frr,
    /// Runs as long as the test.
    _there: Frr,
    /// `eth1` of the edge, acme.
    pub(crate) client: NetNs,
    /// `eth2`, globex.
    pub(crate) other_client: NetNs,
    /// `eth3`, acme: hears what is flooded.
    pub(crate) quiet: NetNs,
    pub(crate) edge: NetNs,
    /// The Linux host, with a bridge for each VNI: `p1` to acme's server, `p2` to globex's.
    pub(crate) far: NetNs,
    pub(crate) server: NetNs,
    pub(crate) other_server: NetNs,
    pub(crate) net: Net,
}

pub(crate) fn document() -> Value {
    let a = Segment::new("a", 100, 1100)
        .with("vni", VNI_A)
        .with("mac_limit", MAC_LIMIT)
        .at("edge1", "eth1", "untagged", 300)
        .at("edge1", "eth3", "untagged", 301)
        .remote("pathway", 200);
    let b = Segment::new("b", 110, 1110)
        .with("vni", VNI_B)
        .at("edge1", "eth2", "untagged", 310)
        .remote("pathway", 210);
    Site::new(&["edge1"])
        .pathway("pathway", "edge1", THERE, None)
        .tenant("acme", &[a])
        .tenant("globex", &[b])
        .document()
}

impl Lan {
    pub(crate) fn new() -> Self {
        Self::with_ageing(Duration::from_secs(300))
    }

    pub(crate) fn with_ageing(ageing: Duration) -> Self {
        Self::with(ageing, &document())
    }

    pub(crate) fn with(ageing: Duration, document: &Value) -> Self {
        let net = Net::new().unwrap();
        let [client, other_client, quiet, edge, far, server, other_server] =
            ["client", "client2", "quiet", "edge1", "far", "server", "server2"]
                .map(|label| net.host(label).unwrap());
        let host = |host: &NetNs, mac: &str, address: &str| {
            End::client(host, "eth0")
                .mac(mac)
                .address(&format!("{address}/24"))
        };
        net.veth(host(&client, CLIENT_MAC, CLIENT), End::port(&edge, "eth1"))
            .unwrap();
        net.veth(host(&other_client, CLIENT_MAC, CLIENT), End::port(&edge, "eth2"))
            .unwrap();
        net.veth(End::client(&quiet, "eth0"), End::port(&edge, "eth3"))
            .unwrap();
        net.veth(
            End::port(&edge, "u0").mtu(1600).address(&format!("{HERE}/24")),
            End::client(&far, "eth0")
                .mtu(1600)
                .address(&format!("{THERE}/24")),
        )
        .unwrap();
        for (at, port) in [(&server, "p1"), (&other_server, "p2")] {
            net.veth(host(at, SERVER_MAC, SERVER), End::client(&far, port))
                .unwrap();
        }
        vtep(&net, &far, VNI_A, THERE, "p1");
        vtep(&net, &far, VNI_B, THERE, "p2");
        let there = Frr::start(&far, THERE, HERE).unwrap();
        let here = Frr::start(&edge, HERE, THERE).unwrap();
        let agent = Launch::new(&edge, "edge1")
            .document(document)
            .ageing(ageing)
            .evpn()
            .start()
            .unwrap();
        let lan = Self {
            agent,
            here,
            _there: there,
            client,
            other_client,
            quiet,
            edge,
            far,
            server,
            other_server,
            net,
        };
        lan.here.wait_established().unwrap();
        // Type 3 routes for both VNIs: from then on every station is told.
        for vni in [VNI_A, VNI_B] {
            let flood = "00:00:00:00:00:00";
            until_true(PATIENCE, "the edge's VTEP to be known", || {
                Ok(lan.vtep_of(vni, flood) == Some(HERE.to_owned()))
            })
            .unwrap();
        }
        lan
    }

    /// The VTEP behind which the Linux host has a station, by BGP.
    pub(crate) fn vtep_of(&self, vni: u32, mac: &str) -> Option<String> {
        vtep_of(&self.far, &format!("vx{vni}"), mac)
    }

    /// Waits until the Linux host has a station behind the edge, or has not.
    pub(crate) fn wait_told(&self, vni: u32, mac: &str, told: bool) {
        let what = format!("the Linux host to have {mac} behind {HERE}: {told}");
        until_true(PATIENCE, &what, || {
            Ok((self.vtep_of(vni, mac).as_deref() == Some(HERE)) == told)
        })
        .unwrap();
    }

    /// The edge's entry for a station: its kind and the way.
    pub(crate) fn entry(&self, segment: &str, mac: &str) -> Option<(String, String)> {
        let fdb = self.agent.get(&format!("/v1/fdb?segment={segment}")).unwrap();
        let entries = fdb["items"].as_array().unwrap();
        let entry = entries.iter().find(|entry| entry["mac"] == mac)?;
        let text = |key: &str| entry[key].as_str().unwrap().to_owned();
        Some((text("kind"), text("via")))
    }

    /// Waits until the edge has a station where BGP says.
    pub(crate) fn wait_held(&self, segment: &str, vni: u32, mac: &str) {
        let way = ("evpn".to_owned(), format!("u0 vni {vni} {THERE}"));
        until_true(PATIENCE, &format!("{mac} to be held"), || {
            Ok(self.entry(segment, mac).as_ref() == Some(&way))
        })
        .unwrap();
    }

    /// Waits until the edge has no entry for a station.
    pub(crate) fn wait_gone(&self, segment: &str, mac: &str) {
        until_true(PATIENCE, &format!("{mac} to be gone"), || {
            Ok(self.entry(segment, mac).is_none())
        })
        .unwrap();
    }

    /// Gives the Linux host a station at a port of its bridge that has never sent a frame.
    pub(crate) fn far_station(&self, verb: &str, mac: &str, port: &str) {
        let words = ["bridge", "fdb", verb, mac, "dev", port, "master", "dynamic"];
        self.far.output(&words).unwrap();
    }

    /// A value of the agent's metrics.
    pub(crate) fn metric(&self, sample: &str) -> f64 {
        let text = self.agent.text("/metrics").unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {sample} in {text}"))
            .parse()
            .unwrap()
    }
}

/// A VXLAN device that learns nothing by itself, in a bridge with the port of a host.
pub(crate) fn vtep(net: &Net, far: &NetNs, vni: u32, local: &str, port: &str) {
    let (device, bridge) = (format!("vx{vni}"), format!("br{vni}"));
    let add = format!("ip link add {device} type vxlan id {vni} local {local} dstport 4789 nolearning");
    let words: Vec<&str> = add.split(' ').collect();
    far.output(&words).unwrap();
    net.bridge(far, &bridge, &[port, &device]).unwrap();
    let words = format!("ip link set {device} type bridge_slave learning off");
    let words: Vec<&str> = words.split(' ').collect();
    far.output(&words).unwrap();
}

/// The destination in a VXLAN device's own table; only what BGP has put there.
pub(crate) fn vtep_of(host: &NetNs, device: &str, mac: &str) -> Option<String> {
    let shown = host.output(&["bridge", "-j", "fdb", "show"]).unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let entries = shown.as_array().unwrap().iter();
    let mut of_station = entries.filter(|entry| entry["mac"] == mac && entry["ifname"] == device);
    // A station that has moved to a port of the host's own keeps its old VTEP here, without the bridge's entry.
    let in_bridge = of_station.clone().any(|entry| entry.get("master").is_some());
    let vtep = of_station.find_map(|entry| entry["dst"].as_str())?;
    (in_bridge || mac == "00:00:00:00:00:00").then(|| vtep.to_owned())
}
