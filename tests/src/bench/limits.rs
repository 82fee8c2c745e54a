//! What no XDP forwarder can be cheaper than.

use anyhow::{Context, Result};
use aya::maps::{DevMap, ProgramArray};
use aya::programs::Xdp;

use super::device::{Device, Expected, Group, Work, tenant};
use super::line::{Leaves, Line};
use super::reference::{Ends, Object, attach_xdp};
use crate::topology::End;

/// Name of the row that all others are compared with.
pub(super) const LIMIT: &str = "bare redirect";

/// A program of [`Object`] and the work it stands for.
struct Limit {
    name: &'static str,
    program: &'static str,
    /// The program that this one goes on with.
    next: Option<&'static str>,
    work: Work,
    pushed: usize,
}

const LIMITS: [Limit; 7] = [
    Limit {
        name: "drop",
        program: "discard",
        next: None,
        work: Work::Drop,
        pushed: 0,
    },
    Limit {
        name: LIMIT,
        program: "redirect",
        next: None,
        work: Work::Forward,
        pushed: 0,
    },
    Limit {
        name: "constant 8 bytes",
        program: "constant_tags",
        next: None,
        work: Work::Push,
        pushed: 8,
    },
    Limit {
        name: "constant 8, a tail call",
        program: "tail_called_tags",
        next: Some("constant_tags"),
        work: Work::Push,
        pushed: 8,
    },
    Limit {
        name: "constant 8, a function",
        program: "called_tags",
        next: None,
        work: Work::Push,
        pushed: 8,
    },
    Limit {
        name: "constant 8, 5 look-ups",
        program: "looked_up_tags",
        next: None,
        work: Work::Push,
        pushed: 8,
    },
    Limit {
        name: "constant 50 bytes",
        program: "constant_vxlan",
        next: None,
        work: Work::Encap,
        pushed: 50,
    },
];

/// Builds those that are wanted.
///
/// # Errors
/// When one cannot be built.
pub(super) fn build(object: &Object, ends: &mut Ends, wants: &dyn Fn(&str) -> bool) -> Result<Vec<Device>> {
    let wanted = LIMITS
        .into_iter()
        .filter(|limit| limit.name == LIMIT || wants(limit.name));
    wanted.map(|limit| device(object, ends, limit)).collect()
}

fn device(object: &Object, ends: &mut Ends, limit: Limit) -> Result<Device> {
    let line = Line::build(ends, Leaves::Xdp, |device| {
        (End::port(device, "in0"), End::client(device, "out0").no_arp())
    })?;
    let mut ebpf = object.load()?;
    let mut out: DevMap<_> = ebpf.take_map("OUT").context("no map OUT")?.try_into()?;
    let mut programs: ProgramArray<_> = ebpf.take_map("NEXT").context("no map NEXT")?.try_into()?;
    if let Some(next) = limit.next {
        let program = ebpf
            .program_mut(next)
            .with_context(|| format!("no program {next}"))?;
        let program: &mut Xdp = program.try_into()?;
        program.load()?;
        programs.set(0, program.fd()?, 0)?;
    }
    let ifindex = line.device.ifindex("out0")?;
    line.device.run(|| Ok(out.set(0, ifindex, None, 0)?))?;
    attach_xdp(&mut ebpf, limit.program, &line.device, "in0")?;
    let (work, pushed) = (limit.work, limit.pushed);
    Ok(Device {
        name: limit.name,
        group: Group::Limit,
        work,
        line,
        process: None,
        input: Box::new(tenant),
        expected: Box::new(move |length| match work {
            Work::Drop => Expected::Nothing,
            Work::Forward | Work::Push | Work::Pop | Work::Encap | Work::Decap | Work::Other => {
                let frame = tenant(length);
                let constant = [0x88, 0xa8].repeat(pushed / 2);
                let bytes = [&frame[..12], &constant[..], &frame[12..]].concat();
                Expected::Exactly(crate::frame::Frame::from_bytes(bytes))
            }
        }),
        keeps: vec![Box::new(ebpf), Box::new(out), Box::new(programs)],
    })
}
