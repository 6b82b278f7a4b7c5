# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A virtual machine with a real kernel, its snapshots, and clones of those.

    with Guest(kernel, guid=GUID_A) as g:
        g.run("insmod /vmgenc.ko")
        snapshot = g.snapshot()
    with snapshot.clone(guid=GUID_B) as b, snapshot.clone(guid=GUID_C) as c:
        b.run("dmesg"), c.run("dmesg")

A guest that panics, hangs or ends raises GuestError or GuestTimeout with the end of its console.
"""

import contextlib
import ctypes
import dataclasses
import json
import mmap
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import tempfile
import time

from harness import cache, kernel as kernels, qemu as qemus, sanitizer, tap
from harness.machine import Machine, add_layer, scratch
from harness.qmp import Qmp, QmpError

READY = b"vmgen-init\n"
BOOT_TIMEOUT = 120
COMMAND_TIMEOUT = 60
MIGRATE_TIMEOUT = 60
# A working KVM is done in a second or two; a broken one must not cost a minute.
KVM_TIMEOUT = 8
PR_SET_PDEATHSIG = 1
SLEEP = "/sys/power/state"

libc = ctypes.CDLL(None)


class GuestError(Exception):
    pass


class GuestTimeout(GuestError):
    pass


class CommandFailed(GuestError):
    def __init__(self, command, status, output):
        super().__init__(f"{command}: exit status {status}\n{output}")
        self.status = status
        self.output = output


def end_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One QEMU process: its console, command channel and control channel."""

    def __init__(self, machine, arguments, guid, name, disk=None, state=None):
        self.machine = machine
        self.patience = sanitizer.patience(machine.kernel)
        self.arguments = arguments
        self.has_device = guid is not None
        self.name = name
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix=f"{name}-"))
        self.console = self.directory / "console"
        self.pending = b""
        self.qmp = None
        self.channel, channel = socket.socketpair()
        control, qmp = socket.socketpair()
        command = [*machine.qemu.command, *arguments,
                   "-serial", f"file:{self.console}",
                   "-chardev", f"socket,id=channel,fd={channel.fileno()}",
                   "-device", f"{machine.port},chardev=channel",
                   "-chardev", f"socket,id=qmp,fd={qmp.fileno()}",
                   "-mon", "chardev=qmp,mode=control"]
        if guid is not None:
            command += ["-device", f"vmgenid,guid={guid}"]
        self.disk = self.directory / "disk" if disk else None
        if disk:
            add_layer(disk, self.disk)
            # What the guest has flushed is with the host's kernel, and outlives QEMU. Nothing has to
            # outlive that one, whose own disk others keep busy.
            command += ["-drive", f"file={self.disk},if=virtio,format=qcow2,cache=unsafe"]
        if state:
            command += ["-incoming", f"exec:cat {shlex.quote(str(state))}"]
        with open(self.directory / "qemu", "wb") as log, channel, qmp:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=(channel.fileno(), qmp.fileno()), preexec_fn=end_with_parent,
                env=machine.qemu.environment())
        self.control = control
        try:
            self.qmp = Qmp(control)
        except QmpError as e:
            error = self.error("QEMU did not start")
            self.close()
            raise error from e

    def __enter__(self):
        return self

    def __exit__(self, kind, *exception):
        try:
            if not kind:
                sanitizer.check(self)
        finally:
            self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.channel.close()
        self.control.close()

    def console_text(self):
        with contextlib.suppress(OSError):
            return self.console.read_text(encoding="utf-8", errors="replace").replace("\r", "")
        return ""

    def error(self, what, kind=GuestError):
        qemu = (self.directory / "qemu").read_text(encoding="utf-8", errors="replace")
        text = qemu + self.console_text()
        # Of a panic the beginning says what it is, which may be far from the end.
        shown = sanitizer.report(text) or "\n".join(text.splitlines()[-40:])
        return kind(f"{self.name} ({self.machine.kernel.release}): {what}; the console shows:\n"
                    f"{shown or '(empty)'}")

    # ---- the command channel, see init.c ------------------------------------------------------

    def _receive(self, deadline, what):
        self.channel.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self.channel.recv(1 << 16)
        except TimeoutError:
            raise self.error(f"timed out: {what}", GuestTimeout) from None
        except ConnectionResetError:
            data = b""
        if not data:
            raise self.error(f"the guest ended: {what}")
        self.pending += data

    def _receive_until(self, end, deadline, what):
        while end not in self.pending:
            self._receive(deadline, what)
        head, self.pending = self.pending.split(end, 1)
        return head

    def execute(self, command, timeout=COMMAND_TIMEOUT):
        """(exit status, output) of a shell command; a signal is 128 and its number."""
        self.send(command, timeout)
        return self.answer(command, timeout)

    def send(self, command, timeout=COMMAND_TIMEOUT):
        """Begin a command, for answer() to wait for."""
        text = command.encode()
        self.channel.settimeout(timeout)
        try:
            self.channel.sendall(b"%d\n" % len(text) + text)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            raise self.error(f"the guest takes no commands: {command}") from None

    def answer(self, command, timeout=COMMAND_TIMEOUT):
        deadline = time.monotonic() + timeout * self.patience
        head = self._receive_until(b"\n", deadline, command)
        status, length = (int(field) for field in head.split())
        while len(self.pending) < length:
            self._receive(deadline, command)
        output, self.pending = self.pending[:length], self.pending[length:]
        return status, output.decode(errors="replace")

    def run(self, command, timeout=COMMAND_TIMEOUT):
        """The output of a shell command that must succeed."""
        status, output = self.execute(command, timeout)
        if status:
            raise CommandFailed(command, status, output)
        return output

    def spawn(self, command):
        """Start a command in the background, where it sees to its own output; returns its PID."""
        return int(self.run(f"( {command} ) </dev/null >/dev/null 2>&1 & echo $!"))

    def join(self, pid, timeout=COMMAND_TIMEOUT):
        """Wait until a spawned command has ended, also one spawned before the snapshot."""
        self.run(f"while kill -0 {pid} 2>/dev/null; do sleep 0.1; done", timeout)

    def wait_for(self, condition, timeout=COMMAND_TIMEOUT):
        """Wait until a shell command succeeds."""
        self.run(f"until {condition}; do sleep 0.1; done", timeout)

    def tap(self, command, timeout=COMMAND_TIMEOUT):
        """[(passed, name)] of a program that writes TAP; a run cut short is a failure in it."""
        return tap.parse(*self.execute(command, timeout), command)

    def uptime(self):
        return float(self.run("cat /proc/uptime").split()[0])

    def sleep_until(self, uptime):
        """Let the guest idle until its own clock says so; free with icount."""
        wait = uptime - self.uptime()
        if wait > 0:
            self.run(f"sleep {wait:.1f}", timeout=wait + COMMAND_TIMEOUT)

    # ---- sleep states -------------------------------------------------------------------------

    def fall_asleep(self):
        """Suspend to RAM (S3) of a machine with sleeps=True; also a clone of it is asleep."""
        self.send(f"echo mem >{SLEEP}")
        self._wait_for("query-status", "suspended")

    def wake(self, timeout=COMMAND_TIMEOUT):
        """Wake a guest that is asleep, or a clone of one; user space runs when this returns."""
        self.ask("system_wakeup")
        status, output = self.answer(SLEEP, timeout)
        if status:
            raise CommandFailed(SLEEP, status, output)

    def wait_for_end(self, timeout):
        """Wait until the guest has switched its machine off."""
        try:
            self.process.wait(timeout * self.patience)
        except subprocess.TimeoutExpired:
            raise self.error("timed out: switching off", GuestTimeout) from None
        if self.process.returncode:
            raise self.error(f"QEMU ended with status {self.process.returncode}")

    # ---- the hypervisor's side ----------------------------------------------------------------

    def guid(self):
        """The generation ID as the hypervisor shows it."""
        return self.ask("query-vm-generation-id")["guid"].lower()

    def ask(self, command, **arguments):
        """The answer of QEMU to a QMP command."""
        try:
            return self.qmp.execute(command, **arguments)
        except QmpError as e:
            raise self.error(str(e)) from e

    def memory(self):
        """The memory of a guest with shared=True, as a writable bytes-like object."""
        with open(self.memory_path(), "r+b") as file:
            return mmap.mmap(file.fileno(), 0)

    def memory_path(self):
        backend = next(a for a in self.arguments if a.startswith("memory-backend-file"))
        return backend.split("mem-path=")[1]

    def pause(self):
        self.ask("stop")

    def resume(self):
        self.ask("cont")

    def save(self, name="state"):
        """Freeze the guest and write all its state to a file; it can go on afterwards."""
        path = self.directory / name
        self.pause()
        self.ask("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.ask("migrate", uri=f"exec:cat >{shlex.quote(str(path))}")
        self._wait_for("query-migrate", "completed")
        sanitizer.check(self)
        return Snapshot(self.machine, self.arguments, self.has_device, path, self.disk)

    def snapshot(self):
        """Freeze the guest, write all its state to a file, and end it."""
        snapshot = self.save()
        self.close()
        return snapshot

    def _wait_for(self, query, wanted):
        deadline = time.monotonic() + MIGRATE_TIMEOUT * self.patience
        while (status := self.ask(query)["status"]) != wanted:
            if status == "failed" or time.monotonic() > deadline:
                raise self.error(f"{query}: {status}, not {wanted}")
            time.sleep(0.01)


class Booted(Process):
    """A guest from cold boot to its first command."""

    def __init__(self, machine, arguments, guid, name, disk, timeout=BOOT_TIMEOUT):
        super().__init__(machine, arguments, guid, name, disk)
        try:
            self._receive_until(READY, time.monotonic() + timeout * self.patience, "booting")
        except BaseException:
            self.close()
            raise


class Guest(Booted):
    """A machine's first boot; keywords as in Machine."""

    def __init__(self, kernel, guid=None, timeout=BOOT_TIMEOUT, disk=None, **machine):
        machine = Machine(kernel, **machine)
        directory = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix="machine-"))
        super().__init__(machine, machine.arguments(directory, accelerator(machine)), guid,
                         "guest", disk, timeout)


