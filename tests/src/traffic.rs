//! Traffic whose arrival can be counted: pings, TCP with a hash of every byte, and numbered probes.
//!
//! ```no_run
//! # use fabric_tests::{frame::eth, netns::NetNs, traffic::{self, Probe}};
//! # fn show(client: &NetNs, server: &NetNs) -> fabric_tests::Result<()> {
//! assert!(traffic::ping(client, "192.168.0.10", 5)?.all_answered());
//! let tcp = traffic::tcp(client, server, "192.168.0.10:7000".parse()?, 64 << 20)?;
//! assert!(tcp.intact());
//!
//! let header = eth("28:08:80:52:17:20", "56:89:6f:88:9d:c7").vlan(10);
//! let probe = Probe::between((client, "eth0"), (server, "eth0"), header).rate(1000).start()?;
//! // … change something …
//! assert_eq!(probe.stop()?.lost(), 0);
//! # Ok(()) }
//! ```

mod ping;
mod probe;
mod talk;
mod tcp;

pub use ping::{PingReport, ping, ping_marked};
pub use probe::{Probe, ProbeReport, RunningProbe};
pub use talk::{Talk, TalkReport};
pub use tcp::{MARK_EVERY, TcpReport, tcp, tcp_marked};
