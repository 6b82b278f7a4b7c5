#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The clock of a guest that is resumed hours later: set at once by the host's and by the network.

The server of time and QEMU's network are in a namespace of their own, so that none answers but the
test's, and nothing on the machine is in the way.
"""

import functools
import json
import re
import shutil
import subprocess
import time

from harness import agent, hostport, tap
from harness.debian import Prebuilt
from harness.later import later
from harness.network import isolate
from harness.ntp import CARD, NETWORK, SERVER, Ntp, off
from harness.scenario import ALL, boot, new_guid, program, say, test_module

HOURS = 3 * 3600
DAY = 24 * 3600
# How far the network's time is from the host's RTC, which tells who has set the clock.
APART = 100
# And what is no more than that is right: a busy machine takes seconds between two looks at a clock.
NEAR = APART / 4

NETWORKD = "etc/systemd/network/all.network"
FILES = {
    # Without Debian's rtcsync, by which Linux sets the RTC some time after the first
    # synchronization: in a clone that is taken in between, by the stale clock.
    "etc/chrony/chrony.conf": f"server {SERVER} iburst\nmakestep 1 3\n",
    "etc/systemd/timesyncd.conf": f"[Time]\nNTP={SERVER}\n",
    NETWORKD: "[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\n",
}
# As of a host that wants to be told.
CREDENTIAL = "vmm.notify_socket=vsock-stream:1:9999"
LISTENED = "/run/listened"
SYNCHRONIZED = "/run/systemd/timesync/synchronized"
# Clients of NTP of which a system has one alone: its configuration, and what tells that a server has
# answered.
OTHERS = {
    "ntpsec": ("etc/ntpsec/ntp.conf", f"server {SERVER} iburst minpoll 3\ntos minclock 1 minsane 1\n"
               "restrict 127.0.0.1\nrestrict ::1\n",
               "ntpq -n -c 'readvar 0 leap' | grep -q leap=00"),
    "openntpd": ("etc/openntpd/ntpd.conf", f"server {SERVER}\n",
                 "ntpctl -s status | grep -q 'clock synced'"),
}


def prepare(client, files, root):
    for name, text in files.items():
        (root / name).write_text(text, "ascii")
    shutil.copy(program("listen", sanitized=False), root / "usr/bin")
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, capture_output=True)
    subprocess.run(["systemctl", f"--root={root}", "enable", "systemd-networkd", client],
                   check=True, capture_output=True)


def system_with(kernel, client, files):
    return Prebuilt(kernel, (client,), prepare=functools.partial(prepare, client, files))


# ---- the program alone ------------------------------------------------------------------------


def is_off(g, seconds):
    """Whether a guest's clock is ahead by so much, which hours tell apart.

    date of busybox tells whole seconds, and setting it takes some on a busy machine.
    """
    return abs(off(g, seconds, "date +%s")) < NEAR


def set_back(g, seconds):
    g.run(f"date -s @$(($(date +%s) - {seconds}))")


def check_steps(g, t):
    # The kernel has set it to half a second, and a busy machine to a little less than that.
    g.wait_for("clock | grep -q agrees")
    t.ok(is_off(g, 0), "a clock that is right is left alone")
    set_back(g, HOURS)
    t.ok("would step the clock by +1" in g.run("VMGEN_EVENT=test clock") and is_off(g, -HOURS),
         "a drill says that it would step one that is hours behind, and does not")
    t.ok("stepped the clock by +1" in g.run("clock") and is_off(g, 0),
         "else it is stepped to the RTC")
    set_back(g, -HOURS)
    t.ok("stepped the clock by -1" in g.run("clock") and is_off(g, 0),
         "so is one that is hours ahead")


def check_refusal(g, t, what, why, command="clock"):
    before = off(g, clock="date +%s")
    status, output = g.execute(command)
    t.ok(status == 1 and why in output and is_off(g, before), f"{what} is not believed")
    t.note(output)


def check_doubts(g, t):
    set_back(g, -2 * DAY)
    check_refusal(g, t, "an RTC that is days behind", "a day behind")
    set_back(g, 2 * DAY)
    g.run("date -s '2020-01-01 10:00'; hwclock -u -w; "
          "date -s '2020-01-01 09:00'")
    check_refusal(g, t, "an RTC of 2020", "before vmgen")
    g.run(f"date -s @{int(time.time())}; hwclock -u -w")
    set_back(g, HOURS)
    check_refusal(g, t, "an RTC that differs by the time zone", "local time", "TZ=XXX-3 clock")
    g.run("printf '0.0 0 0.0\\n0\\nLOCAL\\n' >/etc/adjtime")
    # set_back() knows whole seconds, so the clock may be off by one still.
    g.wait_for("TZ=XXX-3 clock | grep -q agrees")
    t.ok(is_off(g, -HOURS), "unless /etc/adjtime says that it keeps local time")
    g.run("rm /etc/adjtime")


def check_none(g, t):
    g.run("rm /dev/rtc0")
    status, output = g.execute("clock")
    t.ok(status == 77 and "shows no clock" in output, "without any it does not apply")
    t.equal(g.execute("clock --help")[0], 2, "it takes no arguments")


def reading(g):
    """How far a guest's clock is from the host's, HOURS from now; the quickest look is the truest."""
    looks = []
    for _ in range(3):
        before = time.time()
        told = int(g.run("moment").split()[0]) / 1e9
        looks.append((time.time() - before, told - HOURS - (before + time.time()) / 2))
    return min(looks)[1]


def check_restored(c, source, t):
    stale = reading(c)
    begun = time.monotonic()
    said = c.run("clock")
    took = time.monotonic() - begun
    left = reading(c)
    t.ok(stale < -HOURS + NEAR and abs(left) < NEAR and f"to {source}" in said,
         f"a clone hours later: set by {source}") or t.note(said)
    say(f"{source}: off by {stale:+.3f} s, after {took:.2f} s by {left:+.3f} s")


def check_clocks(snapshot, t):
    """A clone of a guest that had no clock of its host but the RTC, which may have got another."""
    with later(snapshot, HOURS).clone() as c:
        check_restored(c, "the RTC", t)
    for name, source in (("KVM virtual PTP", "the clock of KVM"), ("hyperv", "the clock of Hyper-V")):
        with later(snapshot, HOURS).clone() as c:
            # The RTC is not to be what it was set by.
            c.run(f"rm /dev/rtc0; insmod /ptp.ko name='\"{name}\"'")
            c.run(f"echo {int((time.time() + HOURS) * 1e9)} >/sys/module/ptp/parameters/host")
            check_restored(c, source, t)


def check_program(kernel, t):
    files = test_module(kernel, "ptp")
    time.sleep(-time.time() % 1)    # QEMU's RTC begins with the whole second
    with boot(kernel, ["clock", "moment"], load=False, files=files) as g:
        snapshot = g.save("fresh")
        g.resume()
        check_steps(g, t)
        check_doubts(g, t)
        check_none(g, t)
    check_clocks(snapshot, t)


def check_clockless(kernel, t):
    """A machine that QEMU gives no RTC, and the option by which it gets one."""
    with boot(kernel, ["clock"], load=False, type="clockless", icount=True) as g:
        t.equal(g.execute("clock")[0], 77, "QEMU's microvm with rtc=off shows no clock")
    with boot(kernel, type="microvm", load=False, icount=True) as g:
        t.equal(g.execute("test -c /dev/rtc0")[0], 0, "with rtc=on it does")


# ---- the hook ---------------------------------------------------------------------------------


def last_lines(g):
    """Of the hook alone: how many others there are, and in which order, is not known."""
    return g.run("journalctl -q -u vmgend -o cat | grep '^20-clock' | tail -n 8")


def check_who(g, t, said, what, wanted="succeeded"):
    """How the hook ended, and what it said of who has set the clock."""
    run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
    got = run["hooks"]["20-clock"]
    log = last_lines(g)
    t.ok(got["outcome"] == wanted and said in log, f"{what}: {said}") or t.note(log)
    say(f"{what}: {got['duration_ms'] / 1000:.1f} s")


def check_times(g, t):
    """The last run is timed, and dated, by a clock that it set itself by hours."""
    run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
    step = run["detected_corrected_usec"] - run["detected_usec"]
    t.ok(abs(step / 1e6 - HOURS) < 120, "the change has its time by the old and by the new clock")
    t.ok(run["duration_usec"] < 1e6 * HOURS / 2, "what the answer took is not what was stepped")


def check_agent(snapshot, guid, t):
    """A clone that nothing but its host tells the time, by the guest agent."""
    with later(snapshot, HOURS).clone(guid=guid) as c:
        c.run("sleep 3")    # for those who might tell it: nothing tells that nobody does
        stale = off(c, HOURS)
        t.ok(abs(stale + HOURS) < 60, "a guest that is not told of it stays hours behind")
        begun = time.monotonic()
        agent.ask("guest-set-time")
        took, left = time.monotonic() - begun, off(c, HOURS)
        t.ok(abs(left) < NEAR, "until the host has the guest agent set the time by the RTC")
        say(f"guest agent: off by {stale:+.3f} s, after {took:.2f} s by {left:+.3f} s")
        c.run("date -s '3 hours ago'")
        agent.ask("guest-set-time", time=int((time.time() + HOURS) * 1e9))
        t.ok(abs(off(c, HOURS)) < NEAR, "or to the time that it names")


def check_report(c, t):
    """The service has all that it reports to the host with."""
    with hostport.Port() as port:
        report = port.report()
    t.equal((report["event"], report["outcome"], report["id_hash"]),
            ("changed", "repaired", hostport.id_hash(c.guid())), "the host is told by the port")
    c.wait_for(f"grep -q X_VMGEN_ID_HASH={report['id_hash']} {LISTENED}")
    t.ok("X_VMGEN_OUTCOME=repaired\n" in c.run(f"cat {LISTENED}"),
         "and by vsock, where a credential says so")


def check_chrony(snapshot, ntp, t):
    ntp.silent = True
    with later(snapshot, HOURS).clone(guid=new_guid()) as c:
        c.run("vmgenctl wait --settled --timeout 240 1", timeout=300)
        left = off(c, HOURS)
        t.ok(abs(left) < NEAR, "chrony, no network: the clock is right after a resume hours later")
        t.note(f"off by {left:+.3f} s")
        check_who(c, t, "no server has told chronyd", "chrony, no network")
        check_times(c, t)
        check_report(c, t)
        agent.ask("guest-set-time", time=int((time.time() + HOURS) * 1e9))
        t.ok(abs(off(c, HOURS)) < NEAR, "the guest agent may say so as well")
    ntp.silent = False
    ntp.ahead = HOURS + APART
    with later(snapshot, HOURS).clone(guid=new_guid()) as c:
        c.run("vmgenctl wait --settled --timeout 240 1", timeout=300)
        left = off(c, ntp.ahead)
        t.ok(abs(left) < NEAR, "chrony, and the network knows better: it is as that says")
        t.note(f"off by {left:+.3f} s")
        check_who(c, t, "chronyd has asked the network", "chrony, network")
        check_others(c, ntp, t)
        check_nobody(c, ntp, t)


def is_of_rtc(c, ntp):
    """Whether the clock is as the RTC says, which the kernel may have set to the network's time."""
    rtc, told = c.run("cat /sys/class/rtc/rtc0/since_epoch; date +%s.%N").split()
    return abs(float(told) - int(rtc)) < NEAR and abs(off(c, ntp.ahead)) < 2 * APART


