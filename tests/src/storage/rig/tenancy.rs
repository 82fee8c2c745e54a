//! The rig's tenants, and the document with their storage machines.

use std::path::Path;

use serde_json::{Value, json};

use super::{MEMBERS, PROBE, RigOptions, SECOND_VSM, SERVICE, SERVICE_MAC, VSM};
use crate::fixtures::{Segment, Site};

/// What one tenant has in a rig.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tenancy {
    name: &'static str,
    pub(super) vsm: &'static str,
    /// Behind the names of his namespaces and folders.
    suffix: &'static str,
    /// 0 or 1.
    number: u16,
}

pub(super) const TENANCIES: [Tenancy; 2] = [
    Tenancy {
        name: "acme",
        vsm: VSM,
        suffix: "",
        number: 0,
    },
    Tenancy {
        name: "globex",
        vsm: SECOND_VSM,
        suffix: "b",
        number: 1,
    },
];

impl Tenancy {
    pub(super) fn label(self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }

    pub(super) fn client_port(self) -> String {
        format!("eth{}", 10 * self.number + 1)
    }

    pub(super) fn member_port(self, machine: usize) -> String {
        format!("eth{}", usize::from(10 * self.number) + 2 + machine)
    }

    pub(super) fn copy_port(self, machine: usize) -> String {
        format!("copy{}", usize::from(10 * self.number) + machine)
    }

    /// The machine that he prefers, and the one that it copies to.
    pub(super) fn pair(self) -> [usize; 2] {
        if self.number == 0 { [0, 1] } else { [1, 0] }
    }

    fn segments(self, members: usize) -> [Segment; 2] {
        let new = |what: &str, kind| {
            let at = 2 * self.number + kind;
            Segment::new(&format!("{}-{what}", self.name), 100 + at, 1100 + at)
        };
        let first = 301 + 40 * self.number;
        let mut lan = new("storage", 0).at("edge1", &self.client_port(), "untagged", first);
        let mut copy = new("copy", 1);
        for number in 0..members {
            let c_vid = first + u16::try_from(number).unwrap_or(0);
            lan = lan.at("edge1", &self.member_port(number), "untagged", c_vid + 1);
            copy = copy.at("edge1", &self.copy_port(number), "untagged", c_vid + 11);
        }
        [lan, copy]
    }

    fn vsm(self, options: &RigOptions, folder: &Path) -> Value {
        let member = |(number, name): (usize, &&str)| {
            let mut member = json!({"name": name, "node": "edge1", "port": self.member_port(number)});
            if options.copied {
                let monitor = folder.join(self.label(name)).join("member.watch");
                member["monitor"] = json!(monitor.display().to_string());
            }
            member
        };
        let mut members: Vec<Value> = MEMBERS
            .iter()
            .take(options.members)
            .enumerate()
            .map(member)
            .collect();
        if self.number == 1 {
            members.reverse();
        }
        let mut place = json!({"segment": format!("{}-storage", self.name), "address": SERVICE});
        if options.tcp_port.is_some() {
            place["probe_address"] = json!(PROBE);
        }
        let mut vsm = json!({
            "name": self.vsm,
            "mac": SERVICE_MAC,
            "segments": [place],
            "members": members,
            "health": options.health,
        });
        if let Some(port) = options.tcp_port {
            vsm["tcp_port"] = json!(port);
        }
        if options.copied {
            vsm["replication"] = json!("sync");
        }
        vsm
    }
}

pub(super) fn copy_address(number: usize) -> String {
    format!("10.12.0.{}", 10 + number)
}

/// `options` are those of the first tenant and of the second.
pub(super) fn document(options: [&RigOptions; 2], folder: &Path) -> Value {
    let [first, _] = options;
    let tenancies = &TENANCIES[..1 + usize::from(first.shared)];
    let site = Site::new(&["edge1"]);
    let site = tenancies.iter().fold(site, |site, tenancy| {
        site.tenant(tenancy.name, &tenancy.segments(first.members))
    });
    let mut document = site.document();
    let storage: Vec<Value> = tenancies
        .iter()
        .zip(options)
        .map(|(tenancy, options)| tenancy.vsm(options, folder))
        .collect();
    document["storage"] = json!(storage);
    document
}
