#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What becomes of the unit of Samba when something is in the way: a systemctl of its own tells what
was asked of it, and a directory stands in for the cgroup.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import threading
import time

from harness import installation
from harness.alone import Alone

UNIT = "samba-ad-dc.service"
GROUP = "/sys/fs/cgroup/samba"
GUID_FILE = "/proc/sys/dev/vmgenc/0/guid"
SYSTEMCTL = f"""#!/bin/sh
echo "$*" >>/srv/calls
case $1 in
show)
	[ -e /srv/running ] && echo ActiveState=active || echo ActiveState=inactive
	echo ControlGroup=/samba ;;
kill) printf 'populated 0\\nfrozen 1\\n' >{GROUP}/cgroup.events ;;
stop) ls /srv/dc1/vmgen/fence >>/srv/fences; rm -f /srv/running; echo 0 >{GROUP}/cgroup.freeze ;;
start) sh /srv/at-start; touch /srv/running ;;
esac
"""
CHANGED = {"VMGEN_EVENT": "changed", "VMGEN_HINT": "unknown", "VMGEN_INTENT": ""}


def systemd():
    for directory in ("/run/systemd/system", GROUP):
        installation.path(directory).mkdir(parents=True)
    for name, text in (("systemctl", SYSTEMCTL),
                       ("systemd-run", '#!/bin/sh\necho "systemd-run $*" >>/srv/calls\n')):
        program = installation.path(f"/usr/local/bin/{name}")
        program.write_text(text, "ascii")
        program.chmod(0o755)


def resume(dc):
    """Samba runs, and has another ID."""
    dc.restore("adopted")
    dc.new_id()
    installation.path("/srv/calls").write_text("", "ascii")
    installation.path("/srv/running").touch()
    installation.path("/srv/at-start").write_text("", "ascii")
    installation.path("/srv/fences").write_text("", "ascii")
    installation.path(f"{GROUP}/cgroup.freeze").write_text("0\n", "ascii")
    installation.path(f"{GROUP}/cgroup.events").write_text("populated 1\nfrozen 1\n", "ascii")


def calls():
    return [line for line in installation.path("/srv/calls").read_text("ascii").splitlines()
            if not line.startswith("show")]


def checks():
    return [line for line in calls() if line.startswith("systemd-run") and " verify " in line]


def frozen():
    return installation.path(f"{GROUP}/cgroup.freeze").read_text("ascii").strip() == "1"


def generation(number):
    return {**CHANGED, "VMGEN_GENERATION": str(number)}


def running():
    return installation.path("/srv/running").exists()


def usual(dc, t):
    resume(dc)
    output = dc.must("stop", units=True, **CHANGED)
    t.ok("vmgend-samba-ad repair --configfile=" in output and
         frozen(), "stop: frozen, and it says what ends that") or t.note(output)
    output = dc.must("repair", units=True, **CHANGED)
    t.ok(running() and dc.facts()["generation"] == dc.id, "repair: repaired, and started again")
    t.ok("event 2181:" in output, "event 2181: it was killed while it was frozen") or \
        t.note(output)
    t.equal(len(checks()), 1, "a check is arranged") or t.note(calls())


def pass_due(dc, boot=None):
    """What is left of a timer that has run out: of this boot, or of another one."""
    path = installation.path(f"{dc.directory}/vmgen/samba-ad/due")
    path.write_text(f"{boot or path.read_text('ascii').split()[0]} 1\n", "ascii")


def said(dc, t):
    """On the word of an administrator, while Samba runs."""
    dc.restore("adopted")
    before = dc.facts()["invocation"]
    resume(dc)
    dc.id = dc.facts()["generation"]
    output = dc.must("repair", "--rolled-back", units=True)
    t.ok(dc.facts()["invocation"] != before and running(), "--rolled-back: repaired, and it runs")
    words = [line.split()[0] for line in calls() if not line.startswith("systemd-run")]
    t.equal(words, ["kill", "stop", "start"], "it was ended and started") or t.note(output)
    t.equal(len(checks()), 1, "a check is arranged")
    full = json.loads(installation.path(f"{dc.directory}/vmgen/samba-ad/partners").read_text(
        "ascii"))["full"]
    t.ok(full, "in which the partners take everything")


