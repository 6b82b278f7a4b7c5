/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Names of units, and what is taken of the administrator's lists of them and said of mistakes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/unitlist.h"
#include "base/unitname.h"
#include "scratch.h"
#include "tap.h"

static struct unitlist list;
static enum unitlist_kind kind;

static void test_names(void)
{
	char unit[NAME_MAX + 1], name[NAME_MAX + 2];

	ok(!unitname_complete("samba-ad-dc", unit) && !strcmp(unit, "samba-ad-dc.service"), "a service needs no suffix");
	ok(!unitname_complete("a@b\\x2d1.socket", unit) && !strcmp(unit, "a@b\\x2d1.socket"), "others have theirs");
	ok(!unitname_complete("python3.11", unit) && !strcmp(unit, "python3.11.service"), "not every dot begins one");
	equal(unitname_complete("", unit), -EINVAL, "refused: no name");
	equal(unitname_complete("../x", unit), -EINVAL, "refused: a path");
	equal(unitname_complete("a/b", unit), -EINVAL, "refused: a path without dots");
	equal(unitname_complete(".service", unit), -EINVAL, "refused: a suffix alone");
	equal(unitname_complete("a b", unit), -EINVAL, "refused: a space");
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	equal(unitname_complete(name, unit), -EINVAL, "refused: a name that no file can have");
}

/* As the kernel prints it; what users make below their own units is theirs. */
static const struct {
	const char *cgroups, *unit;
} groups[] = {
	{ "0::/system.slice/nginx.service\n", "nginx.service" },
	{ "0::/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service" },
	{ "0::/init.scope\n", "init.scope" },
	{ "0::/system.slice/_cpu.stat.service\n", "cpu.stat.service" },
	{ "12:pids:/x.service\n1:name=systemd:/system.slice/ssh.service\n0::/system.slice/no.service\n", "ssh.service" },
	{ "0::/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service\n", "user@1000.service" },
	{ "0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope" },
	{ "0::/system.slice/a.service/system.slice/b.service\n", "a.service" },
	{ "0::/system.slice/docker-0123.scope/system.slice/b.service\n", "docker-0123.scope" },
	{ "0::/user.slice/user-1000.slice/user@1000.service/1:name=systemd:/system.slice/b.service\n",
	  "user@1000.service" },
	{ "0::/a:name=systemd:/system.slice/b.service\n", NULL },
	{ "0::/lxc.payload/system.slice/nginx.service\n", NULL },
	{ "0::/../system.slice/nginx.service\n", NULL },
	{ "0::/system.slice/nginx.service (deleted)\n", NULL },
	{ "0::/system.slice/$(reboot).service\n", NULL },
	{ "0::/system.slice/nginx\n", NULL },
	{ "0::/system.slice\n", NULL },
	{ "0::/\n", NULL },
	{ "0::\n", NULL },
	{ "4:cpu:/system.slice/nginx.service\n", NULL },
	{ "", NULL },
};

static void test_cgroups(void)
{
	char text[8192], unit[NAME_MAX + 1];
	size_t i;
	int r;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		strcpy(unit, "-");
		r = unitname_of_cgroups(groups[i].cgroups, unit);
		ok(groups[i].unit ? !r && !strcmp(unit, groups[i].unit) : r == -ENOENT && !strcmp(unit, "-"),
		   "%s of cgroup %zu", groups[i].unit ?: "no unit", i);
	}
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "0::/", 4);
	equal(unitname_of_cgroups(text, unit), -ENOENT, "no unit of one that is too long");
	strcpy(text + 300, ".service\n");
	equal(unitname_of_cgroups(text, unit), -ENOENT, "nor of a name that is");
}

static void read_text(const char *text, mode_t mode)
{
	scratch_write("list", text, mode);
	unitlist_read(scratch_path("list"), kind, &list);
}

static bool lists(const char *expected)
{
	char text[1024] = "";
	size_t i, used = 0;

	for (i = 0; i < list.n; i++)
		used += snprintf(text + used, sizeof(text) - used, "%s%u %s", i ? ", " : "",
				 list.entries[i].line, list.entries[i].unit);
	if (!strcmp(text, expected))
		return true;
	printf("# %s\n# %s\n", text, list.faults);
	return false;
}

static void test_lines(void)
{
	read_text("# nginx\n\n etcd # of three\nmariadb.service\t#\npostgresql@15-main\na.socket", 0644);
	ok(lists("3 etcd.service, 4 mariadb.service, 5 postgresql@15-main.service, 6 a.socket"),
	   "names, comments, and a last line without an end");
	ok(!*list.faults, "without a mistake");
	read_text("etcd\na.socket\netcd.service # again\na\n", 0644);
	ok(lists("1 etcd.service, 2 a.socket, 4 a.service") && !*list.faults, "one that is listed twice is one");
	read_text("", 0644);
	ok(lists("") && !*list.faults, "an empty file");
	unitlist_read(scratch_path("none"), kind, &list);
	ok(lists("") && !*list.faults, "no file");
}