def run_again(c):
    return c.execute("date -s '3 hours ago'; vmgenctl trigger --real --timeout 240", timeout=300)[0]


def check_others(c, ntp, t):
    c.run("systemctl stop chrony; systemctl start systemd-timesyncd")
    c.wait_for(f"test -e {SYNCHRONIZED}")
    run_again(c)
    t.ok(abs(off(c, ntp.ahead)) < NEAR, "timesyncd: the clock is as the network says")
    check_who(c, t, "systemd-timesyncd has asked", "timesyncd, network")
    t.happens("an RTC that Linux may have set by the clock does not confirm that", c.wait_for,
              "hwclock -w && VMGEN_EVENT=test /usr/libexec/vmgen/clock | grep 'both are stale'")
    ntp.silent = True
    run_again(c)
    t.ok(is_of_rtc(c, ntp), "without the network it is as the RTC says")
    check_who(c, t, "no server has told systemd-timesyncd", "timesyncd, no network")
    c.run("systemctl stop systemd-timesyncd")
    run_again(c)
    t.ok(is_of_rtc(c, ntp), "neither of them: the clock is as the RTC says")
    check_who(c, t, "to the RTC", "neither")
    c.run("date -s '3 hours ago'; vmgenctl trigger --timeout 240", timeout=300)
    t.ok(off(c, ntp.ahead) < -HOURS + 2 * APART, "a drill leaves it alone")
    t.equal(c.run("journalctl -q -u vmgend -p err -o cat"), "", "vmgend has no error to report")


