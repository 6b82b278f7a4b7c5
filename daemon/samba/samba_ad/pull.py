# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Has one controller replicate one naming context from another one, as samba-tool drs replicate
does, which gives up after five minutes. A program of its own, because only a process can be ended
while it waits for a name or a partner: partners.py runs it."""

import signal
import socket
import sys
import time

# What the exit status says.
DONE, FAILED, SILENT, LATE = 0, 1, 3, 4
# A name server that answers late, a line that loses packets, a controller that is busy; where
# nobody answers at all, this is what a partner costs.
CONNECT_SECONDS = 60
# Where a domain controller says on which port the rest is.
ENDPOINTS = 135


def connect(host, lp, creds):
    from samba import drs_utils
    return drs_utils.drsuapi_connect(host, lp, creds)[:2]


def knock(host):
    """Whether somebody is there, so that a refusal is told from silence."""
    try:
        socket.create_connection((host, ENDPOINTS), CONNECT_SECONDS / 3).close()
        return ""
    except OSError as e:
        return f"{host} does not answer: {e}"


def credentials(configfile):
    from samba.credentials import Credentials
    from samba.param import LoadParm
    lp = LoadParm()
    if configfile:
        lp.load(configfile)
    else:
        lp.load_default()
    creds = Credentials()
    creds.set_conf(lp)
    creds.set_machine_account(lp)
    return lp, creds


def pull(arguments):
    """(exit status, text)"""
    configfile, partner, target, source_guid, context, full, seconds = arguments
    from samba import drs_utils
    from samba.dcerpc import drsuapi
    lp, creds = credentials(configfile)
    # Ends this process wherever it waits.
    signal.alarm(CONNECT_SECONDS)
    if error := knock(partner):
        return SILENT, error
    if partner != target:
        connect(partner, lp, creds)
    binding, handle = connect(target, lp, creds)
    signal.alarm(0)
    options = drsuapi.DRSUAPI_DRS_WRIT_REP
    if full == "full":
        options |= drsuapi.DRSUAPI_DRS_FULL_SYNC_NOW
    binding.request_timeout = int(seconds)
    start = time.monotonic()
    try:
        drs_utils.sendDsReplicaSync(binding, handle, source_guid, context, options)
    except drs_utils.drsException as e:
        late = time.monotonic() - start >= int(seconds)
        return (LATE, f"it takes longer than {seconds} seconds") if late else (FAILED, str(e))
    return DONE, ""


def main(arguments):
    try:
        status, text = pull(arguments)
    except Exception as e:  # pylint: disable=broad-except
        # Of anything that Samba raises the caller has to be told in one line.
        status, text = FAILED, str(e)
    print(" ".join(text.split()))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
