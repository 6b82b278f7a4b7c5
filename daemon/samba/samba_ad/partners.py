# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The other domain controllers: what each of them knows comes here, and then what is here goes to
each of them.

A partner remembers up to which number it has everything that was written under an invocationId.
Who takes what Samba wrote between the resume and the freeze counts these numbers as had, although
in the lost time they were given to something else, and that he never asks for again. A full
synchronization names no number, neither where the last one ended nor what is had of others
(drepl_out_helpers.c and getncchanges.c of Samba), so everything is sent, and the versions of the
attributes alone decide. So it does not matter which numbers a partner takes before or meanwhile.
What matters is the order of the two ways: first everything is here, then each partner takes it, and
if one is heard later all take it once more, because he may be the only one to hold something."""

import collections
import concurrent.futures
import os
import signal
import subprocess
import sys

from samba_ad import options as command_line, pull, roles
from samba_ad.clock import HOST_NAME

# As long as the first attempt may take for each naming context. A large domain over a slow line
# takes longer; as Samba goes on with it and begins again at the next try, that may take twice as
# long, and so on.
SECONDS = 3600
MOST_SECONDS = 24 * 3600
# Of all partners at a time; Samba itself takes one after the other.
AT_ONCE = 8
# In a notice, which has one line.
MOST_NAMES = 20
CONTEXTS = ("msDS-hasMasterNCs", "hasMasterNCs", "msDS-hasFullReplicaNCs", "hasPartialReplicaNCs")
MASTER_CONTEXTS = CONTEXTS[:2]

# guid: of its NTDS Settings, another one after each join; full, all: naming contexts that both
# have, those of which it can give everything and all that it takes.
Partner = collections.namedtuple("Partner", "guid name host full all read_only")


def find(dc):
    """Each partner that the domain has now."""
    own = {str(value).lower() for value in dc.values(dc.dn(""), "namingContexts")}
    return [describe(dc, ntds, own) for ntds in dc.partners()]


def describe(dc, ntds, own):
    server = ntds.parent()
    host = [str(value) for value in dc.values(server, "dNSHostName")][:1]
    found = {name: [str(nc) for nc in dc.values(ntds, name)] for name in CONTEXTS}
    names = {}
    for attribute in CONTEXTS:
        for nc in found[attribute]:
            if nc.lower() in own:
                names.setdefault(nc.lower(), (nc, attribute in MASTER_CONTEXTS))
    read_only = any(str(value).lower() == "ntdsdsaro" for value in dc.values(ntds, "objectClass"))
    name = server.get_component_value(0)
    # What it is called is in messages, and in a command.
    return Partner(dc.object_guid(ntds), name if HOST_NAME.fullmatch(name) else "NAME",
                   host[0] if host and HOST_NAME.fullmatch(host[0]) else None,
                   tuple(nc for nc, master in names.values() if master),
                   tuple(nc for nc, _ in names.values()), read_only)


# --- One pull --------------------------------------------------------------------------------

def run(configfile, partner_host, target, source, context, full, seconds):
    """(one of pull's, text)"""
    words = [sys.executable, "-IB", os.path.abspath(pull.__file__), configfile or "", partner_host,
             target, source, context, "full" if full else "", str(seconds)]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=seconds + 2 * pull.CONNECT_SECONDS,
                              check=False)
    except subprocess.TimeoutExpired:
        return pull.LATE, f"it takes longer than {seconds} seconds"
    except OSError as e:
        return pull.FAILED, str(e)
    if done.returncode == -signal.SIGALRM:
        return pull.SILENT, f"{partner_host} does not answer within {pull.CONNECT_SECONDS} seconds"
    text = done.stdout.decode(errors="replace").split("\n", maxsplit=1)[0]
    text = "".join(c if c.isprintable() else "?" for c in text)[-300:]
    if done.returncode in (pull.DONE, pull.FAILED, pull.SILENT, pull.LATE):
        return done.returncode, text
    return pull.FAILED, text or f"exit status {done.returncode}"


