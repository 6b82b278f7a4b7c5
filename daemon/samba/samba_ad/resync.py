# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Has the partners take everything once more. What Samba wrote between the resume and the moment
it was frozen has the old identity, so they do not take it by themselves, and the next change of
such an object would stop replication to them."""

import subprocess

from samba_ad.log import say

# A large domain over a slow line.
SECONDS = 3600


def pairs(dc):
    """[(host name of the partner, naming context that it has as well)]"""
    own = {str(value).lower() for value in dc.values(dc.dn(""), "namingContexts")}
    found = []
    for ntds in dc.partners():
        host = dc.values(ntds.parent(), "dNSHostName")
        for attribute in ("msDS-hasMasterNCs", "msDS-hasFullReplicaNCs", "hasPartialReplicaNCs"):
            found += [(str(host[0]), str(nc)) for nc in dc.values(ntds, attribute)
                      if host and str(nc).lower() in own]
    return found


def command(name, pair, configfile):
    host, context = pair
    return ["samba-tool", "drs", "replicate", host, name, context, "--full-sync", "--machine-pass",
            *([f"--configfile={configfile}"] if configfile else [])]


def replicate(name, pair, configfile):
    """Whether it worked."""
    words = command(name, pair, configfile)
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
        error = " ".join(done.stdout.split())[-300:] if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as e:
        error = str(e)
    if error:
        say(f"{' '.join(words)}: {error}")
        return False
    say(f"{pair[0]} has taken {pair[1]} once more, with what was written before the repair")
    return True


def run(dc_name, pairs, configfile):
    """Those that did not work: the partners may be down."""
    return [pair for pair in pairs if not replicate(dc_name, pair, configfile)]
