//! What the worker counts: answers by class and status, how the cache had to do with them, and how
//! long they took. The figures are one isolate's; where the platform runs several, each has its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The upper bounds of the buckets, in milliseconds.
const BOUNDS_MS: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000];

/// What was counted.
#[derive(Default)]
pub struct Figures {
    answers: RefCell<BTreeMap<(&'static str, u16), u64>>,
    cached: RefCell<BTreeMap<&'static str, u64>>,
    times: RefCell<[u64; BOUNDS_MS.len() + 1]>,
    total_ms: RefCell<u64>,
}

impl Figures {
    /// Counts one answer.
    pub fn count(&self, class: &'static str, status: u16, cached: Option<&'static str>, took_ms: u64) {
        *self.answers.borrow_mut().entry((class, status)).or_default() += 1;
        if let Some(cached) = cached {
            *self.cached.borrow_mut().entry(cached).or_default() += 1;
        }
        let bucket = BOUNDS_MS.iter().position(|bound| took_ms <= *bound);
        self.times.borrow_mut()[bucket.unwrap_or(BOUNDS_MS.len())] += 1;
        *self.total_ms.borrow_mut() += took_ms;
    }

    /// The figures in the text format of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::from("# TYPE plue_edge_requests_total counter\n");
        for ((class, status), count) in &*self.answers.borrow() {
            let _ = writeln!(
                text,
                "plue_edge_requests_total{{class=\"{class}\",status=\"{status}\"}} {count}"
            );
        }
        text.push_str("# TYPE plue_edge_cache_total counter\n");
        for (outcome, count) in &*self.cached.borrow() {
            let _ = writeln!(text, "plue_edge_cache_total{{outcome=\"{outcome}\"}} {count}");
        }
        text.push_str("# TYPE plue_edge_request_ms histogram\n");
        let mut below = 0;
        for (bound, count) in BOUNDS_MS.iter().zip(&*self.times.borrow()) {
            below += count;
            let _ = writeln!(text, "plue_edge_request_ms_bucket{{le=\"{bound}\"}} {below}");
        }
        let all: u64 = self.times.borrow().iter().sum();
        let total_ms = *self.total_ms.borrow();
        let _ = writeln!(text, "plue_edge_request_ms_bucket{{le=\"+Inf\"}} {all}");
        let _ = writeln!(
            text,
            "plue_edge_request_ms_sum {total_ms}\nplue_edge_request_ms_count {all}"
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_add_up() {
        let figures = Figures::default();
        figures.count("page", 200, Some("HIT"), 3);
        figures.count("page", 200, Some("MISS"), 30);
        figures.count("api", 503, None, 20_000);
        let text = figures.text();
        for line in [
            "plue_edge_requests_total{class=\"page\",status=\"200\"} 2",
            "plue_edge_requests_total{class=\"api\",status=\"503\"} 1",
            "plue_edge_cache_total{outcome=\"HIT\"} 1",
            "plue_edge_request_ms_bucket{le=\"5\"} 1",
            "plue_edge_request_ms_bucket{le=\"50\"} 2",
            "plue_edge_request_ms_bucket{le=\"+Inf\"} 3",
            "plue_edge_request_ms_sum 20033",
            "plue_edge_request_ms_count 3",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} in {text}");
        }
    }
}
