# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Keeps an Active Directory domain controller of Samba from going on with the identity, the
update sequence numbers and the RIDs that it has used already in the lost time."""
