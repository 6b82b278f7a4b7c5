# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A TPM 2.0 of swtpm for guests, which keeps what was written from boot to boot.

    state = tpm.new()
    with tpm.switched_on(state) as socket, boot(kernel, tpm=socket) as g:
"""

import contextlib
import pathlib
import subprocess
import tempfile
import time

from harness.machine import MachineError, scratch

START_LIMIT = 30
# One program, which does what its name says.
PROGRAM = "/usr/bin/tpm2"
NAMES = ("getcap", "nvdefine", "nvread", "nvwrite", "nvundefine")
LINK = f"for n in {' '.join(NAMES)}; do ln -s tpm2 /bin/tpm2_$n || exit; done"
# Looked for by its name when a program runs.
TRANSPORT = "libtss2-tcti-device.so.0"


def new():
    """The directory of one that was never used."""
    return pathlib.Path(tempfile.mkdtemp(prefix="tpm-", dir=scratch()))


@contextlib.contextmanager
def switched_on(state):
    """The socket for QEMU, for one boot: it ends with its connection."""
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="tpm-") as directory:
        socket = pathlib.Path(directory) / "socket"
        # On standard error it tells of each connection that ends.
        with subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}",
                               "--ctrl", f"type=unixio,path={socket}", "--terminate",
                               "--log", f"file={state}/log"], stderr=subprocess.DEVNULL) as process:
            try:
                deadline = time.monotonic() + START_LIMIT
                while not socket.exists():
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise MachineError("swtpm did not start")
                    time.sleep(0.01)
                yield socket
            finally:
                process.terminate()


def files():
    """{path in the guest: content} of what that program loads."""
    paths = pathlib.Path("/usr/lib").glob(f"*/{TRANSPORT}")
    return {str(path): path.read_bytes() for path in paths}
