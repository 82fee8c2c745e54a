//! The tenants' own traffic between datacenters.

use fabric_tests::fixtures::Setup;
use fabric_tests::traffic::{ping, tcp};

use crate::site::figure_2;

const BYTES: u64 = 16 << 20;

/// Claim 31: a client uses a resource three lines and a datacenter away as if it stood beside it, with frames of full size.
#[test]
fn dci_tcp_crosses_three_datacenters_with_every_byte() {
    let rig = Setup::new(&figure_2(), &["n212", "n222", "n220", "n124", "n116"])
        .apart()
        .address("n212.eth1", "192.168.0.50/24")
        .address("n116.eth1", "192.168.0.10/24")
        .start()
        .unwrap();
    let [client, resource] = ["n212.eth1", "n116.eth1"].map(|name| rig.plug(name).unwrap());
    let answers = ping(&client.namespace, "192.168.0.10", 5).unwrap();
    assert!(answers.all_answered(), "{answers:?}");
    let address = "192.168.0.10:5001".parse().unwrap();
    let report = tcp(&client.namespace, &resource.namespace, address, BYTES).unwrap();
    assert!(report.intact() && report.bytes == BYTES);
    let address = "192.168.0.50:5001".parse().unwrap();
    let report = tcp(&resource.namespace, &client.namespace, address, BYTES).unwrap();
    assert!(report.intact() && report.bytes == BYTES);
}