def check_remedy(c, remedy, what, t):
    status, output = c.execute(remedy, timeout=300)
    t.equal(status, 0, what) or t.note(output + c.run("journalctl -u vmgend -o cat -n 12"))


def check_nobody(c, ntp, t):
    """No clock of the host and no client of NTP: a failure, and its remedies help."""
    ntp.silent = False
    before = off(c, ntp.ahead)
    c.run("mv /dev/rtc0 /dev/rtc-away")
    t.ok(run_again(c) != 0, "nobody tells the time: the change is not handled")
    check_who(c, t, "nobody else tells this machine the time", "nobody", "failed")
    t.ok(abs(off(c, ntp.ahead) + HOURS - before) < APART, "the clock is as wrong as it was")
    remedy = re.search("then: (vmgenctl hooks run --real 20-clock)",
                       c.run("journalctl -u vmgend -o cat")).group(1)
    c.run("systemctl start chrony")
    check_remedy(c, remedy, "a client of NTP is a remedy", t)
    t.ok(abs(off(c, ntp.ahead)) < NEAR, "the clock is as the network says")
    c.run("systemctl stop chrony; mv /dev/rtc-away /dev/rtc0; date -s '3 hours ago'")
    check_remedy(c, remedy, "so is an RTC", t)
    t.ok(is_of_rtc(c, ntp), "the clock is as that says")


