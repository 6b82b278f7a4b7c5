/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which services "auto" stands for in the list of 80-restart-units: by the processes of a census
 * and what a service manager, which is played, says of their units.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ctl/check/generators.h"
#include "ctl/check/restarts.h"
#include "scratch.h"
#include "tap.h"

#define ORDINARY	"Type=notify\nActiveState=active\nTransient=no\nRefuseManualStop=no\n"

static struct census census;
static struct ctl ctl;
static char answer[1 << 16];

/* Its process has a generator that was copied. */
static void have(const char *unit, int pid, unsigned int kinds)
{
	size_t n = census.n_units++, m = census.n_members++;

	snprintf(census.units[n].unit, sizeof(census.units[n].unit), "%s", unit);
	census.units[n].kinds = kinds;
	census.members[m].pid = pid;
	census.members[m].unit = n;
	census.members[m].kinds = kinds;
}

static void say(const char *unit, int main, const char *rest)
{
	size_t used = strlen(answer);

	snprintf(answer + used, sizeof(answer) - used, "%sId=%s\nMainPID=%d\n%s", used ? "\n" : "", unit,
		 main, rest);
}

/* As nearly all units are. */
static void both(const char *unit)
{
	have(unit, 100 + census.n_units, 1U << CENSUS_GNUTLS);
	say(unit, 99 + census.n_units, ORDINARY);
}

static void begin(const char *list)
{
	memset(&census, 0, sizeof(census));
	*answer = '\0';
	scratch_write("list", list, 0644);
	unlink(scratch_path("asked"));
}

static int mark(bool automatic)
{
	scratch_write("answer", answer, 0644);
	return restarts_mark(&ctl, automatic, &census);
}

static void shows(const char *expected, const char *what)
{
	char text[2048] = "";
	size_t i, used = 0;

	for (i = 0; i < census.n_units; i++)
		if (census.units[i].restarted)
			used += snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "",
					 census.units[i].unit);
	if (!ok(!strcmp(text, expected), "%s", what))
		printf("# %s\n", text);
}

static bool was_asked(void)
{
	return !access(scratch_path("asked"), F_OK);
}

static void test_lists(void)
{
	begin("exim4\n");
	both("exim4.service");
	both("cups.service");
	equal(mark(false), 0, "a list of names");
	shows("exim4.service", "has the named ones restarted");
	ok(!was_asked(), "and nobody is asked");
	equal(mark(true), 0, "what auto would stand for");
	shows("exim4.service cups.service", "are those with a copied generator, listed or not");
	begin("auto\n!cups # prints\nidle\n");
	both("exim4.service");
	both("cups.service");
	equal(mark(false), 0, "auto with an exception");
	shows("exim4.service", "leaves that out");
	equal(mark(true), 0, "so does the list for the hook");
	shows("exim4.service", "which is the same");
	begin("auto\ncups\n");
	both("cups.service");
	have("dead.service", 7, 1U << CENSUS_NSS);
	equal(mark(false), 0, "auto and a name");
	shows("cups.service", "add up");
	begin("auto\n");
	have("new.service", 7, 1U << CENSUS_PROTECTED);
	have("boring.service", 8, 1U << CENSUS_SENTINEL);
	equal(mark(false), 0, "where none has a copied generator");
	ok(!was_asked(), "nobody is asked");
}

static void test_never(void)
{
	static const char *const never[] = {
		"dbus.service", "dbus-broker.service", "systemd-logind.service", "gdm3.service", "lightdm.service",
		"sddm.service", "display-manager.service", "user@1000.service", "getty@tty1.service",
		"serial-getty@ttyS0.service", "systemd-nspawn@web.service", "systemd-machined.service",
		"docker.service", "containerd.service", "libvirtd.service", "vmgend.service",
		"systemd-udevd.service", "corosync.service", "nbd@nbd0.service",
		"openvpn-client@office.service", "tailscaled.service",
	};
	size_t i;

	begin("auto\n");
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		both(never[i]);
	both("dbus-user.service");
	equal(mark(false), 0, "what the system or somebody's work stands on");
	shows("dbus-user.service", "is never restarted by auto, but what only begins like it is");
	begin("docker\n");
	both("docker.service");
	equal(mark(false), 0, "who lists it by its name");
	shows("docker.service", "has it restarted");
}

