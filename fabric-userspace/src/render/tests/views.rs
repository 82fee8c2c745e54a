use std::collections::HashMap;
use std::time::Duration;

use super::{assert_text, data, item, list};
use crate::api::{Envelope, Item, Pending, Segment, Status, Tenant};
use crate::render::status::TrafficRates;
use crate::render::{doctor, document, fdb, link, node, plant, port, segment, status, tenant};

#[test]
fn status_tells_what_is_wrong_and_what_to_do() {
    let answer: Envelope<Item<Status>> = serde_json::from_str(data!("status")).expect("a status");
    let mut before = answer.body.item.traffic;
    before.received_frames -= 1000;
    before.dropped_frames -= 1;
    let rates = TrafficRates::between(&before, &answer.body.item.traffic, Duration::from_millis(250));
    let now = 1_795_337_527.412 + 7_860.0;
    let expected = "\
node     edge1, datacenter dc1
agent    0.1.0, up 3d4h, pid 812
state    degraded
status   port eth4 is unsafe, its frames are dropped
action   fabric doctor eth4
config   revision 43, applied 2h11m ago, store file
ports    6, native XDP, map layout 1
fdb      18202 of 1048576 entries
traffic  in 4.00 kpps  out 0 pps  dropped 4 pps
";
    assert_text(&status::lines(&answer, &rates, now, false), expected);
}

#[test]
fn status_says_what_waits_to_be_confirmed() {
    let mut answer: Envelope<Item<Status>> = serde_json::from_str(data!("status")).expect("a status");
    let mut pending = Pending {
        revision: 43,
        before: 42,
        window_seconds: 60,
        left_seconds: 41,
        by: None,
    };
    let mut is_told = |pending: &Pending, expected: &str| {
        answer.body.item.pending = Some(pending.clone());
        let lines = status::lines(&answer, &TrafficRates::default(), 0.0, false);
        assert_text(&lines[6..7], expected);
    };
    is_told(
        &pending,
        "confirm  revision 42 comes back in 41 s unless confirmed: fabric confirm 43\n",
    );
    pending.left_seconds = 0;
    is_told(&pending, "confirm  revision 42 comes back in place of 43\n");
}

#[test]
fn a_node_without_a_document_says_so() {
    let mut answer: Envelope<Item<Status>> = serde_json::from_str(data!("status")).expect("a status");
    let status = &mut answer.body.item;
    (status.datacenter, status.applied_at, answer.revision) = (None, None, 0);
    status.state = "ok".to_owned();
    status.problems.clear();
    status.desired_revision = 0;
    let lines = status::lines(&answer, &TrafficRates::default(), 0.0, true);
    let expected = "\
node     edge1, not in the document
agent    0.1.0, up 3d4h, pid 812
state    ok
config   revision 0, nothing applied yet, store file
ports    6, native XDP, map layout 1
fdb      18202 of 1048576 entries
traffic  in -  out -  dropped -
totals   in 391043 = redirected 390990 + passed 12 + dropped 41; out 391002, copies dropped 3
";
    assert_text(&lines, expected);
}

#[test]
fn tenants_are_listed_with_rates() {
    let tenants: Vec<Tenant> = list(data!("tenants"));
    let mut before = tenants.clone();
    before[0].received.frames -= 100;
    before.remove(1);
    let rates = tenant::rates_between(&before, &tenants, Duration::from_millis(250));
    let expected = "\
TENANT  SEGMENTS  ATTACHMENTS   MACS       IN    OUT
acme           2            4    812  400 pps  0 pps
globex         1            1  17390        -      -
";
    assert_text(&tenant::list(&tenants, &rates, false), expected);
    let wide = "\
TENANT  SEGMENTS  ATTACHMENTS   MACS  IN  OUT  MAC-LIMIT  IN-FRAMES   IN-BYTES  OUT-FRAMES  OUT-BYTES  S-VIDS   VNIS
acme           2            4    812   -    -       4096      20161    2016100       19839    1983900  100,101  10001
globex         1            1  17390   -    -      20000     361000  541500000      360900  541350000  111      -
";
    assert_text(&tenant::list(&tenants, &HashMap::new(), true), wide);
}

