//! Ports that cannot send, as the data path knows them.

use std::time::Duration;

use fabric_common::maps::{Port, Silence, name};

use super::fdb::ticks;
use super::{Datapath, LoadError};

/// So long the data path believes it without being told again. An agent that is gone cannot say that a port is back.
const BELIEVED: Duration = Duration::from_secs(5);

impl Datapath {
    /// Says of the port with this slot that it cannot send, or that it can: one write, or two if the number of such ports
    /// changes, and one for each port with the first of them and the last. To be said again before it is forgotten, see [`Datapath::renew_silence`].
    ///
    /// # Errors
    /// When the kernel does not tell the time, or for a slot that there is not.
    pub fn set_silent(&mut self, slot: u16, silent: bool) -> Result<(), LoadError> {
        let was = self.silence(slot).is_set();
        let others = self.silence(0).0 - u64::from(was);
        if silent {
            // A flooded frame looks for such ports only if there are any.
            self.write_silence(0, Silence(others + 1))?;
            let until = self.believed_until()?;
            self.write_silence(slot, until)?;
        } else {
            self.write_silence(slot, Silence::default())?;
            self.write_silence(0, Silence(others))?;
        }
        if others == 0 && was != silent {
            self.tell_ports()?;
        }
        Ok(())
    }

    /// After an agent that was killed, maybe between the writes of [`Self::set_silent`].
    pub(super) fn adopt_silence(&mut self) -> Result<(), LoadError> {
        let silent = u64::try_from(self.silent_slots().len()).unwrap_or(u64::MAX);
        self.write_silence(0, Silence(silent))?;
        self.tell_ports()
    }

    /// Has frames look whether their egress can send as long as there is a port that cannot.
    fn tell_ports(&mut self) -> Result<(), LoadError> {
        for ifindex in self.port_indices.clone() {
            if let Some(port) = self.ports.get(ifindex) {
                self.set_port(ifindex, Some(&port))?;
            }
        }
        Ok(())
    }

    /// The record of a port with what all ports must know.
    pub(super) fn with_silence(&self, port: &Port) -> Port {
        let flags = port.flags & !Port::SILENCE;
        let silence = if self.silence(0).is_set() {
            Port::SILENCE
        } else {
            0
        };
        Port {
            flags: flags | silence,
            ..*port
        }
    }

    /// Says again of all ports that cannot send that they cannot.
    ///
    /// # Errors
    /// When the kernel does not tell the time.
    pub fn renew_silence(&mut self) -> Result<(), LoadError> {
        let slots = self.silent_slots();
        if slots.is_empty() {
            return Ok(());
        }
        let until = self.believed_until()?;
        slots
            .into_iter()
            .try_for_each(|slot| self.write_silence(slot, until))
    }

    /// Slots of the ports that cannot send.
    pub fn silent_slots(&self) -> Vec<u16> {
        let slots = u16::try_from(self.silent.len()).unwrap_or(u16::MAX);
        (1..slots).filter(|slot| self.silence(*slot).is_set()).collect()
    }

    fn believed_until(&mut self) -> Result<Silence, LoadError> {
        // One more: the present tick is partly over.
        Ok(Silence::until(self.now()?.wrapping_add(ticks(BELIEVED) + 1)))
    }

    fn silence(&self, slot: u16) -> Silence {
        self.silent.get(u32::from(slot)).unwrap_or_default()
    }

    fn write_silence(&self, slot: u16, silence: Silence) -> Result<(), LoadError> {
        super::write::publish(&self.silent, u32::from(slot), &silence, name::SILENT)
    }
}
