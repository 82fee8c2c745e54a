//! `fabric doctor`: exit code 1 if any check has failed.

use clap::Args;

use super::context::{Context, Exit, Listing};
use crate::api::{PortChecks, path};
use crate::client::with_query;
use crate::error::Refusal;
use crate::model::IfName;
use crate::render::doctor;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// One interface, in use or not; all ports in use if absent
    port: Option<IfName>,
}

pub(super) async fn run(context: &mut Context<'_>, args: &DoctorArgs) -> Result<Exit, Refusal> {
    let port = args.port.as_ref().map(|port| ("port", port.to_string()));
    let query: Vec<_> = port.into_iter().collect();
    let answer = context.client.get(&with_query(path::DOCTOR, &query)).await?;
    let listing = Listing {
        name: |port: &PortChecks| port.port.clone(),
        empty: "no ports in use; check one before you use it: fabric doctor PORT",
        picture: &doctor::lines,
    };
    context.list(&answer, &listing)?;
    let ports = answer.list::<PortChecks>()?;
    Ok(if doctor::has_failed(&ports) {
        Exit::NotWell
    } else {
        Exit::Done
    })
}
