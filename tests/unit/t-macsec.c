/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What 10-macsec and 10-macsec-manual do and say.
 */
#include "macsec.h"

static void test_guard(void)
{
	begin(of_mka);
	equal(run_guard(GUARD, "changed"), 0, "the guard deletes what MKA agreed");
	ok(!strcmp(kernel.asked, "off3.0 del3.0 off3.1 del3.1 sender3.1 "
		   "off3.0 del3.0 off3.1 del3.1 sender3.1 "),
	   "each key is off before it is deleted, then each sender; and all once more");
	equal(around.stopped, 1, "in between it stops the daemon");
	ok(is_stopped(daemons[MACSEC].pid) && !is_stopped(daemons[WIFI].pid), "and no other");
	equal(around.stopped_before_walk, 1, "name spaces of others come after that");
	equal(supplicants_generation(), 7, "and notes for which change");
	ok(!strcmp(said, "macsec0: sends nothing until it has new keys\n"), "it says so");
	begin(of_mka);
	kernel.grows = true;
	kernel.interfaces[1] = (struct played){ 5, "macsec1", of_mka, 1, 0, 0, false, false, false, false };
	equal(run_guard(GUARD, "changed"), 0, "one that appears meanwhile");
	ok(strstr(kernel.asked, "off5.0 del5.0"), "is deleted too");
}

static void test_manual(void)
{
	begin(by_hand);
	equal(run_guard(GUARD, "changed"), 77, "keys by hand are not the guard's");
	ok(!*kernel.asked && !around.stopped, "nothing is changed");
	ok(!strncmp(said, "macsec0: its keys, which nothing replaces, are left to 10-macsec-manual\n", 72),
	   "they are named");
	equal(run_guard(MANUAL, "changed"), 0, "the hook for them deletes them");
	ok(!strcmp(kernel.asked, "off3.0 del3.0 off3.1 del3.1 "), "once, and no sender");
	ok(!around.stopped && strstr(said, "ip macsec add macsec0 tx sa 0 pn 1 on key ID KEY\n"),
	   "no daemon is stopped, and it says how to give others");
	begin(by_hand);
	equal(run_guard(MANUAL, "test"), 0, "a drill says that they would be");
	ok(!*kernel.asked && !strcmp(said, "macsec0: would delete its keys\n"), "and does nothing");
	begin(of_mka);
	equal(run_guard(MANUAL, "changed"), 77, "those of MKA it leaves alone");
	ok(!*kernel.asked && !strstr(said, "macsec0"), "without a word");
	begin(of_mka);
	kernel.interfaces[1] = (struct played){ 5, "macsec1", by_hand, 1, 0, 0, false, false, false, false };
	kernel.n = 2;
	equal(run_guard(GUARD, "changed"), 0, "one of either kind");
	ok(!strstr(kernel.asked, "5.0"), "each hook has its own");
	ok(strstr(said, "until it has new keys\nmacsec1: its keys, which"), "what is left is named at last, and once");
	kernel.asked[0] = '\0';
	equal(run_guard(MANUAL, "changed"), 0, "that by hand too");
	ok(!strcmp(kernel.asked, "off5.0 del5.0 "), "and nothing else");
}

static const struct netns blue = { .name = "blue", .directory = "/run/netns" };
static const struct netns odd = { .name = "a;id", .directory = "/run/netns" };
static const struct netns users = { .name = "of process 12", .foreign = true };

static void test_namespaces(void)
{
	begin(of_mka);
	around.nested = &blue;
	equal(run_guard(GUARD, "changed"), 0, "of MKA in another name space: as by hand");
	ok(!strcmp(kernel.asked, "off3.0 del3.0 off3.1 del3.1 sender3.1 "
		   "off3.0 del3.0 off3.1 del3.1 sender3.1 "), "the guard leaves them alone");
	ok(strstr(said, "\nmacsec0, network name space blue: its keys"), "and names them");
	kernel.asked[0] = '\0';
	equal(run_guard(MANUAL, "changed"), 0, "the other hook does not");
	ok(*kernel.asked && !strcmp(said, "macsec0, network name space blue: sends nothing until it has new keys; give each to its other ends as well: nsenter --net=/run/netns/blue ip macsec add macsec0 tx sa 0 pn 1 on key ID KEY\n"),
	   "which says how to give others there");
	around.nested = &odd;
	equal(run_guard(MANUAL, "changed"), 0, "one that is called as no shell takes it");
	ok(!strcmp(said, "macsec0, network name space a;id: sends nothing until it has new keys\n"), "is named, without a command");
	begin(of_mka);
	around.nested = &users;
	equal(run_guard(MANUAL, "changed"), 77, "what is in a user's own does not count");
	ok(strstr(kernel.asked, "del3.0") && strstr(said, "macsec0, network name space of process 12: sends nothing until it has new keys\n"), "but is deleted and told, without a command");
	kernel.delete_error = -EPERM;
	equal(run_guard(MANUAL, "changed"), 77, "nor does a failure there");
	ok(strstr(said, "macsec0, network name space of process 12: its keys cannot be deleted: Operation not permitted\n"), "which is told");
	kernel.delete_error = 0;
	kernel.interfaces[0].untold = true;
	equal(run_guard(MANUAL, "test"), 0, "its own counts");
	kernel.n = 0;
	kernel.list_error = -ETIMEDOUT;
	around.nested = NULL;
	equal(run_guard(MANUAL, "changed"), 1, "as does a kernel that does not answer");
}

