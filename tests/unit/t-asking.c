/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which units ask for their fence, and how long vmgenctl fence waits for the service manager.
 */
#include "fenced.h"

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
	expect(RUN("set", "ask", "why"), CTL_ASKS_NOT, "systemd does not take its drop-in as it is");
	expect(RUN("show", "ask"), CTL_FENCED, "can start, because it does not ask");
	ok(says("vmgenctl fence set ask.service REASON adds"), "with the remedy");
	DROP("ignores");
	expect(RUN("lift", "ask"), CTL_OK, "");
	scratch_mkdir("units/ask.service.d", 0755);
	PUT("units/ask.service.d/zz-vmgen-fence.conf", "# mine\n");
	PUT("units/ask.service.d/other.conf", "# mine\n");
	expect(RUN("set", "ask", "why"), CTL_ASKS_NOT, "zz-vmgen-fence.conf was changed");
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

int main(void)
{
	fenced_create();
	test_asks();
	test_bounds();
	return fenced_done();
}
