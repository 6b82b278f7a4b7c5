#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgen made with SYSTEMD=no in a Debian without systemd, where the line of vmgen-install(7) has sysvinit
start vmgend: clones are detected, hooks do what they can, and what nobody can do here says so."""

import json
import shutil

from harness import debian, kernel as kernels, machine, readme, tap
from harness.debian import Prebuilt, chroot
from harness.scenario import new_guid

SYSTEM = ("sysvinit-core", "udev", "kmod", "procps")
PACKAGES = ("chrony", "inetutils-syslogd", "openssh-server")
AGENT = "ag:2345:respawn:/sbin/vmgen-agent\n"
LIST = "/etc/vmgen/restart-units"
ID = "0123456789abcdef0123456789abcdef"
# Off as they are shipped.
IDENTITY = ("60-machine-id", "60-ssh-hostkeys")
KEY = "cat /etc/ssh/ssh_host_ed25519_key.pub"
PROGRAMS = "/usr/local/sbin/vmgend /usr/local/bin/vmgenctl /usr/libexec/vmgen/* /usr/lib/vmgen/hooks.d/*"
FILES = {
    "etc/machine-id": f"{ID}\n",
    "etc/vmgen/vmgend.conf": "[vmgend]\njitter = 0\n",
    "etc/vmgen/hooks.d/80-last": "#!/bin/sh\necho $1 $2 >>/var/tmp/ran\n",
    LIST.lstrip("/"): "chrony.service\n",
}


class Sysvinit(Prebuilt):
    def base(self, required, packages):
        libraries = (name for name in required if name.startswith("lib") and "systemd" not in name)
        return debian.base(kernels.row(self.kernel.name).suites[0],
                           (*SYSTEM, *libraries, *packages))

    def install(self, root, commands):
        kernels.run(["make", "-s", "-j2", "install", "SYSTEMD=no", f"DESTDIR={root}",
                     f"O={machine.scratch()}/o"], cwd=debian.README.parent)
        chroot(root, "/", f"depmod {self.release}")

    def add_agent(self, root):
        """And vmgend. Nobody logs in."""
        shutil.copy(machine.agent(self.arch), root / "sbin/vmgen-agent")
        table = root / "etc/inittab"
        lines = [line for line in table.read_text("ascii").splitlines(True) if "getty" not in line]
        own = readme.way("Without packages")[0]
        table.write_text("".join([*lines, AGENT, own]), "ascii")


def prepare(root):
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "ascii")
    (root / "etc/vmgen/hooks.d/80-last").chmod(0o755)
    for name in IDENTITY:
        settings = root / f"etc/vmgen/hooks.conf.d/{name}.conf"
        settings.write_text(settings.read_text("ascii").replace("enabled = no", "enabled = yes"),
                            "ascii")


def log(g):
    return g.run("cat /var/log/syslog")


def pid(g):
    return json.loads(g.run("cat /run/vmgen/status.json"))["pid"]


def check_start(g, t):
    g.wait_for("vmgenctl wait --settled")
    t.equal(g.run("cat /proc/1/comm; command -v systemctl || echo none").split(), ["init", "none"],
            "an init that is not systemd, and no systemctl")
    t.equal(g.run(f"for p in {PROGRAMS}; do ldd $p 2>/dev/null; done | grep -c systemd || :").strip(),
            "0", "no program needs libsystemd")
    t.equal(g.run("find / -xdev -name 'vmgen*.service' -o -xdev -name 'vmgen*.target'"), "",
            "there are no units")
    t.ok("adopted" in log(g), "init has started vmgend, which logs to syslog, and the module is loaded")
    status, output = g.execute("vmgenctl status")
    t.ok(status == 0 and "protected:   yes" in output, "vmgenctl says that it is protected")
    status, output = g.execute("vmgenctl check")
    if not t.ok(status == 0 and "This machine is protected" in output and "systemctl" not in output,
                "vmgenctl check says so, and nothing of systemctl"):
        t.note(output)


def check_init(g, t):
    """What ends is started again; who takes the line out is told what is missing."""
    old = pid(g)
    g.run(f"kill -KILL {old}")
    t.happens("init starts it again when it was killed", g.wait_for,
              f"vmgenctl wait --settled && ! grep -q '\"pid\":{old},' /run/vmgen/status.json")
    g.run("sed -i.whole /^vg:/d /etc/inittab; telinit q")
    g.wait_for("! vmgenctl wait --settled")
    status, output = g.execute("vmgenctl status")
    t.ok(status == 3 and "start it with the init system of this machine" in output,
         f"without its line it ends, and vmgenctl says what to do: {status}")
    t.ok("systemctl" not in output, "and nothing of systemctl")
    g.run("mv /etc/inittab.whole /etc/inittab; telinit q")
    g.wait_for("vmgenctl wait --settled")


def check_fence(g, t):
    status, output = g.execute("vmgenctl fence set chrony 'its clock is wrong'")
    t.equal((status, "systemd does not run here: chrony.service is fenced if what starts it asks with "
             "vmgenctl fence check" in output), (0, True), "a fence is set, and says who has to ask")
    status, output = g.execute("vmgenctl fence check chrony")
    t.ok(status == 10 and "its clock is wrong" in output, "who asks is told")
    t.equal(g.execute("vmgenctl fence check ssh"), (0, ""), "of another unit, too")
    t.ok("chrony.service" in g.run("vmgenctl fence list"), "it is listed")
    status, output = g.execute("vmgenctl fence show chrony")
    t.ok(status == 10 and "systemd does not run here, so nobody can tell whether it is down" in output,
         "vmgenctl fence show says that nobody can tell whether it is down")
    t.equal(g.execute("vmgenctl fence lift chrony; vmgenctl fence check chrony"), (0, ""),
            "and can be lifted")


def check_clone(c, key, t):
    """Returns what it drew."""
    c.run("vmgenctl wait --settled --timeout 240 1", timeout=300)
    t.equal(c.run("cat /var/tmp/ran"), "changed 2\n", "the hook of a clone runs, once")
    last = json.loads(c.run("cat /run/vmgen/status.json"))["last"]
    outcomes = {name: hook["outcome"] for name, hook in last["hooks"].items()}
    t.equal([outcomes[name] for name in (*IDENTITY, "20-clock", "80-restart-units")],
            ["succeeded", "succeeded", "succeeded", "failed"], "hooks do what needs no systemd")
    t.ok(ID not in c.run("cat /etc/machine-id"), "it has a machine ID of its own")
    t.ok(c.run(KEY) != key, "and SSH host keys")
    t.ok(f"{LIST}: systemd does not run here, so nothing can be restarted: write a hook of your own"
         in log(c), "the hook that restarts units says that it cannot")
    if not t.ok("not found" not in log(c), "no hook calls what is not there"):
        t.note(log(c))
    t.equal(outcomes["40-networkd"], "not-applicable", "that of systemd's service does not apply")
    status, output = c.execute("vmgenctl status")
    t.ok(status == 8 and "80-restart-units" in output, "vmgenctl status names it")
    return c.run("head -c 16 /dev/urandom | od -An -tx1")


def scenario(kernel, t):
    with Sysvinit(kernel, PACKAGES, prepare).boot(new_guid()) as g:
        check_start(g, t)
        check_init(g, t)
        check_fence(g, t)
        key = g.run(KEY)
        g.run("vmgenctl intent clone")
        snapshot = g.snapshot()
    draws = []
    for _ in range(2):
        with snapshot.clone(guid=new_guid()) as c:
            draws.append(check_clone(c, key, t))
    t.ok(draws[0] != draws[1], "two clones draw different bytes")


if __name__ == "__main__":
    tap.main(scenario)
