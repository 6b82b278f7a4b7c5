# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The copy of the database that BIND works on (BIND9_DLZ), as Samba's create_samdb_copy() makes it:
the DNS partitions and metadata.tdb are hard links to Samba's; sam.ldb, configuration, schema and
others are copies, which nobody keeps up to date, and one of them has the invocationId that named
stamps its changes with; of the domain there is but a stub without secrets.

named may write to the directory, so what lies there is not trusted: no symbolic link in it is
followed, and what is put there was not made there."""

import contextlib
import logging
import os
import shutil
import signal
import stat
import subprocess
import time
import types

import ldb
from samba.dcerpc import misc, security
from samba.ndr import ndr_unpack

from samba_ad import file, identity
from samba_ad.controller import message
from samba_ad.ends import Failure
from samba_ad.log import say

PARTITIONS = "sam.ldb.d"
METADATA = f"{PARTITIONS}/metadata.tdb"
SECONDS = 300


@contextlib.contextmanager
def standing_still(dc):
    """Nobody writes to the database meanwhile, whether Samba runs or not."""
    try:
        dc.samdb.transaction_start()
    except ldb.LdbError as e:
        raise Failure(f"{dc.path} cannot be locked ({message(e)})") from None
    try:
        yield
    finally:
        dc.samdb.transaction_cancel()


@contextlib.contextmanager
def limited(what):
    """A time limit for what has none; a program that it has called is killed."""
    def give_up(*_):
        raise Failure(f"{what} took more than {SECONDS} seconds")
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def lstat(path):
    """None: there is no such file."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def for_group(st, group):
    """Root's: nobody knew that of BIND."""
    return not group or st.st_gid == group and bool(st.st_mode & stat.S_IRGRP)


class Layout:
    """Which files Samba's database is made of, below its directory."""

    def __init__(self, dc):
        found = dc.search(dc.dn("@PARTITION"), ["partition", "backendStore"])[0]
        self.backend = str(found.get("backendStore", ["tdb"])[0])
        names = {}
        for value in found["partition"]:
            context, _, name = str(value).partition(":")
            names[context.upper()] = name
        if any(os.path.dirname(name) != PARTITIONS for name in names.values()):
            raise Failure(f"{dc.path} has a partition outside of {PARTITIONS}: {names}")
        domain = str(dc.samdb.get_default_basedn()).upper()
        forest = str(dc.samdb.get_root_basedn()).upper()
        zones = [names.pop(context) for context in (f"DC=DOMAINDNSZONES,{domain}",
                                                    f"DC=FORESTDNSZONES,{forest}")
                 if context in names]
        locks = [f"{name}-lock" for name in zones] if self.backend == "mdb" else []
        self.zones = zones
        self.links = [METADATA, *zones, *locks]
        try:
            self.stub = names.pop(domain)
            self.configuration = names.pop(str(dc.samdb.get_config_basedn()).upper())
        except KeyError as e:
            raise Failure(f"{dc.path} has no partition {e.args[0]}") from None
        # The one that tells the identity last: a refresh that was killed shows by it.
        self.copies = ["sam.ldb", *names.values(), self.configuration]


