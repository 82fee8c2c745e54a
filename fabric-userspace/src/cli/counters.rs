//! `fabric counters`, with the readings of the last minute that its rates are made of.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use clap::Args;

use super::context::{Context, Exit};
use super::status::GLANCE;
use super::values;
use super::watch::watch;
use crate::api::{Counters, path};
use crate::error::Refusal;
use crate::render::counters::{By, Since, View, lines};

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(super) struct CountersArgs {
    /// One table only: port, tenant or reason
    #[arg(long, hide_possible_values = true)]
    by: Option<By>,
    /// Show rates every second, or every SECONDS
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", value_parser = values::seconds)]
    watch: Option<Duration>,
    /// Lines of zeros too
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(context: &mut Context<'_>, args: &CountersArgs) -> Result<Exit, Refusal> {
    context.without_names()?;
    if let Some(every) = args.watch {
        return watch_counters(context, args, every).await;
    }
    let answer = context.client.get(path::COUNTERS).await?;
    if context.is_json() {
        context.output.answer_json(answer.json(), false)?;
        return Ok(Exit::Done);
    }
    let counters: Counters = answer.item()?.body.item;
    let view = View {
        now: &counters,
        before: None,
        minute: None,
        all: args.all,
    };
    context.output.answer(&lines(&view, args.by))?;
    Ok(Exit::Done)
}

async fn watch_counters(
    context: &mut Context<'_>,
    args: &CountersArgs,
    every: Duration,
) -> Result<Exit, Refusal> {
    let mut readings = Readings::default();
    watch(context, every, async |context| {
        if context.is_json() {
            let answer = context.client.get(path::COUNTERS).await?;
            return context.output.answer_json(answer.json(), true);
        }
        if readings.0.is_empty() {
            readings.take(context).await?;
            tokio::time::sleep(GLANCE).await;
        }
        readings.take(context).await?;
        match readings.view(args.all) {
            Some(view) => context.output.redraw(&lines(&view, args.by)),
            None => Ok(()),
        }
    })
    .await
}

/// Readings of the last minute, oldest first, and one that is older.
#[derive(Default)]
struct Readings(VecDeque<(Instant, Counters)>);

impl Readings {
    async fn take(&mut self, context: &Context<'_>) -> Result<(), Refusal> {
        let counters = context.client.get(path::COUNTERS).await?.item()?.body.item;
        self.add(Instant::now(), counters);
        Ok(())
    }

    fn add(&mut self, at: Instant, counters: Counters) {
        self.0.push_back((at, counters));
        let is_old = |reading: Option<&(Instant, Counters)>| {
            reading.is_some_and(|(then, _)| at.duration_since(*then) >= MINUTE)
        };
        while is_old(self.0.get(1)) {
            self.0.pop_front();
        }
    }

    fn view(&self, all: bool) -> Option<View<'_>> {
        let (at, now) = self.0.back()?;
        let since = |(then, counters)| Since {
            counters,
            elapsed: at.duration_since(then),
        };
        let place = self.0.len().checked_sub(2)?;
        let before = self.0.get(place).map(|(then, counters)| since((*then, counters)));
        // Before a minute is over there is no rate over a minute.
        let minute = self
            .0
            .front()
            .map(|(then, counters)| since((*then, counters)))
            .filter(|since| since.elapsed >= MINUTE);
        Some(View {
            now,
            before,
            minute,
            all,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Traffic;

    fn reading(received_frames: u64) -> Counters {
        Counters {
            at: String::new(),
            total: Traffic {
                received_frames,
                ..Traffic::default()
            },
            ports: Vec::new(),
            tenants: Vec::new(),
            reasons: Vec::new(),
        }
    }

    #[test]
    fn the_minute_rate_appears_after_a_minute_and_uses_one() {
        let mut readings = Readings::default();
        let start = Instant::now();
        for second in 0..=59 {
            readings.add(start + Duration::from_secs(second), reading(second));
        }
        let view = readings.view(false).expect("two readings");
        assert_eq!(view.before.expect("one before").elapsed, Duration::from_secs(1));
        assert!(view.minute.is_none());
        for second in 60..=200 {
            readings.add(start + Duration::from_secs(second), reading(second));
        }
        let view = readings.view(false).expect("two readings");
        let minute = view.minute.expect("a minute is over");
        assert_eq!(minute.elapsed, MINUTE);
        assert_eq!(minute.counters.total.received_frames, 140);
        assert_eq!(readings.0.len(), 61);
    }
}
