//! The line that every device is measured on: source, device under test, sink, each in a namespace of its own.

use anyhow::Result;
use aya::programs::links::LinkOrder;
use aya::programs::tc::{TcAttachOptions, TcAttachType};

use super::reference::{Ends, attach_xdp, load_tc};
use crate::netns::NetNs;
use crate::topology::{End, Net};

/// MTU of all cables: a full frame with every header that is pushed.
const MTU: u32 = 1600;

/// How frames leave the device under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    /// Redirected by XDP: the sink is an XDP program.
    Xdp,
    /// Sent by the stack: an XDP sink would cost a copy to the device, so it is a tc program.
    Stack,
}

/// A line that is up.
#[derive(Debug)]
pub(super) struct Line {
    /// The device's namespace.
    pub device: NetNs,
    /// The sink's.
    pub sink: NetNs,
    /// Key of the source's way in.
    pub key: u32,
    net: Net,
}

impl Line {
    /// Builds it. `input` and `output` are the ends of the device, in `device`, which `ends` makes of the namespace.
    ///
    /// # Errors
    /// When a step fails.
    pub(super) fn build(
        ends: &mut Ends,
        leaves: Leaves,
        make: impl Fn(&NetNs) -> (End, End),
    ) -> Result<Self> {
        let net = Net::new()?;
        let [source, device, sink] = ["source", "device", "sink"].map(|label| net.host(label));
        let (source, device, sink) = (source?, device?, sink?);
        let (input, output) = make(&device);
        net.veth(End::client(&source, "src0").mtu(MTU).no_arp(), input.mtu(MTU))?;
        net.veth(output.mtu(MTU), End::client(&sink, "snk0").mtu(MTU).no_arp())?;
        match leaves {
            Leaves::Xdp => attach_xdp(&mut ends.ebpf, "sink", &sink, "snk0")?,
            Leaves::Stack => {
                let options = TcAttachOptions::TcxOrder(LinkOrder::default());
                let program = load_tc(&mut ends.ebpf, "sink_skb")?;
                sink.run(|| Ok(program.attach_with_options("snk0", TcAttachType::Ingress, options)?))?;
            }
        }
        let key = ends.line_from(&source, "src0")?;
        Ok(Self {
            device,
            sink,
            key,
            net,
        })
    }

    /// Runs a tool in the device's namespace.
    ///
    /// # Errors
    /// When it fails.
    pub(super) fn run(&self, words: &str) -> Result<()> {
        let words: Vec<&str> = words.split(' ').collect();
        self.device.output(&words).map(drop)
    }

    /// Takes it down.
    ///
    /// # Errors
    /// What would not go.
    pub(super) fn tear_down(self) -> Result<()> {
        self.net.tear_down()
    }
}
