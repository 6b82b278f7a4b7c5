#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The README's commands on a whole Debian with systemd; then clones of it, and a cold boot."""

import json
import re
import shlex

from harness import readme, tap
from harness.debian import Debian, chroot, other_machine
from harness.scenario import ALL, new_guid

SEED = "sha256sum </var/lib/systemd/random-seed"
FENCED = """[Service]
Type=oneshot
User=nobody
ExecStartPre=+vmgenctl fence check %n
ExecStart=/bin/true
"""
UNIT = """[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo >>/var/tmp/pulled'
[Install]
WantedBy=vmgen-changed.target
"""
# What the hook of the README restarts.
SITE = """[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo >>/var/tmp/restarted'
"""
# The event loop of libvmgen(3), whose input never ends, as a service that sees no devices but
# those that the manual gives it.
BOXED = """[Service]
DynamicUser=yes
ExecStartPre=/bin/sh -c ': </dev/sysgenid'
ExecStart=/bin/sh -c 'tail -f /dev/null | event-loop /dev/vmgenid'
"""
# One that is given half of it.
HALF = """[Service]
Type=oneshot
PrivateDevices=yes
BindReadOnlyPaths=/dev/vmgenid /dev/vda
DeviceAllow=/dev/vmgenid r
StandardOutput=append:/var/tmp/half
StandardError=inherit
ExecStart=-/bin/sh -c 'sysctl -n dev.vmgenc.0.generation; head -c 8 /dev/vmgenid | od -An -tu8'
ExecStart=-/bin/ls /dev/sysgenid
ExecStart=-/bin/sh -c ': </dev/vda'
ExecStart=-/bin/sh -c ': <>/dev/vmgenid'
"""
SESSIONS = "journalctl -q -u boxed -o cat | grep ^session"
METRICS = "/var/lib/prometheus/node-exporter"
HOOK = "#!/bin/sh\necho $1 $2 >>/var/tmp/%s\n"
# Neither its session nor SIGTERM ends what it starts.
FUGITIVE = """#!/bin/sh
echo no way out
cat /proc/self/cgroup >/var/tmp/cgroup
cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj >/var/tmp/score
setsid sh -c 'trap "" TERM; echo $$ >/var/tmp/fugitive; while :; do sleep 1; done' &
sleep 1000
"""
# Its keeper is killed in the middle.
LOST = """#!/bin/sh
test -e /var/tmp/lost && exit
setsid sleep 1000 &
echo $! >/var/tmp/lost
kill -KILL $PPID
sleep 1000
"""


def install(g, debian, t):
    debian.start(g, t)
    t.equal(g.run("stat -c %a /dev/vmgenid /dev/sysgenid").split(), ["666", "444"],
            "udev leaves the nodes as they are")
    check_readme(g, t)
    for name in ("10-guard", "80-last"):
        g.run(f"mkdir -p /etc/vmgen/hooks.d; cat >/etc/vmgen/hooks.d/{name} <<'END'\n"
              f"{HOOK % name}END\nchmod 755 /etc/vmgen/hooks.d/{name}")
    g.run("cat >/etc/vmgen/hooks.d/70-user <<'END'\n#!/bin/sh\nid -un >/var/tmp/user/name\nEND\n"
          "chmod 755 /etc/vmgen/hooks.d/70-user; install -d -o nobody /var/tmp/user\n"
          "mkdir -p /etc/vmgen/hooks.conf.d; printf '[hook]\\nuser = nobody\\n' "
          ">/etc/vmgen/hooks.conf.d/70-user.conf")
    t.equal(g.execute("vmgend --check-config"), (0, ""), "vmgend --check-config finds no mistake")
    g.run(f"cat >/etc/systemd/system/pulled.service <<'END'\n{UNIT}END\nsystemctl enable pulled")
    check_reload(g, t)


