#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Clones of a whole Debian whose programs use OpenSSL and know nothing of vmgen: nginx, a server in
Python, openssl rand. Started without the provider, all clones send the same; with it, none does."""

import json
import pathlib
import shutil

from harness import tap
from harness.debian import Prebuilt, chroot
from harness.scenario import new_guid, say, seed

CLONES = 4
PROGRAMS = ("tls_server.py", "tls_probe.py")
NGINX = """server {
    listen 127.0.0.1:443 ssl;
    ssl_certificate /etc/nginx/certificate;
    ssl_certificate_key /etc/nginx/key;
}
"""
# Started by hand: the unit is the one with the provider.
UNPROTECTED = f"""pid /run/unprotected.pid;
error_log /dev/null;
events {{ }}
http {{
    access_log off;
    {NGINX.replace(":443", ":444")}
}}
"""
CONF = "/etc/ssl/openssl.cnf"
# Ports; each of Python's has the next one as well.
WITHOUT = {"nginx": 444, "python": 4450}
WITH = {"nginx": 443, "python": 4460}
# Beyond what was drawn before the snapshot and is still on its way.
SKIPPED, TAKEN = 1 << 18, 1 << 16


def prepare(root):
    for name in PROGRAMS:
        target = root / "usr/local/bin" / name
        shutil.copy(pathlib.Path(__file__).parent / "guest" / name, target)
        target.chmod(0o755)
    chroot(root, "/etc/nginx", "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
           "-nodes -subj /CN=test -keyout key -out certificate 2>&1; chmod 644 key; "
           "systemctl enable nginx 2>&1")
    (root / "etc/nginx/conf.d/tls.conf").write_text(NGINX, "ascii")
    (root / "etc/nginx/unprotected.conf").write_text(UNPROTECTED, "ascii")


def start_python(g, port, user="root"):
    g.run(f"systemd-run -q --unit=python-{port} --uid={user} /usr/local/bin/tls_server.py {port}")
    g.wait_for(f"ss -Htln | grep -q :{port + 1}", timeout=120)


def start_stream(g, name):
    """openssl rand, which waits in the middle of its work for somebody to take more."""
    g.run(f"mkfifo /run/{name}")
    g.spawn(f"exec sleep 100000 <>/run/{name}")
    g.run(f"systemd-run -q --unit=stream-{name} openssl rand -out /run/{name} 1000000000")
    pid = g.run(f"systemctl show -P MainPID stream-{name}").strip()
    g.wait_for(f"grep -q pipe_write /proc/{pid}/wchan || grep -q ' S ' /proc/{pid}/stat")


def probe(g):
    """{program: {what: value}}, of those without the provider and those with it."""
    found = {}
    for kind, servers in (("without", WITHOUT), ("with", WITH)):
        words = " ".join(f"{name}={port}" for name, port in servers.items())
        found[kind] = json.loads(g.run(f"tls_probe.py {words}", timeout=300))
        found[kind]["openssl rand"] = g.run(
            f"head -c {SKIPPED + TAKEN} /run/{kind} | tail -c {TAKEN} | sha256sum", timeout=120)
    return found


def openssl(g, words):
    return g.execute(f"vmgenctl openssl {words}", timeout=120)


def uses_provider(g, unit):
    pid = g.run(f"systemctl show -P MainPID {unit}").strip()
    return g.execute(f"grep -q ossl-modules/vmgen.so /proc/{pid}/maps")[0] == 0


def check_service(g, t):
    """One service alone; the rest of the system does not notice."""
    status, output = openssl(g, "enable --service nginx")
    t.ok(status == 0 and "systemctl restart nginx" in output, f"one service is enabled: {output}")
    t.ok(not uses_provider(g, "nginx"), "while it runs on nothing changes")
    g.run("systemctl restart nginx", timeout=120)
    t.ok(uses_provider(g, "nginx"), "after a restart it has the provider")
    t.equal((openssl(g, "status --service=nginx")[0], openssl(g, "status")[0]), (0, 1),
            "status says it of the service, not of the system")
    g.run("systemctl set-property --runtime nginx CPUWeight=100")
    t.equal(openssl(g, "disable --service nginx")[0], 0, "it is disabled")
    g.run("systemctl restart nginx", timeout=120)
    t.ok(not uses_provider(g, "nginx"), "and has OpenSSL's own again")
    t.equal(g.run("ls /etc/systemd/system/nginx.service.d /etc/vmgen/openssl* 2>/dev/null || true"),
            "", "no file is left")
    t.equal(openssl(g, "enable --service no-such")[0], 1, "a service that is not there is refused")


def check_strange(g, t):
    """What the user of a service can change is not for root to load, as systemctl really quotes it."""
    g.run("touch /etc/strange.cnf; chown nobody /etc/strange.cnf")
    for name, words, said in (
            ("owner", "OPENSSL_CONF=/etc/strange.cnf", "/etc/strange.cnf belongs to user 65534"),
            ("later", r'"A=b\"\\ OPENSSL_CONF=/no" "B=\n" OPENSSL_CONF=/etc/strange.cnf', "belongs to user 65534"),
            ("inside", '"A=b OPENSSL_CONF=/etc/strange.cnf"', "OpenSSL's own random numbers"),
            ("blank", '"OPENSSL_CONF=/etc/a b"', "plain characters"),
            ("shell", "OPENSSL_CONF=/etc/$(x)", "plain characters")):
        unit = f"[Service]\nExecStart=/bin/true\nEnvironment={words}\n"
        g.run(f"cat >/run/systemd/system/{name}.service <<'END'\n{unit}END")
        status, output = openssl(g, f"status --service={name} 2>&1")
        t.ok(status == 1 and said in output, f"{words}: {output}")


def check_system(g, t):
    g.run(f"cp {CONF} /tmp/shipped")
    t.equal(openssl(g, "status")[0], 1, "at first the system has OpenSSL's own")
    status, output = g.execute("vmgenctl openssl enable", timeout=120)
    t.ok(status == 0, f"the system is enabled: {output}")
    t.equal(openssl(g, "status")[0], 0, "status says that clones differ")
    openssl(g, "disable")
    t.equal(g.execute(f"cmp {CONF} /tmp/shipped")[0], 0, "disabled, the configuration is as shipped")
    g.run("vmgenctl openssl enable", timeout=120)


def listed(g):
    """What check says of processes that are not protected."""
    _, output = g.execute("vmgenctl check --json", timeout=120)
    return " ".join(finding["text"] for finding in json.loads(output)["findings"]
                    if finding["name"] == "openssl" and finding["state"] == "warning")


def start(g, t):
    g.run("systemctl start nginx; systemd-run -q --unit=unprotected -p Type=forking "
          "-p PIDFile=/run/unprotected.pid nginx -c /etc/nginx/unprotected.conf", timeout=120)
    start_python(g, WITHOUT["python"])
    start_stream(g, "without")
    check_service(g, t)
    check_strange(g, t)
    check_system(g, t)
    g.run("systemctl restart nginx", timeout=120)
    start_python(g, WITH["python"], "nobody")
    start_stream(g, "with")
    text = listed(g)
    t.ok(all(f"{name}.service" in text for name in
             ("unprotected", f"python-{WITHOUT['python']}", "stream-without")),
         f"check names the services that were started before: {text}")
    t.ok(not any(f"{name}.service" in text for name in
                 ("nginx", f"python-{WITH['python']}", "stream-with", "vmgend", "systemd-journald")),
         "and none that was started after, nor what has OpenSSL from libsystemd alone")


def compare(found, t):
    """found: of each clone what probe() returns."""
    for what in found[0]["without"]:
        values = [clone["without"][what] for clone in found]
        if what.endswith("ticket"):
            # The rest is encrypted, with what the client has sent in it: name of the key, IV.
            values = [value[:64] for value in values]
        t.equal(len(set(values)), 1, f"without the provider, {what}: the same in {CLONES} clones")
    for what in found[0]["with"]:
        values = [clone["with"][what] for clone in found]
        t.equal(len(set(values)), CLONES, f"with it, {what}: another one in each clone")


def scenario(kernel, t):
    debian = Prebuilt(kernel, ("nginx", "openssl", "python3", "python3-cryptography",
                               "iproute2"), prepare=prepare)
    with debian.boot(new_guid()) as g:
        for unit in ("nginx", "vmgend"):
            g.wait_for(f"systemctl -q is-active {unit}", timeout=120)
        say(g.run("openssl version").strip())
        start(g, t)
        # Makes the generators, and what else is made once.
        probe(g)
        g.run("systemctl stop vmgend; sync")
        seed(g)
        snapshot = g.snapshot()
    found = []
    for _ in range(CLONES):
        with snapshot.clone(guid=new_guid()) as c:
            found.append(probe(c))
    compare(found, t)


if __name__ == "__main__":
    tap.main(scenario)
