#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Controllers that are not where Debian has its own: below another directory, in a unit of another
name, two on one machine, in a container. Real servers run in control groups like those of units, and
the hooks that ship are run; only the service manager is another one.
"""

import contextlib
import os
import re
import shutil
import subprocess
import time

from harness import groups, installation
from harness.alone import install
from harness.domain import Domain
from harness.groups import GROUPS, GUID_FILE, SLICE, define, execute, put, running, start, wait

# A program, and the other hooks are scripts.
FREEZE = "10-samba-ad"
CONFIGURED = "/etc/vmgen/samba-ad.d"
NOTICES = "/var/lib/vmgen/samba-ad/notices"
PREFIX = "/opt/samba"
MODULES = "/usr/lib/python3/dist-packages"
OF_SAMBA = ("samba", "ldb.*", "_ldb*", "tdb.*", "_tdb*", "talloc.*", "tevent.py", "_tevent.*")


class Units(Domain):
    def running(self):
        """Which the harness has not started itself."""
        return [dc for dc in self.both if running(dc)]


# ---- hooks ------------------------------------------------------------------------------------


def hook(name, event="changed", generation=2, **environment):
    """Its status and what it says."""
    words = (FREEZE,) if name == FREEZE else ("sh", f"{installation.SOURCE}/daemon/hooks/{name}")
    return execute(*words, VMGEN_EVENT=event, VMGEN_GENERATION=str(generation),
                   VMGEN_HINT="unknown", VMGEN_INTENT="", **environment)


def answers(dc):
    wait(f"{dc.name} answers", lambda: not execute("ldbsearch", "-H", dc.url, "-U%", "-s", "base",
                                                   "-b", "", "defaultNamingContext")[0])


def new_id(*controllers):
    controllers[0].new_id()
    for dc in controllers:
        dc.id = controllers[0].id
    put(GUID_FILE, f"{controllers[0].id}\n")


def repaired(dc, before):
    facts = dc.facts()
    return facts["invocation"] != before["invocation"] and facts["generation"] == dc.id


def change(controllers, t, name):
    """Restored while they run."""
    before = [dc.facts() for dc in controllers]
    new_id(*controllers)
    status, output = hook(FREEZE)
    t.ok(status == 0 and all(groups.has(dc.unit, "frozen 1") for dc in controllers),
         f"{name}: frozen") or t.note(output)
    status, output = hook("50-samba-ad")
    t.ok(status == 0 and all(map(repaired, controllers, before)),
         f"{name}: repaired") or t.note(f"{status} {output}")
    wait(f"{name} runs", lambda: all(map(running, controllers)))
    for dc in controllers:
        answers(dc)


def advice(output):
    """The command that is told, as somebody types it."""
    found = re.search(r"vmgend-samba-ad protect [^\n]*", output)
    return found.group() if found else "false"


# ---- the cases --------------------------------------------------------------------------------


def hidden_settings(dc, t):
    """Which database it works on the unit does not tell."""
    put("/srv/units/dc1.service", "/usr/sbin/samba --foreground $SAMBAOPTIONS --no-process-group\n")
    put("/srv/options", f"--configfile={dc.configuration}\n")
    start(dc.unit)
    answers(dc)
    before = dc.facts()
    new_id(dc)
    status, output = execute("vmgend-samba-ad", "repair")
    t.ok(status == 1 and "protect --unit=dc1.service --configfile=SMB_CONF" in output and
         f"{dc.directory}/private/sam.ldb" in output and dc.facts() == before,
         "another database than that of the usual smb.conf is told") or t.note(output)


def look(dc):
    """Somebody's first look at a unit that nobody has told of, with the system's own Samba."""
    define(dc, "dc1.service", "/usr/sbin/samba")
    start(dc.unit)
    answers(dc)
    return execute("vmgend-samba-ad", "repair")


def another_name(dc, t):
    new_id(dc)
    status, output = look(dc)
    t.equal((status, dc.facts()["generation"]), (1, dc.id),
            "a unit of another name is found, and has its ID recorded") or t.note(output)
    t.ok("not checked when it starts" in output and list(installation.path(NOTICES).iterdir()),
         "that its start is not checked is told, and noted") or t.note(output)
    status, said = execute("sh", "-c", advice(output))
    t.equal((status, list(installation.path(NOTICES).iterdir())), (0, []),
            "the command that is told ends that") or t.note(said)
    status, output = execute("vmgend-samba-ad", "repair")
    t.equal(status, 0, "and nothing is told any more") or t.note(output)
    execute("systemctl", "stop", dc.unit)
    start(dc.unit)
    answers(dc)
    change([dc], t, "another name")


def at_once(dc, t):
    """Nothing is started before all are frozen."""
    put("/srv/early/vmgend-samba-ad", f"#!/bin/sh\ncat {SLICE}/{dc.unit}/cgroup.freeze\n", 0o755)
    path = os.environ["PATH"]
    status, output = hook(FREEZE, PATH=f"/srv/early:{path}")
    t.equal((status, output), (0, "1\n"), "frozen before our program begins")
    installation.path(f"{SLICE}/{dc.unit}/cgroup.freeze").write_text("0", "ascii")
    status, output = hook(FREEZE, event="test", PATH=f"/srv/early:{path}")
    t.equal(output, "0\n", "but not in a drill")


@contextlib.contextmanager
def another_prefix():
    """Copies the programs there, and moves the Python modules."""
    for directory in ("sbin", "bin", "lib/python3/dist-packages"):
        installation.path(f"{PREFIX}/{directory}").mkdir(parents=True)
    for program in ("sbin/samba", "bin/samba-tool"):
        shutil.copy(installation.path(f"/usr/{program}"), installation.path(f"{PREFIX}/{program}"))
    place = installation.path(f"{PREFIX}/lib/python3/dist-packages")
    for pattern in OF_SAMBA:
        for module in installation.path(MODULES).glob(pattern):
            subprocess.run(["cp", "-a", module, place], check=True)
    modules = installation.path(f"{MODULES}/samba")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", modules], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", modules], check=True)


def usual_unit(t):
    """Of the usual name, and with that Samba."""
    unit = "/srv/units/samba-ad-dc.service"
    put(unit, f"{PREFIX}/sbin/samba\n")
    status, output = execute("vmgend-samba-ad", "before-start")
    t.ok(status == 1 and f"protect --unit=samba-ad-dc.service --prefix={PREFIX}" in output,
         "the usual unit does not start another Samba unprotected") or t.note(output)
    put(unit, f"{PREFIX}/sbin/smbd\n")
    status, output = execute("vmgend-samba-ad", "before-start")
    t.equal(status, 0, "but file servers") or t.note(output)
    installation.path(unit).unlink()
    status, output = execute("vmgend-samba-ad", "protect", "--unit=dc3")
    t.ok(status == 1 and "dc3.service starts nothing" in output, "a name without a unit")


def elsewhere(dc, t):
    """Below another directory, and the system has none of its own."""
    define(dc, "dc2.service", f"{PREFIX}/sbin/samba")
    with another_prefix():
        server = installation.path("/usr/sbin/samba")
        server.rename(server.with_name("hidden"))
        new_id(dc)
        start(dc.unit)
        answers(dc)
        for name in (FREEZE, "50-samba-ad"):
            for event in ("test", "changed"):
                status, output = hook(name, event)
                t.ok(status == 1 and "not installed" not in output and "protect" in output and
                     running(dc), f"{name}, {event}: it runs unprotected, which is told"
                     ) or t.note(f"{status} {output}")
        t.equal(execute("vmgend-samba-ad", "--check")[0], 1, "--check tells it")
        told = advice(output)
        place = installation.path(f"{PREFIX}/lib/python3/dist-packages/samba/dcerpc")
        place.chmod(0o777)
        status, output = execute("sh", "-c", told)
        t.ok(status == 1 and f"chmod go-w {place.name}" in output.replace(
            f"{PREFIX}/lib/python3/dist-packages/samba/", ""),
            "nothing is loaded that others can write") or t.note(output)
        place.chmod(0o755)
        status, output = execute("sh", "-c", told)
        t.equal((status, list(installation.path(NOTICES).iterdir())), (0, []),
                "the command that is told protects it") or t.note(f"{told}\n{output}")
        execute("systemctl", "stop", dc.unit)
        start(dc.unit)
        answers(dc)
        usual_unit(t)
        server.with_name("hidden").rename(server)
    # What is seen is read with the system's modules.
    t.equal(dc.facts()["generation"], dc.id, "its start recorded the ID")


def several(both, t):
    """One in each place, on one machine."""
    execute("sh", "-c", advice(look(both[0])[1]))
    status, output = execute("vmgend-samba-ad", "repair")
    t.equal(status, 0, "two are looked after") or t.note(output)
    change(both, t, "two")
    for dc in both:
        expected = installation.path(f"/var/lib/vmgen/samba-ad/units/{dc.unit}/expected")
        t.ok(dc.facts()["invocation"] in expected.read_text("utf-8"),
             f"{dc.unit} has a state of its own")
    for words in (("--force", "repair"), ("--rolled-back", "repair"), ("sysvol-done",)):
        status, output = execute("vmgend-samba-ad", *words)
        t.ok(status == 1 and "--unit=NAME" in output, f"{words[0]} is for one of them"
             ) or t.note(output)


def mistake(both, t):
    """In the file of one of them."""
    name = f"{CONFIGURED}/{both[1].unit}"
    text = installation.path(name).read_text("ascii")
    put(name, text.replace("prefix", "prefx"))
    status, output = hook(FREEZE, generation=3)
    t.ok(status == 1 and "prefx is not known" in output, "a mistake in a file is told"
         ) or t.note(output)
    status, output = hook("50-samba-ad", generation=3)
    t.ok(status == 1 and f"{both[1].unit} stays frozen" in output and running(both[0]),
         "what cannot be treated stays frozen, and the other goes on") or t.note(output)
    put(name, text)
    status, output = execute("vmgend-samba-ad", "repair")
    wait("it runs", lambda: running(both[1]))
    t.equal(status, 0, "until that is fixed") or t.note(output)


def fenced(both, t):
    """One was repaired too often."""
    put(f"/var/lib/vmgen/samba-ad/units/{both[0].unit}/repairs", f"{time.time():.0f} 550\n" * 6)
    before = both[1].facts()
    new_id(*both)
    hook(FREEZE, generation=4)
    status, output = hook("50-samba-ad", generation=4)
    fences = [path.name for path in installation.path("/var/lib/vmgen/fence").iterdir()]
    t.ok(status == 10 and fences == [both[0].unit] and not running(both[0]), "one is fenced"
         ) or t.note(output)
    t.ok(repaired(both[1], before) and running(both[1]), "and the other repaired")
    installation.path(f"/var/lib/vmgen/fence/{fences[0]}").unlink()


def stop(both):
    for dc in both:
        execute("systemctl", "stop", dc.unit)
        for name in (f"{CONFIGURED}/{dc.unit}", f"/etc/systemd/system/{dc.unit}.d/vmgen.conf",
                     f"/run/vmgen/samba-ad/{dc.unit}"):
            installation.path(name).unlink(missing_ok=True)
        shutil.rmtree(installation.path(f"/var/lib/vmgen/samba-ad/units/{dc.unit}"), ignore_errors=True)


def container(dc, t):
    """With process IDs and mounts of its own."""
    group = installation.path(f"{GROUPS}/machine.slice/dc 1.scope")
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text("0", "ascii")
    dc.start()
    installation.path(f"{GROUPS}/cgroup.procs").write_text("0", "ascii")
    for name in (FREEZE, "50-samba-ad"):
        status, output = hook(name, generation=5)
        t.ok(status == 1 and "in a container" in output and "CAP_SYS_ADMIN" in output and
             "not installed" not in output, f"{name}: one in a container is told"
             ) or t.note(f"{status} {output}")
    t.equal(list(installation.path("/var/lib/vmgen/fence").iterdir()), [], "and not fenced")
    answers(dc)
    t.equal(len(list(installation.path(NOTICES).iterdir())), 1, "that is noted")
    told = re.search(r"echo .*", output)
    execute("sh", "-c", told.group() if told else "false")
    status, output = hook("50-samba-ad", generation=5)
    t.equal((status, list(installation.path(NOTICES).iterdir())), (77, []),
            "until somebody says that it is looked after there") or t.note(output)
    dc.stop()


def strangers(t):
    """Who can call his program anything."""
    for place, words, status in (("/srv/a\x1b[31m\nb", (), 1),
                                 ("/srv/c", ("setpriv", "--reuid=65534", "--regid=65534",
                                             "--clear-groups"), 77)):
        program = f"{place}/samba"
        installation.path(place).mkdir()
        shutil.copy(installation.path("/bin/sleep"), installation.path(program))
        with open(installation.path("/srv/dc1/private/sam.ldb"), "rb") as database:
            process = subprocess.Popen(["chroot", installation.root(), *words, program, "600"],
                                       pass_fds=[database.fileno()])
        try:
            wait("it executes this", lambda: os.readlink(f"/proc/{process.pid}/exe").endswith(
                f"{place}/samba"))
            found, output = hook("50-samba-ad", generation=6)
            t.equal(found, status, f"a program called {program!a}") or t.note(output)
            t.ok(output.isprintable() or output.replace("\n", "").isprintable() and
                 "\nb" not in output, "its name is printed escaped") or t.note(repr(output))
        finally:
            process.kill()
            process.wait()


def scenario(_suite, t):
    groups.boot()
    install(FREEZE)
    d = Units()
    another_name(d.dc1, t)
    at_once(d.dc1, t)
    stop([d.dc1])
    hidden_settings(d.dc1, t)
    stop([d.dc1])
    elsewhere(d.dc2, t)
    several(d.both, t)
    # Which gives the roles back that the repair holds back.
    t.note(execute("vmgend-samba-ad", "verify")[1])
    t.equal(d.settle(), "", "and they replicate")
    mistake(d.both, t)
    fenced(d.both, t)
    stop(d.both)
    container(d.dc1, t)
    strangers(t)


if __name__ == "__main__":
    groups.main(scenario)
