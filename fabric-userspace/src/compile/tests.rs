mod budget;
mod datacenters;
mod delivery;
mod figure1;
pub(crate) mod growth;
mod ids;
mod refusals;
pub(crate) mod support;
mod vxlan;
