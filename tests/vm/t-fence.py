#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Units of a whole Debian that are fenced: by any of their names, before they are there, while
they run, across a power cut, and while the service manager does not answer; and those of
10-replica, also where it fails. make check leaves names to tests/unit/t-fenced.c, whose manager is
of its own, and 10-replica to tests/t-replica.sh."""

import re
import time

from harness import tap
from harness.debian import Prebuilt, chroot
from harness.scenario import ALL, new_guid, say

UNITS = "/etc/systemd/system"
DROP_IN = "zz-vmgen-fence.conf"
DEAF = "/usr/local/sbin/systemctl"
FREEZE = "/sys/fs/cgroup/init.scope/cgroup.freeze"
# systemd writes a dash so, and a shell must not take that apart.
REMOVED = ("app", r"many@a\x2db") if ALL else ("app",)
# Nobody but who answers a change is told its generation.
HOOK = "VMGEN_EVENT=changed VMGEN_GENERATION"
SLEEPS = "[Service]\nUser=nobody\nExecStart=/bin/sleep infinity\n"
ASKS = f"{SLEEPS}ExecStartPre=+vmgenctl fence check %n\n"
SOCKET = "[Socket]\nListenStream=/run/door.socket\n"
# Members of replicated stores, for 10-replica: one that comes back by itself, one in another slice,
# and one that boots start.
COMES_BACK = "[Service]\nExecStart=/bin/sleep infinity\nRestart=always\nRestartSec=0\n"
ELSEWHERE = f"{SLEEPS}Slice=far-away.slice\nExecStop=/bin/sh -c 'echo >>/run/goodbye'\n"
AT_BOOT = f"{SLEEPS}[Install]\nWantedBy=multi-user.target\n"
MEMBERS = ("back", "elsewhere", "many@one", "alias")
REPLICA = "10-replica"
FILES = {"back.service": COMES_BACK, "elsewhere.service": ELSEWHERE, "boot.service": AT_BOOT,
         "app.service": SLEEPS, "late.service": SLEEPS, "asks.service": ASKS, "many@.service": SLEEPS,
         "door.socket": SOCKET, "door.service": SLEEPS}


def prepare(root):
    for name, text in FILES.items():
        if name != "late.service":
            (root / "etc/systemd/system" / name).write_text(text, "ascii")
    (root / "etc/systemd/system/alias.service").symlink_to(f"{UNITS}/app.service")
    (root / "etc/systemd/system/lots@.service").symlink_to(f"{UNITS}/many@.service")
    chroot(root, "/", "systemctl enable boot 2>&1")


def stays_down(g, unit):
    status = g.execute(f"systemctl start {unit}")[0]
    g.run(f"systemctl reset-failed {unit} 2>/dev/null || true")
    return status != 0 and g.execute(f"systemctl -q is-active {unit}")[0] != 0


def starts(g, unit):
    return g.execute(f"systemctl start {unit} && systemctl -q is-active {unit}")[0] == 0


def left(g):
    """What there is of fences: files, drop-ins, their directories, lines of what is loaded."""
    return g.run(f"ls /var/lib/vmgen/fence; ls -d {UNITS}/*.d/{DROP_IN} {UNITS}/*.service.d "
                 f"{UNITS}/*.socket.d 2>/dev/null; systemctl show -P ExecStartPre app many@one "
                 "late door.socket | grep vmgenctl || true")


def fence(g, words):
    began = time.monotonic()
    status, output = g.execute(f"vmgenctl fence {words}", timeout=120)
    say(f"{g.name}: vmgenctl fence {words}: {status} after {time.monotonic() - began:.1f} s")
    return status, output


def check_alias(g, t):
    t.equal(fence(g, "set alias 'its data went back'"), (0, ""), "a unit is fenced by its alias")
    t.ok(stays_down(g, "app"), "it does not start, although it never asked before")
    t.ok(stays_down(g, "alias"), "nor by its alias")
    t.ok("app.service is fenced: its data went back" in g.run("journalctl -q -u app -o cat"),
         "its log says why")
    status, output = g.execute("vmgenctl check")
    t.ok(status and "app.service is kept down: its data went back" in output,
         "vmgenctl check says so")
    t.equal([fence(g, f"check {name}")[0] for name in ("app", "alias", "asks")], [10, 10, 0],
            "fence check knows it by both names, and no other unit")
    t.ok(starts(g, "asks"), "a unit that asks, and is not fenced, starts")
    t.ok("generation: 1 of this boot" in fence(g, "show alias")[1], "show tells the generation")
    status, output = g.execute(f"{HOOK}=0 vmgenctl fence lift app")
    t.equal((status, "hook of generation 0" in output), (11, True), "an older hook does not lift it")
    t.ok(stays_down(g, "app"), "and it stays down")
    t.equal(fence(g, "lift alias"), (0, ""), "it is lifted by its alias")
    t.equal(left(g), "", "nothing of it is left")
    t.ok(starts(g, "app"), "and it starts")


def check_running(g, t):
    status, output = fence(g, "set app why")
    t.ok(not status and "is running, and a fence does not stop it" in output, "app runs: it is told")
    output = g.execute("vmgenctl check")[1]
    t.ok("app.service is fenced but RUNNING" in output and "kept down" not in output,
         "vmgenctl check does not call it down")
    g.run("systemctl stop app")
    t.ok("app.service is kept down" in fence(g, "list")[1], "when it is stopped, it is")
    g.run("vmgenctl fence lift app")


def check_names(g, t):
    status, output = fence(g, "set late why")
    t.ok(status == 1 and "--force" in output, "a unit that is not there is refused")
    t.equal(left(g), "", "and nothing is done")
    t.equal(fence(g, "set --force late why")[0], 0, "unless --force says so")
    g.run(f"cat >{UNITS}/late.service <<'END'\n{SLEEPS}END\nsystemctl daemon-reload")
    t.ok(stays_down(g, "late"), "when it is installed it does not start")
    status, output = fence(g, "set many@ why")
    t.ok(status == 2 and "is a template" in output, "a template is refused")
    look = re.search(r"systemctl list-units --all '.*?'", output)
    t.equal(g.execute(look[0])[0], 0, "and how its instances are found")
    t.equal(fence(g, "set lots@one why"), (0, ""), "an instance is fenced, by an alias of its own")
    t.ok(stays_down(g, "many@one") and starts(g, "many@two"), "and no other one")
    t.equal(fence(g, "set door.socket why"), (0, ""), "a socket is")
    t.ok(stays_down(g, "door.socket"), "and does not listen")
    for name in ("late", "many@one", "door.socket"):
        g.run(f"vmgenctl fence lift {name}")
    t.equal(left(g), "", "all are lifted")
    t.ok(all(starts(g, name) for name in ("late", "many@one", "door.socket")), "and start")
    g.run("systemctl stop late many@one many@two door.socket")


def check_removed(g, t):
    """As after a removal of vmgend that is no purge."""
    for name in REMOVED:
        t.equal(fence(g, f"set '{name}' why"), (0, ""), f"{name} is fenced")
        t.ok(stays_down(g, f"'{name}'"), "and stays down")
    g.run("mv /usr/local/bin/vmgenctl /root")
    for name in REMOVED:
        t.ok(stays_down(g, f"'{name}'"), f"so does {name} without vmgenctl")
        log = g.run(f"journalctl -q -o cat -u '{name}'")
        t.ok("is fenced, and vmgenctl, which tells why, was removed" in log and "EXEC" not in log,
             "its log says why")
        g.run(f"rm '/var/lib/vmgen/fence/{name}.service'")
        t.ok(starts(g, f"'{name}'"), "and what to do: then it starts")
    g.run("mv /root/vmgenctl /usr/local/bin")
    for name in REMOVED:
        g.run(f"systemctl stop '{name}'; vmgenctl fence lift '{name}'")
    t.equal(left(g), "", "nothing of them is left")


def check_hang(g, t):
    """The manager stands still, which a fence of a guard does not wait for."""
    g.run(f"echo 1 >{FREEZE}")
    status, output = g.execute(f"{HOOK}=1 vmgenctl fence set alias why", timeout=60)
    listed = g.run("ls /var/lib/vmgen/fence").split()
    g.run(f"echo 0 >{FREEZE}")
    t.equal((status, "systemd does not answer" in output, listed), (8, True, ["alias.service"]),
            "the manager hangs: a guard's fence is there, and it is told what is not certain")
    t.equal(fence(g, "check app")[0], 10, "its real name is fenced by that")
    # A guard's asks for two seconds, in which a busy machine may not have caught up.
    t.equal(g.execute(f"until {HOOK}=1 vmgenctl fence set alias why 2>/dev/null; do sleep 1; done",
                      timeout=240), (0, ""), "when it answers, the same command does the rest")
    t.equal(g.run("ls /var/lib/vmgen/fence").split(), ["app.service"], "under the real name")
    t.ok(stays_down(g, "app"), "and it is kept down")


# ---- 10-replica ---------------------------------------------------------------------------------


def list_members(g, names):
    g.run("printf '%s\\n' " + " ".join(names) + " >/etc/vmgen/replica-units")


def run_guard(g, real="--real "):
    """Returns the exit status, and what the hook has said."""
    log = "journalctl -q -u vmgend -o cat"
    before, began = g.run(log), time.monotonic()
    status, _ = g.execute(f"vmgenctl hooks run {real}{REPLICA}", timeout=240)
    say(f"{g.name}: {REPLICA} {real}took {time.monotonic() - began:.1f} s for {len(MEMBERS)} units")
    return status, g.run(log).removeprefix(before)


def check_members(g, t):
    """Those that 10-replica is for: they run, and stay down from then on."""
    t.ok(g.execute(f"vmgenctl hooks list | grep '{REPLICA}.*disabled'")[0] == 0, "as shipped it is off")
    enable_guard(g)
    g.run("systemctl start back elsewhere many@one app")
    list_members(g, MEMBERS)
    status, said = run_guard(g, real="")
    t.ok(status and "alias.service is an alias, which would be fenced late: list the unit itself, "
         "app.service" in said and said.count("would freeze, fence and kill") == len(MEMBERS) - 1,
         "a drill says what it would do, and that one is listed by an alias")
    t.equal(g.run("vmgenctl fence list"), "", "and does nothing")
    status, said = run_guard(g)
    t.equal((status, said.count(": is killed and fenced")), (0, len(MEMBERS)), "all are ended")
    fenced = g.run("vmgenctl fence list")
    t.equal(fenced.count("is kept down: this machine was cloned or restored"), len(MEMBERS),
            "and kept down")
    t.ok("app.service is kept down" in fenced, "one under its real name")
    t.ok(all(stays_down(g, name) for name in MEMBERS), "whoever starts them")
    t.equal(g.execute("test -e /run/goodbye")[0], 1, "none could say goodbye")
    lift(g, MEMBERS)
    t.ok(all(starts(g, name) for name in MEMBERS), "lifted, they start")


def lift(g, names):
    for name in names:
        g.run(f"vmgenctl fence lift {name}")


def check_members_in_doubt(g, t):
    """The service manager stands still."""
    list_members(g, ["back"])
    freeze = "/sys/fs/cgroup/system.slice/back.service/cgroup.freeze"
    g.run(f"echo 1 >{FREEZE}")
    status, output = g.execute(f"{HOOK}=1 VMGEN_EVENT=changed /usr/lib/vmgen/hooks.d/{REPLICA}",
                               timeout=400)
    frozen = g.run(f"cat {freeze}").strip()
    asks = g.run(f"ls {UNITS}/back.service.d")
    g.run(f"echo 0 >{FREEZE}")
    t.ok(status == 1 and "back.service: is not fenced for certain, so it stays frozen" in output and
         frozen == "1", "the manager hangs: a member stays frozen, and it is told")
    t.ok(DROP_IN in asks, "and asks for its fence from the next boot on")
    g.wait_for(f"vmgenctl hooks run --real {REPLICA} && ! systemctl -q is-active back", timeout=240)
    t.ok(stays_down(g, "back"), "the remedy ends it")
    lift(g, ["back"])


def check_members_unfenced(g, t):
    """Somebody has changed the drop-in, so that the unit asks for no fence."""
    t.ok(starts(g, "back"), "a member runs")
    g.run(f"mkdir -p {UNITS}/back.service.d; echo '[Service]' >{UNITS}/back.service.d/{DROP_IN}; "
          "systemctl daemon-reload")
    status, said = run_guard(g)
    t.ok(status and "stays frozen, and is masked until the next boot" in said,
         "one that cannot be fenced is masked")
    # As the watchdog would, in the end.
    g.run("systemctl kill --signal=KILL back")
    g.wait_for("! systemctl -q is-active back", timeout=60)
    t.ok(stays_down(g, "back"), "when it is killed nothing starts it anew")
    g.run(f"rm {UNITS}/back.service.d/{DROP_IN}")
    status, said = run_guard(g)
    if not t.equal(status, 0, "fixed as the log says, the hook fences it"):
        t.note(said)
    lift(g, ["back"])
    t.ok(starts(g, "back"), "and nothing of the mask is left")


def list_member_of_boot(g):
    """For a boot whose systemd does not read units anew, as if it was too busy."""
    list_members(g, ["boot"])
    enable_guard(g)
    g.run(f"printf '%s\\n' '#!/bin/sh' '[ \"$1\" != daemon-reload ] || exit 1' "
          f"'exec /usr/bin/systemctl \"$@\"' >{DEAF}; chmod 755 {DEAF}; sync")


def check_member_of_boot(g, t):
    g.wait_for("vmgenctl wait --settled --timeout 240 && "
               "! systemctl is-system-running | grep starting", timeout=400)
    log = g.run("journalctl -q -b -o cat -u boot")
    began = g.run("systemctl show --value -p ExecMainStartTimestampMonotonic boot").strip()
    if not t.ok("boot.service is fenced: this machine was cloned or restored" in log and began == "0",
                "a member that went back while the machine was off is fenced before it starts"):
        t.note(f"{began}\n{log}\n{g.run('journalctl -q -b -o short-monotonic -u vmgend')}")
    g.run(f"rm {DEAF}")
    lift(g, ["boot"])
    t.ok(starts(g, "boot"), "lifted, it starts")


def enable_guard(g):
    g.run(f"sed -i 's/^enabled = no/enabled = yes/' /etc/vmgen/hooks.conf.d/{REPLICA}.conf; "
          "systemctl reload vmgend")


def scenario(kernel, t):
    debian = Prebuilt(kernel, prepare=prepare)
    with debian.boot(new_guid()) as g:
        g.wait_for("vmgenctl wait --settled --timeout 240", timeout=300)
        check_alias(g, t)
        check_running(g, t)
        if ALL:
            check_names(g, t)
        check_removed(g, t)
        check_hang(g, t)
        if ALL:
            lift(g, ["app"])
            check_members(g, t)
            check_members_in_doubt(g, t)
            check_members_unfenced(g, t)
            fence(g, "set app why")
            list_member_of_boot(g)
        disk = g.disk
    with debian.boot(new_guid(), disk) as g:
        g.wait_for("systemctl is-active vmgend", timeout=240)
        if ALL:
            check_member_of_boot(g, t)
        t.ok(stays_down(g, "alias"), "after a power cut it does not start")
        t.equal(g.execute("vmgenctl fence lift app; systemctl start alias"), (0, ""),
                "until it is lifted")
        t.equal(left(g), "", "and nothing is left")


if __name__ == "__main__":
    tap.main(scenario)
