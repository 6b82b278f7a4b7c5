/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl fence, and what vmgenctl check says of fences.
 */
#include "fenced.h"

#include <sys/syscall.h>

static int sync_error;

/* Instead of libc's. */
int fsync(int fd)
{
	errno = sync_error;
	return sync_error ? -1 : (int)syscall(SYS_fsync, fd);
}

static void test_set(void)
{
	unit("a.service", DOWN, "");
	expect(RUN("set", "a", "why"), CTL_OK, "");
	ok(FENCED("a.service") && DROPPED("a.service"), "fenced, with a drop-in");
	ok(strstr(scratch_read("units/a.service.d/zz-vmgen-fence.conf"), "/vmgenctl --state-dir="), "which asks");
	ok(strstr(scratch_read("calls"), "daemon-reload"), "and was loaded");
	expect(RUN("check", "a"), CTL_FENCED, "a.service is fenced: why");
	ok(says("\nvmgenctl: when that is fixed: vmgenctl fence lift a.service\n"),
	   "with the way out in a line of its own");
	expect(RUN("check", "b"), CTL_OK, "");
	expect(RUN("show", "a"), CTL_FENCED, "a.service is kept down: why");
	expect(RUN("list"), CTL_OK, "a.service is kept down: why");
	DROP("calls");
	expect(RUN("set", "a", "again"), CTL_OK, "");
	ok(!strstr(scratch_read("calls"), "daemon-reload"), "nothing is loaded twice");
	expect(RUN("lift", "a"), CTL_OK, "");
	ok(!FENCED("a.service") && !exists("units/a.service.d", NULL) && !exists("loaded/a.service.d", NULL),
	   "lifted: nothing of it is left");
	expect(RUN("lift", "a"), CTL_OK, "a.service is not fenced");
	expect(RUN("set", "a", ""), CTL_USAGE, "the reason is empty: say why a.service has to stay down");
	expect(RUN("set", "a", "two\nlines"), CTL_OK, "kept as one line");
	expect(RUN("lift", "a"), CTL_OK, "");
}

static void test_unknown(void)
{
	expect(RUN("set", "no-such", "why"), CTL_FAILED, "systemd knows no unit no-such.service");
	ok(!FENCED("no-such.service") && !DROPPED("no-such.service"), "and nothing is done");
	expect(RUN("set", "--force", "no-such", "why"), CTL_OK, "systemd does not know no-such.service yet");
	ok(FENCED("no-such.service") && DROPPED("no-such.service"), "with --force it is fenced");
	expect(RUN("show", "no-such"), CTL_FENCED, "is fenced, but systemd knows no such unit");
	unit("no-such.service", DOWN, "");
	expect(RUN("lift", "no-such"), CTL_OK, "");
	generation = "5";
	expect(RUN("set", "never", "why"), CTL_FAILED, "systemd knows no unit never.service");
	ok(!FENCED("never.service"), "a hook's is taken back");
	generation = NULL;
	expect(RUN("set", "x@.service", "why"), CTL_USAGE, "x@.service is a template");
	expect(RUN("set", "x.timer", "why"), CTL_USAGE, "x.timer cannot be fenced");
	expect(RUN("lift", "--force", "x"), CTL_USAGE, "--force is for fence set, not for fence lift");
	unit("x@1.service", DOWN, "");
	expect(RUN("set", "x@1", "why"), CTL_OK, "");
	ok(FENCED("x@1.service") && DROPPED("x@1.service"), "an instance is a unit");
	expect(RUN("lift", "alias-x@1.service"), CTL_OK, "");
	unit("s.socket", DOWN, "");
	expect(RUN("set", "s.socket", "why"), CTL_OK, "");
	ok(strstr(scratch_read("units/s.socket.d/zz-vmgen-fence.conf"), "[Socket]\n"), "so is a socket");
	expect(RUN("lift", "s.socket"), CTL_OK, "");
}

