//! `fabric status`, with rates between two readings.

use std::time::{Duration, Instant};

use clap::Args;

use super::context::{Context, Exit};
use super::node_list;
use super::values;
use super::watch::watch;
use crate::api::{Envelope, Item, Status, Traffic, path};
use crate::error::Refusal;
use crate::render::status::{TrafficRates, lines};
use crate::render::time;

/// How far apart two readings are that make the first rate: a person does not wait longer gladly.
pub(super) const GLANCE: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Exit 1 unless the state is ok
    #[arg(long, conflicts_with = "watch")]
    check: bool,
    /// Repeat every second, or every SECONDS
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", value_parser = values::seconds)]
    watch: Option<Duration>,
    /// Return when every live node has this revision
    #[arg(long, value_name = "REVISION", conflicts_with_all = ["watch", "check"])]
    wait: Option<u64>,
}

pub(super) async fn run(context: &mut Context<'_>, args: &StatusArgs) -> Result<Exit, Refusal> {
    if let Some(revision) = args.wait {
        return node_list::wait(context, revision).await;
    }
    context.without_names()?;
    if let Some(every) = args.watch {
        return watch_status(context, every).await;
    }
    let answer = context.client.get(path::STATUS).await?;
    let mut newest: Envelope<Item<Status>> = answer.item()?;
    if context.is_json() {
        context.output.answer_json(answer.json(), false)?;
    } else {
        let reading = Reading::of(&newest);
        tokio::time::sleep(GLANCE).await;
        newest = context.client.get(path::STATUS).await?.item()?;
        show(context, &newest, &reading.rates_until(&newest), false)?;
    }
    let is_well = newest.body.item.state == "ok";
    Ok(if args.check && !is_well {
        Exit::NotWell
    } else {
        Exit::Done
    })
}

async fn watch_status(context: &mut Context<'_>, every: Duration) -> Result<Exit, Refusal> {
    let mut before: Option<Reading> = None;
    watch(context, every, async |context| {
        let mut answer = context.client.get(path::STATUS).await?;
        if context.is_json() {
            return context.output.answer_json(answer.json(), true);
        }
        let earlier = match before.take() {
            Some(reading) => reading,
            None => {
                let reading = Reading::of(&answer.item()?);
                tokio::time::sleep(GLANCE).await;
                answer = context.client.get(path::STATUS).await?;
                reading
            }
        };
        let newest = answer.item()?;
        before = Some(Reading::of(&newest));
        show(context, &newest, &earlier.rates_until(&newest), true)
    })
    .await
}

fn show(
    context: &mut Context<'_>,
    status: &Envelope<Item<Status>>,
    rates: &TrafficRates,
    again: bool,
) -> Result<(), Refusal> {
    let lines = lines(status, rates, time::now(), context.is_wide());
    if again {
        context.output.redraw(&lines)
    } else {
        context.output.answer(&lines)
    }
}

struct Reading {
    at: Instant,
    traffic: Traffic,
}

impl Reading {
    fn of(status: &Envelope<Item<Status>>) -> Self {
        Self {
            at: Instant::now(),
            traffic: status.body.item.traffic,
        }
    }

    fn rates_until(&self, newest: &Envelope<Item<Status>>) -> TrafficRates {
        TrafficRates::between(&self.traffic, &newest.body.item.traffic, self.at.elapsed())
    }
}
