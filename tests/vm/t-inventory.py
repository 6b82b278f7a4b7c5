#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What a copy has twice is in the inventory: two installations of the same packages and two clones
of one of them are compared, before and after the hooks of identity.
"""

from harness import tap
from harness.installation import Installation

# Each because of something that it makes for itself, or might.
PACKAGES = """adcli avahi-daemon bacula-fd bind9 burp certmonger cfengine3 cloud-init cockpit-ws
containerd corosync coturn crowdsec csync2 cups-daemon dhcpcd-base docker.io dovecot-core ejabberd
etcd-server freeradius fwupd galera-4 glusterfs-server i2pd ifupdown isc-dhcp-client isc-dhcp-server
iwd kea-ctrl-agent knot krb5-admin-server libvirt-daemon-system lvm2 mandos-client mariadb-server
mdadm miniupnpd monit multipath-tools munge munin-node network-manager nfs-kernel-server nsd nvme-cli
open-iscsi open-isns-server openssh-server openvswitch-switch pacemaker podman popularity-contest
postgresql postsrsd prosody puppet-agent rabbitmq-server redis-server samba sanlock slapd snapd snmpd
softhsm2 ssl-cert sssd strongswan-starter syncthing systemd-homed tang targetcli-fb tgt tinc tor
transmission-daemon unbound usbguard winbind xrdp yggdrasil zabbix-agent openssl curl python3""".split()
# {kernel of the release: what is only there}
BESIDE = {"6.1": ["lxd", "netdata-core"], "6.12-trixie": ["incus", "valkey-server"]}