#[test]
fn a_tenant_is_shown_with_its_segments_and_ends() {
    let tenants: Vec<Tenant> = list(data!("tenants"));
    let expected = "\
acme                2 segments, 4 attachments, 812 of 4096 MACs
  segment acme      S-VID 100  base C-VID 1100  vni 10001  flood 2 ports
    eth1 untagged   edge1      C-VID 300        up         in 40  out 39 frames
    eth10 untagged  edge1      C-VID 302        unsafe     in 7  out 0 frames
    remote pathway  foreign VTEP
  segment acme-v10  S-VID 101  base C-VID 1101  vni -      flood 2 ports, I-SID 1000101, global VID 4001, labels dc2 -> dc1 1001, dc1 -> dc2 2001
    eth1 vlan 10    edge1      C-VID 301        up         in 20114  out 19800 frames
    eth5 vlan 10    edge2      C-VID 201        elsewhere  counted there

globex                1 segment, 1 attachment, 17390 of 20000 MACs
  segment globex-v10  S-VID 111  base C-VID 1111  vni -  flood 1 port
    eth2 any          edge1      C-VID 212        up     in 361000  out 360900 frames
";
    assert_text(&tenant::show(&tenants), expected);
}

fn segments() -> Vec<Segment> {
    let tenants: Vec<Tenant> = list(data!("tenants"));
    tenants.into_iter().flat_map(|tenant| tenant.segments).collect()
}

#[test]
fn segments_are_listed_with_their_tags() {
    let expected = "\
SEGMENT     TENANT  S-VID  C-VID    VNI  ENDS  FLOOD   MACS  MOVES
acme        acme      100   1100  10001     3      2      1      0
acme-v10    acme      101   1101      -     2      2    811      3
globex-v10  globex    111   1111      -     1      1  17390     12
";
    assert_text(&segment::list(&segments(), false), expected);
    let wide = "\
SEGMENT     TENANT  S-VID  C-VID    VNI  ENDS  FLOOD   MACS  MOVES  ID  DATACENTER  MAC-LIMIT  DAMPED  REFUSED  REMOTES
acme        acme      100   1100  10001     3      2      1      0   1  dc1              4096       0        0  pathway
acme-v10    acme      101   1101      -     2      2    811      3   2  dc1              4096       1        2  -
globex-v10  globex    111   1111      -     1      1  17390     12   3  dc1             20000       0        0  -
";
    assert_text(&segment::list(&segments(), true), wide);
}

#[test]
fn a_segment_is_shown_with_its_addresses_and_ends() {
    let expected = "\
acme  tenant acme, datacenter dc1
  tags   S-VID 100, base C-VID 1100, vni 10001
  flood  2 ports
  macs   1 of 4096 learned
  moves  0, 0 frames damped, 0 frames refused
  eth1 untagged   edge1  C-VID 300  up      in 40  out 39 frames
  eth10 untagged  edge1  C-VID 302  unsafe  in 7  out 0 frames
  remote pathway  foreign VTEP

acme-v10  tenant acme, datacenter dc1
  tags    S-VID 101, base C-VID 1101, vni -, I-SID 1000101, global VID 4001
  labels  dc2 -> dc1 1001, dc1 -> dc2 2001
  flood   2 ports
  macs    811 of 4096 learned
  moves   3, 1 frames damped, 2 frames refused
  eth1 vlan 10  edge1  C-VID 301  up         in 20114  out 19800 frames
  eth5 vlan 10  edge2  C-VID 201  elsewhere  counted there
";
    assert_text(&segment::show(&segments()[..2]), expected);
}

