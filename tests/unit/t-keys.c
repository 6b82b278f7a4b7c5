/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Session keys, as vmgenctl check tells of them: what is configured and no hook covers, with
 * what helps, and nothing where nothing is. The kernel's network is played here; mounts,
 * devices, cgroups and the service manager are files.
 */
#include "asked.h"

#include "ctl/check/finding.h"
#include "ctl/check/network.h"
#include "ctl/check/sessions.h"
#include "ctl/check/tunnels.h"

static struct network network;

void network_look(struct network *ret_network)
{
	*ret_network = network;
}

static void play(enum network_kind kind, unsigned int count, const char *names)
{
	memset(&network, 0, sizeof(network));
	network.kinds[kind].count = count;
	snprintf(network.kinds[kind].names, NETWORK_NAMES_SIZE, "%s", names);
}

static void hook(const char *name, mode_t mode)
{
	char path[NAME_MAX + 16];

	snprintf(path, sizeof(path), "first/%s", name);
	scratch_write(path, "#!/bin/sh\n", mode);
}

static void unhook(const char *name)
{
	unlink(scratch_path("first/%s", name));
	unlink(scratch_path("settings/%s.conf", name));
}

static char *keep(const char *path)
{
	return strdup(scratch_path("%s", path));
}

static void create(void)
{
	char text[PATH_MAX + 16];

	asked_create();
	unlink(scratch_path("first/40-open"));
	unlink(scratch_path("settings/50-settings.conf"));
	scratch_mkdir("bin", 0755);
	scratch_mkdir("sys", 0755);
	scratch_mkdir("cgroup", 0755);
	scratch_write("mounts", "20 1 8:1 / / rw - ext4 /dev/vda1 rw\n", 0644);
	sessions_mounts = keep("mounts");
	sessions_sysfs = keep("sys");
	tunnels_cgroups = keep("cgroup");
	tunnels_list = keep("list");
	snprintf(text, sizeof(text), "%s:/usr/bin:/bin", scratch_path("bin"));
	setenv("PATH", text, 1);
}

static void test_nothing(void)
{
	char text[128];

	expect("check", CTL_OK, "This machine is protected.");
	ok(!says("keys  "), "where nothing is nothing is said");
	play(NETWORK_WIREGUARD, 0, "");
	network.n_missed = 2;
	strcpy(network.missed, "blue, of process 7");
	expect("check", CTL_OK, "warning  keys      network name spaces that could not be entered: 2: blue, of process 7");
	network.cut = true;
	expect("check", CTL_OK, "warning  keys      there are too many network name spaces");
	network.forbidden = true;
	expect("check", CTL_OK, "note     keys      what has session keys in IPsec and in other network name spaces cannot be seen here\n");
	ok(says("-> run this outside of the container") && !says("too many"), "what may not be seen is said once");
	play(NETWORK_WIREGUARD, 0, "");
	strcpy(network.foreign, "of user 1000");
	expect("check", CTL_OK, "note     keys      network name spaces of other users that were not looked at: of user 1000");
	play(NETWORK_WIREGUARD, 0, "");
	network.error = -ETIMEDOUT;
	/* The words are libc's. */
	snprintf(text, sizeof(text), "the kernel does not tell all that has session keys: %s",
		 strerror(ETIMEDOUT));
	expect("check", CTL_OK, text);
}