def check_other(client, debian, t):
    """One that is restarted, with a clock that is hours behind."""
    answered = OTHERS[client][2]
    with debian.boot(new_guid(), devices=CARD, netdevs=NETWORK) as g:
        g.wait_for(answered, 300)
        g.run("vmgenctl wait --settled --timeout 240", timeout=300)
        pid = f"systemctl show -P MainPID {client}"
        before = g.run(pid)
        g.run("date -s '3 hours ago'; vmgenctl hooks run --real 20-clock", timeout=300)
        t.ok(abs(off(g)) < NEAR, f"{client}: the clock is right when the hook has ended")
        log = last_lines(g)
        said = re.search(f".*({client} has asked the network|no server has told {client}).*", log)
        t.ok(said, f"{client}: the log tells whether a server had answered by then") or t.note(log)
        say(said.group(0))
        t.ok(g.run(pid) != before, f"{client}: it was restarted")
        began = time.monotonic()
        g.wait_for(answered, 600)
        t.ok(abs(off(g)) < NEAR, f"{client}: and is answered, and leaves the clock as it is")
        say(f"{client}: answered {time.monotonic() - began:.0f} s after the hook at the latest")


def scenario(kernel, t):
    if ALL:
        check_clockless(kernel, t)
    check_program(kernel, t)
    debian = system_with(kernel, "chrony", FILES)
    # Made before nothing of the network is there any more.
    others = {client: system_with(kernel, client, {path: text, NETWORKD: FILES[NETWORKD]})
              for client, (path, text, _) in OTHERS.items() if ALL}
    isolate()
    ntp = Ntp()
    guid = new_guid()
    time.sleep(-time.time() % 1)
    with debian.boot(guid, devices=(*CARD, *agent.DEVICES, hostport.DEVICES[-1]), netdevs=NETWORK,
                     chardevs=(*agent.CHARDEVS, *hostport.CHARDEVS),
                     strings=(f"io.systemd.credential:{CREDENTIAL}",)) as g:
        g.run("modprobe vsock_loopback")
        g.spawn(f"exec listen stream 9999 >{LISTENED} 2>&1")
        g.run("timeout 250 chronyc waitsync 0 1 0 0.2", timeout=300)
        g.run("vmgenctl wait --settled --timeout 240; sync", timeout=300)
        g.wait_for("systemctl is-active --quiet qemu-guest-agent")
        snapshot = g.snapshot()
    # What the agent does; in the clone after it that is asked once.
    if ALL:
        check_agent(snapshot, guid, t)
    check_chrony(snapshot, ntp, t)
    ntp.ahead = 0
    for client, system in others.items():
        check_other(client, system, t)


if __name__ == "__main__":
    tap.main(scenario)
