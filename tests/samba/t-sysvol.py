#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""SYSVOL of a controller that goes back and is the one that others are given it from: the scripts
and recipes of vmgend-samba-ad(8), word for word, between two directories.
"""

import json
import re
import subprocess

from harness import installation
from harness.alone import Alone, install_vmgenctl
from harness.controller import ADMINISTRATOR, BASE
from harness.domain import Domain, retry

POLICY = "{31B2F340-016D-11D2-945F-00C04FB984F9}"
INI = f"vmgen.test/Policies/{POLICY}/GPT.INI"
SCRIPT = "vmgen.test/scripts/logon.bat"
VERSION = f"""dn: CN={POLICY},CN=Policies,CN=System,{BASE}
changetype: modify
replace: versionNumber
versionNumber: 7

"""
# What stands for ssh: the other machine has its own SYSVOL where ours is.
SHELL = """#!/bin/sh
while [ "$1" != {host} ]; do shift; done
shift
exec sh -c "$(echo "$*" | sed 's|/srv/dc2/state/sysvol|/srv/dc1/state/sysvol|g')"
"""
RSYNCD = """port = 8730
address = 127.0.0.1
use chroot = no
"""


def sysvol(dc, name=""):
    return installation.path(f"{dc.directory}/state/sysvol/{name}")


def version(dc):
    return re.search(r"Version=(\d+)", sysvol(dc, INI).read_text("ascii")).group(1)


def blocks():
    """The code of the section SYSVOL."""
    page = (installation.CHECKOUT / "daemon/samba/vmgend-samba-ad.8.scd").read_text("utf-8")
    section = re.search(r"(?ms)^# SYSVOL$(.*?)^# ", page).group(1)
    return re.findall(r"(?s)```\n(.*?)```", section)


def here(dc, text):
    """What the manual says, on this controller."""
    text = text.replace("/var/lib/vmgen", f"{dc.directory}/vmgen")
    text = re.sub(r"\b(PARTNER|SOURCE)\b", "dc1.vmgen.test", text)
    return text.replace("/var/lib/samba/sysvol", f"{dc.directory}/state/sysvol")


def shell(text):
    return installation.execute("sh", "-c", text, environment={"RSYNC_RSH": "/usr/bin/ssh"})


def installed():
    """As an administrator has the programs."""
    install_vmgenctl()
    ssh = installation.path("/usr/bin/ssh")
    ssh.write_text(SHELL.format(host="dc1.vmgen.test"), "ascii")
    ssh.chmod(0o755)
    program = installation.path("/usr/local/bin/vmgend-samba-ad")
    program.symlink_to(f"{installation.SOURCE}/daemon/samba/vmgend-samba-ad")


def new_policies(dc):
    """As Group Policy Management does it."""
    sysvol(dc, INI).write_text("[General]\r\nVersion=7\r\n", "ascii")
    sysvol(dc, SCRIPT).write_text("rem new\r\n", "ascii")
    installation.run("ldbmodify", "-H", dc.url, *ADMINISTRATOR, stdin=VERSION)


def lose(d, push, t):
    """What the snapshot has not, and the partner got."""
    # A controller that was joined has none.
    installation.run("rsync", "-XAa", "/srv/dc1/state/sysvol/", "/srv/dc2/state/sysvol/")
    d.snapshot("before")
    d.start()
    new_policies(d.dc2)
    d.converge()
    d.stop()
    status, output = shell(push)
    t.equal((status, version(d.dc1)), (0, "7"), "the script gives new policies to the partner"
            ) or t.note(output)
    d.dc2.restore("before")
    d.dc2.new_id()
    t.equal(version(d.dc2), "0", "the source goes back")


def marked(d, t):
    status, output = d.dc2.repair()
    t.equal(status, 0, "it is repaired") or t.note(output)
    t.ok("event 2208: SYSVOL of DC2 (/srv/dc2/state/sysvol) is old" in output and
         "copied from dc1.vmgen.test" in output, "with event 2208") or t.note(output)
    mark = installation.path("/srv/dc2/vmgen/samba-ad/sysvol-is-old")
    t.ok(mark.exists(), "SYSVOL is marked")
    t.equal(list(sysvol(d.dc2).rglob("sysvol-is-old")), [], "beside SYSVOL, not in it")
    t.ok("SYSVOL of DC2 is as old" in d.dc2.safeguard("--check")[1], "--check tells it")
    output = vmgenctl("check")
    found = re.search(r"(?m)^problem  samba-ad  sysvol: SYSVOL of DC2 .* as root: (.*)$", output)
    t.ok(found, "vmgenctl check has it, with the recipe") or t.note(output)
    findings = json.loads(vmgenctl("check", "--json"))["findings"]
    t.ok([f for f in findings if f["name"] == "samba-ad" and f["state"] == "problem"],
         "and as JSON")
    return found.group(1)


def vmgenctl(*arguments):
    return installation.execute("vmgenctl", "--state-dir=/srv/dc2/vmgen", *arguments)[1]


def daemon(text):
    """What a partner pulls from the daemon of rsync: its exit status."""
    installation.path("/etc/rsyncd.conf").write_text(RSYNCD + text, "ascii")
    with subprocess.Popen(["chroot", installation.root(), "rsync", "--daemon", "--no-detach"],
                          stdin=subprocess.DEVNULL) as server:
        try:
            status, output = retry("rsync", "rsync://127.0.0.1:8730/", seconds=60)
            if status:
                raise installation.SambaError(f"the daemon of rsync does not answer: {output}")
            return installation.execute("rsync", "-a", "rsync://127.0.0.1:8730/SysVol/",
                                        "/srv/pulled/")[0]
        finally:
            server.kill()


def scripts(d, push, pull, module, t):
    """No old policy leaves it."""
    t.ok(shell(push)[0] != 0 and version(d.dc1) == "7", "the script pushes nothing")
    t.ok(shell(pull)[0] != 0, "a script that asks it by SSH pulls nothing")
    t.ok(daemon(module) != 0 and not installation.path(f"/srv/pulled/{INI}").exists(),
         "its daemon gives nothing")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", push]
    t.ok(installation.execute(*nobody)[0] != 0, "nor does a script of who cannot see the mark")
    # What happens where nobody tests it.
    installation.run("sh", "-c", "cp -a /srv/dc1/state/sysvol /srv/kept && "
                     "rsync -XAa --delete-after /srv/dc2/state/sysvol/ /srv/dc1/state/sysvol/")
    t.equal(version(d.dc1), "0", "one that does not test the mark gives old policies to others")
    installation.run("rsync", "-XAa", "--delete-after", "/srv/kept/", "/srv/dc1/state/sysvol/")


def fixed(d, recipe, t):
    d.start()
    d.converge()
    status, output = d.dc2.safeguard("sysvol-done")
    t.ok(status == 1 and f"policy {POLICY} has version 0 there, and 7 in the database" in output,
         "sysvol-done refuses while the database knows of newer ones") or t.note(output)
    t.ok("sysvol: SYSVOL" in vmgenctl("check"), "and it stays told")
    status, output = shell(recipe)
    t.equal((status, version(d.dc2)), (0, "7"), "the recipe of the notice fixes it"
            ) or t.note(output)
    t.ok("not marked as old any more" in output, "and takes the mark away")
    t.equal(sysvol(d.dc2, SCRIPT).read_bytes(), b"rem new\r\n", "scripts are back, too")
    t.ok("sysvol:" not in vmgenctl("check"), "vmgenctl check is content")
    status, output = installation.execute("samba-tool", "ntacl", "sysvolcheck",
                                          f"--configfile={d.dc2.configuration}")
    t.equal(status, 0, "so is samba-tool ntacl sysvolcheck") or t.note(output)
    status, output = d.dc2.safeguard("sysvol-done")
    t.ok(status == 0 and "was not marked" in output, "sysvol-done may be run each time")
    d.stop()


def forced(d, t):
    """If no controller has kept the new ones."""
    d.dc2.new_id()
    d.dc2.repair()
    sysvol(d.dc2, INI).unlink()
    status, output = d.dc2.safeguard("sysvol-done")
    t.ok(status == 1 and "is missing there" in output, "a policy without files is none"
         ) or t.note(output)
    words = re.search(r"vmgend-samba-ad (--force sysvol-done .*)$", output.strip()).group(1)
    t.equal(shell(f"vmgend-samba-ad {words}")[0], 0, "the command that it names takes the mark "
            "away all the same")
    t.ok("sysvol:" not in vmgenctl("check"), "and the notice")


def nobody_else(t):
    dc = Alone()
    dc.must("repair")
    dc.snapshot("adopted")
    mark = installation.path(f"{dc.directory}/vmgen/samba-ad/sysvol-is-old")
    configuration = f"hasMasterNCs: CN=Configuration,{BASE}\n"
    for name, holds, want in (
            ("a sole controller", "", False),
            ("a partner in another domain of the forest", configuration, False),
            ("a partner in the same one", f"{configuration}hasMasterNCs: {BASE}\n", True)):
        dc.restore("adopted")
        if holds:
            dc.add_partner(more=holds)
        dc.new_id()
        output = dc.must("repair")
        t.equal((mark.exists(), "2208" in output), (want, want),
                f"{name}: {'marked' if want else 'nothing is old'}") or t.note(output)


def scenario(_suite, t):
    push, pull, module, _, recipe = [None if "osync" in b else b for b in blocks()]
    d = Domain()
    d.adopt()
    installed()
    push = here(d.dc2, push)
    lose(d, push, t)
    told = marked(d, t)
    want = here(d.dc2, recipe).strip()
    t.equal(re.sub(r" --[a-z-]+=\S+| --no-unit", "", told), want,
            "it is that of the manual")
    scripts(d, push, here(d.dc2, pull), here(d.dc2, module), t)
    fixed(d, told, t)
    t.equal(shell(push)[0], 0, "the script pushes again")
    t.equal(daemon(here(d.dc2, module)), 0, "so does the daemon give")
    forced(d, t)
    d.stop()
    subprocess.run(["rm", "-rf", *installation.path("/srv").iterdir()], check=True)
    nobody_else(t)


if __name__ == "__main__":
    installation.main(scenario)
