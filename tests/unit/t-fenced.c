/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl fence, and what vmgenctl check says of fences, with a service manager
 * that this test plays: it has loaded what it says, not what lies on the disk.
 */
int vmgenctl_main(int argc, char **argv);
#define main vmgenctl_main
#include "ctl/main.c"
#undef main

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/systemd.h"
#include "ctl/systemd/dropin.h"
#include "ctl/systemd/manager.h"
#include "ctl/systemd/mask.h"
#include "scratch.h"
#include "tap.h"

#define DROP_IN		"units/%s.d/zz-vmgen-fence.conf"

static bool booted = true;
static const char *generation;
static uid_t user;

/* Instead of what this system has. */
bool systemd_runs(void)
{
	return booted;
}

/*
 * $D/known/NAME: what there is to say of a unit; aliases are links. Only a reload takes
 * drop-ins in. $D/hang and $D/deaf: it does not answer, it fails.
 */
static const char manager[] =
	"#!/bin/sh\n"
	"D=${0%/bin/*}\n"
	"echo \"$*\" >>$D/calls\n"
	"[ ! -e $D/hang ] || { echo $$ >$D/pid; exec sleep 1000; }\n"
	"[ ! -e $D/deaf ] || exit 1\n"
	"[ -z \"$DBUS_SYSTEM_BUS_ADDRESS\" ] || exit 1\n"
	"if [ \"$1\" = daemon-reload ]; then\n"
	"	[ ! -e $D/stuck ] || exec sleep 1000\n"
	"	rm -rf $D/loaded; cp -r $D/units $D/loaded; exit\n"
	"fi\n"
	"for unit; do :; done\n"
	"if [ ! -e $D/known/$unit ]; then\n"
	"	printf 'Id=%s\\nNames=%s\\nLoadState=not-found\\nActiveState=inactive\\nSubState=dead\\n' $unit $unit; exit\n"
	"fi\n"
	"cat $D/known/$unit\n"
	"id=$(sed -n s/^Id=//p $D/known/$unit)\n"
	"f=loaded/$id.d/zz-vmgen-fence.conf\n"
	"[ -e $D/$f ] && [ ! -e $D/ignores ] || exit 0\n"
	"echo DropInPaths=/other.conf $D/units/$id.d/zz-vmgen-fence.conf\n"
	"words=$(sed -n \"s/^ExecStartPre=+\\([^ ]*\\) -c '\\(.*\\)'$/-c \\2/p\" $D/$f |\n"
	"	sed \"s/%n/$id/g\")\n"
	"echo \"ExecStartPre={ path=/bin/sh ; argv[]=/bin/sh $words ; ignore_errors=no ; start_time=[n/a] }\"\n";

/* What "systemctl show" prints, and a list of what the unit has for ExecStartPre=. */
static void unit(const char *name, const char *state, const char *asks)
{
	char text[2048], file[64];

	snprintf(text, sizeof(text), "Id=%s\nNames=%s alias-%s\nLoadState=loaded\n%s\n%s", name, name, name,
		 state, asks);
	snprintf(file, sizeof(file), "known/%s", name);
	scratch_write(file, text, 0644);
	(void)!symlink(name, scratch_path("known/alias-%s", name));
}

#define DOWN	"ActiveState=inactive\nSubState=dead"
#define UP	"ActiveState=active\nSubState=running"
#define COMMAND(program, words, ignore) \
	"ExecStartPre={ path=" program " ; argv[]=" program " " words " ; ignore_errors=" ignore " ; pid=0 }\n"