static void test_interfaces(void)
{
	play(NETWORK_WIREGUARD, 2, "wg0, w\033[31m in blue");
	expect("check", CTL_OK, "warning  keys      WireGuard interfaces whose session keys clones and a restore use again: 2: wg0, w\\x1b[31m in blue\n");
	ok(says("-> install the hook 10-wireguard"), "with the remedy");
	ok(!says("\033"), "names are strangers'");
	expect("check --json", CTL_OK, "\"name\":\"keys\",\n      \"state\":\"warning\"");
	hook("10-wireguard", 0755);
	expect("check", CTL_OK, "ok       keys      WireGuard interfaces whose session keys 10-wireguard ends at a change: 2");
	scratch_write("settings/10-wireguard.conf", "[hook]\nenabled=no\n", 0644);
	expect("check", CTL_OK, "whose session keys clones and a restore use again: 2");
	ok(says("-> enabled = yes in ") && says("settings/10-wireguard.conf"), "one that is disabled");
	unhook("10-wireguard");
	(void)!symlink("/dev/null", scratch_path("first/10-wireguard"));
	expect("check", CTL_OK, "warning  keys      WireGuard");
	ok(says("-> rm ") && says("first/10-wireguard, which masks the hook"), "one that is masked");
	unhook("10-wireguard");
	hook("10-wireguard", 0777);
	expect("check", CTL_DEGRADED, "problem  keys      WireGuard");
	ok(says("-> fix the hook 10-wireguard"), "one that cannot be used is a problem");
	unhook("10-wireguard");
	hook("10-wireguard", 0755);
	play(NETWORK_OVPN, 1, "tun0");
	expect("check", CTL_OK, "warning  keys      interfaces of OpenVPN in the kernel whose session keys clones and a restore use again: 1: tun0\n");
	ok(says("-> see WHAT WAS AGREED BEFORE THE SNAPSHOT in vmgen-security(7)"), "what no hook helps");
	play(NETWORK_TLS, 3, "");
	scratch_write("settings/10-connections.conf", "[hook]\nenabled=no\n", 0644);
	hook("10-connections", 0755);
	expect("check", CTL_OK, "warning  keys      TCP connections with TLS in the kernel whose session keys clones and a restore use again: 3\n");
	unlink(scratch_path("settings/10-connections.conf"));
	expect("check", CTL_OK, "note     keys      TCP connections with TLS in the kernel whose session keys 10-connections ends at a change, but for those within this machine and in /etc/vmgen/kept-connections: 3\n");
	unhook("10-connections");
	unhook("10-wireguard");
	play(NETWORK_WIREGUARD, 0, "");
}

static void service(const char *path, const char *events)
{
	char text[2 * NAME_MAX];

	snprintf(text, sizeof(text), "cgroup/%s", path);
	if (access(scratch_path("%s", text), F_OK))
		scratch_mkdir(text, 0755);
	if (!events)
		return;
	snprintf(text, sizeof(text), "cgroup/%s/cgroup.events", path);
	scratch_write(text, events, 0644);
}

static void test_ipsec(void)
{
	play(NETWORK_IPSEC, 2, "in blue");
	network.kinds[NETWORK_IPSEC_MANUAL].count = 3;
	strcpy(network.kinds[NETWORK_IPSEC_MANUAL].names, "in red");
	hook("10-ipsec", 0755);
	hook("50-ipsec", 0755);
	hook("10-ipsec-manual", 0755);
	scratch_write("settings/10-ipsec-manual.conf", "[hook]\nenabled=no\n", 0644);
	expect("check", CTL_OK, "ok       keys      SAs of IPsec whose session keys 10-ipsec ends at a change: 2: in blue\n");
	ok(says("warning  keys      SAs of IPsec without a known daemon whose session keys clones and a restore use again: 3: in red\n"),
	   "what no daemon replaces is told from what one does");
	ok(says("-> enabled = yes in ") && says("settings/10-ipsec-manual.conf, if you can set others afterwards, see vmgend-hooks(7)"),
	   "with the remedy");
	unlink(scratch_path("settings/10-ipsec-manual.conf"));
	expect("check", CTL_OK, "ok       keys      SAs of IPsec without a known daemon whose session keys 10-ipsec-manual ends at a change: 3: in red\n");
	unhook("50-ipsec");
	expect("check", CTL_OK, "warning  keys      SAs of IPsec that are down after a change, because 10-ipsec stops them and no hook starts them again: 2: in blue\n");
	ok(says("-> install the hook 50-ipsec"), "with the remedy");
	unhook("10-ipsec");
	unhook("10-ipsec-manual");
	play(NETWORK_IPSEC, 0, "");
}

static void test_blocks(void)
{
	play(NETWORK_IPSEC, 0, "");
	network.n_blocks = NETWORK_BLOCKS_MAX + 2;
	strcpy(network.blocks[0].text, "dst 10.0.0.0/8 in a\033b");
	strcpy(network.blocks[1].text, "dst 10.1.0.0/16");
	strcpy(network.blocks[1].command, "nsenter --net=/run/netns/blue ip xfrm");
	expect("check", CTL_OK, "warning  keys      blocked by 10-ipsec until the IKE daemon's policy is back: dst 10.0.0.0/8 in a\\x1bb\n");
	ok(says("-> when the tunnel is up: vmgenctl hooks run --real 50-ipsec\n") &&
	   says("hooks run --real 50-ipsec; at once: nsenter --net=/run/netns/blue ip xfrm\n"), "with the command that lifts it");
	ok(says("blocked by 10-ipsec likewise: 2 others\n"), "their number has an end");
	play(NETWORK_IPSEC, 0, "");
}