#[test]
fn ports_are_listed_in_natural_order() {
    let expected = "\
PORT    ROLE    STATE  DRIVER   MTU  IN-FRAMES  OUT-FRAMES  DROPPED  CARRIES
eth1    access  up     veth    1500      20187       19839       33  acme untagged, acme-v10 vlan 10
eth10   access  gone   -          -          0           0        0  acme untagged
trunk0  trunk   up     ixgbe   9000     370856      371163        8  trunk0
";
    assert_text(&port::list(&list(data!("ports")), false), expected);
    let wide = "\
PORT    ROLE    STATE  DRIVER   MTU  IN-FRAMES  OUT-FRAMES  DROPPED  IFINDEX  MAC                 IN-BYTES  OUT-BYTES  PASSED  DROPPED-COPIES  CARRIES
eth1    access  up     veth    1500      20187       19839       33        7  02:00:00:00:01:01    2016100    1983900       0               0  acme untagged, acme-v10 vlan 10
eth10   access  gone   -          -          0           0        0        -  -                          0          0       0               0  acme untagged
trunk0  trunk   up     ixgbe   9000     370856      371163        8       12  02:00:00:00:01:0c  556284000  556744500      12               3  trunk0
";
    assert_text(&port::list(&list(data!("ports")), true), wide);
}

#[test]
fn a_port_is_shown_with_its_changes_and_drops() {
    let expected = "\
eth1  access  up  driver veth, MTU 1500, MAC 02:00:00:00:01:01, ifindex 7
  options   drop-group-source on, tunnel-lldp off, S-tag PCP rule 0
  changed   rxvlan on -> off, put back at detach
  carries   acme untagged, acme-v10 vlan 10
  received  20187 frames = redirected 20154 + passed 0 + dropped 33; 2016100 bytes
  sent      19839 frames, 1983900 bytes; 0 copies dropped
  dropped   unmapped-vlan 32
            group-source 1

eth10  access  gone  driver -, MTU -, MAC -, ifindex -
  options   drop-group-source on, tunnel-lldp on, S-tag PCP rule 0
  carries   acme untagged
  received  0 frames = redirected 0 + passed 0 + dropped 0; 0 bytes
  sent      0 frames, 0 bytes; 0 copies dropped

trunk0  trunk  up  driver ixgbe, MTU 9000, MAC 02:00:00:00:01:0c, ifindex 12
  options   drop-group-source on, tunnel-lldp off, S-tag PCP rule 0
  carries   trunk0
  received  370856 frames = redirected 370836 + passed 12 + dropped 8; 556284000 bytes
  sent      371163 frames, 556744500 bytes; 3 copies dropped
  dropped   fabric-tag-from-tenant 8
            too-big 3 (copies, on the way out)
";
    assert_text(&port::show(&list(data!("ports"))), expected);
}

#[test]
fn links_are_listed_with_their_spare_bytes() {
    let expected = "\
LINK     KIND      PORT    TO         STATE       SPARE  SEGMENTS
far      mpls-udp  -       -          elsewhere       -         0
pathway  vxlan     eth2    192.0.2.2  up             46         1
trunk0   trunk     trunk0  edge2      unresolved   7482         2
";
    assert_text(&link::list(&list(data!("links")), false), expected);
    let wide = "\
LINK     KIND      PORT    TO         STATE       SPARE  SEGMENTS  VLAN  LOCAL      REMOTE     ENDS
far      mpls-udp  -       -          elsewhere       -         0     -  -          -          router2:u0 = router3:u0
pathway  vxlan     eth2    192.0.2.2  up             46         1   100  192.0.2.1  192.0.2.2  edge1:eth2 = 192.0.2.2
trunk0   trunk     trunk0  edge2      unresolved   7482         2     -  -          -          edge1:trunk0 = edge2:trunk0
";
    assert_text(&link::list(&list(data!("links")), true), wide);
}

#[test]
fn a_link_is_shown_with_its_budget() {
    let expected = "\
far  mpls-udp, transport label 30600  router2:u0 = router3:u0  elsewhere
  taken out of service; to put it back: fabric link up far

pathway  vxlan in VLAN 100  eth2 192.0.2.1 -> 192.0.2.2  up, carries 1 segment
  tenant's MTU                                   1500  1500
  + its Ethernet header 14, one own tag 4          18  1518  tenant's largest frame
  + VXLAN 8, UDP 8, IPv4 20                        36  1554  IP packet on the underlay
  + outer Ethernet 14, VLAN 100 4                  18  1572  on the wire
  eth2 sends MTU 1600 + Ethernet 14 + one tag 4        1618
  spare                                                  46  tenants up to MTU 1546
  carries  acme

trunk0  trunk  trunk0 -> edge2  unresolved, carries 2 segments
  spare    7482
  carries  acme-v10, globex-v10
";
    assert_text(&link::show(&list(data!("links"))), expected);
}

