use std::time::Duration;

use super::{assert_text, data, item};
use crate::api::Counters;
use crate::render::counters::{By, Since, View, lines};

fn view(counters: &Counters, all: bool) -> View<'_> {
    View {
        now: counters,
        before: None,
        minute: None,
        all,
    }
}

#[test]
fn totals_are_exact_and_zeros_are_counted() {
    let counters: Counters = item(data!("counters"));
    let expected = "\
in 391043 = redirected 390990 + passed 12 + dropped 41; out 391002, copies dropped 3

PORT        IN  REDIRECTED  PASSED  DROPPED     OUT
eth1     20187       20154       0       33   19839
trunk0  370856      370836      12        8  371163
1 port without a frame

REASON                  TOTAL  MOST AT  MEANING -> CURE
unmapped-vlan              32  eth1     no attachment for this VLAN on this port -> fabric tenant attach TENANT --port PORT --vlan VLAN
fabric-tag-from-tenant      8  trunk0   a tenant's frame begins with an S-tag or I-tag -> ask the tenant to send 0x8100 tags
too-big                     3  trunk0   the frame with its tags is larger than the egress link's MTU -> fabric link show
group-source                1  eth1     the source address is a group address -> fabric port set PORT --drop-group-source off, if wanted
2 reasons never hit
";
    assert_text(&lines(&view(&counters, false), None), expected);
}

/// Also at a port whose other counters are all zero.
#[test]
fn what_a_driver_has_lost_is_told_with_where_to_look() {
    let mut counters: Counters = item(data!("counters"));
    counters.ports[0].counters.lost_frames = Some(1);
    counters.ports[1].counters.lost_frames = Some(77);
    let expected = "\
in 391043 = redirected 390990 + passed 12 + dropped 41; out 391002, copies dropped 3

PORT        IN  REDIRECTED  PASSED  DROPPED     OUT
eth1     20187       20154       0       33   19839
eth10        0           0       0        0       0
trunk0  370856      370836      12        8  371163
1 frame was lost by the driver of eth1, see: ip -s -s link show eth1
77 frames were lost by the driver of eth10, see: ip -s -s link show eth10
";
    assert_text(&lines(&view(&counters, false), Some(By::Port)), expected);
}

#[test]
fn zeros_are_shown_when_they_are_wanted() {
    let counters: Counters = item(data!("counters"));
    let expected = "\
in 391043 = redirected 390990 + passed 12 + dropped 41; out 391002, copies dropped 3

REASON                  TOTAL  MOST AT  MEANING -> CURE
unmapped-vlan              32  eth1     no attachment for this VLAN on this port -> fabric tenant attach TENANT --port PORT --vlan VLAN
fabric-tag-from-tenant      8  trunk0   a tenant's frame begins with an S-tag or I-tag -> ask the tenant to send 0x8100 tags
too-big                     3  trunk0   the frame with its tags is larger than the egress link's MTU -> fabric link show
group-source                1  eth1     the source address is a group address -> fabric port set PORT --drop-group-source off, if wanted
no-headroom                 0  -        the driver left no room for the tags -> report the driver
truncated                   0  -        the frame ends inside a header -> look for a broken sender or cable
";
    assert_text(&lines(&view(&counters, true), Some(By::Reason)), expected);
    let expected = "\
in 391043 = redirected 390990 + passed 12 + dropped 41; out 391002, copies dropped 3

TENANT   IN-FRAMES   IN-BYTES  OUT-FRAMES  OUT-BYTES
acme         20161    2016100       19839    1983900
globex      361000  541500000      360900  541350000
initech          0          0           0          0
";
    assert_text(&lines(&view(&counters, true), Some(By::Tenant)), expected);
}

/// The counters of a second and of a minute ago.
fn earlier(counters: &Counters) -> (Counters, Counters) {
    let mut before = counters.clone();
    before.total.received_frames -= 2000;
    before.total.redirected_frames -= 2000;
    before.ports[0].counters.received.frames -= 1000;
    before.ports[0].counters.received.bytes -= 100_000;
    before.ports[0].counters.dropped_frames -= 3;
    before.ports.remove(2);
    before.tenants[1].transmitted.bytes -= 125_000_000;
    before.reasons[1].frames -= 1;
    let mut minute = before.clone();
    minute.reasons[1].frames = 0;
    minute.reasons[3].frames -= 30;
    (before, minute)
}

#[test]
fn rates_come_from_two_readings_and_are_unknown_for_what_is_new() {
    let counters: Counters = item(data!("counters"));
    let (before, minute) = earlier(&counters);
    let since = |counters, seconds| {
        Some(Since {
            counters,
            elapsed: Duration::from_secs(seconds),
        })
    };
    let mut view = view(&counters, false);
    view.before = since(&before, 1);
    let ports = "\
in 2.00 kpps = redirected 2.00 kpps + passed 0 pps + dropped 0 pps   at 11:02:14Z

PORT           IN          IN    OUT      OUT  DROPPED  DROPPED-TOTAL
eth1    1.00 kpps  800 kbit/s  0 pps  0 bit/s    3 pps             33
trunk0          -           -      -        -        -              8
1 port without a frame
";
    assert_text(&lines(&view, Some(By::Port)), ports);
    let tenants = "\
in 2.00 kpps = redirected 2.00 kpps + passed 0 pps + dropped 0 pps   at 11:02:14Z

TENANT     IN       IN    OUT          OUT
acme    0 pps  0 bit/s  0 pps      0 bit/s
globex  0 pps  0 bit/s  0 pps  1.00 Gbit/s
1 tenant without a frame
";
    assert_text(&lines(&view, Some(By::Tenant)), tenants);
    let young = "\
in 2.00 kpps = redirected 2.00 kpps + passed 0 pps + dropped 0 pps   at 11:02:14Z

REASON                  NOW/S  1 MIN/S  TOTAL  MOST AT  MEANING -> CURE
group-source                1        -      1  eth1     the source address is a group address -> fabric port set PORT --drop-group-source off, if wanted
unmapped-vlan               0        -     32  eth1     no attachment for this VLAN on this port -> fabric tenant attach TENANT --port PORT --vlan VLAN
fabric-tag-from-tenant      0        -      8  trunk0   a tenant's frame begins with an S-tag or I-tag -> ask the tenant to send 0x8100 tags
too-big                     0        -      3  trunk0   the frame with its tags is larger than the egress link's MTU -> fabric link show
2 reasons never hit
";
    assert_text(&lines(&view, Some(By::Reason)), young);
    view.minute = since(&minute, 60);
    let old = "\
in 2.00 kpps = redirected 2.00 kpps + passed 0 pps + dropped 0 pps   at 11:02:14Z

REASON                  NOW/S  1 MIN/S  TOTAL  MOST AT  MEANING -> CURE
group-source                1     <0.1      1  eth1     the source address is a group address -> fabric port set PORT --drop-group-source off, if wanted
unmapped-vlan               0      0.5     32  eth1     no attachment for this VLAN on this port -> fabric tenant attach TENANT --port PORT --vlan VLAN
fabric-tag-from-tenant      0        0      8  trunk0   a tenant's frame begins with an S-tag or I-tag -> ask the tenant to send 0x8100 tags
too-big                     0        0      3  trunk0   the frame with its tags is larger than the egress link's MTU -> fabric link show
2 reasons never hit
";
    assert_text(&lines(&view, Some(By::Reason)), old);
}