def check_reload(g, t):
    g.run("printf '[vmgend]\\nx=1\\n' >/etc/vmgen/vmgend.conf; systemctl reload vmgend")
    g.wait_for("journalctl -u vmgend | grep -q 'not reloaded: .*unknown key'")
    g.run("rm /etc/vmgen/vmgend.conf; systemctl reload vmgend")
    g.wait_for("journalctl -u vmgend | grep -q 'configuration was reloaded'")
    t.equal(g.run("systemctl is-active vmgend").strip(), "active", "systemctl reload: it goes on")


def check_readme(g, t):
    """The hook and the commands of the README, and a line of vmgenctl(1), while there is no other hook."""
    script, commands = readme.blocks("README.md", "## First day")[1:3]
    path = re.search(r"^# (/etc/vmgen/hooks\.d/\S+):", script, re.M).group(1)
    g.run(f"mkdir -p /etc/vmgen/hooks.d; cat >{path} <<'END'\n{script}END\nchmod 755 {path}\n"
          f"cat >/etc/systemd/system/nginx.service <<'END'\n{SITE}END\nsystemctl daemon-reload")
    for command in commands.splitlines():
        status, output = g.execute(command)
        t.ok(not status, f"README: {command}")
        if status:
            t.note(output)
    t.ok("would restart nginx" in g.run("journalctl -u vmgend") and
         g.execute("test -e /var/tmp/restarted")[0], "README: its hook changes nothing in a drill")
    environment, line = readme.blocks("daemon/vmgenctl.1.scd", "# EXAMPLES")[1].splitlines()
    command = re.fullmatch(r"\* \* \* \* \* root (.*)", line).group(1)
    status, output = g.execute(f"mkdir -p {METRICS}; env -i {environment} sh -c "
                               f"{shlex.quote(command)}")
    t.equal((status, output), (0, ""), f"vmgenctl(1), by cron: {command}")
    t.equal(g.run(f"grep ^vmgen_protected {METRICS}/*.prom").split()[-1:], ["1"], "and it does")


def check_box(g, t):
    """A service with a /dev of its own, as vmgenid(4) has it."""
    drop_in = readme.blocks("kmod/vmgenid.4.scd", "# CONTAINERS")[0]
    t.ok("PrivateDevices=yes" in drop_in, "vmgenid(4) has an example with PrivateDevices=")
    g.run(f"cd /etc/systemd/system; mkdir boxed.service.d; cat >boxed.service <<'END'\n{BOXED}END\n"
          f"cat >boxed.service.d/vmgen.conf <<'END'\n{drop_in}END\n"
          f"cat >half.service <<'END'\n{HALF}END\n"
          "systemctl daemon-reload; systemctl start half boxed")
    t.happens("such a service opens, reads and maps the device, and opens /dev/sysgenid",
              g.wait_for, f"{SESSIONS} | grep -q .")
    sysctl, read, missing, disk, write = g.run("cat /var/tmp/half").splitlines()
    t.equal((sysctl, read.strip()), ("1", "1"),
            "sysctl needs no node, and BindReadOnlyPaths= gives one")
    t.ok("No such file" in missing, f"without either there is no node: {missing}")
    t.ok("not permitted" in disk, f"without DeviceAllow= it may not be opened: {disk}")
    t.ok("not permitted" in write, f"nor for more than that allows: {write}")


def check_boxed(c, t):
    """Returns what it drew when poll() told it of the change."""
    c.wait_for(f"test $({SESSIONS} | wc -l) = 2")
    first, second = c.run(SESSIONS).splitlines()
    t.ok(first != second, "a service with PrivateDevices= has polled the change, and drawn anew")
    return second


def check_fence(g, t):
    g.run(f"cat >/etc/systemd/system/fenced.service <<'END'\n{FENCED}END\nsystemctl daemon-reload")
    g.run("vmgenctl fence set fenced 'its data went back'")
    t.ok(g.execute("systemctl start fenced")[0] != 0, "a unit that is fenced does not start")
    t.ok("fenced.service is fenced: its data went back" in g.run("journalctl -u fenced"),
         "its log says why")
    g.run("vmgenctl fence lift fenced; systemctl reset-failed fenced")
    t.equal(g.execute("systemctl start fenced"), (0, ""), "it does when the fence is lifted")


