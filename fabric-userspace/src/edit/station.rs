//! Static stations: in a segment an address is fixed to one end at most.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::find::{refuse, segment_at};
use super::{Edited, Outcome};
use crate::error::{Refusal, codes};
use crate::model::{Document, IfName, Mac, Name, Segment, ServiceVid, Station, StationName};

/// The end of a segment where a station stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StationPlace {
    /// At an attachment; a segment has one a port.
    Port {
        /// Node of the port.
        node: Name,
        /// Access port.
        port: IfName,
    },
    /// Behind a foreign VTEP.
    Link(Name),
}

impl fmt::Display for StationPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { node, port } => write!(f, "{port} of {node}"),
            Self::Link(link) => write!(f, "remote {link}"),
        }
    }
}

/// Fixes a MAC address to an end of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StationAdd {
    /// The segment's name.
    pub segment: Name,
    /// Where it stands.
    pub place: StationPlace,
    /// Its address.
    pub mac: Mac,
    /// For people only.
    #[serde(default)]
    pub name: Option<StationName>,
    /// Inner tag of frames for it alone.
    #[serde(default)]
    pub c_vid: Option<ServiceVid>,
}

/// Frees a MAC address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StationRemove {
    /// The segment's name.
    pub segment: Name,
    /// The station's address.
    pub mac: Mac,
}

/// What [`station_add`] or [`station_remove`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationChanged {
    /// False if all of it was so before.
    pub changed: bool,
    /// The segment's name.
    pub segment: Name,
    /// Where it stands or stood.
    pub place: StationPlace,
    /// The station.
    pub station: Station,
}

/// Adds a static station.
///
/// # Errors
/// There is no such segment or end, the address is not an individual one, or it stands elsewhere in the segment.
pub fn station_add(document: &Document, request: &StationAdd) -> Outcome<StationChanged> {
    let (tenant, at) = segment_at(document, &request.segment)?;
    let StationAdd {
        segment: name,
        place,
        mac,
        ..
    } = request;
    if !mac.is_unicast() {
        let sentence = format!("{mac} is not the address of one station");
        return Err(refuse(
            codes::BAD_MAC,
            sentence,
            "use the address of the machine's interface",
        ));
    }
    let station = Station {
        name: request.name.clone(),
        mac: *mac,
        c_vid: request.c_vid,
    };
    let mut document = document.clone();
    let segment = &mut document.tenants[tenant].segments[at];
    let changed = is_new(segment, place, &station)?;
    let stations = stations_at(segment, place).ok_or_else(|| no_such_end(name, place))?;
    if changed {
        stations.push(station.clone());
    }
    let answer = StationChanged {
        changed,
        segment: name.clone(),
        place: place.clone(),
        station,
    };
    Ok(Edited::new(document, answer))
}

fn is_new(segment: &Segment, place: &StationPlace, station: &Station) -> Result<bool, Refusal> {
    match find(segment, station.mac) {
        None => Ok(true),
        Some((there, same)) if there == *place && *same == *station => Ok(false),
        Some((there, other)) => Err(refuse(
            codes::STATION_TAKEN,
            format!(
                "{} stands at {there} in segment {} already",
                other.mac, segment.name
            ),
            format!("fabric fdb remove --segment {} {}", segment.name, other.mac),
        )),
    }
}

fn no_such_end(segment: &Name, place: &StationPlace) -> Refusal {
    refuse(
        codes::NOT_ATTACHED,
        format!("segment {segment} has no end at {place}"),
        format!("fabric segment show {segment} lists its ends"),
    )
}

/// Removes a static station; its address can be learned again.
///
/// # Errors
/// There is no such segment or station.
pub fn station_remove(document: &Document, request: &StationRemove) -> Outcome<StationChanged> {
    let (tenant, at) = segment_at(document, &request.segment)?;
    let StationRemove { segment: name, mac } = request;
    let mut document = document.clone();
    let segment = &mut document.tenants[tenant].segments[at];
    let Some((place, station)) = find(segment, *mac).map(|(place, station)| (place, station.clone())) else {
        let sentence = format!("segment {name} has no static station {mac}");
        let cure = format!("fabric fdb show --segment {name} lists stations, learned ones too");
        return Err(refuse(codes::UNKNOWN_STATION, sentence, cure));
    };
    if let Some(stations) = stations_at(segment, &place) {
        stations.retain(|other| other.mac != *mac);
    }
    let answer = StationChanged {
        changed: true,
        segment: name.clone(),
        place,
        station,
    };
    Ok(Edited::new(document, answer))
}

fn find(segment: &Segment, mac: Mac) -> Option<(StationPlace, &Station)> {
    let attached = segment.attachments.iter().map(|end| {
        (
            StationPlace::Port {
                node: end.node.clone(),
                port: end.port.clone(),
            },
            &end.stations,
        )
    });
    let remote = segment
        .remotes
        .iter()
        .map(|end| (StationPlace::Link(end.link.clone()), &end.stations));
    let mut ends = attached.chain(remote);
    ends.find_map(|(place, stations)| Some((place, stations.iter().find(|station| station.mac == mac)?)))
}

fn stations_at<'s>(segment: &'s mut Segment, place: &StationPlace) -> Option<&'s mut Vec<Station>> {
    match place {
        StationPlace::Port { node, port } => {
            let mut ends = segment.attachments.iter_mut();
            ends.find(|end| end.node == *node && end.port == *port)
                .map(|end| &mut end.stations)
        }
        StationPlace::Link(link) => segment
            .remotes
            .iter_mut()
            .find(|end| end.link == *link)
            .map(|end| &mut end.stations),
    }
}
