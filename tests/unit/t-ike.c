/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * IKE daemons in cgroups that are directories of the test: which are found, how they are
 * stopped and killed, and what is noted of them.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "hooks/association.h"
#include "scratch.h"
#include "tap.h"

static const char *mounts[2];

static void make_unit(const char *directory, pid_t pid)
{
	char path[PATH_MAX], text[16];
	size_t i;

	for (i = 0; i <= strlen(directory); i++)
		if (directory[i] == '/' || !directory[i]) {
			snprintf(path, sizeof(path), "%.*s", (int)i, directory);
			if (mkdir(scratch_path("%s", path), 0755) && errno != EEXIST)
				scratch_give_up(path);
		}
	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	snprintf(text, sizeof(text), pid ? "%d\n" : "", pid);
	scratch_write(path, text, 0644);
}

static pid_t begin_process(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	while (true)
		pause();
}

static void freeze(struct ike_unit *unit)
{
	(void)ike_freeze(unit);
}

static void test_find(void)
{
	struct ike_units units;
	size_t i;
	bool strongswan = false, nested = false;

	make_unit("cg/system.slice/strongswan.service", getpid());
	make_unit("cg/system.slice/ipsec.service", 0);
	make_unit("cg/own.slice/own-vpn.slice/openiked.service", getpid());
	make_unit("cg/user.slice/strongswan-starter.service", getpid());
	make_unit("cg/machine.slice/box.scope/system.slice/strongswan-starter.service", getpid());
	make_unit("cg/system.slice/other.service/racoon.service", getpid());
	scratch_write("cg/system.slice/strongswan.service/cgroup.freeze", "0", 0644);
	scratch_write("cg/own.slice/own-vpn.slice/openiked.service/cgroup.freeze", "0", 0644);
	ike_find(mounts, freeze, &units);
	for (i = 0; i < units.n; i++) {
		strongswan |= !strcmp(units.unit[i].name, "strongswan.service");
		nested |= !strcmp(units.unit[i].name, "openiked.service");
	}
	ok(strongswan && nested, "units are found, in slices of their own as well");
	equal(units.n, 2, "not those of users, of containers, below services, or without a process");
	ok(!strcmp(scratch_read("cg/system.slice/strongswan.service/cgroup.freeze"), "1"), "it is frozen");
	equal(ike_is_frozen(&units.unit[0]) + ike_is_frozen(&units.unit[1]), 2, "which is seen");
	ike_release(&units);
}

static void test_signals(void)
{
	pid_t pid = begin_process();
	struct ike_units units;
	int status;

	mounts[0] = scratch_path("v1");
	make_unit("v1/system.slice/strongswan.service", pid);
	ike_find(mounts, freeze, &units);
	ok(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status),
	   "without cgroups of version 2 its processes are stopped");
	equal(ike_is_frozen(&units.unit[0]), 1, "which is seen, whoever has left a note or not");
	(void)kill(pid, SIGCONT);
	ok(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status), "one that goes on");
	equal(ike_is_frozen(&units.unit[0]), 0, "is not");
	equal(ike_kill(&units.unit[0], 0), -ETIMEDOUT, "nobody has reaped it, for which there is a limit");
	ok(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	   "it is killed");
	equal(ike_kill(&units.unit[0], 0), 0, "and can be once more");
	ike_release(&units);
}

static int visit(struct netlink *xfrm, pid_t elsewhere, void *context)
{
	(void)xfrm;
	(void)elsewhere;
	++*(int *)context;
	return 0;
}

static void test_gone(void)
{
	struct ike_namespaces namespaces;
	pid_t pid = begin_process();
	struct ike_units units;
	int visits = 0;

	mounts[0] = scratch_path("gone");
	make_unit("gone/system.slice/ipsec.service", pid);
	ike_find(mounts, NULL, &units);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	equal(association_visit(&units, visit, &visits, &namespaces), -ESRCH,
	      "where no process is left nobody says that its SAs are gone");
	equal(visits, 0, "and nothing is touched");
	ike_release(&units);
}

static void test_namespaces(void)
{
	struct ike_namespaces namespaces;
	struct ike_units units;

	make_unit("here/system.slice/ipsec.service", getpid());
	make_unit("here/system.slice/strongswan.service", getpid());
	mounts[0] = scratch_path("here");
	ike_find(mounts, NULL, &units);
	ike_find_namespaces(&units, &namespaces);
	equal(namespaces.n, 1, "two daemons in one network name space");
	ok(ike_is_in(&namespaces), "which is this one");
	namespaces.inode[0]++;
	ok(!ike_is_in(&namespaces), "another is not");
	ike_release(&units);
	ike_find_namespaces(&units, &namespaces);
	ok(!namespaces.n && !ike_is_in(&namespaces), "without a daemon there is none");
}

static void test_note(void)
{
	struct association_note note = { .generation = 3 };

	association_add(&note, "strongswan-starter.service");
	ok(!association_has(&note, "strongswan.service"), "a name is a whole word");
	association_add(&note, "strongswan.service");
	association_add(&note, "strongswan.service");
	ok(!strcmp(note.units, " strongswan-starter.service strongswan.service"), "each is noted once");
	setenv("VMGEN_GENERATION", "5", 1);
	equal(association_generation(&note), 5, "a hook answers its own change");
	unsetenv("VMGEN_GENERATION");
	equal(association_generation(&note), 3, "and whoever runs it by hand that of the last guard");
}

int main(void)
{
	char path[PATH_MAX];

	scratch_create();
	snprintf(path, sizeof(path), "%s", scratch_path("cg"));
	mounts[0] = path;
	test_find();
	test_signals();
	test_gone();
	test_namespaces();
	test_note();
	return tap_done();
}