static void test_macsec(void)
{
	play(NETWORK_MACSEC, 1, "m0");
	hook("10-macsec", 0755);
	expect("check", CTL_OK, "-> install the hook 50-macsec");
	hook("50-macsec", 0755);
	expect("check", CTL_OK, "note     keys      MACsec interfaces whose session keys 10-macsec ends at a change, if /sbin/wpa_supplicant has agreed on them: 1: m0\n");
	ok(says("-> vmgenctl hooks run 10-macsec names those"), "with how to see it");
	play(NETWORK_MACSEC_MANUAL, 1, "m0");
	hook("10-macsec-manual", 0755);
	scratch_write("settings/10-macsec-manual.conf", "[hook]\nenabled=no\n", 0644);
	expect("check", CTL_OK, "warning  keys      MACsec interfaces with keys set by hand whose session keys clones and a restore use again: 1: m0\n");
	ok(says("settings/10-macsec-manual.conf, if you can set others afterwards, see vmgend-hooks(7)"), "with the remedy");
	unlink(scratch_path("settings/10-macsec-manual.conf"));
	expect("check", CTL_OK, "ok       keys      MACsec interfaces with keys set by hand whose session keys 10-macsec-manual ends at a change: 1: m0\n");
	unhook("10-macsec");
	unhook("50-macsec");
	unhook("10-macsec-manual");
	play(NETWORK_MACSEC, 0, "");
}

static void test_mounts(void)
{
	char text[16384], line[9000];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	snprintf(text, sizeof(text),
		 "30 1 0:42 / /srv/a\\040b rw shared:1 - nfs4 a:/x rw,vers=4.2,xprtsec=mtls,addr=::1\n"
		 "31 1 0:43 / /plain rw - nfs4 a:/x rw,xprtsec=none,comment=xprtsec=tls2\n"
		 "32 1 0:44 / /disk rw - ceph 1.2.3.4:/ rw,ms_mode=prefer-secure\n"
		 "33 1 0:45 / /crc rw - ceph 1.2.3.4:/ rw,ms_mode=prefer-crc\n"
		 "34 1 0:46 / /x\033 rw - nfs a:/%s rw - nfs4 b:/ xprtsec=tls\n"
		 "35 1 0:47 / /share rw - cifs //a/b rw,seal\n", line);
	scratch_write("mounts", text, 0644);
	expect("check", CTL_OK, "warning  keys      NFS mounts with TLS whose session keys clones and a restore use again: 1: /srv/a\\040b\n");
	ok(says("Ceph mounts in secure mode whose session keys clones and a restore use again: 1: /disk\n"), "a Ceph mount");
	ok(says("-> install the hook 10-connections") && !says("/share"), "with the remedy, and none for SMB");
	scratch_mkdir("sys/bus", 0755);
	scratch_mkdir("sys/bus/rbd", 0755);
	scratch_mkdir("sys/bus/rbd/devices", 0755);
	scratch_mkdir("sys/bus/rbd/devices/0", 0755);
	scratch_mkdir("sys/bus/rbd/devices/1", 0755);
	scratch_write("sys/bus/rbd/devices/0/config_info", "1.2.3.4 name=a,ms_mode=secure rbd image -\n", 0400);
	scratch_write("sys/bus/rbd/devices/1/config_info", "1.2.3.4 name=a,ms_mode=crc rbd image -\n", 0400);
	scratch_mkdir("sys/class", 0755);
	scratch_mkdir("sys/class/nvme", 0755);
	scratch_mkdir("sys/class/nvme/nvme0", 0755);
	scratch_mkdir("sys/class/nvme/nvme1", 0755);
	scratch_write("sys/class/nvme/nvme1/tls_key", "1234abcd\n", 0444);
	expect("check", CTL_OK, "NVMe controllers with TLS whose session keys clones and a restore use again: 1: nvme1\n");
	ok(says("Ceph block devices in secure mode whose session keys clones and a restore use again: 1: 0\n"), "a block device");
	hook("10-connections", 0755);
	expect("check", CTL_OK, "This machine is protected.");
	ok(!says("again: 1"), "the hook covers them");
	unhook("10-connections");
	unlink(scratch_path("mounts"));
	expect("check", CTL_OK, "not all mounts could be looked at: No such file");
	scratch_write("mounts", "", 0644);
	unlink(scratch_path("sys/bus/rbd/devices/0/config_info"));
	unlink(scratch_path("sys/class/nvme/nvme1/tls_key"));
}

