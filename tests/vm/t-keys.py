#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What vmgenctl check says of session keys in a real kernel: what is configured and no hook covers,
in each network name space, and nothing where nothing is; and it loads no module to find out."""

import json

from harness import drivers, kernel as kernels, tap
from harness.scenario import NOBODY, boot, new_guid

# By its path: the shell of the guest has a command of that name built in.
IP = "/bin/ip"
MODULES = ("wireguard", "macsec", "xfrm_user", "esp4", "seqiv", "gcm", "ctr", "ghash_generic", "veth")
# Who asks for a module is heard of.
SPY = "#!/bin/sh\necho \"$@\" >>/asked\nexit 1\n"
KEY = "0x" + "11" * 20
SA = ("xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1000 mode tunnel aead "
      f"'rfc4106(gcm(aes))' {KEY} 128")
DAEMON = "/sys/fs/cgroup/system.slice/strongswan.service"
MANY = 100
HOOKS = ("10-wireguard", "10-connections")
REPEAT = "whose session keys clones and a restore use again"
# What came after some kernels.
WITHOUT = {"6.12": ("OpenVPN",)}
MORE_MODULES = {"TLS": "tls", "OpenVPN": "ovpn"}
# {what is configured: (how, what is said of it)}
CONFIGURED = {
    "WireGuard": (f"{IP} link add wg0 type wireguard; {IP} netns add blue; "
                  f"{IP} -n blue link add wg1 type wireguard",
                  f"WireGuard interfaces {REPEAT}: 2: wg0, wg1 in blue"),
    "MACsec": (f"{IP} link add v0 type veth peer name v1; {IP} link add link v0 m0 type macsec; "
               f"{IP} macsec add m0 tx sa 0 pn 1 on key 01 {'22' * 16}",
               f"MACsec interfaces with keys set by hand {REPEAT}: 1: m0"),
    "IPsec": (f"{IP} {SA}",
              f"SAs of IPsec without a known daemon {REPEAT}: 1"),
    "TLS": (f"{IP} link set lo up; ktls >/ready & while [ ! -s /ready ]; do usleep 10000; done",
            f"TCP connections with TLS in the kernel {REPEAT}: 1"),
}


def findings(g, run=""):
    """[(state, text, remedy)] of what is said of keys."""
    _, output = g.execute(f"{run} vmgenctl check --json")
    return [(f["state"], f["text"], f["remedy"]) for f in json.loads(output)["findings"]
            if f["name"] == "keys"]


def check_ike(g, t):
    """SAs where a daemon is, and others."""
    g.run(f"mount -t cgroup2 none /sys/fs/cgroup; mkdir -p {DAEMON}; "
          f"sleep 100000 >/dev/null 2>&1 & echo $! >{DAEMON}/cgroup.procs; {IP} -n blue {SA}")
    t.equal([f[:2] for f in findings(g) if "IPsec" in f[1]],
            [("warning", f"SAs of IPsec {REPEAT}: 1"),
             ("warning", f"SAs of IPsec without a known daemon {REPEAT}: 1: in blue")],
            "SAs that a daemon replaces are told from others")
    g.run(f"kill -9 $(cat {DAEMON}/cgroup.procs); {IP} -n blue xfrm state flush")
    g.wait_for(f"! grep -q . {DAEMON}/cgroup.procs")


def scenario(kernel, t):
    configured = {k: v for k, v in CONFIGURED.items() if k not in WITHOUT.get(kernel, ())}
    files = drivers.files(kernels.load(kernel),
                          (*MODULES, *(MORE_MODULES[k] for k in configured if k in MORE_MODULES)))
    programs = ["vmgenctl", "ktls", "/usr/sbin/ip"]
    with boot(kernel, programs, guid=new_guid(), files=files | {"/spy": (SPY, 0o755)}) as g:
        g.run("mkdir -p /run; echo /spy >/proc/sys/kernel/modprobe")
        t.equal(findings(g), [], "without a module nothing is said")
        t.equal(g.run("cat /asked 2>/dev/null || true"), "", "and none is asked for")
        g.run(drivers.LOAD)
        t.equal(findings(g), [], "nor where nothing is configured")
        texts = []
        for what, (command, text) in configured.items():
            g.run(command)
            texts.append(text)
            found = findings(g)
            t.equal(sorted(f[:2] for f in found), sorted(("warning", text) for text in texts),
                    f"{what} is named, and nothing else")
            t.ok(all(remedy for _, _, remedy in found), "each has a remedy")
        own = [("warning", text.replace("2: wg0, wg1 in blue", "1: wg0"))
               for text in texts if not text.startswith("SAs")]
        note = "what has session keys in IPsec and in other network name spaces cannot be seen here"
        found = findings(g, NOBODY)
        t.equal(sorted(f[:2] for f in found), sorted([*own, ("note", note)]),
                "who may not see it all is told so, once, and what he can see")
        t.equal([f[2] for f in found if f[1] == note], ["run this as root"], "and who may")
        check_ike(g, t)
        g.run(f"i=0; while [ $i -lt {MANY} ]; do i=$((i + 1)); echo link add w$i type wireguard; done >/many; "
              f"{IP} -n blue -batch /many")
        found = [f[1] for f in findings(g) if "WireGuard" in f[1]]
        t.ok(found[0].startswith(f"WireGuard interfaces {REPEAT}: {MANY + 2}: wg0, ") and found[0].endswith(", ..."),
             "of many all are counted, and some named")
        for name in HOOKS:
            g.run(f"mkdir -p /etc/vmgen/hooks.d; printf '#!/bin/sh\\n' >/etc/vmgen/hooks.d/{name}; "
                  f"chmod 755 /etc/vmgen/hooks.d/{name}")
        found = findings(g)
        covered = [f[1].split(" whose")[0] for f in found if " ends at a change" in f[1]]
        t.equal((covered, len(found)),
                (["WireGuard interfaces", "TCP connections with TLS in the kernel"], len(configured)),
                "what hooks cover is told as such")
        g.run(f"{IP} link del wg0; {IP} link del m0; {IP} netns del blue; {IP} xfrm state flush; "
              f"{IP} link del ovpn0 2>/dev/null; ! pidof ktls || killall ktls")
        g.wait_for("! vmgenctl check --json | grep -q '\"keys\"'")
        t.equal(findings(g), [], "what is gone is not named")


if __name__ == "__main__":
    tap.main(scenario)