static int run(const char *const words[])
{
	char runtime[PATH_MAX + 16], state[PATH_MAX + 16], *argv[16];
	int argc = 0, fd, status;
	pid_t pid;

	fflush(stdout);
	unlink(scratch_path("out"));
	pid = fork();
	if (!pid) {
		snprintf(runtime, sizeof(runtime), "--runtime-dir=%s", scratch_directory);
		snprintf(state, sizeof(state), "--state-dir=%s", scratch_path("state"));
		argv[argc++] = (char *)"vmgenctl";
		argv[argc++] = (char *)"--device=/nonexistent";
		argv[argc++] = runtime;
		argv[argc++] = state;
		for (; *words; words++)
			argv[argc++] = (char *)*words;
		argv[argc] = NULL;
		if (generation)
			(void)setenv("VMGEN_GENERATION", generation, 1);
		fd = open(scratch_path("out"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		if (user && setuid(user))
			_exit(99);
		fd = vmgenctl_main(argc, argv);
		fflush(stdout);
		_exit(fd);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool says(const char *text)
{
	return strstr(scratch_read("out"), text);
}

#define RUN(...) run((const char *[]){ "fence", __VA_ARGS__, NULL })

static void expect(int got, int want, const char *text)
{
	if (!ok(got == want && says(text), "%d, %s", want, text))
		printf("# %d %s\n", got, scratch_read("out"));
}

static bool exists(const char *format, const char *name)
{
	char file[NAME_MAX];
	struct stat st;

	snprintf(file, sizeof(file), "%s%s%s", format, name ? name : "", name ? ".d/zz-vmgen-fence.conf" : "");
	return !lstat(scratch_path("%s", file), &st);
}

#define FENCED(name)	exists("state/fence/" name, NULL)
#define DROPPED(name)	exists("units/", name)
#define PUT(name, text)	scratch_write(name, text, 0644)
#define DROP(name)	unlink(scratch_path(name))

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
	expect(RUN("set", "a", ""), CTL_USAGE, "say why a.service has to stay down");
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
	expect(RUN("set", "x.timer", "why"), CTL_USAGE, "x.timer can ask for no fence");
	expect(RUN("lift", "--force", "x"), CTL_USAGE, "--force is for set");
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

static void test_asks(void)
{
	static const struct {
		const char *commands;
		bool asks;
	} table[] = {
		{ COMMAND("/usr/bin/vmgenctl", "--state-dir=%1$s fence check ask.service", "no"), true },
		{ COMMAND("vmgenctl", "--state-dir=%1$s fence check alias-ask.service", "no"), true },
		{ COMMAND("/bin/true", "", "no") COMMAND("vmgenctl", "--state-dir=%1$s fence check ask.service", "no"), true },
		{ COMMAND("/usr/bin/vmgenctl", "--state-dir=%1$s fence check ask.service", "yes"), false },
		{ COMMAND("/usr/bin/vmgenctl", "fence check ask.service", "no"), false },
		{ COMMAND("/usr/bin/vmgenctl", "--state-dir=%1$s fence check other.service", "no"), false },
		{ COMMAND("/bin/echo", "vmgenctl --state-dir=%1$s fence check ask.service", "no"), false },
		{ "ExecStartPre={ path=/usr/bin/vmgenctl\n", false },
	};
	char text[1024];
	size_t i, n;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *mark, *rest = table[i].commands;

		text[0] = '\0';
		while ((mark = strstr(rest, "%1$s"))) {
			n = strlen(text);
			snprintf(text + n, sizeof(text) - n, "%.*s%s", (int)(mark - rest), rest, scratch_path("state"));
			rest = mark + 4;
		}
		n = strlen(text);
		snprintf(text + n, sizeof(text) - n, "%s", rest);
		unit("ask.service", DOWN, text);
		expect(RUN("set", "ask", "why"), CTL_OK, "");
		ok(DROPPED("ask.service") == !table[i].asks, "%zu: it %s", i, table[i].asks ? "asks" : "has to be made ask");
		expect(RUN("lift", "ask"), CTL_OK, "");
	}
	unit("ask.service", DOWN, "");
	PUT("ignores", "");
	expect(RUN("set", "ask", "why"), CTL_DEGRADED, "systemd does not take its drop-in as it is");
	expect(RUN("show", "ask"), CTL_FENCED, "can start, because it does not ask");
	ok(says("vmgenctl fence set ask.service REASON adds"), "with the remedy");
	DROP("ignores");
	expect(RUN("lift", "ask"), CTL_OK, "");
	scratch_mkdir("units/ask.service.d", 0755);
	PUT("units/ask.service.d/zz-vmgen-fence.conf", "# mine\n");
	PUT("units/ask.service.d/other.conf", "# mine\n");
	expect(RUN("set", "ask", "why"), CTL_DEGRADED, "zz-vmgen-fence.conf was changed");
	expect(RUN("lift", "ask"), CTL_OK, "it was changed; remove it by hand");
	ok(!FENCED("ask.service") && DROPPED("ask.service"), "somebody's own file stays");
	DROP("units/ask.service.d/zz-vmgen-fence.conf");
	ok(!RUN("set", "ask", "why") && !RUN("lift", "ask") && !DROPPED("ask.service") &&
	   exists("units/ask.service.d/other.conf", NULL), "so does what is beside");
	expect(RUN("set", "ask", "why"), CTL_OK, "");
	DROP("units/ask.service.d/zz-vmgen-fence.conf");
	expect(RUN("set", "ask", "why"), CTL_OK, "");
	ok(DROPPED("ask.service"), "one that is loaded and gone is written again");
	expect(RUN("lift", "ask"), CTL_OK, "");
	snprintf(text, sizeof(text), "DropInPaths=/run/ask.service.d/zz-vmgen-fence.conf\n"
		 COMMAND("vmgenctl", "--state-dir=%s fence check ask.service", "no"), scratch_path("state"));
	unit("ask.service", DOWN, text);
	DROP("calls");
	ok(!RUN("set", "ask", "why") && DROPPED("ask.service") && !strstr(scratch_read("calls"), "reload"),
	   "one that asks as long as it is listed gets its own, for which nothing is loaded");
	expect(RUN("lift", "ask"), CTL_OK, "");
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
	expect(RUN("check", "n0"), CTL_FENCED, "nobody knows why");
	for (i = 0; i < 6; i++)
		unlink(scratch_path("state/fence/n%zu.service", i));
	expect(RUN("lift", "run"), CTL_OK, "");
}

static void test_bounds(void)
{
	struct timespec from, to;
	int i;

	unit("h.service", DOWN, "");
	PUT("hang", "");
	generation = "5";
	clock_gettime(CLOCK_MONOTONIC, &from);
	expect(RUN("set", "h", "why"), CTL_DEGRADED, "not certain that it asks: systemd does not answer");
	clock_gettime(CLOCK_MONOTONIC, &to);
	ok((to.tv_sec - from.tv_sec) * 1000 < MANAGER_PATIENT_MS, "before an administrator would give up");
	for (i = 0; i < SCRATCH_LOOKS && !kill(atoi(scratch_read("pid")), 0); i++)
		usleep(10000);
	ok(i < SCRATCH_LOOKS, "and who asked it is ended");
	ok(FENCED("h.service"), "a manager that hangs keeps no guard from fencing");
	expect(RUN("lift", "h"), CTL_OK, "");
	expect(run((const char *[]){ "openssl", "status", "--service=h", NULL }), CTL_FAILED, "h.service: systemd does not answer");
	DROP("hang");
	PUT("stuck", "");
	expect(RUN("set", "h", "why"), CTL_DEGRADED, "systemd does not answer");
	ok(FENCED("h.service") && DROPPED("h.service"), "nor one that does not reload: the drop-in is there");
	DROP("stuck");
	generation = NULL;
	(void)setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1);
	expect(RUN("set", "h", "why"), CTL_OK, "");
	(void)unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	ok(!RUN("lift", "h"), "a bus of somebody else is not asked");
	booted = 0;
	DROP("calls");
	expect(RUN("set", "h", "why"), CTL_OK, "systemd does not run here");
	ok(FENCED("h.service") && !DROPPED("h.service"), "without systemd there is the fence alone");
	expect(RUN("check", "h"), CTL_FENCED, "h.service is fenced: why");
	expect(RUN("check", "other"), CTL_OK, "");
	ok(!RUN("lift", "h") && !exists("calls", NULL), "and nobody is asked");
	booted = 1;
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
	(void)!chown(scratch_path("state/fence"), 0, 0);
	expect(RUN("lift", "a"), CTL_OK, "");
}

int main(void)
{
	char path[2 * PATH_MAX];

	scratch_create();
	scratch_mkdir("bin", 0755);
	scratch_mkdir("known", 0755);
	scratch_mkdir("units", 0755);
	scratch_write("bin/systemctl", manager, 0755);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", scratch_path("bin"));
	(void)setenv("PATH", path, 1);
	dropin_directory = strdup(scratch_path("units"));
	dropin_program = strdup(scratch_path("vmgenctl"));
	mask_directory = strdup(scratch_path("control"));
	scratch_write("vmgenctl", "", 0755);
	test_set();
	test_unknown();
	test_aliases();
	test_asks();
	test_state();
	test_bounds();
	test_hooks();
	test_masked();
	test_rights();
	free((char *)mask_directory);
	free((char *)dropin_directory);
	free((char *)dropin_program);
	return tap_done();
}
