# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The domain controller as its own database, sam.ldb, describes it."""

import os

import ldb
import samba
import samba.param
from samba.auth import system_session
from samba.dcerpc import drsblobs, misc, security
from samba.ndr import ndr_unpack
from samba.samdb import SamDB

from samba_ad import clock, locks
from samba_ad.ends import Failure, NoRights, NotApplicable, Refusal

# Where the attribute is missing, partners that run Windows take this one.
DEFAULT_TOMBSTONE_DAYS = 60
TOMBSTONE_DN = "CN=Directory Service,CN=Windows NT,CN=Services"


def load_settings(configfile):
    path = configfile or samba.param.default_path()
    if not os.path.exists(path):
        if configfile:
            raise Failure(f"{path} is missing")
        raise NotApplicable(f"no Samba is set up here: {path} is missing")
    # Nothing is waited for, nor read without an end.
    if not os.path.isfile(path):
        raise Failure(f"{path} is no file")
    lp = samba.param.LoadParm()
    try:
        lp.load(path)
    except RuntimeError as e:
        raise Failure(f"{path} cannot be read: {e}; testparm tells more") from None
    role = lp.get("server role")
    if lp.server_role() != "ROLE_ACTIVE_DIRECTORY_DC":
        raise NotApplicable(f"this Samba is no domain controller (server role = {role})")
    return lp


def open_database(lp):
    path = lp.private_path("sam.ldb")
    if not os.path.exists(path):
        if not os.access(os.path.dirname(path), os.X_OK):
            raise NoRights(f"{path} may not be opened: run this as root")
        raise Failure(f"{path} is missing: provision the domain controller, or join it again")
    if not os.access(path, os.R_OK | os.W_OK):
        if not os.geteuid():
            raise Failure(f"{path} cannot be written: mount its file system writable")
        raise NoRights(f"{path} may not be written: run this as root")
    locks.wait(path)
    try:
        return path, SamDB(url=path, session_info=system_session(), lp=lp)
    except (ldb.LdbError, RuntimeError) as e:
        raise Refusal(f"{path} cannot be opened ({message(e)}); fix it (samba-tool dbcheck), "
                      "or restore it") from None


def message(error):
    """The words of an error of ldb, which comes with a number."""
    return error.args[1] if isinstance(error, ldb.LdbError) and len(error.args) > 1 else str(error)