class Clone(Process):
    """A guest that goes on from a snapshot; it runs when this returns, unless paused."""

    def __init__(self, snapshot, guid, paused):
        super().__init__(snapshot.machine, snapshot.arguments, guid, "clone", snapshot.disk,
                         snapshot.path)
        try:
            # The snapshot was taken of a stopped guest, so this is where the clone comes up.
            self._wait_for("query-status", "paused")
            if not paused:
                self.resume()
        except BaseException:
            self.close()
            raise


@dataclasses.dataclass
class Snapshot:
    machine: Machine
    arguments: list
    has_device: bool
    path: pathlib.Path
    disk: pathlib.Path

    def clone(self, guid=None, paused=False):
        """A new guest from this state; it needs an ID exactly when the first guest had one."""
        if self.has_device != (guid is not None):
            raise ValueError("a clone has a vmgenid device exactly when the first guest had one")
        return Clone(self, guid, paused)


# ---- acceleration -----------------------------------------------------------------------------


def kvm_works():
    kernel = kernels.load("6.1-cloud")      # the smallest to fetch
    try:
        with Guest(kernel, accel="kvm", timeout=KVM_TIMEOUT) as g:
            g.run("true", timeout=KVM_TIMEOUT)
            return True
    except GuestError:
        return False


def accelerator(machine):
    # Instructions can only be counted where they are emulated.
    return machine.accel or ("tcg" if machine.icount else default_accelerator())


def default_accelerator():
    """kvm where a boot has shown that it works on this host, else tcg; found out once."""
    if chosen := os.environ.get("VMGEN_ACCEL"):
        return chosen
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    host = " ".join((*os.uname()[1:4], qemus.SYSTEM.version()))
    with cache.locked("accelerator"):
        path = cache.directory() / "accelerator.json"
        known = json.loads(path.read_text("ascii")) if path.exists() else {}
        if host not in known:
            known = {host: "kvm" if kvm_works() else "tcg"}
            path.write_text(json.dumps(known), "ascii")
    return known[host]
