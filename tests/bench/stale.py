# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How often each way to ask still says "no" after a clone was resumed."""

from harness.figures import programs, spread
from harness.scenario import boot, new_guid

WAYS = {
    "raw": "raw page",
    "changed_raw": "vmgen_changed, with raw page",
    "changed_now": "vmgen_changed_now",
    "read": "read without waiting",
    "counter": "counter page",
    "changed": "vmgen_changed, without raw page",
    "u32": "page of /dev/sysgenid",
}
CPUS = (1, 2, 4)


def read_word(vm, address):
    """8 bytes of the guest's memory while it stands still."""
    answer = vm.ask("human-monitor-command", **{"command-line": f"xp /1gx {address:#x}"})
    return int(answer.split(":")[1], 16)


def stale_rounds(snapshot, address, file):
    with snapshot.clone(guid=new_guid(), paused=True) as c:
        before = read_word(c, address)
        c.resume()
        c.wait_for(f"grep -q seen {file}")
        seen = int(c.run(f"sed -n 's/^seen //p' {file}"))
    # The round that the snapshot cut in two began in the old world.
    return max(0, seen - before - 1)


def measure_way(g, way, options, command):
    file = f"/tmp/{way}"
    pid = g.spawn(f"exec {command} {way} >{file}")
    g.wait_for(f"grep -q count {file}")
    address = int(g.run(f"cat {file}").split()[1], 16)
    snapshot = g.save(way)
    g.resume()
    g.run(f"kill {pid}")
    rounds = [stale_rounds(snapshot, address, file) for _ in range(options.clones)]
    snapshot.path.unlink()
    return rounds


def measure_kernel(kernel, cpus, options):
    with boot(kernel, [*programs("stale"), "/usr/bin/taskset"], sanitized=False, memory=256,
              guid=new_guid(), cpus=cpus) as g:
        # Not where the interrupt comes, if there is another: there the window is longest.
        command = f"taskset {1 << cpus - 1:x} stale"
        return [{"kernel": kernel, "cpus": cpus, "way": way,
                 "rounds": measure_way(g, way, options, command)} for way in WAYS]


def measure(options):
    return [row for kernel in options.kernels for cpus in CPUS
            for row in measure_kernel(kernel, cpus, options)]


COLUMNS = (
    ("kernel", 12, lambda row: row["kernel"]),
    ("CPUs", 6, lambda row: f"{row['cpus']:4}"),
    ("", 34, lambda row: WAYS[row["way"]]),
    ("stale rounds", 0, lambda row: spread(row["rounds"])),
)
