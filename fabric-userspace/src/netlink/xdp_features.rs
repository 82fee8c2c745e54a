//! What a driver can do with XDP, from the `netdev` generic netlink family (kernel 6.3).

use netlink_packet_core::{NlaBuffer, NlasIterator};
use rtnetlink::sys::protocols::NETLINK_GENERIC;
use rtnetlink::sys::{Socket, SocketAddr};

const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
/// nlmsghdr and genlmsghdr.
const HEADERS: usize = 16 + 4;

/// Abilities of a driver at this moment; a veth's depend on its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XdpFeatures {
    /// A native program can be attached.
    pub native: bool,
    /// A native program may redirect from here.
    pub redirect: bool,
    /// Redirected frames can be sent out here now.
    pub receives_redirects: bool,
    /// Takes frames in several buffers (jumbo).
    pub frags: bool,
}

impl From<u64> for XdpFeatures {
    /// From `enum netdev_xdp_act`.
    fn from(bits: u64) -> Self {
        let has = |bit: u32| bits >> bit & 1 == 1;
        Self {
            native: has(0),
            redirect: has(1),
            receives_redirects: has(2),
            frags: has(5),
        }
    }
}

/// Asks in the namespace of the calling thread. The kernel answers before `send` returns, so nothing here waits.
pub(super) fn read(ifindex: u32) -> Option<XdpFeatures> {
    let mut socket = Socket::new(NETLINK_GENERIC).ok()?;
    socket.bind_auto().ok()?;
    let family = request(
        GENL_ID_CTRL,
        CTRL_CMD_GETFAMILY,
        CTRL_ATTR_FAMILY_NAME,
        b"netdev\0",
    );
    let family = ask(&socket, &family, CTRL_ATTR_FAMILY_ID)?;
    let family = u16::from_ne_bytes(family.get(..2)?.try_into().ok()?);
    let device = request(
        family,
        NETDEV_CMD_DEV_GET,
        NETDEV_A_DEV_IFINDEX,
        &ifindex.to_ne_bytes(),
    );
    let bits = ask(&socket, &device, NETDEV_A_DEV_XDP_FEATURES)?;
    Some(u64::from_ne_bytes(bits.get(..8)?.try_into().ok()?).into())
}

fn ask(socket: &Socket, request: &[u8], attribute: u16) -> Option<Vec<u8>> {
    socket.send_to(request, &SocketAddr::new(0, 0), 0).ok()?;
    let (answer, _) = socket.recv_from_full().ok()?;
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let asked = u16::from_ne_bytes(request.get(4..6)?.try_into().ok()?);
    if kind != asked {
        return None;
    }
    NlasIterator::new(answer.get(HEADERS..)?)
        .flatten()
        .find(|nla: &NlaBuffer<&[u8]>| nla.kind() == attribute)
        .map(|nla| nla.value().to_vec())
}

/// One request with one attribute, in host byte order.
fn request(family: u16, command: u8, attribute: u16, value: &[u8]) -> Vec<u8> {
    let padded = value.len().next_multiple_of(4);
    let length = HEADERS + 4 + padded;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(u32::try_from(length).unwrap_or(0).to_ne_bytes());
    bytes.extend(family.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([command, 1, 0, 0]);
    bytes.extend(u16::try_from(4 + value.len()).unwrap_or(0).to_ne_bytes());
    bytes.extend(attribute.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(length, 0);
    bytes
}
