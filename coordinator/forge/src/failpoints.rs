//! Named points at which a test may end the process or make a step fail.
//!
//! They exist only with the feature `failpoints`, which release builds leave off; without it
//! [`hit`] is nothing and [`arm`] refuses. What happens at a point is for tests of the write path:
//! every numbered step of `pushes` has one.

/// Every point, in the order in which a push comes by. `pushes` names them by their step.
pub const POINTS: &[&str] = &[
    "push-2-pinned",
    "push-3-read",
    "push-4-indexed",
    "push-5-connected",
    "push-6-row",
    "push-6-uploaded",
    "push-7-locked",
    "push-7-refs",
    "push-7-live",
    "push-7-jobs",
    "push-7-committed",
    "push-8-installed",
    "push-8-materialised",
    "push-9-reported",
];

/// What a point that fails says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fail point {0} is armed")]
pub struct FailPoint(pub &'static str);

/// Why a list of fail points was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmError {
    /// The program was built without them.
    #[error("this program was built without fail points; build it with the feature `failpoints`")]
    NotBuilt,
    /// Not of the form `point=abort` or `point=error`, with `@n` for the n-th time.
    #[error("`{0}` is not a fail point; write point=abort or point=error, with @n for the n-th time")]
    Malformed(String),
}

/// Comes by a point: nothing, an error, or the end of the process.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_point: &'static str) -> Result<(), FailPoint> {
    Ok(())
}

/// Arms the points of a comma-separated list such as `push-6-uploaded=abort,push-8-installed=error@2`.
#[cfg(not(feature = "failpoints"))]
pub fn arm(list: &str) -> Result<(), ArmError> {
    match list.trim() {
        "" => Ok(()),
        _ => Err(ArmError::NotBuilt),
    }
}

#[cfg(feature = "failpoints")]
pub use armed::{arm, hit};

#[cfg(feature = "failpoints")]
mod armed {
    use super::{ArmError, FailPoint, POINTS};
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};

    #[derive(Clone, Copy)]
    enum Action {
        Abort,
        Error,
    }

    struct Armed {
        action: Action,
        /// How often the point is still passed unharmed.
        passes: u32,
    }

    static ARMED: LazyLock<Mutex<HashMap<&'static str, Armed>>> = LazyLock::new(Mutex::default);

    /// Comes by a point: nothing, an error, or the end of the process.
    pub fn hit(point: &'static str) -> Result<(), FailPoint> {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = armed.get_mut(point) else {
            return Ok(());
        };
        if entry.passes > 0 {
            entry.passes -= 1;
            return Ok(());
        }
        match entry.action {
            // As `kill -9` would: no destructor runs, nothing is flushed.
            Action::Abort => std::process::abort(),
            Action::Error => {
                armed.remove(point);
                Err(FailPoint(point))
            }
        }
    }

    /// Arms the points of a comma-separated list such as
    /// `push-6-uploaded=abort,push-8-installed=error@2`.
    pub fn arm(list: &str) -> Result<(), ArmError> {
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let bad = || ArmError::Malformed(entry.to_owned());
            let (name, action) = entry.split_once('=').ok_or_else(bad)?;
            let (action, nth) = action.split_once('@').unwrap_or((action, "1"));
            let point = POINTS.iter().find(|point| **point == name).ok_or_else(bad)?;
            let action = match action {
                "abort" => Action::Abort,
                "error" => Action::Error,
                _ => return Err(bad()),
            };
            let passes = nth
                .parse::<u32>()
                .ok()
                .and_then(|n| n.checked_sub(1))
                .ok_or_else(bad)?;
            ARMED
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(point, Armed { action, passes });
        }
        Ok(())
    }
}
