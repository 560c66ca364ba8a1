//! The protocol of leases, run through thousands of worlds in which messages are late, lost,
//! doubled and out of order, clocks differ and run at different speeds, and the holder is
//! restarted: after a change was answered, nothing older is ever held.
//!
//! Time is simulated. Two rules are broken on purpose in worlds of their own, and found out.

use plue_contract::RepoId;
use plue_contract::edge::{DRIFT_MS, LEASE_MS, Stamp, granted_until_ms};
use plue_gateway::generations::{Asking, Holder, Learned, Look};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// How long a world is watched, in milliseconds.
const END_MS: u64 = 120_000;

/// Which rule is broken, to see that the model notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Nothing,
    /// The coordinator reads how the repository stands before it writes the grant down.
    GrantAfterRead,
    /// A change is answered without looking for grants.
    NoWaiting,
    /// A change asks for an acknowledgement, and takes the lease's end from the question.
    NoDrift,
}

/// A clock that is off and runs too fast or too slow.
#[derive(Clone, Copy, Debug)]
struct Clock {
    offset_ms: u64,
    /// Thousandths of its speed.
    speed: u64,
}

impl Clock {
    fn at(self, real_ms: u64) -> u64 {
        self.offset_ms + real_ms * self.speed / 1_000
    }
}

/// The network's moods and the clocks.
#[derive(Clone, Debug)]
struct Weather {
    seed: u64,
    /// Of a hundred messages so many are lost, and so many arrive twice.
    lost: u64,
    doubled: u64,
    slowest_ms: u64,
    /// The longest pause between two things that happen.
    pause_ms: u64,
    holder: Clock,
    coordinators: [Clock; 2],
}

fn weather() -> impl Strategy<Value = Weather> {
    let clock = |speeds: std::ops::RangeInclusive<u64>, offsets: std::ops::RangeInclusive<u64>| {
        (speeds, offsets).prop_map(|(speed, offset_ms)| Clock { offset_ms, speed })
    };
    (
        any::<u64>(),
        0_u64..60,
        0_u64..40,
        prop_oneof![Just(5_u64), Just(200), Just(3_000), Just(12_000)],
        prop_oneof![Just(100_u64), Just(1_000), Just(12_000)],
        clock(950..=1_050, 0..=1_000_000),
        [
            clock(999..=1_001, 1_000_000..=1_000_225),
            clock(999..=1_001, 1_000_000..=1_000_225),
        ],
    )
        .prop_map(
            |(seed, lost, doubled, slowest_ms, pause_ms, holder, coordinators)| Weather {
                seed,
                lost,
                doubled,
                slowest_ms,
                pause_ms,
                holder,
                coordinators,
            },
        )
}

#[derive(Clone, Debug)]
enum Event {
    /// Somebody reads through the edge.
    Read,
    /// The holder loses its memory and begins again.
    Restart,
    Question {
        asking: Asking,
        life: u64,
        coordinator: usize,
    },
    /// The grant is written; the repository is read.
    Answering {
        asking: Asking,
        life: u64,
        coordinator: usize,
        early: Option<Option<Stamp>>,
    },
    Reply {
        asking: Asking,
        life: u64,
        stamp: Option<Stamp>,
    },
    /// A change commits at a coordinator.
    Change {
        coordinator: usize,
    },
    /// It looks for grants.
    Settling {
        change: usize,
        coordinator: usize,
    },
    Notice {
        change: usize,
        hidden: bool,
    },
    /// The holder's acknowledgement, or the end of the leases.
    Answered {
        change: usize,
    },
}

struct World {
    weather: Weather,
    broken: Broken,
    now_ms: u64,
    turn: u64,
    events: BTreeMap<(u64, u64), Event>,
    holder: Holder,
    life: u64,
    /// How the repository stands, change by change; none where it is hidden.
    states: Vec<Option<Stamp>>,
    /// The latest change that was answered.
    answered: usize,
    is_answered: Vec<bool>,
    /// Until when grants were written down, on coordinators' clocks.
    grants: Vec<u64>,
    held: usize,
    slowest_change_ms: u64,
    committed_ms: Vec<u64>,
}

