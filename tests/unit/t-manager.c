/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What asks for a fence before a unit starts, by what the service manager tells of it.
 */
#include "ctl/systemd/manager.h"

#include <stdlib.h>

#include "base/paths.h"
#include "base/systemd.h"
#include "scratch.h"
#include "tap.h"

#define COMMAND(program, words, ignore) \
	"ExecStartPre={ path=" program " ; argv[]=" program " " words " ; ignore_errors=" ignore " ; pid=0 }\n"

/* Instead of what this system has. */
bool systemd_runs(void)
{
	return true;
}

static const char systemctl[] = "#!/bin/sh\nfor unit; do :; done\ncat ${0%/bin/*}/known/$unit\n";

static void unit(const char *name, const char *commands)
{
	char text[2048], file[64];

	snprintf(text, sizeof(text), "Id=%s\nNames=%s\nLoadState=loaded\nActiveState=inactive\nSubState=dead\n%s",
		 name, name, commands);
	snprintf(file, sizeof(file), "known/%s", name);
	scratch_write(file, text, 0644);
}

/* What the directory that everybody uses needs not be told. */
static void test_usual(void)
{
	static const struct {
		const char *name, *commands;
		bool asks;
	} table[] = {
		{ "samba-ad-dc.service", COMMAND("/usr/sbin/vmgend-samba-ad", "before-start", "no"), true },
		{ "samba-ad-dc.service", COMMAND("/usr/sbin/vmgend-samba-ad", "before-start --dry-run", "no"), false },
		{ "other.service", COMMAND("/usr/sbin/vmgend-samba-ad", "before-start", "no"), false },
		{ "other.service", COMMAND("/usr/sbin/vmgend-samba-ad", "before-start --configfile=/x --unit=other.service", "no"), true },
		{ "other.service", COMMAND("vmgenctl", "fence check other.service", "no"), true },
		{ "other.service", COMMAND("vmgenctl", "fence check", "no"), false },
		{ "other.service", COMMAND("vmgenctl", "--state-dir=/x fence check other.service", "no"), false },
	};
	struct manager_unit known;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		unit(table[i].name, table[i].commands);
		ok(!manager_ask(table[i].name, PATH_STATE_DIR, "/", 20000, &known) && known.asks == table[i].asks,
		   "usual %zu", i);
	}
}

/* As "vmgend-samba-ad protect" writes it. */
static void test_guarded(void)
{
	static const struct {
		const char *tested, *run, *words;
		bool asks;
	} table[] = {
		{ "vmgend-samba-ad", "vmgend-samba-ad", " before-start --unit=dc.service", true },
		{ "vmgend-samba-ad", "vmgend-samba-ad", " before-start --unit=other.service", false },
		{ "vmgend-samba-ad", "vmgend-samba-ad", "", false },
		{ "vmgend-samba-ad", "vmgend-samba-ad-2", " before-start --unit=dc.service", false },
		{ "bin", "vmgend-samba-ad", " before-start --unit=dc.service", false },
		/* A package that was removed. */
		{ "removed/vmgend-samba-ad", "removed/vmgend-samba-ad", " before-start --unit=dc.service", false },
	};
	struct manager_unit known;
	char text[1024];
	size_t i;

	scratch_write("vmgend-samba-ad", "", 0755);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(text, sizeof(text), "ExecStartPre={ path=/bin/sh ; argv[]=/bin/sh -c test ! -e %s/%s"
			 " || exec %s/%s%s ; ignore_errors=no ; start_time=[n/a] }\n", scratch_directory, table[i].tested,
			 scratch_directory, table[i].run, table[i].words);
		unit("dc.service", text);
		ok(!manager_ask("dc.service", PATH_STATE_DIR, "/", 20000, &known) && known.asks == table[i].asks,
		   "guarded %zu", i);
	}
	unit("dc.service", "ExecStartPre={ path=/bin/sh ; argv[]=/bin/sh -c true ; ignore_errors=no ; }\n");
	ok(!manager_ask("dc.service", PATH_STATE_DIR, "/", 20000, &known) && !known.asks, "another shell");
}

/* systemctl 252 quotes names and paths with a backslash, but not what is executed. */
static void test_quoted(void)
{
	static const char name[] = "many@a\\x2db.service", drop_in[] = "/etc/many@a\\x2db.service.d/x.conf",
	      says[] = "Id=many@a\\x2db.service\nNames=\"many@a\\\\x2db.service\" other.service\n"
		       "LoadState=loaded\nActiveState=inactive\nSubState=dead\n"
		       "DropInPaths=/etc/a.conf \"/etc/many@a\\\\x2db.service.d/x.conf\"\n";
	struct manager_unit known;
	char text[1024];

	snprintf(text, sizeof(text), "%s%s", says, COMMAND("vmgenctl", "fence check many@a\\x2db.service", "no"));
	scratch_write("known/quoted", text, 0644);
	ok(!manager_ask("quoted", PATH_STATE_DIR, drop_in, 20000, &known), "a unit with a backslash in its name");
	ok(manager_has_name(&known, name) && manager_has_name(&known, "other.service"), "has that name");
	ok(known.has_drop_in && known.asks, "and its drop-in, by which it asks");
	ok(!manager_has_name(&known, "many@a\\\\x2db.service"), "no other");
}

int main(void)
{
	char path[2 * PATH_MAX];

	scratch_create();
	scratch_mkdir("bin", 0755);
	scratch_mkdir("known", 0755);
	scratch_write("bin/systemctl", systemctl, 0755);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", scratch_path("bin"));
	(void)setenv("PATH", path, 1);
	test_usual();
	test_guarded();
	test_quoted();
	return tap_done();
}
