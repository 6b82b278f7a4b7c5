/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What 50-macsec does and says, and that no daemon stays stopped.
 */
#include "macsec.h"

static void note_newer(void)
{
	supplicants_note(8);
}

static void supersede(void)
{
	note_newer();
	signal_daemon(MACSEC, SIGSTOP);
}

static void terminate(void)
{
	raise(SIGTERM);
}

/* What the guard has stopped goes on, no matter what has happened since. */
static void test_stopped(void)
{
	begin(of_mka);
	equal(run_guard(GUARD, "changed"), 0, "the guard has stopped it");
	kernel.n = 0;
	equal(run_guard(REPAIR, "changed"), 0, "its interface is gone");
	ok(!is_stopped(daemons[MACSEC].pid) && !strcmp(said, "wpa_supplicant continues\n"), "it goes on");
	begin(of_mka);
	kernel.delete_error = -EPERM;
	equal(run_guard(GUARD, "changed"), 1, "its keys could not be deleted");
	run_guard(REPAIR, "changed");
	ok(!is_stopped(daemons[MACSEC].pid), "it goes on");
	begin(of_mka);
	signal_daemon(WIFI, SIGSTOP);
	kernel.list_error = -ETIMEDOUT;
	equal(run_guard(REPAIR, "changed"), 1, "the kernel does not answer");
	ok(!is_stopped(daemons[WIFI].pid), "it goes on");
	begin(of_mka);
	kernel.interfaces[0].keys = 0;
	around.waits = terminate;
	equal(run_guard(REPAIR, "changed"), 1, "the hook is told to end");
	ok(around.stopped == 1 && !is_stopped(daemons[MACSEC].pid), "it goes on");
	ok(!strcmp(said, "it was to end before new keys were agreed on\n"), "and that is said");
}

static void test_superseded(void)
{
	static const char newer[] = "a newer change has stopped wpa_supplicant again, and its 50-macsec continues it\n";

	begin(of_mka);
	kernel.interfaces[0].keys = 0;
	around.waits = supersede;
	equal(run_guard(REPAIR, "changed"), 0, "a newer guard stops it while the hook waits");
	ok(is_stopped(daemons[MACSEC].pid) && !around.continued && !strcmp(said, newer), "so it stays stopped");
	equal(run_guard(REPAIR, "changed"), 0, "or before");
	ok(is_stopped(daemons[MACSEC].pid) && !around.continued && !strcmp(said, newer), "likewise");
	begin(of_mka);
	kernel.interfaces[0].keys = 0;
	around.goes_on = note_newer;
	equal(run_guard(REPAIR, "changed"), 0, "or just then");
	ok(is_stopped(daemons[MACSEC].pid) && !strcmp(said, newer), "it is stopped again");
	setenv("VMGEN_GENERATION", "8", 1);
	around.goes_on = NULL;
	around.keys_then = 1;
	equal(run_guard(REPAIR, "changed"), 0, "the hook of that change");
	ok(!is_stopped(daemons[MACSEC].pid), "lets it go on");
	signal_daemon(MACSEC, SIGSTOP);
	unsetenv("VMGEN_GENERATION");
	kernel.n = 0;
	equal(run_guard(REPAIR, "changed"), 0, "and so it does by hand");
	ok(!is_stopped(daemons[MACSEC].pid), "of whichever change");
}

static void test_agree(void)
{
	begin(of_mka);
	kernel.interfaces[0].keys = 0;
	around.keys_then = 1;
	equal(run_guard(REPAIR, "changed"), 0, "a daemon that goes on agrees on keys");
	ok(around.stopped == 1 && around.continued == 1, "it is stopped, and goes on");
	equal(around.silence, 8000, "in between it is silent for longer than the others wait");
	ok(!strcmp(kernel.asked, "sender3.1 "), "and has no senders left");
	ok(!strcmp(said, "new keys are agreed on\n"), "this is said when there are keys");
	begin(of_mka);
	kernel.interfaces[0].keys = 0;
	equal(run_guard(REPAIR, "changed"), 1, "there are none, and the wait has an end");
	ok(!strncmp(said, "macsec0 has no new keys yet: ", 29), "that is said, with the name");
	equal(around.continued, 1, "the daemon goes on all the same");
	begin(of_mka);
	kernel.interfaces[0].keys = 0;
	equal(run_guard(REPAIR, "test"), 77, "a drill waits for nothing");
	equal(run_guard(REPAIR, "boot-changed"), 77, "nor does another event");
	ok(!around.stopped && !around.silence && !*kernel.asked, "and nothing is changed");
	begin(of_mka);
	equal(run_guard(REPAIR, "changed"), 77, "it has its keys");
	begin(by_hand);
	equal(run_guard(REPAIR, "changed"), 77, "keys by hand: there is no daemon");
	begin(by_hand);
	kernel.interfaces[0].keys = 0;
	kernel.interfaces[0].received = 1;
	equal(run_guard(REPAIR, "changed"), 77, "nor where such keys were deleted");
	equal(run_guard(GUARD, "changed"), 77, "and the guard sees none");
	kernel.n = 0;
	equal(run_guard(REPAIR, "changed"), 77, "there is no interface");
	kernel.family_error = -ENOENT;
	equal(run_guard(REPAIR, "changed"), 77, "no MACsec in the kernel");
	kernel.family_error = -ETIMEDOUT;
	equal(run_guard(REPAIR, "changed"), 1, "a kernel that does not answer");
	ok(!around.stopped, "nothing is stopped");
}

/* Its number stays its own. */
static void end_the_other(void)
{
	siginfo_t info;

	kill(daemons[WIFI].pid, SIGKILL);
	waitid(P_PID, daemons[WIFI].pid, &info, WEXITED | WNOWAIT);
}

static void test_restart(void)
{
	char packets[256];

	begin(of_mka);
	snprintf(packets, sizeof(packets), HEADER "0 3 2 888e 7 1 0 0 %llu\n0 3 2 888e 7 1 0 0 %llu\n",
		 (unsigned long long)daemons[MACSEC].inode, (unsigned long long)daemons[WIFI].inode);
	kernel.packets = packets;
	kernel.interfaces[0].keys = 0;
	around.restarts = true;
	around.goes_on = end_the_other;
	around.keys_then = 1;
	equal(run_guard(REPAIR, "changed"), 0, "a daemon ends, and another one agrees on keys");
	ok(!strcmp(said, "new keys are agreed on\n"), "which is said");
}

int main(void)
{
	start_daemons();
	test_stopped();
	test_superseded();
	test_agree();
	test_restart();
	end_daemons();
	return tap_done();
}
