//! Frames by whose they are and where they arrived.

use anyhow::{Result, ensure};

use super::{Tenant, TenantPort};

/// Frames of `of` that were seen at ports of `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Whose.
    pub of: Tenant,
    /// At whose ports.
    pub at: Tenant,
    /// How many.
    pub frames: u64,
    /// The port with the first of them.
    pub port: Option<String>,
}

/// All cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    /// One for each pair of tenants.
    pub cells: Vec<Cell>,
    /// ARP by kernels, at all ports.
    pub unmarked: u64,
    /// Frames that nobody in the lab sends.
    pub strange: u64,
    /// The first of these, for people.
    pub strangest: Option<String>,
}

impl Matrix {
    pub(super) fn new(tenants: &[Tenant]) -> Self {
        let cell = |&of: &Tenant, &at: &Tenant| Cell {
            of,
            at,
            frames: 0,
            port: None,
        };
        let rows = tenants.iter();
        Self {
            cells: rows
                .flat_map(|of| tenants.iter().map(move |at| cell(of, at)))
                .collect(),
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, of: Tenant, port: &TenantPort, frames: u64) {
        let cell = self
            .cells
            .iter_mut()
            .find(|cell| cell.of == of && cell.at == port.tenant);
        if let Some(cell) = cell.filter(|_| frames > 0) {
            cell.frames += frames;
            cell.port.get_or_insert_with(|| port.name.clone());
        }
    }

    pub(super) fn note(&mut self, strange: &str) {
        self.strangest.get_or_insert_with(|| strange.to_owned());
    }

    /// Frames of one tenant at the ports of another.
    #[must_use]
    pub fn cell(&self, of: Tenant, at: Tenant) -> u64 {
        let cell = self.cells.iter().find(|cell| cell.of == of && cell.at == at);
        cell.map_or(0, |cell| cell.frames)
    }

    /// Cells that must be zero: how many are, and how many there are.
    #[must_use]
    pub fn foreign_zero(&self) -> (usize, usize) {
        let foreign = self.cells.iter().filter(|cell| cell.of != cell.at);
        let zero = foreign.clone().filter(|cell| cell.frames == 0);
        (zero.count(), foreign.count())
    }

    /// No frame at a foreign port, none that nobody sent, and each tenant's own at its own ports: a capture that saw nothing
    /// proves nothing.
    ///
    /// # Errors
    /// The first that is not so, in one sentence.
    pub fn check(&self) -> Result<()> {
        for cell in &self.cells {
            let (of, port) = (cell.of.name(), cell.port.as_deref().unwrap_or("no port"));
            if cell.of == cell.at {
                ensure!(cell.frames > 0, "no frame of {of} was captured at its own ports");
            } else {
                let at = cell.at.name();
                ensure!(
                    cell.frames == 0,
                    "{} frames of {of} seen at {at} {port}",
                    cell.frames
                );
            }
        }
        let first = self.strangest.as_deref().unwrap_or("unknown");
        ensure!(
            self.strange == 0,
            "{} frames that nobody sent, the first: {first}",
            self.strange
        );
        Ok(())
    }
}