static void test_aliases(void)
{
	unit("real.service", DOWN, "");
	expect(RUN("set", "alias-real", "why"), CTL_OK, "");
	ok(FENCED("real.service") && !FENCED("alias-real.service") && DROPPED("real.service"),
	   "fenced by its real name, which is %%n");
	expect(RUN("check", "alias-real"), CTL_FENCED, "real.service is fenced");
	expect(RUN("show", "alias-real"), CTL_FENCED, "real.service is kept down");
	expect(RUN("lift", "alias-real"), CTL_OK, "");
	ok(!FENCED("real.service") && !exists("units/real.service.d", NULL), "and lifted by any");
	generation = "5";
	expect(RUN("set", "alias-real", "hook"), CTL_OK, "");
	ok(FENCED("real.service") && !FENCED("alias-real.service"), "a hook's goes to the real name");
	expect(RUN("lift", "real"), CTL_OK, "");
	PUT("hang", "");
	expect(RUN("set", "alias-real", "hook"), CTL_DEGRADED, "systemd does not answer");
	generation = NULL;
	DROP("hang");
	ok(FENCED("alias-real.service"), "if the manager hangs it is fenced by the name there is");
	expect(RUN("check", "real"), CTL_FENCED, "alias-real.service is fenced");
	PUT("deaf", "");
	expect(RUN("check", "real"), CTL_FAILED, "other units are fenced, and systemd gives no answer");
	DROP("deaf");
	expect(RUN("set", "alias-real", "why"), CTL_OK, "");
	ok(FENCED("real.service") && !FENCED("alias-real.service"), "an administrator's replaces it");
	expect(RUN("lift", "real"), CTL_OK, "");
	ok(!FENCED("real.service"), "it is lifted by the real one");
}

static void test_state(void)
{
	static const struct {
		const char *state, *text;
	} table[] = {
		{ DOWN, "run.service is kept down: why" },
		{ "ActiveState=failed\nSubState=failed", "run.service is kept down: why" },
		{ "ActiveState=activating\nSubState=auto-restart", "run.service is kept down: why" },
		{ "ActiveState=activating\nSubState=start-pre", "run.service is kept down: why" },
		{ UP, "run.service is fenced but RUNNING: why" },
		{ "ActiveState=activating\nSubState=start", "run.service is fenced but RUNNING: why" },
		{ "ActiveState=deactivating\nSubState=stop-sigterm", "run.service is fenced but RUNNING: why" },
		{ "ActiveState=reloading\nSubState=reload", "run.service is fenced but RUNNING: why" },
	};
	char text[64];
	size_t i;

	unit("run.service", UP, "");
	expect(RUN("set", "run", "why"), CTL_OK, "run.service is running, and a fence does not stop it: systemctl stop");
	setenv("VMGEN_GENERATION", "1", 1);
	ok(RUN("set", "run", "why") == CTL_OK && !says("is running"), "a hook that has frozen it is not told");
	unsetenv("VMGEN_GENERATION");
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		unit("run.service", table[i].state, "");
		run((const char *[]){ "check", NULL });
		ok(says("problem  fences") && says(table[i].text), "check: %s", table[i].text);
		ok(says("is kept down") == says("-> when that is fixed: vmgenctl fence lift run.service") &&
		   says("RUNNING") == says("-> systemctl stop run.service"), "with the remedy");
		expect(RUN("list"), CTL_OK, table[i].text);
	}
	for (i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "state/fence/n%zu.service", i);
		scratch_write(text, "why\n", 0600);
	}
	PUT("hang", "");
	DROP("calls");
	expect(RUN("list"), CTL_OK, "is fenced (systemd does not answer, so nobody can tell whether it is down): why");
	ok(strstr(scratch_read("calls"), "\n") && !strchr(strstr(scratch_read("calls"), "\n") + 1, '\n'),
	   "one that hangs is asked once, not seven times");
	ok(!says("kept down"), "and nothing is claimed");
	DROP("hang");
	scratch_write("state/fence/n0.service", "", 0600);
	expect(RUN("list"), CTL_OK, "state/fence/n0.service is cut short");
	expect(RUN("check", "n0"), CTL_FENCED, "the reason is not known");
	for (i = 0; i < 6; i++)
		unlink(scratch_path("state/fence/n%zu.service", i));
	expect(RUN("lift", "run"), CTL_OK, "");
}

