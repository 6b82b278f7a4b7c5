/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the drop-in of a fenced unit does, with vmgenctl and without it; and its mask.
 */
#include "ctl/systemd/dropin.h"
#include "ctl/systemd/mask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"
#include "tap.h"

#define UNIT	"many@a\\x2db.service"
#define FENCE	"state/fence/" UNIT
#define FILE	"units/" UNIT ".d/zz-vmgen-fence.conf"

/* As the service manager has it: %n is the name of the unit. */
static const char shell[] =
	"cd %s; name='" UNIT "'\n"
	"command=$(sed -n 's/^ExecStartPre=+//p' \"units/$name.d/zz-vmgen-fence.conf\" |\n"
	"	awk -v name='many@a\\\\\\\\x2db.service' '{ gsub(/%%n/, name); print }')\n"
	"{ eval \"$command\"; echo \"status $?\"; } >said 2>&1\n";

static const char *says(void)
{
	char command[PATH_MAX + sizeof(shell)];

	snprintf(command, sizeof(command), shell, scratch_directory);
	return system(command) < 0 ? "" : scratch_read("said");
}

static void test_removed(const char *state)
{
	scratch_write("vmgenctl", "#!/bin/sh\necho \"$*\"\nexit 10\n", 0755);
	equal(dropin_install(UNIT, state), 0, "written");
	ok(strstr(says(), " fence check " UNIT "\nstatus 10\n"), "it has vmgenctl decide, of the unit");
	unlink(scratch_path("vmgenctl"));
	ok(strstr(says(), "vmgenctl, which tells why, was removed: install it, or remove ") &&
	   strstr(scratch_read("said"), "\nstatus 10\n"), "without vmgenctl it tells of the fence");
	ok(strstr(scratch_read("said"), "/" FENCE " to lift"), "and where it is");
	unlink(scratch_path(FENCE));
	ok(!strcmp(says(), "status 0\n"), "a unit without a fence starts");
	equal(dropin_remove(UNIT, state), 1, "removed");
}

/* The packages take the place of an installation from source, or that of them. */
static void test_other_way(const char *state)
{
	const char *own = dropin_program;

	dropin_program = "/usr/local/bin/vmgenctl";
	equal(dropin_install(UNIT, state), 0, "written by a vmgenctl in /usr/local");
	dropin_program = own;
	ok(dropin_is_own(UNIT, state), "any other vmgenctl knows it");
	equal(dropin_install(UNIT, state), 0, "and takes it over");
	ok(strstr(scratch_read(FILE), own), "with its own path");
	dropin_program = "/usr/bin/vmgenctl";
	equal(dropin_install(UNIT, state), -EILSEQ, "but not one of a directory that nobody installs to");
	dropin_program = own;
	equal(dropin_remove(UNIT, state), 1, "removed");
	dropin_program = "/usr/bin/vmgenctl";
	equal(dropin_install(UNIT, state), 0, "written by a vmgenctl in /usr");
	dropin_program = own;
	equal(dropin_remove(UNIT, state), 1, "removed by another");
}

/* What 10-replica tries again, and what it tells at once. */
static void test_errors(const char *state)
{
	static const int pass[] = { ENOSPC, EDQUOT, ENOMEM, EMFILE, EIO, EINTR },
			 stay[] = { EROFS, EACCES, EPERM, ENOENT, ENAMETOOLONG };
	int r;
	size_t i;

	for (i = 0; i < sizeof(pass) / sizeof(pass[0]); i++)
		ok(dropin_may_pass(-pass[i]), "%s may pass", strerror(pass[i]));
	for (i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
		ok(!dropin_may_pass(-stay[i]), "%s does not", strerror(stay[i]));
	r = dropin_install(UNIT, "relative");
	ok(r == -EINVAL && !dropin_may_pass(r), "nor a state directory that is relative");
	scratch_mkdir("units/" UNIT ".d", 0755);
	scratch_write(FILE, "# mine\n", 0644);
	r = dropin_install(UNIT, state);
	ok(r == -EILSEQ && !dropin_may_pass(r), "nor a file that is somebody else's");
	unlink(scratch_path(FILE));
	rmdir(scratch_path("units/" UNIT ".d"));
	scratch_write("units/" UNIT ".d", "", 0644);
	r = dropin_install(UNIT, state);
	ok(r == -ENOTDIR && !dropin_may_pass(r), "nor one in the place of the directory");
	unlink(scratch_path("units/" UNIT ".d"));
}

static void test_mask(void)
{
	char target[sizeof("/dev/null") + 1] = "";

	mask_directory = strdup(scratch_path("control"));
	equal(mask_put(UNIT), 0, "a unit is masked");
	equal(mask_put(UNIT), 0, "also twice");
	ok(readlink(scratch_path("control/" UNIT), target, sizeof(target)) > 0 && !strcmp(target, "/dev/null"),
	   "as systemd knows it");
	ok(mask_remove(UNIT), "the mask is taken away");
	ok(!mask_remove(UNIT), "once");
	ok(!mask_put(UNIT) && !mask_put("b.service") && mask_remove_all() && !mask_remove(UNIT) && !mask_remove("b.service"),
	   "and all that there are");
	(void)!symlink("/etc/other.service", scratch_path("control/" UNIT));
	equal(mask_put(UNIT), -EEXIST, "what somebody else has put there is no mask");
	ok(!mask_remove(UNIT) && !mask_remove_all() && !unlink(scratch_path("control/" UNIT)), "and stays");
	free((char *)mask_directory);
}

int main(void)
{
	char state[PATH_MAX];

	scratch_create();
	scratch_mkdir("units", 0755);
	scratch_mkdir("state", 0700);
	scratch_mkdir("state/fence", 0700);
	scratch_write(FENCE, "why\n", 0600);
	snprintf(state, sizeof(state), "%s", scratch_path("state"));
	dropin_directory = strdup(scratch_path("units"));
	dropin_program = strdup(scratch_path("vmgenctl"));
	test_removed(state);
	test_other_way(state);
	test_errors(state);
	test_mask();
	free((char *)dropin_directory);
	free((char *)dropin_program);
	return tap_done();
}
