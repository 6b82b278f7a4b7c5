#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Each allocation of memory fails once, while the module is loaded and used: whatever was begun is
undone, and the kernel finds nothing wrong."""

import tap
from scenario import boot, generation, new_guid, say

# Every allocation, also one that might wait; and no trace of each in the log.
PREPARE = ("mount -t debugfs debugfs /sys/kernel/debug; cd /sys/kernel/debug;"
           " echo N >failslab/ignore-gfp-wait; echo N >fail_page_alloc/ignore-gfp-wait;"
           " echo 0 >fail_page_alloc/min-order;"
           " echo 0 >failslab/verbose; echo 0 >fail_page_alloc/verbose")


def scenario(kernel, t):
    with boot(kernel, ["faults"], guid=new_guid(), load=False, sanitized=False) as g:
        g.run(PREPARE)
        status, output = g.execute("faults /vmgenc.ko", timeout=300)
        t.equal(status, 0, f"the module comes and goes, whatever fails: {output.strip()}")
        g.run("insmod /vmgenc.ko")
        t.equal(generation(g), 1, "and all is well afterwards")
    say(f"{kernel}: {output.strip()}, one allocation failing in each but the last")


if __name__ == "__main__":
    tap.main(scenario)
