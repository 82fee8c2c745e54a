//! Short frames, and headers with nothing behind them.

use super::support::{back, comes_in, goes_out, is_dropped, switch, there};

/// 60 bytes become 68; a frame whose rest is shorter than 60 is delivered as that rest: no padding, no stale byte.
#[test]
fn tag_14_short_frames_grow_by_eight_and_shrink_without_stale_bytes() {
    let rig = switch();
    let (uni, nni) = (there().word("Happy"), there().svlan(100).cvlan(200).word("Happy"));
    assert_eq!((uni.len(), nni.len()), (60, 68));
    goes_out(&rig, "eth1", "acme", &uni, &nni);
    // Linux itself loses an own-tagged frame with one byte of payload: it takes the tag out with two bytes behind it.
    for rest in [2, 7, 20, 38] {
        let filled = vec![0xa5; rest];
        let tagged = back().svlan(100).cvlan(300).payload(&filled);
        comes_in(&rig, "eth1", "acme", &tagged, &back().payload(&filled));
        let own = back().svlan(101).cvlan(301).vlan(10).payload(&filled);
        comes_in(&rig, "eth1", "acme", &own, &back().vlan(10).payload(&filled));
        let (short, longer) = (there(), there().svlan(100).cvlan(200));
        let [short, longer] = [short, longer].map(|frame| frame.payload(&filled));
        goes_out(&rig, "eth1", "acme", &short, &longer);
    }
}

/// Headers with nothing behind them and frames that end inside a header are dropped, each with its reason; the next
/// frame passes.
#[test]
fn tag_15_headers_alone_are_dropped_and_the_next_frame_passes() {
    let rig = switch();
    let own = || there().vlan(10).payload([]);
    let tagged = || back().svlan(101).cvlan(301).vlan(10).payload([]);
    for (port, frame, reason) in [
        ("eth1", there().payload([]), "header-only"),
        ("eth1", own(), "header-only"),
        ("eth1", own().cut(17), "truncated"),
        ("eth1", own().cut(15), "truncated"),
        ("eth2", there().payload([]), "header-only"),
        ("t0", back().svlan(100).cvlan(300).payload([]), "header-only"),
        ("t0", tagged(), "header-only"),
        ("t0", tagged().cut(25), "truncated"),
        ("t0", tagged().cut(22), "truncated"),
        ("t0", tagged().cut(19), "truncated"),
        ("t0", tagged().cut(14), "truncated"),
    ] {
        println!("{frame:?}");
        is_dropped(&rig, port, &frame, reason);
    }
    let next = there().vlan(10).word("Happy");
    goes_out(
        &rig,
        "eth1",
        "acme",
        &next,
        &there().svlan(101).cvlan(201).vlan(10).word("Happy"),
    );
    comes_in(
        &rig,
        "eth1",
        "acme",
        &back().svlan(101).cvlan(301).vlan(10).word("Happy"),
        &back().vlan(10).word("Happy"),
    );
}