class Pulls:
    """What is asked of partners for this controller."""

    def __init__(self, dc, configfile, progress):
        self.guid, self.host, self.configfile = dc.guid, dc.host(), configfile
        self.progress = progress

    def hear(self, partner):
        """Takes everything that it has: (one of pull's, text)"""
        return self.each(partner, partner.full, self.host, partner.guid)

    def tell(self, partner):
        """Has it take everything that is here."""
        return self.each(partner, partner.all, partner.host, self.guid)

    def each(self, partner, contexts, target, source):
        if not partner.host:
            return pull.FAILED, "it has no host name"
        if not contexts:
            return pull.FAILED, "it has no naming context in common with this controller"
        seconds = self.progress.seconds(partner.guid)
        for context in contexts:
            words = (partner.host, target, source, context, self.progress.full, seconds)
            status, text = run(self.configfile, *words)
            if status == pull.FAILED:
                # Samba notices with it that a connection to the partner is gone, and makes another.
                status, text = run(self.configfile, *words)
            if status != pull.DONE:
                return status, f"{context}: {text}"
        return pull.DONE, ""


def of_all(work, partners):
    """Yields (partner, status, text) in the order in which they end."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        begun = {pool.submit(work, partner): partner for partner in partners}
        for future in concurrent.futures.as_completed(begun):
            yield (begun[future], *future.result())


# --- What has been done ----------------------------------------------------------------------

class Progress:
    """Since the last repair. The domain itself says who its partners are: one that was removed is
    not waited for any more, and one that was joined is."""

    def __init__(self, full=False, heard=(), told=(), limits=()):
        self.full, self.heard, self.told, self.limits = full, set(heard), set(told), dict(limits)

    def words(self):
        return {"full": self.full, "heard": sorted(self.heard), "told": sorted(self.told),
                "limits": self.limits}

    def seconds(self, guid):
        return max(SECONDS, min(MOST_SECONDS, self.limits.get(guid, 0)))

    def lengthen(self, guid):
        self.limits[guid] = min(MOST_SECONDS, 2 * self.seconds(guid))

    def unheard(self, partners):
        """A read-only one has nothing of its own to say."""
        return [p for p in partners if not p.read_only and p.guid not in self.heard]

    def untold(self, partners):
        """Those that take everything themselves, with what has a new identity, are not told."""
        if not self.full:
            return []
        return [p for p in partners if p.guid not in self.told]

    def hear(self, guid):
        """He may be the only one to hold something, so what the others took is not all."""
        self.heard.add(guid)
        self.told.clear()


def show(p, dc, progress, why=None):
    """Has --check and vmgenctl check name those that are still to be heard or told; whether there
    are any. why: {guid: text}"""
    found = find(dc)
    parts = []
    for text, left in ((f"not heard since the repair of {dc.name}", progress.unheard(found)),
                       (f"has not taken what {dc.name} has", progress.untold(found))):
        if left:
            parts.append(f"{text}: {reasons(left, why or {})}")
    if not parts:
        p.notices.clear("partners")
        return False
    first = min((progress.unheard(found) or progress.untold(found)), key=lambda q: q.name)
    p.notices.set("partners", f"{'; '.join(parts)}; it is tried again. Start it or fix that; if "
                  f"{removal(p, dc, first.name)}")
    return True


def removal(p, dc, name):
    """To remove a controller seizes what it counts as having, so also roles that are held back,
    which a third one may have, and without another pool of RIDs."""
    command = command_line.samba_tool(p.options, "domain", "demote",
                                      f"--remove-other-dead-server={name}")
    if not roles.held(dc):
        return f"it is gone for good: {command}"
    force = command_line.by_hand(p.options, "--force", "verify")
    return f"all others are gone for good: {force}, and then {command}"


def reasons(left, why):
    """A reason may be long, and names are to be seen."""
    left = sorted(left, key=lambda q: q.name)
    names = [q.name for q in left[1:MOST_NAMES]]
    if len(left) > MOST_NAMES:
        names.append(f"and {len(left) - MOST_NAMES} more")
    return ", ".join([f"{left[0].name} ({why.get(left[0].guid, 'not tried yet')[:150]})", *names])