#[test]
fn datacenters_are_listed_and_shown() {
    let expected = "\
DATACENTER  ID  S-VIDS     C-VIDS     LABELS     NODES  SEGMENTS  HERE
dc1          1  100-1099   200-3999   1000-1999      2         3  yes
dc2          2  2000-2999  4000-4094  2000-2999      0         0  -
";
    assert_text(&plant::datacenters(&list(data!("datacenters")), false), expected);
    let wide = "\
DATACENTER  ID  S-VIDS     C-VIDS     LABELS     NODES  SEGMENTS  HERE  VNIS         I-SIDS
dc1          1  100-1099   200-3999   1000-1999      2         3  yes   10000-29999  1000100-1001099
dc2          2  2000-2999  4000-4094  2000-2999      0         0  -     -            -
";
    assert_text(&plant::datacenters(&list(data!("datacenters")), true), wide);
    let shown = "\
dc1  id 1, here
  S-VIDs    100-1099
  C-VIDs    200-3999
  VNIs      10000-29999
  labels    1000-1999
  I-SIDs    1000100-1001099
  nodes     edge1, edge2
  segments  acme, acme-v10, globex-v10

dc2  id 2
  S-VIDs    2000-2999
  C-VIDs    4000-4094
  VNIs      -
  labels    2000-2999
  I-SIDs    -
  nodes     -
  segments  -
";
    assert_text(&plant::show_datacenters(&list(data!("datacenters"))), shown);
}

#[test]
fn nodes_are_shown_with_what_is_at_them() {
    let shown = "\
edge1  datacenter dc1, this node
  ports     eth1 access, eth9, trunk0 pseudowire
  links     pathway, trunk0
  segments  acme, acme-v10

edge2  datacenter dc1
  ports     -
  links     trunk0
  segments  -
";
    assert_text(&plant::show_nodes(&list(data!("node-details"))), shown);
}

#[test]
fn addresses_are_listed_by_segment() {
    let expected = "\
SEGMENT     MAC                VIA                   KIND       AGE  MOVES
acme-v10    28:08:80:52:17:20  trunk0 S 101 | C 201  static       -      0
acme-v10    56:89:6f:88:9d:c7  eth1                  learned     2s      0
globex-v10  f2:98:19:ab:55:b4  pathway vni 10001     learned  3m12s      3
";
    assert_text(&fdb::list(&list(data!("fdb")), false), expected);
    let wide = "\
SEGMENT     MAC                VIA                   KIND       AGE  MOVES  TENANT
acme-v10    28:08:80:52:17:20  trunk0 S 101 | C 201  static       -      0  acme
acme-v10    56:89:6f:88:9d:c7  eth1                  learned     2s      0  acme
globex-v10  f2:98:19:ab:55:b4  pathway vni 10001     learned  3m12s      3  globex
";
    assert_text(&fdb::list(&list(data!("fdb")), true), wide);
}

#[test]
fn doctor_tells_why_and_the_cure() {
    let expected = "\
eth1  access  driver veth, peer c0 in namespace tenant-a                    FAIL
  ok    native XDP, frags         kernel 6.12 redirects jumbo frames
  FAIL  VLAN tags visible to XDP  peer c0 hides them: txvlan on, tx-vlan-stag-hw-insert on
          why: a hidden outer tag is lost on redirect, the frame would leave untagged
          cure: ip netns exec tenant-a ethtool -K c0 txvlan off tx-vlan-stag-hw-insert off
  warn  TCP checksums             peer c0: tx on; ping works, TCP will not
          cure: ip netns exec tenant-a ethtool -K c0 tx off
  ok    MTU 1500                  least spare: trunk0, 0 bytes
eth9  driver ixgbe                                                            ok
  ok  native XDP, frags  yes
1 failed, 1 warning, 3 ok. Nothing was changed. eth1 is not fit until the failed check passes.
";
    assert_text(&doctor::lines(&list(data!("doctor")), false), expected);
    assert!(doctor::has_failed(&list(data!("doctor"))));
    let healthy = "\
eth9  driver ixgbe                                                            ok
  ok  native XDP, frags  native-xdp  yes
0 failed, 0 warnings, 1 ok. Nothing was changed.
";
    assert_text(&doctor::lines(&list(data!("doctor"))[1..], true), healthy);
}

