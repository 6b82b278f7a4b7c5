# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A machine as it is when it is booted, but for the service manager, which is another one: real
servers run in control groups like those of units.
"""

import os
import pathlib
import subprocess
import sys
import time

from harness import installation
from harness.installation import SambaError

GROUPS = "/sys/fs/cgroup"
SLICE = f"{GROUPS}/system.slice"
GUID_FILE = "/srv/id"
# Set in the control group that is the test's alone.
GROUP = "VMGEN_GROUP"
SECONDS = 60
# The unit's ExecStart= is /srv/units/UNIT, and what its drop-in adds is read as systemd does.
SYSTEMCTL = r"""#!/bin/sh
command=$1
for unit; do :; done
group=/sys/fs/cgroup/system.slice/$unit
start="$(cat /srv/units/$unit 2>/dev/null)"
pre=$(sed -n 's/^ExecStartPre=+//p' /etc/systemd/system/$unit.d/vmgen.conf 2>/dev/null | sed "s/%n/$unit/")
case $command in
show)
	echo Id=$unit
	if grep -qs 'populated 1' $group/cgroup.events; then
		echo ActiveState=active
		echo ControlGroup=/system.slice/$unit
	else
		echo ActiveState=inactive
	fi
	[ ! "$start" ] || echo "ExecStart={ path=${start%% *} ; argv[]=$start ; ignore_errors=no ; }"
	pre=$(echo "$pre" | tr -d "'")
	[ ! "$pre" ] || echo "ExecStartPre={ path=${pre%% *} ; argv[]=$pre ; ignore_errors=no ; }" ;;
kill)
	echo 1 >$group/cgroup.kill ;;
stop)
	[ ! -d $group ] || { echo 1 >$group/cgroup.kill; echo 0 >$group/cgroup.freeze
		while grep -q 'populated 1' $group/cgroup.events; do sleep 0.05; done; rmdir $group; } ;;
start)
	(unset VMGEN_EVENT VMGEN_GENERATION; eval "$pre") || exit 1
	mkdir -p $group
	export SAMBAOPTIONS=$(cat /srv/options 2>/dev/null)
	sh -c "echo \$\$ >$group/cgroup.procs; exec $start" >>/srv/output 2>&1 3>&- & ;;
esac
"""


def put(inside, text, mode=0o644):
    path = installation.path(inside)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)


def boot():
    """As a booted one is: control groups, a service manager, our program and the hooks' place."""
    installation.path("/run/systemd/system").mkdir(parents=True)
    groups = installation.path(GROUPS)
    groups.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "cgroup2", "none", groups], check=True)
    installation.path(SLICE).mkdir()
    put("/usr/local/bin/systemctl", SYSTEMCTL, 0o755)
    put("/usr/local/bin/systemd-run", '#!/bin/sh\n', 0o755)
    put("/usr/local/sbin/vmgend-samba-ad", f'#!/bin/sh\nexec {installation.SOURCE}/daemon/samba/'
        f'vmgend-samba-ad --guid-file={GUID_FILE} "$@"\n', 0o755)
    installation.path("/etc/vmgen").mkdir()


def execute(*words, **environment):
    return installation.execute(*words, environment=environment)


def start(unit):
    status, output = execute("systemctl", "start", unit)
    if status:
        raise SambaError(f"{unit} does not start: {output}")


def wait(what, condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SambaError(f"not within {SECONDS} seconds: {what}")
        time.sleep(0.1)


def has(unit, line):
    events = installation.path(f"{SLICE}/{unit}/cgroup.events")
    return events.exists() and line in events.read_text("ascii").splitlines()


def running(dc):
    return has(dc.unit, "populated 1") and not has(dc.unit, "frozen 1")


def define(dc, unit, program):
    dc.unit = unit
    put(f"/srv/units/{unit}", f"{program} --foreground --no-process-group "
        f"--configfile={dc.configuration}\n")
    installation.path("/srv/options").unlink(missing_ok=True)
    installation.path(f"{dc.directory}/run").mkdir(exist_ok=True)


def alone():
    """In a control group of its own, which looks like the topmost one from within."""
    mounts = pathlib.Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    top = next(line.split()[4] for line in mounts if " - cgroup2 " in line)
    own = next(line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text("ascii").splitlines()
               if line.startswith("0::"))
    group = pathlib.Path(f"{top}{own}/vmgen-test-{os.getpid()}")
    group.mkdir()
    try:
        return subprocess.run(
            ["sh", "-c", 'echo 0 >"$0/cgroup.procs" && exec unshare --cgroup "$@"', group,
             sys.executable, *sys.argv], env={**os.environ, GROUP: str(group)}, check=False).returncode
    finally:
        (group / "cgroup.kill").write_text("1", "ascii")
        for directory, _, _ in os.walk(group, topdown=False):
            wait("the group is empty", lambda d=directory: "populated 0" in pathlib.Path(
                d, "cgroup.events").read_text("ascii"))
            os.rmdir(directory)


def main(scenario):
    """As that of installation."""
    if GROUP not in os.environ:
        sys.exit(alone())
    installation.main(scenario)
