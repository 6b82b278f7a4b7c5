# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How many pages a clone writes to in the half minute after it begins, with another ID and with the
ID of its snapshot: with Linux's own driver alone, with the module, and with vmgend and the hooks
that are enabled as it ships. A whole Debian with systemd, one CPU.

On a host whose clones share the memory of one snapshot that is what each of them takes.
"""

import statistics

from harness import kernel as kernels, private
from harness.debian import SYSTEM, Prebuilt, base, chroot
from harness.scenario import new_guid

# Longer than the jitter, and what the hooks do then.
SECONDS = 30
# The system does what it does after a boot.
SETTLE = 180
# {who reacts: what starts that}, each beside those before it
STEPS = {
    "Linux's own driver": "true",
    "with the module": "modprobe vmgenc",
    "with vmgend": "systemctl start vmgend && vmgenctl wait --settled --timeout 120",
}
BLACKLIST = "etc/modprobe.d/vmgenc.conf"


class Server(Prebuilt):
    """A Debian with few packages: what is installed, hooks of it look at."""

    def base(self, required, packages):
        libraries = (name for name in required if name.startswith("lib"))
        return base(kernels.row(self.kernel.name).suites[0], (*SYSTEM, *libraries, *packages))


def prepare(root):
    """Nothing of vmgen is there before a step starts it."""
    (root / BLACKLIST).write_text("blacklist vmgenc\n", "ascii")
    (root / "usr/local/lib/modules-load.d/vmgenc.conf").unlink()
    chroot(root, "/", "systemctl disable vmgend")


def originals(kernel, guid):
    """{who reacts: snapshot}"""
    found = {}
    with Server(kernel, prepare=prepare).boot(guid, shared=True, icount=True) as g:
        g.run("systemctl is-system-running --wait || true", timeout=600)
        for number, (who, command) in enumerate(STEPS.items()):
            g.run(f"{command}; sync; sleep {SETTLE}", timeout=600)
            found[who] = private.save(g, f"step-{number}")
            g.resume()
    return found


def written(original, guid):
    with private.Clone(original, guid) as c:
        before = private.pages(c)
        c.resume()
        # In the clone: idle time is skipped, so one that began before could have ended before.
        c.run(f"sleep {SECONDS}", timeout=300)
        return private.pages(c) - before


def row(kernel, who, original, guid, clones):
    idle = [written(original, guid) for _ in range(clones)]
    changed = [written(original, new_guid()) for _ in range(clones)]
    return {"kernel": kernel, "who": who, "idle": idle, "changed": changed,
            "reaction": statistics.median_low(changed) - statistics.median_low(idle)}


def measure_kernel(kernel, options):
    guid = new_guid()
    rows = [row(kernel, who, original, guid, options.clones)
            for who, original in originals(kernel, guid).items()]
    for each in rows:
        each["to_linux"] = each["reaction"] / rows[0]["reaction"]
    return rows


def measure(options):
    return [each for kernel in options.kernels for each in measure_kernel(kernel, options)]


def middle(numbers):
    return f"{statistics.median_low(numbers):8,}"


COLUMNS = (
    ("kernel", 12, lambda row: row["kernel"]),
    ("who reacts", 22, lambda row: row["who"]),
    ("same ID", 12, lambda row: middle(row["idle"])),
    ("other ID", 12, lambda row: middle(row["changed"])),
    ("reaction", 12, lambda row: f"{row['reaction']:8,}"),
    ("to Linux's", 0, lambda row: f"{row['to_linux']:10.2f}"),
)