static void test_states(void)
{
	begin("auto\n");
	have("worker.service", 10, 1U << CENSUS_UNPROTECTED);
	say("worker.service", 11, ORDINARY);
	have("none.service", 12, 1U << CENSUS_UNPROTECTED);
	say("none.service", 0, ORDINARY);
	have("first.service", 14, 1U << CENSUS_JAVA);
	have("second.service", 15, 1U << CENSUS_JAVA);
	/* It may have the number of another's process by now. */
	say("second.service", 14, ORDINARY);
	have("once.service", 16, 1U << CENSUS_STATIC);
	say("once.service", 16, "Type=oneshot\nActiveState=active\nTransient=no\nRefuseManualStop=no\n");
	have("starts.service", 17, 1U << CENSUS_STATIC);
	say("starts.service", 17, "Type=simple\nActiveState=activating\nTransient=no\nRefuseManualStop=no\n");
	have("run-r1.service", 18, 1U << CENSUS_STATIC);
	say("run-r1.service", 18, "Type=simple\nActiveState=active\nTransient=yes\nRefuseManualStop=no\n");
	have("auditd.service", 19, 1U << CENSUS_STATIC);
	say("auditd.service", 19, "Type=forking\nActiveState=active\nTransient=no\nRefuseManualStop=yes\n");
	have("ssh@1-192.0.2.1:22-192.0.2.9:51000.service", 23, 1U << CENSUS_UNPROTECTED);
	say("ssh@1-192.0.2.1:22-192.0.2.9:51000.service", 23, ORDINARY "StandardInput=socket\n");
	have("cut.service", 20, 1U << CENSUS_STATIC);
	say("cut.service", 20, "Type=simple\n");
	have("good.service", 21, 1U << CENSUS_BORINGSSL);
	say("good.service", 21, ORDINARY);
	have("zeroed.service", 22, 1U << CENSUS_SENTINEL);
	/* It is not on the list of those with a copied one. */
	census.n_members--;
	say("zeroed.service", 22, ORDINARY);
	say("foreign.service", 21, ORDINARY);
	equal(mark(false), 0, "states of units");
	shows("good.service", "only an active service counts, whose main process has it");
}

static void test_fences(void)
{
	begin("auto\n");
	both("kept.service");
	both("broken.service");
	both("free.service");
	scratch_mkdir("state/fence", 0700);
	scratch_write("state/fence/kept.service", "why\n", 0600);
	scratch_mkdir("state/fence/broken.service", 0700);
	equal(mark(false), 0, "fences");
	shows("free.service", "one that is fenced, or may be, is left out");
}

static void test_manager(void)
{
	begin("auto\n");
	both("exim4.service");
	scratch_write("bin/systemctl", "#!/bin/sh\nexit 1\n", 0755);
	equal(mark(false), -EIO, "a service manager that fails is told");
	shows("", "and nothing is restarted");
	scratch_write("bin/systemctl", "#!/bin/sh\nyes\n", 0755);
	equal(mark(false), -EFBIG, "so is one that does not end");
	shows("", "and nothing is restarted then");
}

static void test_told(void)
{
	struct findings findings = { .list = json_object_new_array() };
	const char *told;

	begin("");
	have("boring.service", 7, 1U << CENSUS_SENTINEL);
	have("aws.service", 8, 1U << CENSUS_BORINGSSL);
	generators_tell(&census, &findings);
	told = json_object_to_json_string_ext(findings.list, JSON_C_TO_STRING_PLAIN);
	if (!ok(strstr(told, "\"ok\",\"text\":\"services and other processes with BoringSSL, which vmgend tells to reseed at a change:  1: boring.service") &&
		strstr(told, "\"note\",\"text\":\"services and other processes with BoringSSL or AWS-LC, whose random numbers every clone has as well: 1: aws.service") &&
		json_object_array_length(findings.list) == 2,
		"what vmgend reaches by its sentinel is well, and what it does not is told"))
		printf("# %s\n", told);
	json_object_put(findings.list);
}

int main(void)
{
	char path[PATH_MAX], script[3 * PATH_MAX];

	scratch_create();
	scratch_mkdir("state", 0700);
	scratch_mkdir("bin", 0755);
	ctl.state_dir = strdup(scratch_path("state"));
	restarts_list = strdup(scratch_path("list"));
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", scratch_path("bin"));
	setenv("PATH", path, 1);
	snprintf(script, sizeof(script), "#!/bin/sh\necho \"$@\" >%s/asked\ncat %s/answer\n",
		 scratch_directory, scratch_directory);
	scratch_write("bin/systemctl", script, 0755);
	test_lists();
	test_never();
	test_states();
	test_fences();
	test_manager();
	test_told();
	return tap_done();
}
