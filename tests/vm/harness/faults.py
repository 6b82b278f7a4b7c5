# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A guest in which vmgend runs ten hooks that log what they do, and what may be in that log.

vmgend's record and the log of the hooks lie in file systems of their own on one disk, so that
what the hooks write out does not take the record with it.
"""

import collections
import hashlib
import json
import pathlib
import struct
import subprocess
import uuid

from harness import drivers, kernel as kernels
from harness.host import Host
from harness.machine import scratch
from harness.scenario import boot, seed

GUARDS = ("10-a", "10-b", "12-c", "15-d", "18-e")
HOOKS = (*GUARDS, "20-f", "40-g", "40-h", "50-i", "80-j")
PARTITION_MIB = 32
SECTOR = 512
STATE = "/var/lib/vmgen"
# It is another vmgend each time that is asked.
SETTLED = """for i in $(seq 200); do
	vmgenctl wait --settled --timeout 1 >/dev/null && exit; usleep 50000
done; ps -o pid,ppid,stat,comm; tail -n 30 /log/vmgend; cat /run/vmgen/status.json; exit 1"""
# As systemd would, only sooner.
SUPERVISE = "while :; do vmgend >>/log/vmgend 2>&1; usleep 50000; done"
# The guardian is there and has a keeper ready for each guard, and the pinner.
READY = r"""#!/bin/sh
until test "$(for p in $(grep -lx vmgend-guardian /proc/[0-9]*/comm | sed 's|[^0-9]||g'); do
	for c in $(cat /proc/$p/task/$p/children); do
		cat /proc/$c/comm; done; done 2>/dev/null | grep -cE 'vmgend-(keeper|pinner)')" = $1; do
	usleep 50000
done
"""
FILES = {f"/etc/vmgen/hooks.d/{name}": (f"#!/bin/chore {name}\n", 0o755) for name in HOOKS}
FILES["/etc/vmgen/vmgend.conf"] = "[vmgend]\njitter = 0\n"


def hash_of(guid):
    """As vmgend tells a generation ID."""
    text = b"vmgen generation ID hash v1\0" + uuid.UUID(guid).bytes_le
    return hashlib.sha256(text).hexdigest()


def number(hook):
    return int(hook[:2])


class Disk:
    """An image with two file systems, for one guest after the other."""

    def __init__(self, name="disk"):
        directory = scratch()
        raw = directory / f"{name}.raw"
        self.image = directory / name
        size = PARTITION_MIB << 20
        starts = (1 << 20, (1 << 20) + size)
        with open(raw, "wb") as file:
            file.truncate(starts[1] + size)
            file.seek(446)
            for start in starts:    # of a DOS partition table
                file.write(struct.pack("<B3xB3xII", 0, 0x83, start // SECTOR, size // SECTOR))
            file.seek(510)
            file.write(b"\x55\xaa")
        for start in starts:
            subprocess.run(["mkfs.ext4", "-q", "-F", "-E", f"offset={start}", raw,
                            str(size >> 10)], check=True)
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, self.image], check=True)
        raw.unlink()

    def keep(self, guest):
        """What the guest, which has ended, wrote."""
        subprocess.run(["qemu-img", "commit", "-q", guest.disk], check=True)


class Rig:
    """A guest that was just switched on, with its disk; vmgend does not run yet."""

    def __init__(self, kernel, guid, disk):
        self.guid = guid
        files = {**FILES, "/bin/ready": (READY, 0o755),
                 **drivers.files(kernels.load(kernel), drivers.EXT4)}
        self.guest = boot(kernel, ["vmgend", "vmgenctl", "chore", "strike"], sanitized=False, memory=256,
                          guid=guid, files=files, disk=disk.image, shared=True)
        try:
            seed(self.guest)    # or vmgend says that it cannot reseed
            self.host = Host(self.guest, guid)
            # Both have it mapped; of many guests it would fill this machine's disk.
            pathlib.Path(self.guest.memory_path()).unlink()
            self.guest.run(f"{drivers.LOAD}; mkdir -p {STATE} /log")
            self.guest.run(f"mount -t ext4 /dev/vda1 {STATE} && mount -t ext4 /dev/vda2 /log")
            self.guest.run("rm -f /log/vmgend")
        except BaseException:
            self.guest.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.guest.__exit__(*exception)

    def start(self):
        self.guest.spawn(SUPERVISE)

    @property
    def digest(self):
        return hash_of(self.guid)

    def change(self, wait=True):
        """A new ID, which vmgend will notice, or has noticed; without a wait the guest is lost."""
        self.guid = self.host.change()
        # A program that asks the module makes it look.
        ask = self.guest.run if wait else self.guest.send
        ask("sysctl -n dev.vmgenc.0.generation")

    def settle(self):
        self.guest.run(SETTLED, timeout=300)

    def ready(self):
        """Wait until the guardian has all guards ready, and the pinner has them in memory."""
        self.guest.run(f"ready {len(GUARDS) + 1}", timeout=120)

    def state(self):
        """vmgend's record, or None; raises ValueError if it is damaged."""
        status, text = self.guest.execute(f"cat {STATE}/state.json")
        return None if status else json.loads(text)

    def log(self):
        return self.guest.run("cat /log/hooks 2>/dev/null || true")

    def said(self):
        return self.guest.run("cat /log/vmgend 2>/dev/null || true")

    def cut(self):
        """The power fails."""
        self.guest.close()


