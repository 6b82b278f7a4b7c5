# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A domain with one controller whose servers never run: the repair works on files, so all of it
but what partners make of it can be seen without them.
"""

import os
import pathlib
import re
import subprocess

from harness import installation
from harness.controller import BASE, PASSWORD, REALM, Controller
from harness.installation import SambaError

SERVER = "CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration"
FENCE = "samba-ad-dc.service"
MANAGER = f"CN=RID Manager$,CN=System,{BASE}"
PARTNER = """dn: CN=DC9,{server},{base}
changetype: add
objectClass: server
{name}
dn: CN=NTDS Settings,CN=DC9,{server},{base}
changetype: add
objectClass: nTDSDSA
invocationId: 5a5a5a5a-0000-4000-8000-000000000009
{more}
"""


class Alone(Controller):
    def __init__(self, *options):
        super().__init__(1)
        installation.path("/etc/samba/smb.conf").write_text("[global]\n", "ascii")
        installation.run("samba-tool", "domain", "provision", f"--realm={REALM}", "--domain=VMGEN",
                         f"--adminpass={PASSWORD}", "--server-role=dc",
                         "--dns-backend=SAMBA_INTERNAL", f"--host-name={self.name}",
                         f"--host-ip={self.address}", f"--targetdir={self.directory}", *options)
        self.database = f"{self.directory}/private/sam.ldb"
        self.fence = installation.path(f"{self.directory}/vmgen/fence/{FENCE}")
        self.ntds = f"CN=NTDS Settings,CN={self.name.upper()},{SERVER},{BASE}"

    def modify(self, ldif):
        installation.run("ldbmodify", "-H", self.database, "--controls=relax:0", stdin=ldif)

    def add_partner(self, host="", more=""):
        """Another controller, DC9, that never was. more: of its NTDS Settings."""
        name = f"dNSHostName: {host}\n" if host else ""
        self.modify(PARTNER.format(server=SERVER, base=BASE, name=name, more=more))

    def replace(self, dn, attribute, value):
        self.modify(f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n"
                    f"{attribute}: {value}\n\n")

    def make_user(self, name):
        """Its RID."""
        installation.run("samba-tool", "user", "create", name, PASSWORD, "-H", self.database,
                         f"--configfile={self.configuration}")
        return self.facts()["objects"][name]["rid"]

    def errors(self):
        """How many dbcheck finds."""
        output = installation.execute("samba-tool", "dbcheck", "--cross-ncs",
                                      f"--configfile={self.configuration}")[1]
        found = re.search(r"\((\d+) errors?\)", output)
        if not found:
            raise SambaError(output)
        return int(found.group(1))

    def must(self, command, *options, **kwargs):
        status, output = self.safeguard(command, *options, **kwargs)
        if status:
            raise SambaError(f"{command}: exit status {status}\n{output}")
        return output


def install(name):
    """The build's own, with the libraries that it needs; the root has those of its Samba."""
    program = pathlib.Path(os.environ.get("O", "build")).resolve() / name
    place = installation.path(f"/usr/local/lib/{name}")
    place.mkdir(exist_ok=True)
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for path in [str(program)] + re.findall(r"(/\S+) \(0x", libraries):
        subprocess.run(["cp", "-L", path, place], check=True)
    loader = next(place.glob("ld-linux*")).name
    wrapper = installation.path(f"/usr/local/bin/{name}")
    wrapper.write_text(f"#!/bin/sh\ncd /usr/local/lib/{name}\n"
                       f'exec ./{loader} --library-path . ./{name} "$@"\n', "ascii")
    wrapper.chmod(0o755)


def install_vmgenctl():
    install("vmgenctl")
