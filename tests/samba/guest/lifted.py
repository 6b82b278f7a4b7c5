#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Sets the version of the invocationId of a domain controller. Arguments: smb.conf, version."""

import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB


def main():
    lp = LoadParm()
    lp.load(sys.argv[1])
    db = SamDB(url=lp.private_path("sam.ldb"), session_info=system_session(), lp=lp)
    db.set_attribute_replmetadata_version(db.get_dsServiceName(), "invocationId", int(sys.argv[2]))
    print(db.get_attribute_replmetadata_version(db.get_dsServiceName(), "invocationId"))


if __name__ == "__main__":
    main()
