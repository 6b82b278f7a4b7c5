# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A domain controller: the files of a Samba, and its servers while they run.

Snapshot and restore copy the files while the servers are down, as a hypervisor does with the disk.
"""

import json
import shutil
import signal
import subprocess
import time
import uuid

from harness import installation
from harness.installation import SambaError

REALM = "vmgen.test"
DOMAIN = "VMGEN"
BASE = "DC=vmgen,DC=test"
PASSWORD = "Passw0rd.Vmgen1"
# Not by Kerberos, which has to be looked up and may be what does not work.
ADMINISTRATOR = (f"-UAdministrator%{PASSWORD}", "--use-kerberos=off")
# The last section wins. What replicates and what answers; nobody here mounts a share. Without a
# forwarder, which a provision takes from resolv.conf: the server would ask itself, for ever.
SETTINGS = """
[global]
interfaces = {address}/32
bind interfaces only = yes
pid directory = {directory}/run
ncalrpc dir = {directory}/run/ncalrpc
winbindd socket directory = {directory}/run/winbindd
ntp signd socket directory = {directory}/run/ntp_signd
log file = {directory}/samba.log
server services = rpc, ldap, cldap, kdc, drepl, kcc, dns
tls enabled = no
dns forwarder =
"""
OBJECT = """dn: CN={name},CN=Users,{base}
objectClass: {kind}
{more}

"""
CHANGE = """dn: CN={name},CN=Users,{base}
changetype: modify
replace: description
description: changed

"""
SECONDS = 240


class Controller:
    def __init__(self, number):
        self.name = f"dc{number}"
        self.address = f"10.99.0.{number}"
        self.directory = f"/srv/{self.name}"
        self.configuration = f"{self.directory}/etc/smb.conf"
        self.url = f"ldap://{self.address}"
        self.server = None
        self.new_id()

    def configure(self, more=""):
        """Its own addresses and directories, once its files have been made."""
        with open(installation.path(self.configuration), "a", encoding="utf-8") as f:
            f.write(SETTINGS.format(address=self.address, directory=self.directory) + more)

    def facts(self):
        return json.loads(installation.run("python3", f"{installation.GUEST}/facts.py",
                                           self.configuration))

    def has(self, names):
        """Those of these objects that it has."""
        have = self.facts()["objects"]
        return [name for name in names if name in have]

    # ---- servers

    def start(self):
        """In a PID namespace of its own: when its first process has ended, all have."""
        root = installation.root()
        installation.path(f"{self.directory}/run").mkdir(exist_ok=True)
        with open(installation.path(f"{self.directory}/output"), "ab") as output:
            self.server = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child",
                 f"--mount-proc={root}/proc", "chroot", root, "samba", "--foreground",
                 "--no-process-group", f"--configfile={self.configuration}"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.wait()

    def wait(self):
        """Until LDAP answers."""
        deadline = time.monotonic() + SECONDS
        while installation.execute("ldbsearch", "-H", self.url, "-U%", "-s", "base", "-b", "",
                                   "defaultNamingContext")[0]:
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise SambaError(f"{self.name} does not answer:\n{self.log()}")
            time.sleep(0.1)

    def log(self):
        texts = [installation.path(f"{self.directory}/{name}") for name in
                 ("output", "samba.log")]
        return "".join(p.read_text("utf-8", "replace")[-4000:] for p in texts if p.exists())

    def stop(self, number=signal.SIGTERM):
        if self.server:
            pid = self.server.pid
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                subprocess.run(["kill", f"-{number}", *f.read().split()], check=True)
            self.server.wait(SECONDS)
            self.server = None

    # ---- files

    def snapshot(self, name):
        assert not self.server, "it would change meanwhile"
        subprocess.run(["cp", "-a", installation.path(self.directory),
                        installation.path(f"{self.directory}.{name}")], check=True)

    def restore(self, name):
        self.stop()
        shutil.rmtree(installation.path(self.directory))
        subprocess.run(["cp", "-a", installation.path(f"{self.directory}.{name}"),
                        installation.path(self.directory)], check=True)

    # ---- what happens to it

    def new_id(self):
        """What the host does to a machine that it restores or clones."""
        self.id = str(uuid.uuid4())

    def safeguard(self, command, *options, program=(), units=False, **environment):
        """vmgend-samba-ad: its status and what it says. units: whether it may start and stop."""
        identity = f"/srv/{self.name}.id"
        installation.path(identity).write_text(f"{self.id}\n", "ascii")
        return installation.execute(
            "/usr/bin/python3", *program, f"{installation.SOURCE}/daemon/samba/vmgend-samba-ad",
            f"--configfile={self.configuration}", f"--guid-file={identity}",
            f"--state-directory={self.directory}/vmgen", *([] if units else ["--no-unit"]),
            *options, command,
            environment=environment)

    def repair(self, program=()):
        """As the hook calls it at a change."""
        return self.safeguard("repair", program=program, VMGEN_EVENT="changed",
                              VMGEN_HINT="unknown", VMGEN_INTENT="")

    def add(self, *names, kind="user"):
        """Over LDAP; returns how long it took until the server could give the first one a RID."""
        start = time.monotonic()
        first = None
        for name in names:
            more = f"sAMAccountName: {name}" if kind == "user" else f"description: {name}"
            text = OBJECT.format(name=name, base=BASE, kind=kind, more=more)
            while True:
                status, output = installation.execute("ldbadd", "-H", self.url, *ADMINISTRATOR,
                                                      stdin=text)
                if not status:
                    break
                # It asks the RID master for a pool, and says so meanwhile.
                if "RID" not in output or time.monotonic() > start + SECONDS:
                    raise SambaError(f"{self.name}: cannot add {name}:\n{output}{self.log()}")
                time.sleep(0.2)
            first = first or time.monotonic()
        return first - start

    def modify(self, name):
        installation.run("ldbmodify", "-H", self.url, *ADMINISTRATOR,
                         stdin=CHANGE.format(name=name, base=BASE))

    def delete(self, name):
        installation.run("ldbdel", "-H", self.url, *ADMINISTRATOR, f"CN={name},CN=Users,{BASE}")
