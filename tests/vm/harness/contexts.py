# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Where the kernel calls what may sleep. In an interrupt that is a mistake, of which only kernels
with lockdep tell; Debian's have the function tracer, which writes down in which context a call is.
"""

import contextlib
import dataclasses
import re

TRACING = "/sys/kernel/tracing"
# What sleeps comes by one of these. The first is what might_sleep() is where the kernel does not
# preempt itself; each kernel lacks some of the others. Those with "try" in their names may.
SLEEPING = ("__cond_resched", "schedule", "schedule_timeout", "schedule_hrtimeout_range",
            "wait_for_completion", "wait_for_completion_timeout", "mutex_lock",
            "mutex_lock_interruptible", "mutex_lock_killable", "rt_mutex_lock", "rt_spin_lock",
            "down", "down_read", "down_read_killable", "down_write", "down_write_killable")
OURS = "vmgenc_*"
BEGIN = (f"test -e {TRACING}/trace || mount -t tracefs tracefs {TRACING}; cd {TRACING}; set -f;"
         # Room for what goes on until the guest has detected a change, on a machine that is slow.
         " echo 8192 >buffer_size_kb;"
         f" for f in {' '.join(SLEEPING)} {OURS}; do echo $f >>set_ftrace_filter; done 2>/dev/null;"
         # With an empty filter it would be all functions.
         " grep -qx schedule set_ftrace_filter && echo function >current_tracer")
END = (f"cd {TRACING}; echo 0 >tracing_on; cat trace;"
       " echo nop >current_tracer; echo >set_ftrace_filter; echo 1 >tracing_on")
# Of Documentation/trace/ftrace.rst: interrupts off, to be rescheduled, in which interrupt.
CALL = re.compile(r"\] \S\S(\S)\S* +[0-9.]+: (\S+) <-(\S+)")


@dataclasses.dataclass
class Trace:
    calls: list = ()            # (of which interrupt, function, its caller)

    def sleeping(self, interrupts):
        """Calls of what may sleep, in hard (h) or soft (s) interrupts."""
        return sorted({f"{function} <-{caller}" for where, function, caller in self.calls
                       if where.lower() in interrupts and function in SLEEPING})

    def interrupts(self, function):
        """In which interrupts the function was called: h, hard; s, soft; ., none."""
        # H is a hard one that has interrupted a soft one.
        return {where.lower() for where, called, _ in self.calls if called == function}


@contextlib.contextmanager
def traced(guest):
    """A Trace of what the guest did meanwhile; complete when the block has ended."""
    trace = Trace()
    guest.run(BEGIN)
    yield trace
    trace.calls = CALL.findall(guest.run(END))