def check_image(g, t):
    """What cloud-init does when it makes an image of the system."""
    t.equal(g.execute("run-parts /etc/cloud/clean.d"), (0, ""), "cloud-init clean's directory")
    t.equal(g.execute("test -e /var/lib/vmgen/state.json")[0], 1, "leaves no record")
    g.run("systemctl restart vmgend; vmgenctl wait --settled --timeout 240", timeout=300)
    t.ok("adopted" in g.run("vmgenctl history | tail -n 4"), "the next start adopts the ID")


def check_clone(c, t):
    c.run("vmgenctl wait --settled --timeout 240 1", timeout=300)
    t.equal(c.run("cat /var/tmp/10-guard /var/tmp/80-last"), "changed 2\nchanged 2\n",
            "the hooks of a clone run, once")
    report = json.loads(c.run("vmgenctl status --json"))
    t.equal((report["verdict"], report["generation"]), (0, 2), "vmgenctl is satisfied")
    t.equal(c.run("sysctl -n dev.vmgenc.0.guid").strip(), c.guid(), "the ID is the host's")
    t.ok("80-last: succeeded" in c.run("journalctl -u vmgend"), "the journal says so")
    errors = c.run("journalctl -q -u vmgend -p err -o cat").splitlines()
    t.equal([line for line in errors if "the configuration was not reloaded" not in line], [],
            "and has no error of vmgend but that of the reload")
    t.equal(c.run("cat /var/tmp/restarted"), "\n", "the hook of the README has restarted its unit")
    t.equal(c.run("cat /var/tmp/user/name"), "nobody\n", "a hook runs as the user of its settings")
    c.wait_for("test -e /var/tmp/pulled")
    t.equal(c.execute("systemctl is-active vmgen-changed.target")[0], 3,
            "vmgen-changed.target has pulled its unit in, and is gone")
    return c.run("head -c 16 /dev/urandom | od -An -tx1"), c.run(SEED), check_boxed(c, t)


def check_cgroup(d, t):
    own = "/system.slice/vmgend.service/30-fugitive"
    t.equal(d.run("cat /var/tmp/cgroup").strip(), f"0::{own}", "a hook has a cgroup of its own")
    t.ok("30-fugitive: still ran after" in d.run("journalctl -u vmgend"), "its time was over")
    t.equal(d.execute("kill -0 $(cat /var/tmp/fugitive) 2>/dev/null")[0], 1,
            "what left its session and ignores SIGTERM is gone")
    t.equal(d.execute(f"test -e /sys/fs/cgroup{own}")[0], 1, "so is the cgroup")
    t.ok("31-lost: succeeded" in d.run("journalctl -u vmgend"), "a hook that was lost runs again")
    t.equal(d.execute("kill -0 $(cat /var/tmp/lost) 2>/dev/null")[0], 1,
            "what it had started before is gone")
    t.equal(d.execute("grep -q . /sys/fs/cgroup/system.slice/vmgend.service/50-slow/cgroup.procs"),
            (0, ""), "a hook that is running is in its own")


def check_endurance(d, t):
    """vmgend cannot be worn out: by deaths in a row, by memory or by processes."""
    pid = "systemctl show -P MainPID vmgend"
    t.equal(d.run("cat /var/tmp/score").split(), ["0", "-900"],
            "a hook can be killed for memory as ever, who looks after it not")
    t.equal(d.run(f"cat /proc/$({pid})/oom_score_adj; ps -o ni= -p $({pid})").split(),
            ["-900", "-10"], "nor vmgend, which comes first")
    t.equal(d.run("cat /sys/fs/cgroup/system.slice/vmgend.service/pids.max").strip(), "max",
            "the service may have as many processes as the system")
    # systemd gives up after 5 starts in 10 seconds unless it is told otherwise, but
    # a slow machine may not get that far.
    t.equal(d.run("systemctl show -P StartLimitIntervalUSec vmgend").strip(), "0",
            "systemd never gives up")
    for signal in ["KILL"] * (6 if ALL else 1) + ["TERM"]:
        old = d.run(pid).strip()
        d.run(f"kill -{signal} {old}")
        t.happens(f"it comes back when it was ended by SIG{signal}", d.wait_for,
                  f"systemctl is-active -q vmgend && test $({pid}) != {old} -a $({pid}) != 0")