#[test]
fn a_plan_tells_what_stops_and_that_nothing_was_changed() {
    let expected = "\
revision 43 -> 44, node edge1
  + tenant umbrella               segment umbrella-v20, S-VID 130, base C-VID 1130 (allocated)
  +   eth3 vlan 20
  ~ tenant acme
  ~   mac-limit                   1024 -> 4096
  - tenant initech                1 segment
  -   eth4 untagged
order    4 writes make, 1 change, 3 break; access entries last in, first out
traffic  stops: tenant initech eth4 untagged
1 to add, 1 to change, 1 to remove. Nothing was changed.
";
    assert_text(&document::plan(&item(data!("plan"))), expected);
    assert_text(
        &document::plan(&item(data!("plan-same"))),
        "nothing to do: revision 43 is this document\n",
    );
}

#[test]
fn what_was_applied_can_be_undone() {
    let expected = "  eth3: rxvlan on -> off, put back at detach
applied revision 44: 8 writes in 6.4 ms      undo: fabric rollback 43
";
    assert_text(&document::applied(44, &item(data!("applied-document"))), expected);
    assert_text(
        &document::applied(43, &item(data!("applied-same"))),
        "nothing to do: revision 43 is this document\n",
    );
    let edited = "\
attached acme: eth1 vlan 10 -> segment acme-v10, S-VID 101, base C-VID 1101 (allocated)
  changed on eth1: rxvlan on -> off, put back at detach
  revision 44, live after 1.8 ms      undo: fabric tenant detach acme --port eth1 --vlan 10
";
    assert_text(&document::edited(44, &item(data!("applied-edit"))), edited);
    assert_text(
        &document::edited(43, &item(data!("applied-same"))),
        "nothing to do: revision 43 has it already\n",
    );
}

#[test]
fn the_question_names_what_stops() {
    let stops = ["tenant a eth1 any".to_owned(), "tenant b eth2 vlan 10".to_owned()];
    assert_eq!(
        document::question(&stops[..1]),
        "tenant a eth1 any is in use and will stop. Go on?"
    );
    assert_eq!(
        document::question(&stops),
        "2 attachments are in use and will stop: tenant a eth1 any, tenant b eth2 vlan 10. Go on?"
    );
}

#[test]
fn history_is_told_newest_first() {
    let now = 1_795_337_527.412 + 192.0;
    let expected = "\
REVISION    AGE  CAUSE
      43  3m12s  tenant attach acme --port eth1 --vlan 10  (in force)
      42   3d1h  apply site.json
";
    assert_text(&document::history(&list(data!("history")), now, false), expected);
    let wide = "\
REVISION    AGE  APPLIED-AT                CAUSE
      43  3m12s  2026-11-22T08:52:07.412Z  tenant attach acme --port eth1 --vlan 10  (in force)
      42   3d1h  2026-11-19T07:03:07.000Z  apply site.json
";
    assert_text(&document::history(&list(data!("history")), now, true), wide);
}

#[test]
fn nodes_are_listed_with_their_revisions_and_refusals() {
    let expected = "\
NODE   DATACENTER  STATE    REVISION   PORTS
edge1  dc1         live           44  2 of 3
edge2  dc1         refused        43       1  refused 44: there is no interface eth9
edge3  dc2         away            -       -
spare  -           live           44       0
";
    assert_text(&node::list(&list(data!("nodes")), false), expected);
}