impl World {
    fn new(weather: Weather, broken: Broken) -> Self {
        let turn = weather.seed;
        let first = Stamp {
            repository: RepoId(1),
            restore_epoch: 0,
            access_epoch: 0,
            generation: 0,
            edition: 0,
        };
        Self {
            weather,
            broken,
            now_ms: 0,
            turn,
            events: BTreeMap::new(),
            holder: Holder::default(),
            life: 0,
            states: vec![Some(first)],
            answered: 0,
            is_answered: vec![true],
            grants: Vec::new(),
            held: 0,
            slowest_change_ms: 0,
            committed_ms: vec![0],
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        // splitmix64
        self.turn = self.turn.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.turn;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }

    fn at(&mut self, when_ms: u64, event: Event) {
        let order = self.below(u64::MAX);
        self.events.insert((when_ms, order), event);
    }

    /// Sends a message, which may be lost, late or doubled.
    fn send(&mut self, event: &Event) {
        let copies = match self.below(100) {
            n if n < self.weather.lost => 0,
            n if n >= 100 - self.weather.doubled => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let delay_ms = self.below(self.weather.slowest_ms + 1);
            self.at(self.now_ms + delay_ms, event.clone());
        }
    }

    fn holder_ms(&self) -> u64 {
        self.weather.holder.at(self.now_ms)
    }

    /// Something is held now: it must be no older than the latest change that was answered.
    fn check(&mut self, stamp: Stamp) -> Result<(), String> {
        self.held += 1;
        let of = self.states.iter().rposition(|state| *state == Some(stamp));
        match of {
            Some(of) if of >= self.answered => Ok(()),
            Some(of) => Err(format!(
                "at {} ms change {of} is held, and {} was answered",
                self.now_ms, self.answered
            )),
            None => Err("something is held that never was".to_owned()),
        }
    }

    fn settled(&mut self, change: usize) {
        if !std::mem::replace(&mut self.is_answered[change], true) {
            self.answered = self.answered.max(change);
            let took_ms = self.now_ms - self.committed_ms[change];
            self.slowest_change_ms = self.slowest_change_ms.max(took_ms);
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Read => match self.holder.look(self.holder_ms()) {
                Look::Held(stamp) => self.check(stamp)?,
                Look::Ask(asking) => {
                    let coordinator = usize::from(self.below(2) == 1);
                    self.send(&Event::Question {
                        asking,
                        life: self.life,
                        coordinator,
                    });
                }
            },
            Event::Restart => {
                self.holder = Holder::resume(self.holder.last());
                self.life += 1;
            }
            Event::Question {
                asking,
                life,
                coordinator,
            } => {
                let early =
                    (self.broken == Broken::GrantAfterRead).then(|| self.states[self.states.len() - 1]);
                if early.is_none() {
                    self.grant(coordinator);
                }
                let pause_ms = self.below(400);
                let answering = Event::Answering {
                    asking,
                    life,
                    coordinator,
                    early,
                };
                self.at(self.now_ms + pause_ms, answering);
            }
            Event::Answering {
                asking,
                life,
                coordinator,
                early,
            } => {
                if early.is_some() {
                    self.grant(coordinator);
                }
                let stamp = early.unwrap_or(self.states[self.states.len() - 1]);
                self.send(&Event::Reply { asking, life, stamp });
            }
            Event::Reply { asking, life, stamp } => {
                if life == self.life
                    && let Learned::Held(stamp) = self.holder.learn(asking, stamp, self.holder_ms())
                {
                    self.check(stamp)?;
                }
            }
            Event::Change { coordinator } => self.change(coordinator),
            Event::Settling { change, coordinator } => self.settle(change, coordinator),
            Event::Notice { change, hidden } => {
                self.holder.notice(hidden);
                self.send(&Event::Answered { change });
            }
            Event::Answered { change } => self.settled(change),
        }
        Ok(())
    }

    fn grant(&mut self, coordinator: usize) {
        let now_ms = self.weather.coordinators[coordinator].at(self.now_ms);
        let until_ms = match self.broken {
            Broken::NoDrift => now_ms + LEASE_MS,
            _ => granted_until_ms(now_ms),
        };
        self.grants.push(until_ms);
    }

    /// A push, mostly; at times the repository is hidden, shown again, or another takes its name.
    fn change(&mut self, coordinator: usize) {
        let last = self.states.iter().rev().flatten().next().copied();
        let last = last.expect("the first state is public");
        let next = match (self.below(10), self.states[self.states.len() - 1]) {
            (0, Some(_)) => None,
            (1, Some(_)) => Some(Stamp {
                repository: RepoId(last.repository.0 + 1),
                generation: 0,
                ..last
            }),
            (_, Some(_)) => Some(Stamp {
                generation: last.generation + 1,
                ..last
            }),
            (_, None) => Some(Stamp {
                access_epoch: last.access_epoch + 1,
                ..last
            }),
        };
        self.states.push(next);
        self.is_answered.push(false);
        self.committed_ms.push(self.now_ms);
        let pause_ms = self.below(50);
        let change = self.states.len() - 1;
        self.at(self.now_ms + pause_ms, Event::Settling { change, coordinator });
    }

    fn settle(&mut self, change: usize, coordinator: usize) {
        let clock = self.weather.coordinators[coordinator];
        let now_ms = clock.at(self.now_ms);
        let until_ms = self
            .grants
            .iter()
            .copied()
            .filter(|until_ms| *until_ms > now_ms)
            .max();
        let Some(until_ms) = until_ms.filter(|_| self.broken != Broken::NoWaiting) else {
            return self.settled(change);
        };
        let hidden = self.states[change].is_none();
        for _ in 0..3 {
            self.send(&Event::Notice { change, hidden });
        }
        let mut over_ms = self.now_ms;
        while clock.at(over_ms) < until_ms {
            over_ms += 1;
        }
        self.at(over_ms, Event::Answered { change });
    }

    fn run(mut self) -> Result<World, String> {
        let mut next_ms = 0;
        while next_ms < END_MS {
            next_ms += 1 + self.below(self.weather.pause_ms);
            let event = match self.below(100) {
                0..=1 => Event::Restart,
                2..=24 => Event::Change {
                    coordinator: usize::from(self.below(2) == 1),
                },
                _ => Event::Read,
            };
            self.at(next_ms, event);
        }
        while let Some(((when_ms, _), event)) = self.events.pop_first() {
            self.now_ms = when_ms;
            self.happen(event)?;
        }
        Ok(self)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_older_than_what_was_answered_is_ever_held(weather in weather()) {
        let world = World::new(weather, Broken::Nothing).run().map_err(TestCaseError::fail)?;
        prop_assert!(world.is_answered.iter().all(|answered| *answered), "a change was never answered");
        // The leases' end on another clock, and the moment before grants are looked for.
        let most_ms = LEASE_MS + DRIFT_MS + 600;
        prop_assert!(world.slowest_change_ms <= most_ms, "{} ms", world.slowest_change_ms);
    }
}

/// Worlds in which a rule is broken: how many of them show something old, and how many there are.
fn found(broken: Broken, holder: Clock) -> usize {
    let worlds = (0..200).map(|seed| Weather {
        seed,
        lost: 30,
        doubled: 10,
        slowest_ms: 200,
        pause_ms: if seed % 2 == 0 { 400 } else { 100 },
        holder,
        coordinators: [
            Clock {
                offset_ms: 1_000_000,
                speed: 1_002,
            },
            Clock {
                offset_ms: 1_000_225,
                speed: 1_002,
            },
        ],
    });
    worlds
        .filter(|weather| World::new(weather.clone(), broken).run().is_err())
        .count()
}

#[test]
fn the_model_notices_a_protocol_that_is_wrong() {
    let slow = Clock {
        offset_ms: 0,
        speed: 950,
    };
    assert_eq!(found(Broken::Nothing, slow), 0);
    for broken in [Broken::GrantAfterRead, Broken::NoWaiting, Broken::NoDrift] {
        assert!(found(broken, slow) > 0, "{broken:?} went unnoticed");
    }
}

#[test]
fn while_nothing_is_lost_most_reads_ask_nobody() {
    let exact = Clock {
        offset_ms: 0,
        speed: 1_000,
    };
    let weather = Weather {
        seed: 7,
        lost: 0,
        doubled: 0,
        slowest_ms: 5,
        pause_ms: 400,
        holder: exact,
        coordinators: [exact, exact],
    };
    let world = World::new(weather, Broken::Nothing).run().expect("it holds");
    assert!(world.held > 200, "{} reads were answered at once", world.held);
    assert!(world.slowest_change_ms < 100, "{} ms", world.slowest_change_ms);
}
