//! Every code a refusal can carry, with the text of `fabric help CODE`. A code is never renamed or reused.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A stable kebab-case slug.
///
/// An owned text rather than an enum: a command line must be able to show the code of a newer agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(Cow<'static, str>);

impl Code {
    /// A code of this program.
    pub const fn from_static(slug: &'static str) -> Self {
        Self(Cow::Borrowed(slug))
    }

    /// The slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The longer text, or `None` for a code of another version.
    pub fn explanation(&self) -> Option<&'static str> {
        explain(&self.0)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.escape_debug().to_string())
    }
}

/// The longer text of `slug`, or `None` if there is no such code.
pub fn explain(slug: &str) -> Option<&'static str> {
    ALL.iter()
        .find(|(known, _)| *known == slug)
        .map(|(_, text)| *text)
}

macro_rules! codes {
    ($($name:ident = $slug:literal: $text:literal;)+) => {
        $(#[doc = $text] pub const $name: Code = Code(Cow::Borrowed($slug));)+
        /// Every code with its explanation, in the order of the subjects below.
        pub const ALL: &[(&str, &str)] = &[$(($slug, $text)),+];
    };
}

codes! {
    USAGE = "usage": "The command line could not be understood. Nothing was sent to the agent. `fabric help` lists the commands.";
    BUG = "bug": "The program reached a state that its authors excluded. Please report the command, the version and the agent's log.";
    FAILED = "failed": "An operation of the system failed; the sentence quotes the kernel or the tool. Nothing half-done was kept.";

    BAD_JSON = "bad-json": "The text is not JSON. Line and column say where reading stopped; the mistake may stand just before it.";
    UNKNOWN_FIELD = "unknown-field": "The document has a field, or the request an option, that this version does not know. They are refused because a misspelt one would silently do nothing. `fabric schema` lists all fields.";
    MISSING_FIELD = "missing-field": "A required field is absent. `fabric schema` says which fields are required.";
    DUPLICATE_FIELD = "duplicate-field": "A JSON object has the same field twice, and either could be meant.";
    BAD_VALUE = "bad-value": "A field has a value of the wrong type or outside of its range. The sentence says what is allowed.";

    DUPLICATE_NAME = "duplicate-name": "Two objects of a kind have one name. Datacenters, nodes, links, tenants, segments, gateways and storage machines each need a name that is unique in the whole fabric; a port is listed once a node, a member once in its storage machine.";
    UNKNOWN_DATACENTER = "unknown-datacenter": "The document speaks of a datacenter that it does not define.";
    UNKNOWN_NODE = "unknown-node": "The document or the command speaks of a node that the document does not define.";
    UNKNOWN_LINK = "unknown-link": "The document or the command speaks of a link that the document does not define.";
    UNKNOWN_TENANT = "unknown-tenant": "There is no tenant of this name. `fabric tenant list` shows those there are.";
    UNKNOWN_SEGMENT = "unknown-segment": "There is no segment of this name in the tenant. `fabric tenant show` lists its segments.";
    UNKNOWN_STATION = "unknown-station": "The segment has no static station with this MAC address.";
    UNKNOWN_PORT = "unknown-port": "The network interface does not exist on this node, or the fabric does not use it.";
    NO_DATACENTER = "no-datacenter": "A segment names no datacenter, there are several, and it has no attachment whose node would tell. Its tags come from the ranges of one datacenter.";
    STILL_USED = "still-used": "The object is used by others and was not removed. Remove its users first.";

    RANGE_OVERLAP = "range-overlap": "Two datacenters claim the same numbers, or one has VLANs of the whole fabric. Each datacenter has its own S-VIDs, C-VIDs, VNIs, labels and I-SIDs, so that a tag names one datacenter everywhere.";
    NO_RANGE = "no-range": "A number is needed and the segment's datacenter has no range for it.";
    OUTSIDE_RANGE = "outside-range": "A tag lies outside of the range of the segment's datacenter. Leave the field out and the fabric chooses a free number.";
    NO_FREE_NUMBER = "no-free-number": "All numbers of the datacenter's range are in use. Widen the range or remove segments.";
    NUMBER_TAKEN = "number-taken": "The pair of S-VID and C-VID, or the VNI, I-SID, global VID or label, belongs to somebody else. A pair names one end of one segment in the whole fabric; a VNI, I-SID or global VID names one segment, a label one way of one segment.";
    BAD_LABEL = "bad-label": "A label leads from a datacenter to itself. Labels name the way between two datacenters; inside of one, frames go by their S-tag and C-tag alone.";
    NUMBER_FIXED = "number-fixed": "The segment already has another number. Numbers of a living segment are never changed, because frames under way would be misread.";

    ATTACHMENT_TAKEN = "attachment-taken": "The VLAN of this port is attached already. A frame that enters at (port, VLAN) belongs to exactly one segment.";
    ATTACHMENT_EXCLUDED = "attachment-excluded": "An attachment of `any` takes every frame of the port, so no other attachment can stand beside it.";
    NOT_ATTACHED = "not-attached": "There is no such attachment, so there is nothing to detach or change.";
    SEGMENT_TAKEN = "segment-taken": "The segment exists and belongs to another tenant. Segment names are unique in the whole fabric.";
    SEGMENT_EXISTS = "segment-exists": "The tenant has this segment already, with other settings.";
    VLAN_MISMATCH = "vlan-mismatch": "All attachments of a segment have the same own VLAN. The fabric never rewrites a tenant's own tag, so a frame with a foreign own tag could enter another tenant's VLAN where it leaves.";
    PORT_ROLE = "port-role": "A port has one role on a node: access (tenants), trunk (QinQ), pseudowire (datacenter tags, and whatever else a line carries) or underlay (VXLAN, MPLS in UDP). Mixed, a tenant could send the fabric's own tags.";

    BAD_LINK = "bad-link": "The link cannot be built as written: its ends or options do not fit its kind.";
    BAD_ADDRESS = "bad-address": "An address of a link must be one host's unicast address, and both ends of a link must be of one family.";
    LINK_CONFLICT = "link-conflict": "Two links cannot be told apart on the wire, or disagree about a port that they share.";
    BAD_REMOTE = "bad-remote": "A remote names a link that leads to another node of the fabric. Only links with a foreign end carry remotes; between nodes the fabric finds the way itself.";
    TWO_GATEWAYS = "two-gateways": "A segment reaches foreign VTEPs from more than one node. Both would flood to the outside and back: a loop. Use one node as the gateway.";
    SPLIT_DATACENTER = "split-datacenter": "Only label links join two nodes of a datacenter, and a segment with members in several datacenters has one there. Inside a datacenter frames carry no datacenter tag, and outside a tag does not tell to which part of it, so its nodes need links that carry frames by segment.";
    SPLIT_BORDER = "split-border": "A segment's frames from other datacenters end at two nodes of one, and no label link leads from the one to the other. The nodes tell each other nothing of where a frame for everybody came from, so the other one would send it back.";
    UNREACHABLE = "unreachable": "A segment has members on nodes that no chain of links joins. The fabric refuses it, because the members would silently not see each other.";

    BAD_MAC = "bad-mac": "The address of a station or of the end of a line must be an individual one: not a group address, not all zeros.";
    DUPLICATE_STATION = "duplicate-station": "A segment has one MAC address at two places, and frames can go to one only.";
    STATION_TAKEN = "station-taken": "The MAC address stands at another end of the segment already.";
    BAD_LIMIT = "bad-limit": "A segment's MAC limit is greater than its tenant's, so it could never be reached.";
    BAD_STORAGE = "bad-storage": "The storage machine cannot be built as written: it has no members, a member's port is not attached to its segments, or its address belongs to somebody else there. Or the member to switch to is in charge already, or out of use.";
    BAD_GATEWAY = "bad-gateway": "The gateway cannot be built as written: an address that is no host of its own prefix or is used already, prefixes that overlap, a segment of another tenant, or a next router in none of its prefixes.";
    UNKNOWN_GATEWAY = "unknown-gateway": "There is no gateway of this name. `fabric gateway list` shows those there are.";
    UNKNOWN_STORAGE = "unknown-storage": "There is no storage machine of this name, or it has no such member. `fabric storage show` lists them.";
    STALE_MEMBER = "stale-member": "The member's copy lacks writes that clients were told are safe. Switching to it would lose them. Wait until the copy is complete, or say --force to lose them.";
    MEMBER_DOWN = "member-down": "The member does not answer, so a switch to it would stop the service; or nobody could take over from the one to be drained.";
    STORAGE_ELSEWHERE = "storage-elsewhere": "The storage machine is steered by the node that has its members' ports, and only that node's agent can switch it. With members at several nodes one of them decides; before the first decision it waits for a node that decided alone until then and may know better.";
    TOO_MANY = "too-many": "The document exceeds what the tables of a node can hold.";
    NAME_TOO_LONG = "name-too-long": "The segment's name, made from the tenant's name and the VLAN, is longer than 63 characters. Name the segment yourself.";

    MTU_TOO_SMALL = "mtu-too-small": "A link cannot carry the tenant's largest frame with the tags that the fabric adds. Raise the MTU of the link or lower the tenant's.";
    NO_NATIVE_XDP = "no-native-xdp": "The driver of the interface has no native XDP, or hands the program on to other interfaces, as a bond does: frames come in there, which are no ports. The generic mode sees frames after the kernel took tags away, so isolation could not be promised.";
    VLAN_TAGS_HIDDEN = "vlan-tags-hidden": "VLAN offloads hide tags from XDP, and they cannot be turned off. A hidden outer tag would be lost on redirect and the frame would leave in the wrong VLAN.";
    PEER_UNREADABLE = "peer-unreadable": "The other end of a veth pair is where the agent cannot look. It could hide tags at any moment and nobody would see it.";
    PEER_CANNOT_RECEIVE = "peer-cannot-receive": "Frames cannot be redirected into a veth whose peer has neither GRO nor an XDP program: the kernel drops them and reports success.";
    CHECKSUM_OFFLOAD = "checksum-offload": "The peer leaves checksums to a network card that is not there. After a redirect they stay unfinished: ping works, TCP does not.";
    RECEIVE_AGGREGATION = "receive-aggregation": "The interface glues received frames together. The result is larger than any egress carries.";
    FRAMES_FILTERED = "frames-filtered": "The network card drops frames that are for other addresses than its own, or in VLANs that nobody has registered with it. The stations behind the fabric have other addresses, and its tags are VLANs of its own.";
    OFFLOAD_REFUSED = "offload-refused": "The kernel refused to change a setting of the interface that must be changed before frames can be trusted. The sentence quotes it.";
    XDP_PROGRAM_PRESENT = "xdp-program-present": "Another program, perhaps another agent's, is on the interface. There is room for one, and it is never replaced without being asked.";
    PROGRAM_MISSING = "program-missing": "The fabric's program is not on a port in use: somebody took it off, or it could not be attached. The agent tries to put it back, and says in its log what hinders it.";
    JUMBO_UNSUPPORTED = "jumbo-unsupported": "The MTU needs frames in several buffers, and the driver or the kernel loses them on a redirect, or a flag of the driver hides their beginning.";
    MTU_TOO_LARGE = "mtu-too-large": "The driver refuses XDP with this MTU or these ring settings.";
    TOO_FEW_QUEUES = "too-few-queues": "The driver needs queues of its own for XDP and has none left. A veth needs a receive queue for each transmit queue of its peer.";
    IFINDEX_TOO_LARGE = "ifindex-too-large": "The interface's number is beyond the end of the port tables. An interface that is made anew can be given a smaller one.";
    PORT_DOWN = "port-down": "The interface or its peer is down. Nothing comes in, and what is redirected there is lost.";
    NO_METADATA = "no-metadata": "The driver may leave no room in front of a frame for what goes with it to where its copies are made. Then what is for everybody, and comes in at this port in a segment with more than two members, is dropped as no-headroom.";
    PORT_HAS_MASTER = "port-has-master": "The interface belongs to a bridge, bond or team. That gets none of the frames that come in here any more, and may send frames of its own out.";
    PORT_OF_HOST = "port-of-host": "The host has an address on the interface, on a VLAN of it or on its bridge, or its default route leaves there. All that comes in at a port is the tenants', so the host would get no answers. A new port by which the default route leaves is refused: whoever attaches it from afar would cut himself off.";
    NO_SUCH_PORT = "no-such-port": "There is no interface of this name, or it went away meanwhile.";
    PORT_UNREADABLE = "port-unreadable": "The kernel does not tell enough of the interface to judge it. The sentence quotes it.";
    ATTACH_REFUSED = "attach-refused": "The driver refused the program for a reason of its own. The sentence names the driver and quotes the kernel.";
    NOT_PERMITTED = "not-permitted": "The kernel allows XDP only to root, or to whoever has CAP_NET_ADMIN and CAP_BPF.";
    NOT_ROOT = "not-root": "Loading XDP programs and changing interfaces needs root.";
    WRONG_MACHINE = "wrong-machine": "The programs read keys and values without barriers, which is right where loads are not reordered. On other machines than x86-64 a frame could be taken for another tenant's.";
    KERNEL_TOO_OLD = "kernel-too-old": "The kernel lacks a feature that the data path needs. Linux 6.1 is the oldest that works.";
    AGENT_AWAY = "agent-away": "Nobody answers on the agent's socket. Forwarding may go on without an agent; changes and queries cannot.";
    NO_PERMISSION = "no-permission": "The agent's socket or a file belongs to somebody else. The agent's socket is for root alone, because whoever reaches it can change the fabric.";
    NO_FILE = "no-file": "A file that the command was told to use cannot be read or written. The sentence quotes the kernel.";
    AGENT_RUNNING = "agent-running": "Another agent holds the state directory or the socket.";
    NOT_PUT_BACK = "not-put-back": "The data path is down, but a setting of an interface that the agent had changed could not be put back. It stays written down in the state directory; the next agent, or the next stop, tries again.";
    STATE_DAMAGED = "state-damaged": "A file of the state directory cannot be read. The agent does not guess: it does not start, and what forwards goes on.";
    UNKNOWN_REVISION = "unknown-revision": "The revision is not among those kept. `fabric history` lists those there are.";
    STALE_REVISION = "stale-revision": "The document was changed by somebody else meanwhile. Look at the new revision and repeat.";
    CONFIRM_PENDING = "confirm-pending": "The revision in force was applied with --confirm-within and waits to be confirmed. Until then no other change is made, because going back would take that one away too. Confirm it, or go back now with a rollback to the revision before; otherwise it goes back by itself when the time is over.";
    NOTHING_PENDING = "nothing-pending": "No revision waits to be confirmed: it was not applied with --confirm-within, it was confirmed already, or its time was over and the revision before is in force again. `fabric history` tells which.";
    STORE_AWAY = "store-away": "The store that the nodes share does not answer in time. Forwarding and learning go on with the document that each node has; changes wait. The agent comes back to it by itself.";
    STORE_DENIED = "store-denied": "The store that the nodes share does not accept this agent: its user, password or certificate is wrong, or has no right to the keys below the prefix.";
    STORE_FULL = "store-full": "etcd has used up its space quota and takes no changes until it is compacted, defragmented and its alarm is disarmed. Forwarding goes on, and what is there can be read.";
    STORE_FOREIGN = "store-foreign": "The store holds another fabric than the one that this node belongs to. The node keeps its document, because following would take all its tenants away. Correct the address or the prefix; to join the other fabric begin with a state directory of its own.";
    STORE_EMPTY = "store-empty": "The store holds no fabric where this node expects one: the prefix is wrong, or the keys are lost. The node keeps its document. `fabric import` puts a document there.";
    STORE_TAKEN = "store-taken": "The store holds a fabric already, and an import would replace it for all nodes.";
    STORE_NEWER = "store-newer": "The store holds an object of a form that this version of the program does not know. This node keeps the revision that it has; the others are not concerned.";
    NUMBER_IN_USE = "number-in-use": "The number belonged to another tenant, and a node may still go by that: its frames would reach the wrong tenant. A number goes to another tenant only when every node has confirmed that it was given up, or is out of the document. A dead agent's node goes on forwarding, so its silence confirms nothing.";
    TWO_TREES = "two-trees": "Nodes take a document in one after the other, so for a moment some go by the old spanning tree and others by the new one. If the old one alone has a link, and the new one alone a link between two other nodes, both can be in use at once and close a ring, in which broadcasts go round and multiply. So a link is taken out of service first, and out of the tree when all nodes have done so.";
    STALE_EPOCH = "stale-epoch": "Who is in charge of a storage machine was decided by another node meanwhile. Epochs only rise: the older decision is not carried out.";
    OBJECT_TOO_LARGE = "object-too-large": "One object of the document is larger than etcd takes in one value, about a megabyte. A segment with that many attachments can be split.";
    NODE_TAKEN = "node-taken": "Another agent, with a state directory of its own, reports under this node's name. Two agents for one node would each undo what the other does.";
    NOT_EVERYWHERE = "not-everywhere": "Nodes that live do not have the revision that was waited for: they refused it, or have not come to it in time. The sentence names each and what it lacks. Nodes that are away are not waited for.";
    TIMED_OUT = "timed-out": "What was waited for did not happen in time. The sentence names what is missing.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_kebab_case_slug_used_once_and_explained() {
        for (at, (slug, text)) in ALL.iter().enumerate() {
            assert!(
                slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{slug}"
            );
            assert!(ALL[..at].iter().all(|(other, _)| other != slug), "{slug} twice");
            assert!(text.len() > 40 && text.ends_with('.'), "{slug} needs a text");
        }
        assert_eq!(BAD_VALUE.explanation(), explain("bad-value"));
        assert_eq!(explain("no-such-code"), None);
    }

    #[test]
    fn a_code_of_a_newer_agent_survives_the_wire() {
        let code: Code = serde_json::from_str("\"moon-phase\"").expect("any slug");
        assert_eq!((code.as_str(), code.explanation()), ("moon-phase", None));
    }
}