/* What 80-restart-units takes beside names. */
static void test_auto(void)
{
	const char *text = "a\n\nauto # all\n!exim4 # but this\nauto\n!a.socket\n";
	const struct unitlist_entry *entry;

	read_text("auto\n", 0644);
	ok(lists("1 auto.service") && !list.automatic, "where nobody finds units, auto is the name of one");
	read_text(text, 0644);
	ok(lists("1 a.service, 3 auto.service") && strstr(list.faults, "\"!exim4\" is not the name of a unit"),
	   "and an exception is none");
	kind = UNITLIST_AUTO;
	read_text(text, 0644);
	equal(list.automatic, 3, "else it is a line of its own, the first counts");
	ok(lists("1 a.service, 4 exim4.service, 6 a.socket") && !*list.faults, "beside names");
	entry = unitlist_find(&list, "exim4.service");
	ok(entry && entry->excepted && !unitlist_find(&list, "a.service")->excepted, "and exceptions");
	ok(!unitlist_find(&list, "exim4"), "a unit is found by its full name");
	read_text("auto.service\n!auto", 0644);
	ok(!list.automatic && lists("1 auto.service"), "one of that name is written in full");
	ok(strstr(list.faults, "line 2: line 1 says the opposite of auto.service: take one out\n"),
	   "one that is listed and excepted is a mistake");
	read_text("auto.service\n", 0644);
	ok(lists("1 auto.service") && !*list.faults, "which is fixed by taking one out");
	read_text("!\n!a!\n!! a\nauto x\n! a\n", 0644);
	ok(lists("") && !list.automatic, "what is not the name of a unit is none with a mark, either");
	kind = UNITLIST_PLAIN;
}

static const struct {
	const char *line, *words;
} mistakes[] = {
	{ "etcd mariadb", "line 2: has more than one unit: write each in a line of its own\n" },
	{ "etcd, mariadb", "line 2: has more than one unit" },
	{ "../etcd", "line 2: \"../etcd\" is not the name of a unit\n" },
	{ "$(reboot)", "line 2: \"$(reboot)\" is not the name of a unit\n" },
	{ "\x1b[2Jx", "line 2: \"\\x1b[2Jx\" is not the name of a unit\n" },
};

static void test_mistakes(void)
{
	char text[64];
	size_t i;

	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		snprintf(text, sizeof(text), "a\n%s\nb\n", mistakes[i].line);
		read_text(text, 0644);
		ok(lists("1 a.service, 3 b.service") && strstr(list.faults, mistakes[i].words),
		   "the other lines count: %s", mistakes[i].words);
	}
}

static void test_zero(void)
{
	FILE *file = fopen(scratch_path("list"), "w");

	fwrite("a\0b\nc\n", 6, 1, file);
	fclose(file);
	unitlist_read(scratch_path("list"), kind, &list);
	ok(lists("2 c.service") && strstr(list.faults, "line 1: holds a zero byte"), "a zero byte hides nothing");
}

static void test_many(void)
{
	FILE *file = fopen(scratch_path("list"), "w");
	int i;

	for (i = 0; i < UNITLIST_MAX + 100; i++)
		fprintf(file, "a@%d\n", i);
	fclose(file);
	unitlist_read(scratch_path("list"), kind, &list);
	equal(list.n, UNITLIST_MAX, "no more than there is room for");
	ok(strstr(list.faults, "line 257: is one more than the 256 units"), "which is told");
	ok(list.faults[strlen(list.faults) - 1] == '\n', "in whole lines");
}

static void test_trust(void)
{
	read_text("a\n", 0664);
	ok(lists("") && strstr(list.faults, "can be written by others than root") &&
	   strstr(list.faults, "nothing of it is used"), "what others can change is not used");
	read_text("a\n", 0644);
	if (symlink(scratch_path("list"), scratch_path("link")))
		scratch_give_up("symlink");
	unitlist_read(scratch_path("link"), kind, &list);
	ok(lists("") && strstr(list.faults, "is a symbolic link"), "nor a link");
	unitlist_read(scratch_path("."), kind, &list);
	ok(lists("") && *list.faults, "nor a directory");
}

int main(void)
{
	scratch_create();
	test_names();
	test_cgroups();
	test_lines();
	test_auto();
	test_mistakes();
	test_zero();
	test_many();
	test_trust();
	return tap_done();
}