class Controller:
    """Everything that is read of it. Raises as the functions above."""

    def __init__(self, configfile=None):
        self.lp = load_settings(configfile)
        self.path, self.samdb = open_database(self.lp)
        try:
            self.read()
        except (RuntimeError, ldb.LdbError) as e:
            raise self.unreadable("it", e) from None

    def read(self):
        samdb = self.samdb
        self.domain = samdb.domain_dns_name()
        self.is_rodc = samdb.am_rodc()
        self.ntds_dn = self.dn(samdb.get_dsServiceName())
        self.computer_dn = self.dn(self.value(self.ntds_dn.parent(), "serverReference"))
        self.name = self.ntds_dn.parent().get_component_value(0)
        # Another one after each join.
        self.guid = self.object_guid(self.ntds_dn)
        self.rid_manager_dn = self.dn(self.value(samdb.get_default_basedn(), "rIDManagerReference"))

    @property
    def is_rid_master(self):
        return self.dn(self.value(self.rid_manager_dn, "fSMORoleOwner")) == self.ntds_dn

    def unreadable(self, what, error):
        if self.was_removed():
            return Refusal(f"{self.lp.get('netbios name')} was removed from the domain: it has "
                           "heard from its partners that they have deleted it; remove the data "
                           "of Samba here and join it again")
        return Refusal(f"{self.path}: {what} cannot be read ({message(error)}); samba-tool "
                       "dbcheck tells more")

    def was_removed(self):
        """Whether there are controllers, and this is none of them. Asked in this way, because Samba
        itself stumbles over who it is when that object is deleted."""
        try:
            own = str(self.samdb.search("@ROOTDSE", ldb.SCOPE_BASE, attrs=["dsServiceName"])[0]
                      ["dsServiceName"][0])
            found = self.samdb.search(self.samdb.get_config_basedn(), ldb.SCOPE_SUBTREE,
                                      "(objectClass=nTDSDSA)", ["objectGUID"])
        except (RuntimeError, ldb.LdbError, LookupError):
            return False
        guids = [str(ndr_unpack(misc.GUID, bytes(r["objectGUID"][0]))) for r in found]
        return bool(guids) and own.startswith("<GUID=") and own[6:42].lower() not in guids

    def dn(self, text):
        return ldb.Dn(self.samdb, str(text))

    def search(self, base, attributes, scope=ldb.SCOPE_BASE, expression=None, controls=None):
        try:
            return self.samdb.search(base=base, scope=scope, attrs=attributes,
                                     expression=expression, controls=controls)
        except ldb.LdbError as e:
            raise self.unreadable(base, e) from None

    def values(self, dn, attribute):
        return list(self.search(dn, [attribute])[0].get(attribute, []))

    def value(self, dn, attribute):
        values = self.values(dn, attribute)
        if not values:
            raise Refusal(f"{self.path}: {dn} has no {attribute}; samba-tool dbcheck tells more")
        return values[0]

    def partners(self):
        """The NTDS Settings of the other domain controllers."""
        found = self.search(self.samdb.get_config_basedn(), ["cn"], ldb.SCOPE_SUBTREE,
                            "(|(objectClass=nTDSDSA)(objectClass=nTDSDSARO))")
        return [r.dn for r in found if r.dn != self.ntds_dn]

    def writable_partners(self):
        """Without the read-only ones, which have no roles."""
        read_only = self.search(self.samdb.get_config_basedn(), ["cn"], ldb.SCOPE_SUBTREE,
                                "(objectClass=nTDSDSARO)")
        return [dn for dn in self.partners() if dn not in [r.dn for r in read_only]]

    def object_guid(self, dn):
        return str(ndr_unpack(misc.GUID, bytes(self.value(dn, "objectGUID"))))

    def host(self):
        """Under which its servers are reached, also by itself."""
        return str(self.value(self.ntds_dn.parent(), "dNSHostName"))

    def rid_set_dn(self):
        """None: it was never given one."""
        found = self.values(self.computer_dn, "rIDSetReferences")
        return self.dn(found[0]) if found else None

    def generation_id(self):
        """The 16 bytes on record, or None."""
        found = self.values(self.computer_dn, "msDS-GenerationId")
        return bytes(found[0]) if found else None

    def invocation_id(self):
        """As the database has it, not as this or another process has it in its memory."""
        return str(ndr_unpack(misc.GUID, bytes(self.value(self.ntds_dn, "invocationId"))))

    def rid_pool(self):
        """(first, last) RID that the RID master has not given out."""
        return span(self.value(self.rid_manager_dn, "rIDAvailablePool"))

    def rids(self):
        """Those of all objects of the domain, deleted ones included."""
        domain = security.dom_sid(self.samdb.get_domain_sid())
        found = self.search(self.samdb.get_default_basedn(), ["objectSid"], ldb.SCOPE_SUBTREE,
                            "(objectSid=*)", ["show_recycled:1"])
        sids = [ndr_unpack(security.dom_sid, bytes(r["objectSid"][0])) for r in found]
        return {sid.split()[1] for sid in sids if sid.num_auths and sid.split()[0] == domain}

    def pools(self, own):
        """[(first, last)] of the RIDs that were given out last, to this controller or others."""
        found = self.search(self.samdb.get_default_basedn(), ["rIDAllocationPool"],
                            ldb.SCOPE_SUBTREE, "(&(objectClass=rIDSet)(rIDAllocationPool=*))")
        rid_set = self.rid_set_dn()
        return [span(r["rIDAllocationPool"][0]) for r in found if (r.dn == rid_set) == own]

    def unused(self):
        """[(first, last)] of the RIDs that it holds and has not used."""
        rid_set = self.rid_set_dn()
        if not rid_set:
            return []
        found = self.search(rid_set, ["rIDPreviousAllocationPool", "rIDNextRID"])[0]
        previous = span(found.get("rIDPreviousAllocationPool", [0])[0])
        last_used = int(found.get("rIDNextRID", [0])[0])
        return [(max(last_used + 1, previous[0]), previous[1])] + [
            pool for pool in self.pools(True) if pool != previous]

    def usn(self):
        return int(self.value(self.dn(""), "highestCommittedUSN"))

    def tombstone_days(self):
        dn = self.dn(f"{TOMBSTONE_DN},{self.samdb.get_config_basedn()}")
        found = self.values(dn, "tombstoneLifetime")
        return int(found[0]) if found else DEFAULT_TOMBSTONE_DAYS

    def created(self):
        """When it was joined or provisioned, in seconds since 1970."""
        return ldb.string_to_time(str(self.value(self.ntds_dn, "whenCreated")))

    def newest(self):
        """The latest time, in seconds since 1970, that the database has seen; 0: none. That of
        the last replication is written whether something had changed or not."""
        heads = [self.dn(text) for text in self.values(self.dn(""), "namingContexts")]
        times = [0]
        for dn in heads + [self.computer_dn, self.ntds_dn, self.rid_manager_dn]:
            times += [ldb.string_to_time(str(v)) for v in self.values(dn, "whenChanged")]
        for dn in heads:
            for value in self.values(dn, "repsFrom"):
                times.append(unix(ndr_unpack(drsblobs.repsFromToBlob, value).ctr.last_success))
            for value in self.values(dn, "replUpToDateVector"):
                vector = ndr_unpack(drsblobs.replUpToDateVectorBlob, value)
                if vector.version == 2:
                    times += [unix(c.last_sync_success) for c in vector.ctr.cursors]
        return max(times)

    def newest_of_all(self):
        """Likewise, of each entry: for seconds where there are many. A controller without partners
        may change none of the above for weeks."""
        found = self.search(self.dn(""), ["whenChanged"], ldb.SCOPE_SUBTREE, "(whenChanged=*)",
                            ["search_options:1:2", "show_recycled:1"])
        latest = max((str(r["whenChanged"][0]) for r in found), default=None)
        return max(self.newest(), ldb.string_to_time(latest) if latest else 0)

    def now(self):
        """The time that new versions are made of."""
        return clock.of_versions(self.newest(), self.tombstone_days())


def span(value):
    """(first, last) of a range of RIDs as it is stored."""
    return int(value) & 0xFFFFFFFF, int(value) >> 32


def unix(nttime):
    """0 for the special values that mean never."""
    if not 0 < nttime < 0x7FFFFFFFFFFFFFFF:
        return 0
    return max(0, nttime // 10_000_000 - 11_644_473_600)
