//! Polling a part of a task only when it was woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Wakes the task that it is asked in, and remembers that it did.
pub(super) struct Alarm {
    bell: Arc<Bell>,
    waker: Waker,
}

struct Bell {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Alarm {
    /// An alarm that has rung: whatever it is for was never polled.
    pub(super) fn rung() -> Self {
        let bell = Arc::new(Bell {
            rung: AtomicBool::new(true),
            task: AtomicWaker::new(),
        });
        Alarm {
            waker: bell.clone().into(),
            bell,
        }
    }

    /// Rings without waking the task, which is awake.
    pub(super) fn ring(&self) {
        self.bell.rung.store(true, Ordering::Release);
    }

    /// The waker to poll with, if the alarm has rung since it was asked last.
    pub(super) fn waker(&self, cx: &Context<'_>) -> Option<&Waker> {
        self.bell.task.register(cx.waker());
        let rung = self.bell.rung.swap(false, Ordering::AcqRel);
        rung.then_some(&self.waker)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake();
    }
}