def check_stop(c, t):
    """Neither a stop nor a restart of the service ends a hook that runs."""
    c.run("cat >/etc/vmgen/hooks.d/50-slow <<'END'\n"
          "#!/bin/sh\necho start >>/var/tmp/slow\nuntil test -e /var/tmp/go; do sleep 0.1; done\n"
          "echo end >>/var/tmp/slow\nEND\n"
          f"cat >/etc/vmgen/hooks.d/30-fugitive <<'END'\n{FUGITIVE}END\n"
          f"cat >/etc/vmgen/hooks.d/31-lost <<'END'\n{LOST}END\n"
          "mkdir -p /etc/vmgen/hooks.conf.d; cd /etc/vmgen\n"
          "printf '[hook]\\ntimeout = 10\\n' >hooks.conf.d/30-fugitive.conf\n"
          "printf '[hook]\\ntimeout = 900\\n' >hooks.conf.d/50-slow.conf\n"
          "chmod 755 hooks.d/*; sync")
    again = c.snapshot()
    with again.clone(guid=new_guid()) as d:
        d.wait_for("test -e /var/tmp/slow", timeout=300)
        check_cgroup(d, t)
        check_endurance(d, t)
        d.run("systemctl stop vmgend")
        d.run("touch /var/tmp/go")
        d.wait_for("grep -q end /var/tmp/slow")
        t.equal(d.run("grep -c . /var/tmp/80-last").strip(), "1", "a stopped vmgend starts no hook")
        d.run("systemctl start vmgend; vmgenctl wait --settled --timeout 240", timeout=300)
        t.equal(d.run("cat /var/tmp/slow"), "start\nend\n", "a running hook outlives the service")
        t.equal(d.run("grep -c . /var/tmp/80-last").strip(), "2", "the next start does the rest")
        t.happens("a second change pulls the unit in again",
                  d.wait_for, "test $(wc -l </var/tmp/pulled) = 2")
        check_journal(d, t)


def check_journal(d, t):
    """What can be searched for, and what explains it; and the hook once it was fixed."""
    def entries(match):
        lines = d.run(f"journalctl -q -u vmgend -o json {match}").splitlines()
        return [json.loads(line) for line in lines]
    d.run("journalctl --sync")
    ended = entries("VMGEN_HOOK=30-fugitive VMGEN_OUTCOME=timed-out")
    t.equal({(e["VMGEN_EVENT"], e["VMGEN_GENERATION"], e["PRIORITY"]) for e in ended},
            {("changed", "3", "3")}, "the end of a hook has fields")
    t.equal(len(entries("VMGEN_HOOK=80-last VMGEN_OUTCOME=succeeded")), 2,
            "in each run, though its keeper is gone")
    guarded = entries("VMGEN_HOOK=10-guard VMGEN_OUTCOME=succeeded")
    t.equal({(e["VMGEN_EVENT"], e["VMGEN_GENERATION"]) for e in guarded},
            {("changed", "2"), ("changed", "3")}, "so has that of a guard")
    t.ok("30-fugitive| no way out" in [e["MESSAGE"] for e in entries("VMGEN_HOOK=30-fugitive")],
         "so has what it prints")
    explained = d.run(f"journalctl -q -x MESSAGE_ID={ended[0]['MESSAGE_ID']}")
    t.ok("Subject: The hook 30-fugitive failed" in explained and "ended with: timed-out" in explained,
         "journalctl -x explains it")
    for subject in ("was cloned or restored from", "for the first time", "but something failed"):
        t.ok(re.search(f"Subject: .*{subject}", d.run("journalctl -q -x -u vmgend")),
             f"a message that is explained: {subject}")
    run = json.loads(d.run("vmgenctl history --json | tail -n 1"))
    t.equal(run["hooks"]["30-fugitive"].get("output"), "no way out", "the history has it, too")
    t.equal(d.execute("vmgenctl status >/dev/null")[0], 8, "the status tells of the failure")
    d.run("printf '#!/bin/sh\\n' >/etc/vmgen/hooks.d/30-fugitive")
    status, output = d.execute("vmgenctl trigger --failed --timeout 240", timeout=300)
    t.equal((status, len(output.splitlines()), output.split()[0]), (0, 1, "30-fugitive"),
            "what failed is run again when it was fixed, and nothing else")
    t.equal(d.execute("vmgenctl status >/dev/null")[0], 0, "then all is well")