class BindCopy:
    def __init__(self, dc, directory):
        self.dc = dc
        self.directory = directory
        self.source = os.path.dirname(dc.path)
        self.layout = Layout(dc)
        # Where nobody but root can put anything, and in the same file system.
        place = directory.strip("/").replace("/", "-")
        self.new = os.path.join(self.source, f"vmgen-{place}.new")
        self.old = os.path.join(self.source, f"vmgen-{place}.old")
        self.kept = os.path.join(self.source, "vmgen-kept")

    @property
    def path(self):
        return os.path.join(self.directory, "sam.ldb")

    def at(self, name):
        return os.path.join(self.directory, name)

    def from_samba(self, name):
        return os.path.join(self.source, name)

    def own_files(self):
        """Those that named may have open and Samba has not."""
        return [self.at(name) for name in [*self.layout.copies, self.layout.stub]
                if lstat(self.at(name))]

    def is_link(self, name):
        theirs, ours = lstat(self.at(name)), lstat(self.from_samba(name))
        return bool(theirs and ours) and os.path.samestat(theirs, ours)

    # --- What is wrong with it -------------------------------------------------------------

    def incomplete(self):
        """What is missing, or was not given to the group of BIND yet; None: nothing."""
        top = lstat(self.directory)
        if not top or not stat.S_ISDIR(top.st_mode):
            return self.directory
        inner = lstat(self.at(PARTITIONS))
        if not inner or not stat.S_ISDIR(inner.st_mode):
            return self.at(PARTITIONS)
        for name in [*self.layout.copies, self.layout.stub, *self.layout.links]:
            st = lstat(self.at(name))
            # Where LMDB has made no lock file yet.
            if not st and name.endswith("-lock") and not lstat(self.from_samba(name)):
                continue
            if not st or not stat.S_ISREG(st.st_mode) or not for_group(st, top.st_gid):
                return self.at(name)
        return None

    def broken_links(self):
        return [name for name in self.layout.links
                if lstat(self.from_samba(name)) and not self.is_link(name)]

    def invocation_id(self):
        """As identity.read(): what named stamps its changes with."""
        return identity.read(self.at(self.layout.configuration), str(self.dc.ntds_dn))

    def fault(self):
        """What is wrong, or None."""
        if missing := self.incomplete():
            return f"{self.path} is not whole: {missing} is missing or has another group"
        if names := self.broken_links():
            return (f"{self.at(names[0])} is no hard link to Samba's file, so BIND and Samba do "
                    "not see each other's changes")
        found, wanted = self.invocation_id(), self.dc.invocation_id()
        if found == wanted:
            return None
        return (f"{self.path} has another invocationId ({found}) than the database ({wanted}): the "
                "partners do not take what named writes")

    # --- Putting it right ------------------------------------------------------------------

    def refresh(self):
        """Killed at any point, it leaves a fault that has it done again. named must be down."""
        self.sweep()
        if missing := self.incomplete():
            say(f"{self.path} is not whole ({missing}), so it is made again")
            self.rebuild()
            return
        for name in self.broken_links():
            self.link_again(name)
        with standing_still(self.dc):
            for name in self.layout.copies:
                self.copy_again(name)
        self.sync()

    def sweep(self):
        """What one left behind that was killed."""
        for path in (self.new, self.old):
            if lstat(path):
                shutil.rmtree(path)
        for name in os.listdir(self.source):
            if name.startswith("vmgen-file."):
                os.unlink(self.from_samba(name))

    def temporary(self):
        return self.from_samba(f"vmgen-file.{os.getpid()}")

    def copy_again(self, name):
        st = os.lstat(self.at(name))
        new = self.temporary()
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # In another process: one that closes a file loses all its locks on it, and the database is
            # open here.
            subprocess.run(["cat", self.from_samba(name)], stdin=subprocess.DEVNULL, stdout=fd,
                           stderr=subprocess.PIPE, timeout=SECONDS, check=True)
            # With what SELinux goes by.
            shutil.copystat(self.at(name), new, follow_symlinks=False)
            os.fchown(fd, st.st_uid, st.st_gid)
            os.fchmod(fd, stat.S_IMODE(st.st_mode) & 0o660)
            os.fsync(fd)
            self.put(new, name)
        except subprocess.SubprocessError as e:
            error = (e.stderr or b"").decode(errors="replace").strip() or str(e)
            raise Failure(f"{self.from_samba(name)} cannot be copied to {self.at(name)}: {error}"
                          ) from None
        finally:
            os.close(fd)
            if lstat(new):
                os.unlink(new)

    def link_again(self, name):
        """Samba's file counts, as for samba_upgradedns; what named wrote to another one is kept."""
        if name in self.layout.zones:
            self.keep(name)
        st = os.lstat(self.at(name))
        new = self.temporary()
        os.link(self.from_samba(name), new)
        try:
            os.chown(new, -1, st.st_gid)
            os.chmod(new, stat.S_IMODE(os.lstat(new).st_mode) | 0o060)
            self.put(new, name)
        finally:
            if lstat(new):
                os.unlink(new)
        say(f"{self.at(name)} is a hard link to Samba's file again")

    def put(self, new, name):
        """A rename, so that the file is never missing; into the directory itself."""
        parent = os.open(os.path.dirname(self.at(name)),
                         os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.rename(new, os.path.basename(name), dst_dir_fd=parent)
        finally:
            os.close(parent)

    def keep(self, name):
        file.make_directory(self.kept)
        kept = os.path.join(self.kept, f"{os.path.basename(name)}.{time.time_ns()}")
        os.link(self.at(name), kept, follow_symlinks=False)
        say(f"what named has written to {self.at(name)} and Samba has never seen is in {kept}: "
            f"ldbsearch -H '{self.layout.backend}://{kept}' '(objectClass=dnsNode)' dnsRecord")

    def sync(self):
        for directory in (self.at(PARTITIONS), self.directory):
            file.sync_directory(directory)

    def rebuild(self):
        """All of it, by Samba's own function, beside the old one."""
        top = lstat(self.directory)
        group = (top or os.lstat(os.path.dirname(self.directory))).st_gid
        os.mkdir(self.new, 0o700)
        try:
            with limited(f"to make {self.path} again"):
                self.create(group)
        except Failure:
            raise
        except Exception as e:  # pylint: disable=broad-exception-caught
            raise Failure(f"{self.path} cannot be made again ({e}): stop named, run "
                          "samba_upgradedns --dns-backend=BIND9_DLZ") from None
        os.chown(self.new, -1, group)
        os.chmod(self.new, 0o770)
        self.sync_all()
        if top:
            for name in self.layout.zones:
                st = lstat(self.at(name))
                if st and stat.S_ISREG(st.st_mode) and st.st_size and not self.is_link(name):
                    self.keep(name)
            os.rename(self.directory, self.old)
        os.rename(self.new, self.directory)
        file.sync_directory(os.path.dirname(self.directory))
        file.sync_directory(self.source)
        self.sweep()

    def create(self, group):
        # It takes long to load, and is seldom needed.
        from samba.provision import sambadns
        samdb = self.dc.samdb
        domain = samdb.get_default_basedn()
        guid = str(ndr_unpack(misc.GUID, bytes(self.dc.value(domain, "objectGUID"))))
        sambadns.create_samdb_copy(
            samdb, logging.getLogger("samba"),
            types.SimpleNamespace(private_dir=self.source, bind_gid=group or None,
                                  dns=os.path.join(self.new, "zone")),
            types.SimpleNamespace(domaindn=str(domain), rootdn=str(samdb.get_root_basedn())),
            security.dom_sid(samdb.get_domain_sid()), guid)

    def sync_all(self):
        for name in [*self.layout.copies, self.layout.stub, PARTITIONS, ""]:
            fd = os.open(os.path.join(self.new, name), os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
