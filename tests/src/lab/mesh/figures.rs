//! Documents, wires and pictures of figures 2 and 3. Each wire is a link of the document, with the same name and ends.

use super::{Figure, Middle, Wire};

/// Three datacenters and a triangle of dedicated lines.
#[derive(Debug)]
pub struct Figure2;

/// One dedicated line, and two providers' networks: IPv4 on one, IPv6 on the other.
#[derive(Debug)]
pub struct Figure3;

const fn line(
    name: &'static str,
    one: (&'static str, &'static str),
    other: (&'static str, &'static str),
) -> Wire {
    Wire {
        name,
        ends: [one, other],
        middle: Middle::Line,
    }
}

impl Figure for Figure2 {
    const TITLE: &'static str = "figure 2";
    const DOCUMENT: &'static str = include_str!("../../../../docs/examples/figure-2.json");
    const SITES: [&'static str; 3] = ["116", "212", "220"];
    const WIRES: &'static [Wire] = &[
        line("lan-100", ("116", "t0"), ("124", "t0")),
        line("lan-200", ("212", "t0"), ("222", "t0")),
        line("224", ("124", "p224"), ("222", "p224")),
        line("226", ("124", "p226"), ("220", "p226")),
        line("228", ("222", "p228"), ("220", "p228")),
    ];
    const CUT: &'static str = "224";
    const PICTURE: &'static str = " MTDC 100                                                    MTDC 200
 A100, B100, 110D ─── 116 ─── 124 ════════ line 224 ════════ 222 ─── 212 ─── A200, B200, 202
                                ╲╲                          ╱╱
                              line 226                  line 228
                                  ╲╲══════════ 220 ══════╱╱
                                     MTDC 250 ─┴── A250, B250
 A: acme, B: globex; at each place one IP address, one MAC and one VLAN for both
";
}

impl Figure for Figure3 {
    const TITLE: &'static str = "figure 3";
    const DOCUMENT: &'static str = include_str!("../../../../docs/examples/figure-3.json");
    const SITES: [&'static str; 3] = ["116", "212", "304"];
    const WIRES: &'static [Wire] = &[
        line("lan-100", ("116", "t0"), ("300", "t0")),
        line("lan-200", ("212", "t0"), ("302", "t0")),
        line("226", ("300", "p226"), ("304", "p226")),
        Wire {
            name: "306",
            ends: [("300", "p306"), ("302", "p306")],
            middle: Middle::Router {
                ends: ["198.51.100.1", "198.51.100.2"],
                own: "198.51.100.9",
            },
        },
        Wire {
            name: "308",
            ends: [("304", "p308"), ("302", "p308")],
            middle: Middle::Router {
                ends: ["2001:db8:308::1", "2001:db8:308::2"],
                own: "2001:db8:308::9",
            },
        },
    ];
    const CUT: &'static str = "306";
    const PICTURE: &'static str = " MTDC 100                                                    MTDC 200
 A100, B100, 110D ─── 116 ─── 300 ──── 306, provider, IPv4 ──── 302 ─── 212 ─── A200, B200, 202
                                ╲╲                              ╱
                              line 226              308, provider, IPv6
                                  ╲╲══════════ 304 ───────────╱
                                     MTDC 250 ─┴── A250, B250
 A: acme, B: globex; at each place one IP address, one MAC and one VLAN for both
";
}
