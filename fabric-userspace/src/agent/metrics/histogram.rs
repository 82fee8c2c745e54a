//! Durations as Prometheus wants them: how many were no longer than each bound.

use std::time::Duration;

use super::Text;

/// Upper bounds in seconds: around the 25 ms in which a switch is due, and up to where clients give up.
const BOUNDS: [f64; 12] = [
    0.000_1, 0.001, 0.005, 0.01, 0.015, 0.02, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
];

/// A distribution of durations.
#[derive(Clone, Debug, Default)]
pub(in crate::agent) struct Histogram {
    /// By bound, those below it and not below the one before.
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    pub(in crate::agent) fn observe(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        if let Some(count) = BOUNDS
            .iter()
            .zip(&mut self.counts)
            .find_map(|(bound, count)| (seconds <= *bound).then_some(count))
        {
            *count += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }

    /// The samples of the family `name`, with this label.
    pub(super) fn write(&self, text: &mut Text, name: &str, (label, content): (&str, &str)) {
        let bucket = format!("{name}_bucket");
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(&self.counts) {
            below += count;
            text.sample(&bucket, &[(label, content), ("le", &bound.to_string())], below);
        }
        text.sample(&bucket, &[(label, content), ("le", "+Inf")], self.count);
        text.sample(&format!("{name}_sum"), &[(label, content)], self.sum);
        text.sample(&format!("{name}_count"), &[(label, content)], self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_the_last_one_has_all() {
        let mut histogram = Histogram::default();
        for milliseconds in [1, 20, 21, 9000] {
            histogram.observe(Duration::from_millis(milliseconds));
        }
        let mut text = Text(String::new());
        histogram.write(&mut text, "t", ("phase", "detect"));
        for line in [
            r#"t_bucket{phase="detect",le="0.0001"} 0"#,
            r#"t_bucket{phase="detect",le="0.001"} 1"#,
            r#"t_bucket{phase="detect",le="0.02"} 2"#,
            r#"t_bucket{phase="detect",le="0.025"} 3"#,
            r#"t_bucket{phase="detect",le="5"} 3"#,
            r#"t_bucket{phase="detect",le="+Inf"} 4"#,
            r#"t_sum{phase="detect"} 9.042"#,
            r#"t_count{phase="detect"} 4"#,
        ] {
            assert!(
                text.0.lines().any(|one| one == line),
                "{line} is not in\n{}",
                text.0
            );
        }
    }
}
