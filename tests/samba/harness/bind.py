# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A domain whose second controller has its DNS served by BIND (BIND9_DLZ): a named that works on
its database, with dynamic updates by Kerberos as from a client, and a stand-in for its unit.
"""

import os
import re
import signal
import subprocess
import time

from harness import installation
from harness.controller import BASE, REALM, SECONDS
from harness.domain import PARTS, Domain
from harness.installation import SambaError

ZONE = f"DC={REALM},CN=MicrosoftDNS,DC=DomainDnsZones,{BASE}"
# The last section wins.
WITHOUT_DNS = "\n[global]\nserver services = rpc, ldap, cldap, kdc, drepl, kcc\n"
# Without a control channel, which would have a port of its own.
CONFIGURATION = """
options {{
	directory "{place}";
	pid-file "{place}/pid";
	session-keyfile "{place}/session.key";
	listen-on {{ {address}; }};
	listen-on-v6 {{ none; }};
	recursion no;
	dnssec-validation no;
	tkey-gssapi-keytab "{directory}/bind-dns/dns.keytab";
	minimal-responses yes;
}};
controls {{ }};
include "{directory}/bind-dns/named.conf";
"""
# Starts and ends it for systemctl; named itself says when it has done so.
UNIT = """#!/bin/sh
case $1 in
start)
	cd {place} || exit
	SMB_CONF_PATH={configuration} KRB5CCNAME=FILE:{place}/ccache \\
		setsid named -u bind -n 1 -f -c {place}/named.conf </dev/null >>{place}/output 2>&1 &
	echo $! >{place}/main ;;
stop)
	[ ! -s {place}/main ] || kill "$(cat {place}/main)" 2>/dev/null
	# What has ended and nobody waits for has no program.
	while readlink "/proc/$(cat {place}/main)/exe" >/dev/null; do sleep 0.05; done
	rm -f {place}/main ;;
esac
"""
# As of Debian, where bind9.service is another name of named.service.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/srv/calls
case $1 in
show)
	shift
	for unit; do
		case $unit in
		--*) continue ;;
		named.service | bind9.service)
			pid=$(cat {place}/main 2>/dev/null) || pid=0
			echo Id=named.service
			[ "$pid" = 0 ] && echo ActiveState=inactive || echo ActiveState=active
			echo MainPID=$pid ;;
		*) printf 'Id=%s\\nActiveState=inactive\\nMainPID=0\\n' "$unit" ;;
		esac
		echo
	done ;;
stop | start)
	case " $* " in *" named.service "*) sh {place}/unit $1 ;; esac ;;
esac
"""
# Nobody's password is asked for: this is what samba_dnsupdate does.
TICKET = """
import sys
from samba.credentials import MUST_USE_KERBEROS, Credentials
from samba.param import LoadParm
lp = LoadParm()
lp.load(sys.argv[1])
creds = Credentials()
creds.guess(lp)
creds.set_machine_account(lp)
creds.set_kerberos_state(MUST_USE_KERBEROS)
creds.get_named_ccache(lp, "FILE:" + sys.argv[2])
"""
UPDATE = """server {name}.{realm}
zone {realm}
update add {record}.{realm} 900 A 10.99.1.1
send
"""


class Named:
    def __init__(self, dc):
        self.dc = dc
        self.place = f"/srv/{dc.name}.named"
        self.ticket = f"{self.place}/ticket"
        inside = installation.path(self.place)
        inside.mkdir()
        known = {"place": self.place, "directory": dc.directory, "address": dc.address,
                 "configuration": dc.configuration}
        for name, text in (("named.conf", CONFIGURATION), ("unit", UNIT)):
            (inside / name).write_text(text.format(**known), "ascii")
        installation.run("chown", "-R", "bind:bind", self.place)
        program = installation.path("/usr/local/bin/systemctl")
        program.write_text(SYSTEMCTL.format(**known), "ascii")
        program.chmod(0o755)

    def run_by_systemd(self):
        """The safeguard may start and stop it from now on."""
        installation.path("/run/systemd/system").mkdir(parents=True)
        program = installation.path("/usr/local/bin/systemd-run")
        program.write_text("#!/bin/sh\n", "ascii")
        program.chmod(0o755)

    def pid(self):
        """None: it does not run."""
        found = installation.path(f"{self.place}/main")
        return found.read_text("ascii").strip() if found.exists() else None

    def start(self):
        installation.run("sh", f"{self.place}/unit", "start")
        self.wait()

    def wait(self):
        """Until it answers; it has opened the database then."""
        deadline = time.monotonic() + SECONDS
        while installation.execute("nslookup", "-timeout=1", "-retry=0", "-type=SOA", REALM,
                                   self.dc.address)[0]:
            if time.monotonic() > deadline or not self.lives():
                raise SambaError(f"named does not answer:\n{self.log()}")
            time.sleep(0.1)

    def lives(self):
        pid = self.pid()
        return bool(pid) and os.path.lexists(f"/proc/{pid}/exe")

    def log(self):
        return installation.path(f"{self.place}/output").read_text("utf-8", "replace")[-4000:]

    def stop(self):
        installation.run("sh", f"{self.place}/unit", "stop")

    def kill(self):
        subprocess.run(["kill", f"-{signal.SIGKILL}", self.pid()], check=True)
        self.stop()

    def update(self, record):
        """A dynamic update by the account of the controller; Samba must run, for the ticket."""
        deadline = time.monotonic() + SECONDS
        text = UPDATE.format(name=self.dc.name, realm=REALM, record=record)
        while True:
            status, output = installation.execute(
                "/usr/bin/python3", "-c", TICKET, self.dc.configuration, self.ticket)
            if not status:
                status, output = installation.execute(
                    "timeout", "20", "nsupdate", "-g", stdin=text,
                    environment={"KRB5CCNAME": f"FILE:{self.ticket}"})
            if not status:
                return
            if time.monotonic() > deadline:
                raise SambaError(f"{record} cannot be added:\n{output}{self.log()}")
            time.sleep(0.5)


class BindDomain(Domain):
    kind = "two-bind"
    dns = "BIND9_DLZ"

    def make(self):
        super().make()
        with open(installation.path(self.dc2.configuration), "a", encoding="utf-8") as f:
            f.write(WITHOUT_DNS)

    def converge(self):
        for part in (*PARTS, f"DC=DomainDnsZones,{BASE}"):
            for target, source in (self.both, self.both[::-1]):
                status, output = self.replicate(target, source, part)
                if status:
                    raise SambaError(f"{part} does not reach {target.name}: {output}"
                                     f"{target.log()}")


def records(dc, *names):
    """Those of these names that are in the zone, by the files of this controller."""
    output = installation.run("ldbsearch", "-H", f"{dc.directory}/private/sam.ldb", "-b", ZONE,
                              f"--configfile={dc.configuration}", "(objectClass=dnsNode)", "name")
    have = re.findall(r"(?m)^name: (.*)$", output)
    return [name for name in names if name in have]