def reboot(dc, t):
    """After the above."""
    t.ok("--on-active=10 " in checks()[0], "it is soon after the start") or t.note(checks())
    installation.path("/srv/calls").write_text("", "ascii")
    dc.must("before-start", units=True)
    t.equal(checks(), [], "the next start leaves it at that")
    pass_due(dc, "another")
    dc.must("before-start", units=True)
    t.equal(len(checks()), 1, "after a reboot it arranges the check anew")
    pass_due(dc)
    dc.must("before-start", units=True)
    t.equal(len(checks()), 2, "and if the check did not come to its end")
    hidden = installation.path(dc.configuration)
    hidden.rename(hidden.with_suffix(".hidden"))
    t.equal(dc.safeguard("verify", units=True)[0], 1, "a check that fails")
    t.equal(len(checks()), 2, "is done again, by the timer that is there")
    pass_due(dc)
    t.equal(dc.safeguard("verify", units=True)[0], 1, "or if that has run out")
    t.ok(len(checks()) == 3 and "--on-active=60 " in checks()[2], "by another") or t.note(checks())
    expected = installation.path(f"{dc.directory}/vmgen/samba-ad/expected")
    expected.write_text(json.dumps({**json.loads(expected.read_text("ascii")), "attempts": 60}),
                        "ascii")
    pass_due(dc)
    dc.safeguard("verify", units=True)
    t.ok("--on-active=3600 " in checks()[-1], "after an hour, each hour") or t.note(checks())
    hidden.with_suffix(".hidden").rename(hidden)
    count = len(checks())
    dc.must("verify", units=True)
    pass_due(dc)
    dc.must("before-start", units=True)
    t.equal(len(checks()), count, "until it has found that the repair has lasted")


@contextlib.contextmanager
def read_only(directory):
    path = installation.path(directory)
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def in_the_way(dc, t):
    resume(dc)
    with read_only(f"{dc.directory}/vmgen"):
        status, output = dc.safeguard("stop", units=True, **CHANGED)
        t.ok(status == 1 and "frozen" in output and "50-samba-ad" in output,
             "stop: nothing can be written; it is frozen all the same") or t.note(output)
        status, output = dc.safeguard("repair", units=True, **CHANGED)
        t.ok(status == 1 and not running(), "repair: it is not left frozen") or t.note(output)
        t.ok(f"systemctl start {UNIT}" in output, "and it says how it is started") or t.note(output)
    resume(dc)
    dc.must("stop", units=True, **CHANGED)
    modules = installation.path("/usr/lib/python3/dist-packages/samba/__init__.py")
    text = modules.read_text("utf-8")
    modules.write_text("raise ImportError('not today')\n", "ascii")
    status, output = dc.safeguard("repair", units=True, **CHANGED)
    modules.write_text(text, "utf-8")
    t.ok(status == 1 and "cannot be loaded" in output and not running() and
         output.rstrip().endswith(f"; then: systemctl start {UNIT}"),
         "so it is without Samba's Python modules") or t.note(output)
    resume(dc)
    dc.must("stop", units=True, **CHANGED)
    with open(installation.path(dc.database), "rb"):
        status, output = dc.safeguard("repair", units=True, **CHANGED)
    t.ok(status == 1 and "is in use by" in output and
         output.rstrip().endswith(f"; then: systemctl start {UNIT}"),
         "and if a process has the database open") or t.note(output)


def superseded(dc, t):
    """A guard of a newer change is at work beside an older repair."""
    resume(dc)
    dc.must("stop", units=True, **generation(2))
    dc.must("stop", units=True, **generation(2))
    dc.new_id()
    dc.must("stop", units=True, **generation(3))
    status, output = dc.safeguard("repair", units=True, **generation(2))
    t.ok(status == 1 and "left to the repair of that change" in output and not running() and
         "systemctl start" not in output,
         "an older repair does not start what a newer guard has frozen") or t.note(output)
    dc.new_id()
    status, output = dc.safeguard("stop", units=True, **generation(4))
    t.equal(status, 77, "nor if there was nothing left for that to freeze")
    status, output = dc.safeguard("repair", units=True, **generation(3))
    t.ok(status == 1 and not running(), "so that it just said that it was there") or t.note(output)
    dc.must("repair", units=True, **generation(4))
    t.ok(running() and dc.facts()["generation"] == dc.id, "the newest repair starts it")


def overtaken(dc, t):
    """That guard comes when the older repair has looked for it already, and nothing runs yet."""
    resume(dc)
    dc.must("stop", units=True, **generation(2))
    guard = " ".join((f"VMGEN_GENERATION=3 VMGEN_EVENT=changed {installation.SOURCE}"
                      "/daemon/samba/vmgend-samba-ad", f"--configfile={dc.configuration}",
                      f"--guid-file=/srv/{dc.name}.id", f"--state-directory={dc.directory}/vmgen",
                      "stop"))
    # What is frozen does not get ready.
    installation.path("/srv/at-start").write_text(
        f"{guard} >>/srv/guard 2>&1\ntouch /srv/running\nsleep 170\ntouch /srv/waited\n", "ascii")
    status, output = dc.safeguard("repair", units=True, **generation(2))
    t.ok(status == 1 and frozen() and f"{UNIT} is frozen" in output,
         "what an older repair has just started it freezes again") or t.note(output)
    t.ok(not installation.path("/srv/waited").exists(), "and does not wait for")
    t.ok("does not run" in installation.path("/srv/guard").read_text("utf-8"),
         "because the guard has seen nothing run")
    installation.path("/srv/at-start").write_text("", "ascii")
    dc.must("repair", units=True, **generation(3))
    t.ok(running() and not frozen(), "the newer one starts it")


