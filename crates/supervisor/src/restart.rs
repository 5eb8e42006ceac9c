//! When to try again: pure functions of what happened and of the policy.
//!
//! Two rules stand side by side:
//!
//! - **Delay.** A run of less than [`SHORT_RUN`] is a short one. The first restarts come at once; after the second
//!   short run in a row the restart waits `restart_delay`, after each further one twice as long, up to
//!   `restart_delay_max`. A run that is not short ends the series.
//! - **Flap detection**, when it is on. Restarts within the last `countdown` count. When as many as `restarted` have
//!   come together and the process ends again, it is held in backoff for `countdown`; meanwhile, every `decrement`, the
//!   count drops by one and one restart is tried; at the end the count is 0 and life goes on as normal.

use crate::event::{FlapPolicy, Policy};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A run that ends sooner than this is a short one.
pub const SHORT_RUN: Duration = Duration::from_secs(1);

/// How long the restart waits after `short_runs` short runs in a row.
#[must_use]
pub fn delay(short_runs: u32, policy: &Policy) -> Duration {
    match short_runs {
        0 | 1 => Duration::ZERO,
        n => {
            let doublings = (n - 2).min(31);
            policy
                .restart_delay
                .saturating_mul(1 << doublings)
                .min(policy.restart_delay_max)
        }
    }
}

/// The memory of flap detection for one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flap {
    /// When the restarts came that still count, oldest first.
    restarts: VecDeque<Instant>,
    backoff: Option<Backoff>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Backoff {
    until: Instant,
    next_try: Option<Instant>,
}

/// What flap detection says when a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Restart it as usual.
    Go,
    /// Hold it until then, and ask again. `entered`: the backoff begins with this end.
    Hold {
        /// When to call [`Flap::wake`].
        wake: Instant,
        /// Whether this is news.
        entered: bool,
    },
}

impl Flap {
    /// A restart was carried out.
    pub fn restarted(&mut self, now: Instant, policy: &FlapPolicy) {
        if self.backoff.is_none() {
            self.restarts.push_back(now);
            // More than the threshold need not be remembered.
            while self.restarts.len() > policy.restarted.max(1) as usize {
                self.restarts.pop_front();
            }
        }
    }

    /// The process ended by itself.
    pub fn ended(&mut self, now: Instant, policy: &FlapPolicy) -> Verdict {
        if let Some(backoff) = self.backoff {
            if now < backoff.until {
                return Verdict::Hold {
                    wake: backoff.wake(),
                    entered: false,
                };
            }
            self.forget();
        }
        while self
            .restarts
            .front()
            .is_some_and(|at| now.duration_since(*at) > policy.countdown)
        {
            self.restarts.pop_front();
        }
        if self.restarts.len() < policy.restarted as usize || policy.restarted == 0 {
            return Verdict::Go;
        }
        let backoff = Backoff {
            until: now + policy.countdown,
            next_try: (!policy.decrement.is_zero()).then(|| now + policy.decrement),
        };
        self.backoff = Some(backoff);
        Verdict::Hold {
            wake: backoff.wake(),
            entered: true,
        }
    }

    /// The time that a [`Verdict::Hold`] named has come: a restart is due. At the end of the backoff all is forgotten.
    pub fn wake(&mut self, now: Instant, policy: &FlapPolicy) {
        let Some(backoff) = &mut self.backoff else { return };
        if now >= backoff.until {
            self.forget();
            return;
        }
        if let Some(at) = backoff.next_try
            && at <= now
        {
            self.restarts.pop_front();
            // Never in the past, also when the daemon could not run for a while.
            backoff.next_try = Some((at + policy.decrement).max(now));
        }
    }

    /// A clean slate: a person stopped, restarted or reset it.
    pub fn forget(&mut self) {
        *self = Flap::default();
    }

    /// How many restarts count at present.
    #[must_use]
    pub fn count(&self) -> usize {
        self.restarts.len()
    }
}

impl Backoff {
    fn wake(&self) -> Instant {
        self.next_try.map_or(self.until, |at| at.min(self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::now;

    fn policy() -> Policy {
        Policy::for_tests()
    }

    #[test]
    fn the_first_two_restarts_come_at_once_then_the_delay_doubles_to_its_maximum() {
        let delays: Vec<u128> = (0..=10).map(|n| delay(n, &policy()).as_millis()).collect();
        assert_eq!(delays, [0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(delay(u32::MAX, &policy()), Duration::from_secs(10));
    }

    /// The example of the predecessor's documentation: threshold 5, countdown 120 and decrement 60 intervals of 500 ms.
    #[test]
    fn the_documented_example_backs_off_at_the_fifth_restart_tries_at_30_s_and_is_normal_at_60_s() {
        let start = now().mono;
        let flap_policy = FlapPolicy {
            restarted: 5,
            countdown: Duration::from_secs(60),
            decrement: Duration::from_secs(30),
        };
        let mut flap = Flap::default();
        let mut at = start;
        for restart in 1..=5 {
            assert_eq!(flap.ended(at, &flap_policy), Verdict::Go, "restart {restart}");
            flap.restarted(at, &flap_policy);
            at += Duration::from_millis(10);
        }
        let held = at;
        let at_30_s = held + Duration::from_secs(30);
        let at_60_s = held + Duration::from_secs(60);
        assert_eq!(
            flap.ended(held, &flap_policy),
            Verdict::Hold {
                wake: at_30_s,
                entered: true
            }
        );
        flap.wake(at_30_s, &flap_policy);
        assert_eq!(flap.count(), 4);
        flap.restarted(at_30_s, &flap_policy);
        let died_again = at_30_s + Duration::from_millis(10);
        assert_eq!(
            flap.ended(died_again, &flap_policy),
            Verdict::Hold {
                wake: at_60_s,
                entered: false
            }
        );
        flap.wake(at_60_s, &flap_policy);
        assert_eq!(flap.count(), 0);
        assert_eq!(flap.ended(at_60_s, &flap_policy), Verdict::Go);
    }

    #[test]
    fn restarts_older_than_the_countdown_do_not_count() {
        let flap_policy = FlapPolicy {
            restarted: 2,
            countdown: Duration::from_secs(60),
            decrement: Duration::ZERO,
        };
        let mut flap = Flap::default();
        let start = now().mono;
        flap.restarted(start, &flap_policy);
        flap.restarted(start + Duration::from_secs(50), &flap_policy);
        assert_eq!(flap.ended(start + Duration::from_secs(61), &flap_policy), Verdict::Go);
        flap.restarted(start + Duration::from_secs(61), &flap_policy);
        let end = start + Duration::from_secs(62);
        assert_eq!(
            flap.ended(end, &flap_policy),
            Verdict::Hold {
                wake: end + Duration::from_secs(60),
                entered: true
            },
            "without a decrement there is one wake-up, at the end"
        );
    }
}