/* Others who listen: hostapd, a wpa_supplicant of somebody else. */
static void test_others(void)
{
	begin(of_mka);
	around.absent = true;
	equal(run_guard(GUARD, "changed"), 77, "somebody listens, but no wpa_supplicant of the system's");
	ok(!*kernel.asked && !strncmp(said, "macsec0: its keys, which nothing replaces, are left", 51), "so nothing replaces the keys");
	kernel.interfaces[0].keys = 0;
	equal(run_guard(REPAIR, "changed"), 77, "nor is anything waited for");
	begin(of_mka);
	kernel.packets = LISTENS("888e", "7");
	equal(run_guard(GUARD, "changed"), 77, "it is there, but another listens");
	ok(!*kernel.asked && !around.stopped, "so it is not its interface");
	equal(run_guard(MANUAL, "changed"), 0, "which is the other hook's");
	ok(strstr(kernel.asked, "del3.0 off3.1 del3.1 "), "and done");
}

static void test_untold(void)
{
	begin(of_mka);
	kernel.interfaces[0].untold = true;
	equal(run_guard(GUARD, "changed"), 1, "an interface whose keys are not told is no success");
	ok(!strcmp(said, "macsec0: it has so many senders that the kernel does not tell its keys, which stay in use unless 10-macsec-manual deletes them; to stop it: ip link set macsec0 down\n"),
	   "it is named, with what helps");
	ok(!*kernel.asked, "and left alone");
	equal(run_guard(MANUAL, "changed"), 0, "the other hook deletes all that it may have");
	ok(!strcmp(kernel.asked, "off3.0 del3.0 off3.1 del3.1 off3.2 del3.2 off3.3 del3.3 "), "each number");
}

static void test_nothing(void)
{
	begin(of_mka);
	equal(run_guard(GUARD, "test"), 0, "a drill succeeds");
	ok(!*kernel.asked && !around.stopped && !strcmp(said, "macsec0: would delete its keys\n"),
	   "and changes nothing");
	equal(run_guard(GUARD, "boot-changed"), 77, "at another event there is nothing to do");
	equal(run_guard(GUARD, NULL), 77, "without one neither");
	ok(!*kernel.asked, "and nothing is asked");
	kernel.n = 0;
	equal(run_guard(GUARD, "changed"), 77, "there is no interface");
	kernel.family_error = -ENOENT;
	equal(run_guard(GUARD, "changed"), 77, "no MACsec in the kernel");
	kernel.open_error = -EPROTONOSUPPORT;
	equal(run_guard(GUARD, "changed"), 77, "no netlink");
}

static void test_failures(void)
{
	begin(of_mka);
	kernel.delete_error = -ENODEV;
	equal(run_guard(GUARD, "changed"), 0, "what is gone already is no error");
	kernel.delete_error = -EPERM;
	equal(run_guard(GUARD, "changed"), 1, "what may not be deleted is one");
	ok(strstr(said, "macsec0: its keys cannot be deleted: Operation not permitted; to stop it: ip link set macsec0 down\n"),
	   "with a remedy");
	begin(of_mka);
	kernel.interfaces[0].name = "a\x1b]b";
	kernel.delete_error = -EPERM;
	run_guard(GUARD, "changed");
	ok(!strchr(said, 0x1b) && strstr(said, "a\\x1b]b"), "a name is shown so that it is harmless");
	begin(of_mka);
	kernel.interfaces[0].name = "a$(id)";
	kernel.delete_error = -EPERM;
	run_guard(GUARD, "changed");
	ok(!strcmp(said, "a$(id): its keys cannot be deleted: Operation not permitted\n"), "and in no command if a shell took it for one");
	begin(of_mka);
	kernel.list_error = -ETIMEDOUT;
	equal(run_guard(GUARD, "changed"), 1, "a kernel that does not answer");
	begin(of_mka);
	around.walk_error = -ETIMEDOUT;
	equal(run_guard(GUARD, "changed"), 1, "name spaces that were not looked at");
	begin(of_mka);
	around.untrusted = true;
	equal(run_guard(GUARD, "changed"), 1, "a daemon that others than root can change");
	ok(!around.stopped && !*kernel.asked, "is left alone, and so are its keys");
	ok(strstr(said, "MACsec: /sbin/wpa_supplicant is not trusted: Operation not permitted\nmacsec0: its keys, which"), "which is said");
	begin(of_mka);
	around.signal_error = -EPERM;
	equal(run_guard(GUARD, "changed"), 1, "a daemon that cannot be stopped");
}

int main(void)
{
	start_daemons();
	test_guard();
	test_manual();
	test_namespaces();
	test_others();
	test_untold();
	test_nothing();
	test_failures();
	end_daemons();
	return tap_done();
}
