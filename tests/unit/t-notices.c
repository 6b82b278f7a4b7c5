/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgend-samba-ad leaves to an administrator, as vmgenctl check tells it.
 */
#include "asked.h"

#include "record/noticefile.h"

#define NOTICES "state/samba-ad/notices"

static void make_directories(void)
{
	scratch_mkdir("state", 0700);
	expect("check", CTL_OK, "This machine is protected.");
	scratch_mkdir("state/samba-ad", 0700);
	expect("check", CTL_OK, "This machine is protected.");
	scratch_mkdir(NOTICES, 0700);
	expect("check", CTL_OK, "This machine is protected.");
}

static void test_notices(void)
{
	scratch_write(NOTICES "/.partners.1.new", "DC8\n", 0600);
	expect("check", CTL_OK, "This machine is protected.");
	scratch_write(NOTICES "/partners", "DC2 has not been heard: start it\nsecond line\n", 0600);
	expect("check", CTL_DEGRADED, "problem  samba-ad  partners: DC2 has not been heard: start it\n");
	ok(says("but see the problems above") && !says("second line") && !says("DC8"), "and nothing else");
	expect("check --json", CTL_DEGRADED,
	       "\"name\":\"samba-ad\",\n      \"state\":\"problem\",\n      \"text\":\"partners: DC2 has");
	scratch_write(NOTICES "/sysvol", "it is old\n", 0600);
	expect("check", CTL_DEGRADED, "start it\nproblem  samba-ad  sysvol: it is old\n");
}

/* Of several instances each has its own. */
static void test_units(void)
{
	scratch_mkdir("state/samba-ad/units", 0700);
	expect("check", CTL_DEGRADED, "sysvol: it is old\n");
	scratch_mkdir("state/samba-ad/units/second.service", 0700);
	scratch_mkdir("state/samba-ad/units/second.service/notices", 0700);
	scratch_mkdir("state/samba-ad/units/lock", 0700);
	scratch_mkdir("state/samba-ad/units/lock/notices", 0700);
	scratch_write("state/samba-ad/units/lock/notices/x", "of no unit\n", 0600);
	scratch_write("state/samba-ad/units/second.service/notices/rids", "too few\n", 0600);
	expect("check", CTL_DEGRADED, "problem  samba-ad  second.service rids: too few\n");
	ok(says("sysvol: it is old\n") && !says("of no unit"), "beside those of no unit");
	unlink(scratch_path("state/samba-ad/units/second.service/notices/rids"));
	unlink(scratch_path("state/samba-ad/units/lock/notices/x"));
}

/* Whatever lies there is told, and nothing of it is followed or waited for. */
static void test_strange(void)
{
	char text[2 * NOTICE_SIZE];

	unlink(scratch_path(NOTICES "/.partners.1.new"));
	unlink(scratch_path(NOTICES "/partners"));
	unlink(scratch_path(NOTICES "/sysvol"));
	scratch_write("secret", "secret\n", 0600);
	(void)!symlink("../../../secret", scratch_path(NOTICES "/link"));
	expect("check", CTL_DEGRADED, "samba-ad  notice link is a symbolic link\n");
	ok(!says("secret") && says("-> remove it;"), "it is not followed");
	unlink(scratch_path(NOTICES "/link"));
	(void)mkfifo(scratch_path(NOTICES "/pipe"), 0600);
	expect("check", CTL_DEGRADED, "samba-ad  notice pipe is not a regular file\n");
	unlink(scratch_path(NOTICES "/pipe"));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	scratch_write(NOTICES "/large", text, 0600);
	expect("check", CTL_DEGRADED, "samba-ad  notice large is too large\n");
	strcpy(text + NOTICE_SIZE - 2, "\n");
	scratch_write(NOTICES "/large", text, 0600);
	expect("check", CTL_DEGRADED, "samba-ad  large: xxxx");
	ok(says(strtok(text, "\n")), "one that just fits is whole");
	unlink(scratch_path(NOTICES "/large"));
	scratch_write(NOTICES "/empty", "", 0600);
	expect("check", CTL_DEGRADED, "samba-ad  notice empty is cut short\n");
	unlink(scratch_path(NOTICES "/empty"));
	scratch_write(NOTICES "/other", "mine\n", 0600);
	(void)!chown(scratch_path(NOTICES "/other"), 65534, 65534);
	expect("check", CTL_DEGRADED, "samba-ad  notice other belongs to another user\n");
	unlink(scratch_path(NOTICES "/other"));
	scratch_write(NOTICES "/\033[2Jevil", "a\033[31m\xe2\x80\xae\n", 0600);
	expect("check", CTL_DEGRADED, "samba-ad  \\x1b[2Jevil: a\\x1b[31m\\u202e\n");
	unlink(scratch_path(NOTICES "/\033[2Jevil"));
}

static void count(const struct notice *notice, void *context)
{
	(void)notice;
	++*(int *)context;
}

static void test_many(void)
{
	int i, n = 0;

	for (i = 0; i < NOTICES_MOST + 9; i++) {
		char name[64];

		snprintf(name, sizeof(name), NOTICES "/n%d", i);
		scratch_write(name, "x\n", 0600);
	}
	equal(notice_each(scratch_path("state"), count, &n), 0, "there may be many");
	equal(n, NOTICES_MOST, "but not everything is told");
	for (i = 0; i < NOTICES_MOST + 9; i++)
		unlink(scratch_path(NOTICES "/n%d", i));
	expect("check", CTL_OK, "This machine is protected.");
}

/* What cannot be looked at is not well. */
static void test_places(void)
{
	(void)!chown(scratch_path(NOTICES), 65534, 65534);
	expect("check", CTL_DEGRADED, "cannot look for notices in ");
	equal(rmdir(scratch_path(NOTICES)), 0, "nothing was left there");
	(void)!symlink("/tmp", scratch_path(NOTICES));
	expect("check", CTL_DEGRADED, "cannot look for notices in ");
	unlink(scratch_path(NOTICES));
	expect("check", CTL_OK, "This machine is protected.");
}

int main(void)
{
	asked_create();
	unlink(scratch_path("first/40-open"));
	unlink(scratch_path("settings/50-settings.conf"));
	make_directories();
	test_notices();
	test_units();
	test_strange();
	test_many();
	test_places();
	return tap_done();
}