def recorded(state, digest):
    """The hooks that have succeeded for an ID, as the record says."""
    hooks = {}
    for record in (state.get("run"), state.get("last")):
        if record and record["id_hash"] == digest:
            hooks |= record["hooks"]
    return {name for name, result in hooks.items() if result["outcome"] == "succeeded"}


class Journal:
    """The log of the hooks, line by line, and all in it that should not be.

    Guards may repeat, but only if somebody was killed; all other hooks only if their own keeper
    was. None ever runs beside an older instance of itself.
    """

    def __init__(self, hashes):
        self.hashes = hashes    # of all IDs in the order of their appearance; it may grow
        self.running = {}       # hook: ID
        self.ended = {}         # ID: [hooks]
        self.excuses = {}       # hook whose keeper was killed: how often
        self.struck = []        # who was killed since all was settled, or slow
        self.newest = {True: 0, False: 0}   # of the guards, and of the others
        self.overtaken = 0      # others that began when guards had for a newer change
        self.kills = collections.Counter()
        self.guards_again = collections.Counter()   # by who was killed last
        self.repeats = 0
        self.recent = collections.deque(maxlen=40)
        self.wrong = []

    def read(self, text):
        """What was written up to a moment in which all is settled."""
        for line in text.splitlines():
            what, hook, digest, event = line.split()
            getattr(self, what)(hook, digest, event)
            self.recent.append(f"{what} {hook}")
        self.excuses.clear()
        self.struck.clear()

    def kill(self, hook, _, who):
        self.kills[who] += 1
        if who == "sentinel":   # which is no part of a run
            return
        self.struck.append(who)
        if who == "keeper":
            self.excuses[hook] = self.excuses.get(hook, 0) + 1
            self.running.pop(hook, None)

    def excused(self, *hooks):
        """Was its keeper killed, so that nobody can know how it ended?"""
        for hook in hooks:
            if self.excuses.get(hook):
                self.excuses[hook] -= 1
                return True
        return False

    def fail(self, text):
        self.wrong.append(f"{text}, after {', '.join(self.recent)}")

    def beside(self, hook, digest, event):
        """It has found an older instance; one that was killed may take a while to be gone."""
        if hook not in self.excuses:
            self.fail(f"{hook} ({event}, change {self.index(digest)}) runs beside itself")

    def start(self, hook, digest, event):
        where = f"{hook} ({event}, change {self.index(digest)})"
        guard, index = hook in GUARDS, self.index(digest)
        if index < self.newest[guard]:
            self.fail(f"{where} runs for an ID that is past")
        self.newest[guard] = max(self.newest[guard], index)
        # Nobody can keep it from that, if vmgend sees the change later than the guardian.
        self.overtaken += index < self.newest[True]
        check = self.start_guard if guard else self.start_other
        check(hook, self.ended.setdefault(digest, []), where)
        self.running[hook] = digest

    def start_guard(self, hook, ended, where):
        """It ends an older instance of itself, so one may be running."""
        if hook not in ended:
            return
        if not self.struck:
            self.fail(f"{where} runs again although nobody was killed")
            return
        self.guards_again[self.struck[-1]] += 1

    def start_other(self, hook, ended, where):
        # It may have written while its keeper was being killed.
        again = "is running" if hook in self.running else "has succeeded" if hook in ended else ""
        self.repeats += hook in ended
        # One kill may leave both behind: an end before it, and a start that it cut short.
        if again and not self.excused(hook, "unknown"):
            self.fail(f"{where} runs although it {again}")
        before = [h for h in HOOKS if number(h) < number(hook) and h not in ended]
        if before:
            self.fail(f"{where} runs before {' '.join(before)}")
        beside = [h for h in GUARDS if self.running.get(h) == self.hashes[self.newest[False]]]
        if beside:
            self.fail(f"{where} runs beside {' '.join(beside)}")

    def end(self, hook, digest, _):
        self.running.pop(hook, None)
        self.ended.setdefault(digest, []).append(hook)

    def index(self, digest):
        return self.hashes.index(digest)

    def missing(self, digest, hooks=HOOKS):
        """Of these hooks, those that have not run to their end for an ID."""
        return [hook for hook in hooks if hook not in self.ended.get(digest, [])]