static void test_units(void)
{
	service("system.slice", NULL);
	service("system.slice/ssh.service", "populated 1\n");
	service("user.slice", NULL);
	service("user.slice/openvpn@mine.service", "populated 1\n");
	expect("check", CTL_OK, "This machine is protected.");
	ok(!says("keys  "), "users' cgroups and other services are none");
	service("system.slice/system-openvpn\\x2dclient.slice", NULL);
	service("system.slice/system-openvpn\\x2dclient.slice/openvpn-client@a\\x2db.service", "populated 1\n");
	service("vpn.slice", NULL);
	/* As version 1 has it. */
	service("vpn.slice/ocserv.service", NULL);
	service("system.slice/ocserv-monitor.service", "populated 1\n");
	expect("check", CTL_OK, "warning  keys      units whose session keys clones and a restore use again: 2: ");
	ok(says("openvpn-client@a\\x2db.service") && says("ocserv.service"), "both are named");
	ok(says("-> list them in /etc/vmgen/restart-units, with RestartKillSignal=SIGKILL"), "with the remedy");
	hook("80-restart-units", 0755);
	scratch_write("bin/systemctl", "#!/bin/sh\n"
		      "printf 'Id=ocserv.service\\nRestartKillSignal=15\\n\\n"
		      "RestartKillSignal=9\\nId=openvpn-client@a\\\\x2db.service\\n'\n", 0755);
	scratch_write("list", "# ocserv\nopenvpn-client@a\\x2db # x\n\n  ocserv.service\n", 0644);
	expect("check", CTL_OK, "warning  keys      units that say goodbye under the copied key when they are restarted: 1: ocserv.service\n");
	ok(says("-> systemctl edit UNIT") && !says("units whose"), "a restart that is orderly");
	scratch_write("bin/systemctl", "#!/bin/sh\nprintf 'Id=ocserv.service\\nRestartKillSignal=9\\n\\n"
		      "Id=openvpn-client@a\\\\x2db.service\\nRestartKillSignal=9\\n'\n", 0755);
	expect("check", CTL_OK, "This machine is protected.");
	ok(!says("keys  "), "those that are killed are covered");
	scratch_write("bin/systemctl", "#!/bin/sh\nexec sleep 1000\n", 0755);
	expect("check", CTL_OK, "it is not known whether a restart kills these units at once:  2: ");
	scratch_write("bin/systemctl", "#!/bin/sh\nprintf 'Id=ocserv.service\\nRestartKillSignal=9\\n\\n"
		      "Id=openvpn-client@a\\\\x2db.service\\nRestartKillSignal=9\\n'\n", 0755);
	(void)chmod(scratch_path("list"), 0666);
	expect("check", CTL_OK, "units whose session keys clones and a restore use again: 2: ");
	(void)chmod(scratch_path("list"), 0644);
	unhook("80-restart-units");
	expect("check", CTL_OK, "units in /etc/vmgen/restart-units are not restarted");
}

static void test_many_units(void)
{
	char name[NAME_MAX];
	int i;

	unlink(scratch_path("list"));
	for (i = 0; i < 2 * TUNNELS_MAX; i++) {
		snprintf(name, sizeof(name), "system.slice/tinc@%0200d.service", i);
		service(name, "populated 1\n");
	}
	expect("check", CTL_OK, "there are more units with session keys than are named here");
	ok(says("clones and a restore use again: 32: "), "their number has an end");
}

int main(void)
{
	create();
	test_nothing();
	test_interfaces();
	test_ipsec();
	test_blocks();
	test_macsec();
	test_mounts();
	test_units();
	test_many_units();
	return tap_done();
}
