//! Frames of links on which one number names the segment: an I-SID in a backbone, or a VLAN of the whole fabric.

use fabric_common::maps::{global_vlan_key, i_sid_key};

use super::generate::Generator;
use super::site::{B_VID, Port, Site};

/// Numbers that mean something at `p2`, with the tenant's own VLAN there.
pub(super) struct Numbers {
    i_sids: Vec<(u32, u32)>,
    global_vids: Vec<(u16, u32)>,
}

impl Numbers {
    pub(super) fn of(site: &Site) -> Self {
        let slot = site.port("p2").slot;
        let own = |key: u64| {
            site.records
                .tags
                .get(&key)
                .map(|id| site.records.bindings[id].own())
        };
        let i_sids =
            (1_000_100..1_000_200).filter_map(|i_sid| Some((i_sid, own(i_sid_key(slot, 0, B_VID, i_sid))?)));
        let global_vids = (4060..4095).filter_map(|vid| Some((vid, own(global_vlan_key(slot, vid))?)));
        Self {
            i_sids: i_sids.collect(),
            global_vids: global_vids.collect(),
        }
    }
}

impl Generator {
    pub(super) fn numbered(&mut self, port: &Port) -> Vec<u8> {
        if self.random.percent(50) {
            self.in_backbone(port)
        } else {
            self.in_global_vlan(port)
        }
    }

    fn in_backbone(&mut self, port: &Port) -> Vec<u8> {
        let to = if self.random.percent(96) {
            port.line_mac
        } else {
            port.mac
        };
        let mut frame = [to, [2, 0, 0, 0, 9, 7]].concat();
        let b_vid = if self.random.percent(95) {
            B_VID
        } else {
            self.vid()
        };
        frame.extend(self.tag(0x88a8, b_vid));
        let (mut i_sid, own) = *self.random.pick(&self.numbers.i_sids);
        if self.random.percent(6) {
            i_sid ^= 1 << self.random.below(24);
        }
        let mut flags = self.random.byte() & 0xf4;
        if self.random.percent(6) {
            flags |= self.random.byte();
        }
        frame.extend(0x88e7_u16.to_be_bytes());
        frame.extend((u32::from(flags) << 24 | i_sid).to_be_bytes());
        frame.extend(self.macs(port));
        frame.extend(self.fitting_tags(own));
        frame.extend(self.payload());
        frame
    }

    fn in_global_vlan(&mut self, port: &Port) -> Vec<u8> {
        let (known, own) = *self.random.pick(&self.numbers.global_vids);
        let mut frame = self.macs(port);
        let vid = if self.random.percent(93) {
            known
        } else {
            self.vid()
        };
        frame.extend(self.tag(0x8100, vid));
        frame.extend(self.fitting_tags(own));
        frame.extend(self.payload());
        frame
    }
}
