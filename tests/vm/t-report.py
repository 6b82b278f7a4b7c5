#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgend tells the host how a repair ended: by a virtio-serial port, with anybody at its other end,
and by vsock. Also if the host does nothing, hooks and guards wait for none of it."""

import json
import time

from harness import drivers, hostport, kernel as kernels, tap
from harness.scenario import boot, new_guid, say, seed

PROGRAMS = ["vmgend", "vmgenctl", "listen"]
HOOK = "#!/bin/sh\necho $VMGEN_EVENT >>/run/%s\n"
FILES = {f"/etc/vmgen/hooks.d/{name}": (HOOK % name, 0o755) for name in ("10-guard", "80-last")}
FILES["/etc/vmgen/vmgend.conf"] = "[vmgend]\njitter = 0\n"
# Linux before 5.14 has no packets there.
KINDS = {"5.10": ("stream",)}
FILES["/cred/vmm.notify_socket"] = "vsock:1:9999\n"
MODULES = ("virtio_pci", "virtio_console", "vsock_loopback")
# Where there is no udev: by the name that Linux has for it.
NODE = "/dev/$(basename $(dirname $(grep -lx org.vmgen.0 /sys/class/virtio-ports/*/name)))"
FAILS = "/etc/vmgen/hooks.d/85-fails"
# Of two seconds of a CPU that a loop would take.
IDLE_TICKS = 50


def pid(g):
    return json.loads(g.run("cat /run/vmgen/status.json"))["pid"]


def start(g, environment=""):
    g.spawn(f"{environment} exec vmgend >>/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")


def stop(g):
    process = pid(g)
    g.run(f"kill {process}")
    g.join(process)


def is_idle(g):
    """vmgend waits for the host, and polls nothing meanwhile."""
    look = f"cut -d' ' -f14,15 /proc/{pid(g)}/stat"
    before, _, after = g.run(f"{look}; sleep 2; {look}").rpartition("\n")[0].rpartition("\n")
    used = sum(map(int, after.split())) - sum(map(int, before.split()))
    return used < IDLE_TICKS


def wakeups(g):
    return g.run(f"grep ^voluntary /proc/{pid(g)}/status").split()[1]


def check_restore(c, guid, port, t):
    """The host has connected before the clone goes on."""
    begin = time.monotonic()
    c.resume()
    report = port.report()
    say(f"reported {time.monotonic() - begin:.2f} s after the restore")
    t.equal((report["vmgen"], report["event"], report["outcome"], report["failed"]),
            (1, "changed", "repaired", []), "a restore is reported when it is repaired")
    t.equal(report["id_hash"], hostport.id_hash(guid), "by the hash of the ID that the host gave")
    t.ok(report["detected_usec"] < report["finished_usec"], "and when that was")
    t.equal(c.run("cat /run/80-last"), "changed\n", "the last hook had run by then")


def check_failed(c, port, t):
    c.run(f"printf '#!/bin/sh\\ntest -e /run/good\\n' >{FAILS}; chmod 755 {FAILS}")
    c.execute("vmgenctl trigger --real")
    report = port.report()
    t.equal((report["outcome"], report["failed"], report["failures"]), ("failed", ["85-fails"], 1),
            "a hook that failed is named, and nothing is repaired")
    c.run("touch /run/good; vmgenctl trigger --failed")
    report = port.report()
    t.equal((report["outcome"], report["failed"]), ("repaired", []),
            "when it has been done again that is reported")


def check_unread(c, port, t):
    """The host has connected, and does not read: the port is full."""
    stop(c)
    c.run(f"cat /dev/zero >{NODE} & sleep 3; kill $!; ! wait $!")
    start(c)
    t.ok(is_idle(c), "a host that does not read keeps nobody busy")
    c.run("vmgenctl trigger --real")
    t.ok(port.line().strip(b"\0").startswith(b'{"vmgen":1,"event":"changed","outcome":"repaired"'),
         "when it reads it gets the newest report alone")


def check_busy(c, port, t):
    stop(c)
    other = c.spawn(f"exec sleep 1000 >{NODE}")
    start(c)
    t.happens("a port that another program has open is told",
              c.wait_for, "grep -q 'another program has it open' /run/vmgend.log")
    c.run(f"kill {other}")
    report = port.report()
    t.equal((report["event"], report["outcome"]), ("none", "unchanged"),
            "when it is free the host is told; after a start that nothing has changed")
    t.ok(port.is_silent(1), "once")


def check_late(snapshot, t):
    """Nobody has the other end open at first; before the snapshot somebody had."""
    with snapshot.clone(guid=new_guid()) as c:
        c.run("vmgenctl wait --settled 1")
        t.equal(c.run("cat /run/10-guard /run/80-last"), "changed\nchanged\n",
                "without a host at its other end all hooks run")
        t.ok(is_idle(c), "and a port that hangs up is not polled")
        with hostport.Port() as port:
            first = port.report()
            t.equal(first["outcome"], "repaired", "a host that connects later is told")
            t.ok(port.is_silent(1), "once")
            before = wakeups(c)
        # It has to see that the host is gone.
        c.wait_for(f"test $(sed -n 's/^voluntary_ctxt_switches:.//p' /proc/{pid(c)}/status) -gt {before}")
        with hostport.Port() as port:
            t.equal(port.report(), first, "and when it connects once more, again")


def check_vsock(c, kernel, t):
    for kind in KINDS.get(kernel, ("seqpacket", "stream")):
        stop(c)
        listener = c.spawn(f"exec listen {kind} 9999 >/run/{kind}")
        c.wait_for(f"grep -q ready /run/{kind}")
        start(c, "CREDENTIALS_DIRECTORY=/cred")
        c.wait_for(f"grep -q end /run/{kind}")
        text = c.run(f"cat /run/{kind}")
        t.ok("\nX_VMGEN=1\nX_VMGEN_EVENT=none\nX_VMGEN_OUTCOME=unchanged\n" in text,
             f"vsock, {kind}: the host is told")
        t.ok(int(text.split("from ")[1].split()[0]) < 1024, f"vsock, {kind}: from a port of root's")
        c.run("vmgenctl trigger --real")
        c.wait_for(f"test $(grep -c ^end /run/{kind}) = 2")
        t.ok("X_VMGEN_OUTCOME=repaired\n" in c.run(f"cat /run/{kind}"), f"vsock, {kind}: of a repair")
        c.run(f"kill {listener}")


def scenario(kernel, t):
    guid = new_guid()
    files = FILES | drivers.files(kernels.load(kernel), MODULES)
    with boot(kernel, PROGRAMS, guid=guid, files=files, chardevs=hostport.CHARDEVS,
              devices=hostport.DEVICES) as g, hostport.Port() as port:
        g.run(drivers.LOAD)
        seed(g)
        start(g)
        report = port.report()
        t.equal((report["outcome"], report["id_hash"]), ("adopted", hostport.id_hash(guid)),
                "a first start is reported")
        snapshot = g.snapshot()
    check_late(snapshot, t)
    guid = new_guid()
    with snapshot.clone(guid=guid, paused=True) as c, hostport.Port() as port:
        check_restore(c, guid, port, t)
        check_failed(c, port, t)
        check_unread(c, port, t)
        check_busy(c, port, t)
        check_vsock(c, kernel, t)


if __name__ == "__main__":
    tap.main(scenario)
