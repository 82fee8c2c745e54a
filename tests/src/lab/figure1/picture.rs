//! Figure 1 for the eye, and how to look around in it.

use crate::lab::session::Look;

/// At most 100 columns.
pub(super) const PICTURE: &str =
    " acme     102A 192.168.0.50 ──v10──┬───────┐              ┌───────┬──v10── 110A 192.168.0.10 acme
 globex   102B 192.168.0.50 ──v10──┤ edge1 ╞═══ trunk0 ═══╡ edge2 ├──v10── 110B 192.168.0.10 globex
 initech  202  192.168.0.50 ───────┤       │              │       │          └ 110C virtual, globex
 umbrella 102C 192.168.0.50 ╌╌v10╌╌┴───┬───┘              └───────┴╌╌v10╌╌ 110E 192.168.0.10 umbrella
                                       ╘══════ vni 20001 ══════ Linux host 110D 192.168.0.10 initech
 all clients: one IP address, one MAC; all resources too; acme, globex, umbrella: one VLAN id
";

pub(super) fn hints(look: &Look) -> Vec<String> {
    let inside = |host: &str, command: &str| format!("ip netns exec {}-{host} {command}", look.prefix);
    vec![
        look.fabric("edge1", "status"),
        look.fabric("edge1", "tenant show acme"),
        look.fabric("edge2", "counters"),
        inside("102A", "ping -c 3 192.168.0.10"),
        inside("102B", "ping -c 3 192.168.0.10"),
        inside("trunk0", "tshark -ni one -c 20"),
    ]
}