def fenced(dc, t):
    """By hand, so that no guard has stopped it."""
    resume(dc)
    status, output = dc.safeguard("repair", "--hint=clone", units=True)
    t.ok(status == 10 and not running() and dc.fence.exists(), "a refusal") or t.note(output)
    t.equal(installation.path("/srv/fences").read_text("utf-8"), "",
            "Samba is stopped before the fence is written")
    dc.must("repair", "--force", units=True)


def wait_for(process, name):
    """Until it executes this program."""
    while pathlib.Path(f"/proc/{process.pid}/comm").read_text("ascii") != f"{name}\n":
        time.sleep(0.05)


def strangers(dc, t):
    """Of processes that cannot have opened the database nothing is looked at, however long it takes:
    a descriptor that one has been given tells."""
    resume(dc)
    dc.must("stop", units=True, **CHANGED)
    with open(installation.path(dc.database), "rb") as database:
        stranger = subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                     "sleep", "600"], pass_fds=[database.fileno()])
    try:
        # setpriv itself is root's at first.
        wait_for(stranger, "sleep")
        dc.must("repair", units=True, **CHANGED)
        t.ok(running(), "a stranger's open files are nobody's business")
    finally:
        stranger.kill()
        stranger.wait()


def elsewhere(dc, t):
    """A process with mounts of its own has another one of the same files."""
    resume(dc)
    dc.must("stop", units=True, **CHANGED)
    holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", 'exec sleep 600 <"$0"',
                               installation.path(dc.database)])
    try:
        wait_for(holder, "sleep")
        status, output = dc.safeguard("repair", units=True, **CHANGED)
        t.ok(status == 1 and f"is in use by sleep (process {holder.pid})" in output,
             "a holder in another mount namespace is found") or t.note(output)
    finally:
        holder.kill()
        holder.wait()


@contextlib.contextmanager
def silent_mount():
    """A directory named like a database, in a file system whose program never answers."""
    place = installation.path("/srv/silent.ldb")
    place.mkdir()
    device = os.open("/dev/fuse", os.O_RDWR)
    subprocess.run(["mount", "-i", "-t", "fuse", "-o", f"fd={device},rootmode=40000,user_id=0,"
                    "group_id=0,allow_other", "silent", place], pass_fds=[device], check=True)
    # Those who have asked get an error then.
    late = threading.Timer(60, os.close, [device])
    late.start()
    try:
        yield place, late
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
        place.rmdir()
        if late.is_alive():
            late.cancel()
            os.close(device)


def silent(dc, t):
    """sudo hands a stranger's open files on to a program of root, and su has them while it asks for
    a password."""
    for words, who in (([], "root"), (["setpriv", "--ruid=65534"], "a stranger")):
        resume(dc)
        dc.must("stop", units=True, **CHANGED)
        with silent_mount() as (place, late):
            fd = os.open(place, os.O_PATH)
            holder = subprocess.Popen([*words, "sleep", "600"], stdin=fd)
            os.close(fd)
            try:
                wait_for(holder, "sleep")
                status, output = dc.safeguard("repair", units=True, **CHANGED)
                t.ok(status == 0 and late.is_alive(),
                     f"a file system that never answers is not asked: open in a process of {who}"
                     ) or t.note(output)
            finally:
                holder.kill()
                holder.wait()


def hidden_id(dc, t):
    """The machine shows the device, and the module is not loaded."""
    resume(dc)
    device = installation.path("/sys/bus/acpi/devices/QEMUVGID:00")
    device.mkdir(parents=True)
    (device / "modalias").write_text("acpi:QEMUVGID:VM_GEN_COUNTER:\n", "ascii")
    before = dc.facts()
    shown = f"--guid-file={GUID_FILE}"
    status, output = dc.safeguard("before-start", shown, units=True)
    t.ok(status == 1 and "modprobe vmgenc" in output and "vmgenctl check" in output and
         output.rstrip().endswith(f"; then: systemctl start {UNIT}") and
         "vmgend-samba-ad --force repair" in output,
         "an ID that nobody can read: Samba does not start") or t.note(output)
    t.ok("without a decision" in dc.must("repair", "--force", shown, units=True), "--force")
    dc.must("before-start", shown, units=True)
    t.equal(dc.facts(), before, "has it start, and nothing is changed")
    status, output = dc.safeguard("repair", shown, units=True, **{**CHANGED,
                                                                  "VMGEN_INTENT": "clone"})
    t.ok(status == 10 and "has no generation ID to go by" in output,
         "but not when a change is seen") or t.note(output)


def scenario(_suite, t):
    systemd()
    dc = Alone()
    dc.must("repair")
    dc.snapshot("adopted")
    for test in (usual, reboot, said, in_the_way, superseded, overtaken, fenced, strangers, elsewhere,
                 silent, hidden_id):
        test(dc, t)


if __name__ == "__main__":
    installation.main(scenario)
