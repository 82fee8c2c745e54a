//! Agents without a kernel, many in one process: to see what many nodes cost, and to try all of a fabric out on one machine.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::core::Core;
use super::host::Missing;
use super::plane::Ground;
use super::server::{Shared, Socket};
use super::{answer, begin, failed};
use crate::agent_options::AgentOptions;
use crate::compile::HostFacts;
use crate::error::Refusal;
use crate::ids::{Ids, Sizes};
use crate::records::Records;

/// An agent that writes into tables in memory, on a host that has every interface that its document names. It answers on its
/// socket, follows its store and reports as any other; it forwards nothing.
///
/// Its tables go with it: started again it carries the document of its state directory out anew.
pub struct MemoryAgent {
    shared: Shared,
    tasks: Vec<JoinHandle<()>>,
    served: JoinHandle<std::io::Result<()>>,
    socket: Socket,
}

/// What an agent in memory carries out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Revision in force; 0 before the first.
    pub revision: u64,
    /// What is in its tables.
    pub tables: Records,
    /// The numbers in them.
    pub ids: Ids,
    /// The interfaces that it takes its host to have.
    pub host: HostFacts,
}

impl MemoryAgent {
    /// Starts an agent. Its log goes to whatever the process has set up; `options.config`, `options.metrics` and
    /// `options.log_drops` mean nothing here.
    ///
    /// # Errors
    /// When the state directory or the socket cannot be used, or the stored document cannot be carried out.
    pub async fn start(options: &AgentOptions) -> Result<Self, Refusal> {
        let (socket, listener) = Socket::listen(&options.socket)?;
        let mut core = Core::open(options, &Sizes::default(), None, Ground::Memory).await?;
        core.store.keep();
        let (shared, tasks) = begin(options, core, None).await;
        Ok(Self {
            served: answer(&shared, listener),
            shared,
            tasks,
            socket,
        })
    }

    /// Revision in force; 0 before the first.
    pub async fn revision(&self) -> u64 {
        self.shared.core.lock().await.revision()
    }

    /// All that a document comes to here.
    ///
    /// # Errors
    /// When a document asks for more interfaces than there can be.
    pub async fn carried(&self) -> Result<Carried, Refusal> {
        let mut core = self.shared.core.lock().await;
        let valid = core.valid.clone();
        let host = match core.here() {
            Some(here) => core.facts(&valid, here, Missing::Refuse).await?.0,
            None => HostFacts::default(),
        };
        Ok(Carried {
            revision: core.revision(),
            tables: core.plane.observe().map_err(failed)?,
            ids: core.image.ids(),
            host,
        })
    }

    /// Ends as suddenly as a killed agent: its report stays until its lease has ended, and its state directory can be used again.
    pub async fn stop(self) {
        self.shared.stop.send_replace(true);
        // A change in progress is made to its end, or the process would have two owners of one state directory.
        let changes = self.shared.changes.lock().await;
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
        drop(changes);
        let _ = tokio::time::timeout(Duration::from_secs(2), self.served).await;
        self.socket.remove();
    }
}
