//! Whether a network card hands over frames that are addressed to others.

use netlink_packet_route::link::{LinkFlags, LinkMessage};

use super::{Netlink, NetlinkError};

impl Netlink {
    /// Gives or takes `IFF_PROMISC`, and nothing else: all other flags stay as they are at that moment.
    ///
    /// # Errors
    /// As the kernel says, see [`NetlinkError::is_vanished`] for an interface that is not there.
    pub async fn set_promiscuous(&self, ifindex: u32, on: bool) -> Result<(), NetlinkError> {
        let set = self.handle.link().set(message(ifindex, on)).execute().await;
        set.map_err(|error| NetlinkError::of("changing the promiscuous mode", &error))
    }
}

fn message(ifindex: u32, on: bool) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = ifindex;
    message.header.change_mask = LinkFlags::Promisc;
    if on {
        message.header.flags = LinkFlags::Promisc;
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::testing::{Lab, inside, sh};

    #[test]
    fn only_the_one_flag_is_named() {
        for on in [true, false] {
            let header = message(7, on).header;
            assert_eq!((header.index, header.change_mask), (7, LinkFlags::Promisc));
            assert_eq!(header.flags.contains(LinkFlags::Promisc), on);
        }
    }

    #[test]
    fn it_is_given_and_taken_whether_or_not_the_interface_is_up() {
        let Some(mut lab) = Lab::new() else { return };
        let (agent, _tenant) = lab.pair("eth1", "c0");
        inside(&agent, async || {
            let netlink = Netlink::connect().unwrap();
            let before = netlink.link("eth1").await.unwrap();
            for (state, up) in [("up", true), ("down", false)] {
                sh(&format!("ip -n {agent} link set eth1 {state}"));
                for on in [true, false] {
                    netlink.set_promiscuous(before.ifindex, on).await.unwrap();
                    let now = netlink.link("eth1").await.unwrap();
                    assert_eq!((now.promiscuous, now.up), (on, up));
                }
            }
            let error = netlink.set_promiscuous(99_999, true).await.unwrap_err();
            assert!(error.is_vanished(), "{error}");
        });
    }
}