def go_down(c, t):
    """The end of the service alone, and that of the system; returns the disk."""
    mark = "grep -E '\"shutdown\": *\"[0-9a-f]{32}\"' /var/lib/vmgen/state.json"
    c.run("systemctl stop vmgend")
    t.equal(c.execute(mark), (1, ""), "a stop of the service is no shutdown of the system")
    c.run("systemctl start vmgend; vmgenctl wait --settled --timeout 240", timeout=300)
    c.send("systemctl --no-block poweroff")
    c.wait_for_end(240)
    return c.disk


def check_cold_boot(debian, disk, old, t):
    """A clone of the machine with this machine ID while that was off, as was said before."""
    with debian.boot(new_guid(), disk, **other_machine(0xb)) as g:
        g.wait_for("vmgenctl wait --settled --timeout 240", timeout=300)
        t.equal(g.run("tail -n 1 /var/tmp/10-guard").split()[0], "boot-changed",
                "a cold boot with another ID: module and service start by themselves, guards run")
        t.equal(g.run("grep -c . /var/tmp/80-last").strip(), "1", "hooks for running services do not")
        run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
        t.equal((run["event"], run["hint"]), ("boot-changed", "clone"),
                "UUID and MAC address are there when it looks, and are not those on record")
        t.equal((run["shutdown"], run["skipped"]), ("clean", False),
                "the shutdown before was a clean one, which alone spares nothing")
        new = g.run("systemd-id128 machine-id").strip()
        t.ok(run["hooks"]["60-machine-id"]["outcome"] == "succeeded" and new != old,
             "intent clone: it has a machine ID of its own")
        t.equal(g.run("systemctl is-active vmgend").strip(), "active", "the service is active")
        order = g.run("systemctl show -P ActiveEnterTimestampMonotonic vmgend sysinit.target").split()
        t.ok(int(order[0]) <= int(order[1]), "it was ready before other services started")
        status, output = g.execute("systemctl --failed --no-legend")
        t.equal(output, "", "no unit failed")
        failures = g.run("journalctl -q -b -p err -o cat | grep -i vmgen || true")
        t.equal(failures, "", "no error in the journal")
        check_image(g, t)


def prepare(root):
    """A user's program, built as libvmgen(3) says."""
    chroot(root, "/usr/src/vmgen/libvmgen/examples", "cc event-loop.c "
           "$(pkg-config --cflags --libs libvmgen) -o /usr/local/bin/event-loop")


def scenario(kernel, t):
    debian = Debian(prepare=prepare)
    with debian.boot(new_guid()) as g:
        install(g, debian, t)
        check_fence(g, t)
        check_box(g, t)
        seed = g.run(f"sync; {SEED}")
        snapshot = g.snapshot()
    draws = []
    for last in (False, True):
        with snapshot.clone(guid=new_guid()) as c:
            draws.append(check_clone(c, t))
            if last:
                check_stop(c, t)
            else:
                old = c.run("systemd-id128 machine-id").strip()
                c.run("sed -i 's/^enabled = no/enabled = yes/' "
                      "/etc/vmgen/hooks.conf.d/60-machine-id.conf; "
                      "vmgenctl intent clone")
                disk = go_down(c, t)
    t.ok(draws[0][0] != draws[1][0], "two clones draw different bytes")
    t.ok(draws[0][2] != draws[1][2], "so do the services with PrivateDevices=")
    t.equal(len({seed, draws[0][1], draws[1][1]}), 3, "and seed their next boots with others")
    check_cold_boot(debian, disk, old, t)


if __name__ == "__main__":
    tap.main(scenario)
