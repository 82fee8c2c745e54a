//! A client's request to a storage machine: who is in charge, whether it has answered, and his connection are looked at.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Fabric, NODE};
use crate::bench::device::{Expected, FROM, TO, VLAN, Work};
use crate::fabric::Agent;
use crate::fixtures::{Segment, Site};
use crate::frame::{Frame, eth};
use crate::wait;

const SERVICE: [u8; 4] = [10, 10, 10, 100];
const CLIENT: [u8; 4] = [10, 10, 10, 10];
/// iSCSI.
const PORT: u16 = 3260;

pub(super) const ROW: Fabric = Fabric {
    name: "fabric storage",
    work: Work::Other,
    document,
    ports: ["in0", "out0"],
    input: request,
    expected: |length| Expected::Exactly(request(length)),
    after: leave_alone,
};

fn document() -> Value {
    let segment = Segment::new("v10", 101, 1101)
        .at(NODE, "in0", VLAN, 301)
        .at(NODE, "out0", VLAN, 302);
    let mut document = Site::new(&[NODE]).tenant("acme", &[segment]).document();
    document["storage"] = json!([{
        "name": "vsm", "mac": TO, "tcp_port": PORT,
        "segments": [{"segment": "v10", "address": "10.10.10.100", "probe_address": "10.10.10.250"}],
        "members": [{"name": "array", "node": NODE, "port": "out0"}],
    }]);
    document
}

/// Its probes would be among the frames that are counted. In the data path nothing changes.
fn leave_alone(agent: &mut Agent) -> Result<()> {
    wait::until_true(Duration::from_secs(5), "a member in charge", || {
        let shown = agent.json(&["storage", "show", "vsm"])?;
        Ok(shown["items"][0]["members"][0]["role"] == "working")
    })?;
    agent.kill9()
}

/// With data, which must be acknowledged.
fn request(length: usize) -> Frame {
    let header = eth(TO, FROM)
        .vlan(VLAN)
        .ipv4(CLIENT, SERVICE)
        .tcp(40_000, PORT, 1, 1);
    let have = header.len();
    header.raw(vec![7; length.saturating_sub(have)])
}