static void test_hooks(void)
{
	unit("g.service", DOWN, "");
	generation = "7";
	expect(RUN("set", "g", "seven"), CTL_OK, "");
	expect(RUN("show", "g"), CTL_FENCED, "generation: 7 of this boot");
	generation = "6";
	expect(RUN("set", "g", "six"), CTL_OK, "fenced already, by generation 7");
	expect(RUN("lift", "g"), CTL_NEWER, "g.service stays fenced: a hook of generation 6 lifts no fence");
	ok(FENCED("g.service") && DROPPED("g.service"), "an older hook takes nothing away");
	expect(RUN("lift", "alias-g"), CTL_NEWER, "alias-g.service stays fenced");
	generation = "x";
	expect(RUN("lift", "g"), CTL_USAGE, "VMGEN_GENERATION is not a number");
	expect(RUN("set", "g", "x"), CTL_OK, "VMGEN_GENERATION is not a number");
	generation = "";
	expect(RUN("lift", "g"), CTL_USAGE, "VMGEN_GENERATION is not a number");
	generation = "7";
	expect(RUN("lift", "g"), CTL_OK, "");
	expect(RUN("set", "g", ""), CTL_OK, "");
	generation = NULL;
	expect(RUN("show", "g"), CTL_FENCED, "no reason was given");
	PUT("status.json", "{\"version\":1,\"pid\":1,\"activity\":\"stopped\",\"generation\":9}\n");
	expect(RUN("set", "g", "admin"), CTL_OK, "");
	expect(RUN("show", "g"), CTL_FENCED, "generation: 9 of this boot");
	expect(RUN("lift", "g"), CTL_OK, "");
	ok(!FENCED("g.service") && !exists("units/g.service.d", NULL), "an administrator lifts all");
}

/* As 10-replica has masked a unit. */
static void test_masked(void)
{
	unit("m.service", DOWN, "");
	ok(!RUN("set", "m", "why") && !mask_put("m.service"), "fenced and masked");
	DROP("calls");
	ok(!RUN("lift", "alias-m") && !exists("control/m.service", NULL) &&
	   strstr(scratch_read("calls"), "daemon-reload"), "who lifts its fence can start it");
	(void)mask_put("m.service");
	ok(!RUN("lift", "m") && !exists("control/m.service", NULL), "one that was left behind goes as well");
}

/* What cannot be known keeps the unit down. */
static void test_rights(void)
{
	unit("a.service", DOWN, "");
	expect(RUN("set", "a", "why"), CTL_OK, "");
	(void)chmod(scratch_path("out"), 0666);
	user = 65534;
	expect(RUN("check", "a"), CTL_NO_RIGHTS, "only root can tell whether a.service is fenced");
	expect(RUN("check", "b"), CTL_NO_RIGHTS, "only root can tell whether b.service is fenced");
	user = 0;
	(void)!chown(scratch_path("state/fence"), 65534, 0);
	expect(RUN("check", "b"), CTL_NO_RIGHTS, "cannot use");
	expect(RUN("list"), CTL_NO_RIGHTS, "cannot use");
	(void)!chown(scratch_path("state/fence"), 0, 0);
	expect(RUN("lift", "a"), CTL_OK, "");
}

/* What did not get to the disk is not done, whatever the files look like now. */
static void test_disk(void)
{
	unit("a.service", DOWN, "");
	sync_error = EIO;
	expect(RUN("set", "a", "why"), CTL_DEGRADED, "a.service is fenced, but the reason or the fence may be lost: Input/output error");
	sync_error = 0;
	expect(RUN("set", "a", "why"), CTL_OK, "");
	sync_error = EIO;
	expect(RUN("lift", "a"), CTL_FAILED, "Input/output error");
	sync_error = 0;
	expect(RUN("lift", "a"), CTL_OK, "");
}

int main(void)
{
	fenced_create();
	test_set();
	test_unknown();
	test_aliases();
	test_state();
	test_hooks();
	test_masked();
	test_rights();
	test_disk();
	return fenced_done();
}
