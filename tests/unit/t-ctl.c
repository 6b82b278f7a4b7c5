/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl makes of its command line, of hooks and of status.json.
 */
#include "asked.h"

#include <signal.h>

#include "ctl/view/colour.h"

/* What was typed, and what could have been. */
static const struct {
	const char *words, *answer;
} mistakes[] = {
	{ "hooks", "hooks needs one more word: use list, why or run" },
	{ "hooks show", "unknown hooks command \"show\": use list, why or run" },
	{ "hooks why", "hooks why needs the name of a hook: vmgenctl hooks list" },
	{ "hooks why ../x", "\"../x\" is not the name of a hook: vmgenctl hooks list" },
	{ "hooks list --real", "for hooks run, not for hooks list" },
	{ "hooks run 10-on x", "unexpected argument \"x\" for hooks run" },
	{ "intent", "intent needs one more word: use clone, restore, clear or show" },
	{ "intent foo", "unknown intent \"foo\": use clone, restore, clear or show" },
	{ "intent f\1o", "unknown intent \"f\\x01o\": use" },
	{ "intent clone foo", "unexpected argument \"foo\" for intent clone" },
	{ "intent clone --timeout=3", "--timeout is for --now alone: use intent clone --now" },
	{ "intent restore --now", "--now is for intent clone alone: use intent clone --now" },
	{ "fence", "fence needs one more word: use set, lift, check, show or list" },
	{ "fence drop x", "unknown fence command \"drop\": use set, lift, check, show or list" },
	{ "fence set", "fence set needs a unit and a reason" },
	{ "fence set x", "fence set needs a unit and a reason" },
	{ "fence set x two words", "unexpected argument \"words\" for fence set: put the reason in" },
	{ "fence lift", "fence lift needs a unit" },
	{ "fence lift a/b", "\"a/b\" is not the name of a unit: use one such as nginx.service" },
	{ "fence list x", "unexpected argument \"x\" for fence list" },
	{ "fence list --force", "--force is for fence set, not for fence list" },
	{ "openssl on", "unknown openssl command \"on\": use enable, disable or status" },
	{ "openssl status x", "unexpected argument \"x\" for openssl status" },
	{ "openssl status --service=a/b", "\"a/b\" is not the name of a service" },
	{ "openssl enable --all", "--all is for openssl disable alone" },
	{ "image make", "unknown image command \"make\": use prepare, show or undo" },
	{ "image show x", "unexpected argument \"x\" for image show" },
	{ "wait x", "\"x\" is not a generation: use a number" },
	{ "wait 3 4", "unexpected argument \"4\" for wait" },
	{ "status x", "unexpected argument \"x\" for status" },
	{ "status --color", "unknown option \"--color\": use --json" },
	{ "status --c\1o", "unknown option \"--c\\x01o\": use --json" },
	{ "status x -j", "unknown option \"-j\": use --json" },
	{ "status --json=x", "--json takes no value: use it without \"=x\"" },
	{ "forget --all", "unknown option \"--all\": there is none here" },
	{ "forget it", "unexpected argument \"it\" for forget" },
	{ "history it", "unexpected argument \"it\" for history" },
	{ "trigger --timeout", "--timeout needs a value: use --timeout=..." },
	{ "trigger --timeout=x", "--timeout: \"x\" is not a number of seconds: use one such as 30" },
	{ "trigger --reel", "use --real, --failed, --timeout=... or --json" },
	{ "--json status", "options of a command go after it" },
};

static void test_usage(void)
{
	char words[64];
	size_t i;

	expect("", CTL_USAGE, "Usage: vmgenctl");
	expect("nonsense", CTL_USAGE, "unknown command \"nonsense\"");
	expect("--help", CTL_OK, "The exit status is the answer");
	for (i = 0; i < N_COMMANDS; i++) {
		snprintf(words, sizeof(words), "%s --help", commands[i].name);
		expect(words, CTL_OK, "print this text and exit");
		snprintf(words, sizeof(words), "%s --nonsense", commands[i].name);
		expect(words, CTL_USAGE, "nonsense");
		snprintf(words, sizeof(words), "%s list 10-x nonsense", commands[i].name);
		expect(words, CTL_USAGE, "Usage: vmgenctl");
	}
	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		expect(mistakes[i].words, CTL_USAGE, mistakes[i].answer);
}

static void test_hooks(void)
{
	expect("hooks list", CTL_DEGRADED, "10-on");
	ok(says("10-on                            on ") && says("succeeded after 1500 ms"), "one that runs");
	ok(says("20-off                           disabled"), "one that is disabled");
	ok(says("30-masked                        masked"), "one that is masked");
	ok(says("40-open                          unusable") && says("chmod go-w"), "one that others may write");
	ok(says("50-settings                      bad-settings") && says("timeuot"), "one with bad settings");
	ok(says("is skipped: a hook is named by"), "what is left out");
	expect("hooks list --json", CTL_DEGRADED, "\"state\":\"bad-settings\"");
	ok(says("\"left_out\":[") && says("\"timeout\":90"), "as JSON");
	expect("hooks why 10-on", CTL_OK, "it runs");
	ok(says("events:    changed boot-changed unknown test"), "with its events");
	ok(says("the default ones"), "and settings");
	expect("hooks why 20-off", CTL_OK, "enabled=no");
	ok(says("               enabled=no\n"), "its settings are shown");
	expect("hooks why 30-masked", CTL_OK, "masks it");
	ok(says("file:      ") && says("first/30-masked") && says("hidden:    ") && says("second/30-masked"),
	   "the one that wins and the one that is hidden");
	expect("hooks why 30-masked --json", CTL_OK, "\"hidden\":[");
	expect("hooks why 40-open", CTL_DEGRADED, "chmod go-w");
	expect("hooks why 50-settings", CTL_DEGRADED, "unknown key \"timeuot\"");
	expect("hooks why 60-none", CTL_FAILED, "there is no hook \"60-none\"");
}

/* Returns a sample that does not follow the help and the type of its metric, or NULL. */
static const char *undeclared(void)
{
	static char text[1 << 16];
	char *line, *rest = text, help[64] = "", type[64] = "", *name;

	snprintf(text, sizeof(text), "%s", scratch_read("out"));
	while ((line = strsep(&rest, "\n")) && *line) {
		if (sscanf(line, "# HELP %63[a-z_]", help) == 1 ||
		    sscanf(line, "# TYPE %63[a-z_]", type) == 1)
			continue;
		name = strndup(line, strcspn(line, "{ "));
		if (strcmp(name, help) || strcmp(name, type))
			return line;
		free(name);
	}
	return line && *line ? line : NULL;
}

static void test_metrics(void)
{
	char words[PATH_MAX];

	write_status(LAST(BAD));
	expect("metrics", CTL_OK, "vmgen_protected 1\n");
	ok(says("vmgen_verdict 8\n") && says("vmgen_generation 5\n") && says("vmgen_changes_total 4\n"), "numbers");
	ok(says("vmgend_build_info{version=\"1.2~x\"} 1\n"), "the version of vmgend");
	ok(!undeclared(), "all have help and type");
	ok(says("vmgen_device{state=\"ready\",hid=\"QEMU\\\"VGID\"} 1\n"), "no label is broken");
	ok(says("vmgen_last_run_seconds 2.5\n") && says("vmgen_last_run_failures 1\n") &&
	   says("vmgen_last_run_hook_success{hook=\"80-bad\",outcome=\"failed\"} 0\n") &&
	   says("vmgen_last_run_hook_success{hook=\"10-on\",outcome=\"succeeded\"} 1\n") &&
	   says("vmgen_last_run_hook_seconds{hook=\"10-on\"} 1.500\n"), "the last run");
	snprintf(words, sizeof(words), "metrics --output=%s", scratch_path("vmgen.prom"));
	expect(words, CTL_OK, "");
	ok(strstr(scratch_read("vmgen.prom"), "vmgen_protected 1\n"), "in a file");
	snprintf(words, sizeof(words), "metrics --output=%s", scratch_path("none/vmgen.prom"));
	expect(words, CTL_FAILED, "No such file or directory");
	write_status(HANDLED ",\"last\":{\"event\":\"changed\",\"detected_usec\":1000000,\"finished_usec\":2592001000000,"
		     "\"detected_corrected_usec\":2592000000000}");
	expect("metrics", CTL_OK, "_timestamp_seconds{event=\"changed\"} 2592000.000\n");
	ok(!says("last_run_seconds"), "a duration that is not known is missing");
	unlink(scratch_path("status.json"));
	expect("metrics", CTL_OK, "vmgen_protected 0\n");
	ok(!says("build_info"), "of a vmgend that does not run nothing is known");
}

#define TOLD	",\"id_hash\":\"f6a0d0090e17967753271b03e5c0a13ec016a1de6836641588cc00de02bc42b3\""

/* The number behind vmgen_id_draw, or 0. */
static unsigned long long drawn(void)
{
	const char *line = strstr(scratch_read("out"), "\nvmgen_id_draw{");
	unsigned long long number = 0;

	if (line)
		(void)sscanf(line, "\nvmgen_id_draw{id_hash=\"%*[0-9a-f]\"} %llu", &number);
	return number;
}

static void test_id_metric(void)
{
	unsigned long long before;

	write_status(LAST(""));
	expect("metrics", CTL_OK, "vmgen_id_info{id_hash=\"437d820d63aaef91\"} 1\n");
	ok(!says("6762dbef89343294"), "not what hooks are told");
	ok(!undeclared(), "with help and type");
	before = drawn();
	expect("metrics", CTL_OK, "vmgen_id_draw{id_hash=\"437d820d63aaef91\"} ");
	ok(before && drawn() && before != drawn(), "drawn anew");
	expect("status --json", CTL_OK, "\"id_metric\":\"437d820d63aaef91\"");
	id_result = -EPERM;
	expect("metrics", CTL_OK, "vmgen_generation 5\n");
	ok(!says("vmgen_id_"), "who may not read the ID says nothing");
	write_status(TOLD LAST(""));
	expect("metrics", CTL_OK, "vmgen_id_info{id_hash=\"60e4f431e6eaa833\"} 1\n");
	event.generation = 6;
	expect("metrics", CTL_OK, "vmgen_generation 6\n");
	ok(!says("vmgen_id_"), "nor is the ID of an earlier generation told");
	event.generation = 5;
	write_status(",\"id_hash\":\"x\\\"} 1\"" LAST(""));
	expect("metrics", CTL_OK, "vmgen_generation 5\n");
	ok(!says("vmgen_id_"), "nor what is no hash");
	id_result = 0;
	info.flags &= ~VMGEN_INFO_ID_VALID;
	write_status(TOLD LAST(""));
	expect("metrics", CTL_OK, "vmgen_verdict 9\n");
	ok(!says("vmgen_id_"), "without an ID nothing is told of one");
	expect("status --json", CTL_NO_ID, "\"id_valid\":false");
	ok(!says("id_metric"), "in JSON neither");
	info.flags |= VMGEN_INFO_ID_VALID;
}

static void test_fence_metrics(void)
{
	expect("metrics", CTL_OK, "vmgen_fences 0\n");
	scratch_mkdir("state", 0700);
	scratch_mkdir("state/fence", 0700);
	scratch_write("state/fence/a\\x2db.service", "{}", 0600);
	scratch_write("state/fence/web.socket", "{}", 0600);
	expect("metrics", CTL_OK, "vmgen_fences 2\n");
	ok(says("vmgen_fenced{unit=\"web.socket\"} 1\n"), "each by its name");
	ok(says("vmgen_fenced{unit=\"a\\\\x2db.service\"} 1\n"), "no label is broken");
	ok(!undeclared(), "with help and type");
	(void)!chown(scratch_path("state/fence"), 65534, 65534);
	expect("metrics", CTL_OK, "vmgen_protected 1\n");
	ok(!says("vmgen_fence"), "fences of another user are not told");
	(void)!chown(scratch_path("state/fence"), 0, 0);
}

static void test_intent_metrics(void)
{
	char text[3 * PATH_MAX];

	snprintf(text, sizeof(text), "[vmgend]\nintent-file=%s\n", scratch_path("dropped"));
	scratch_write("conf", text, 0644);
	expect("metrics", CTL_OK, "vmgen_intent 0\n");
	scratch_write("state/intent", "clone\n", 0600);
	expect("metrics", CTL_OK, "vmgen_intent{intent=\"clone\"} 1\n");
	scratch_write("dropped", "restore\n", 0644);
	expect("metrics", CTL_OK, "vmgen_intent{intent=\"unusable\"} 1\n");
	ok(!undeclared(), "with help and type");
	unlink(scratch_path("state/intent"));
	expect("metrics", CTL_OK, "vmgen_intent{intent=\"restore\"} 1\n");
	scratch_write("conf", "[vmgend]\nnonsense=1\n", 0644);
	expect("metrics", CTL_OK, "vmgen_protected 1\n");
	ok(!says("vmgen_intent"), "with a configuration that cannot be read nobody knows");
}

/* Has what is printed on a terminal a colour in it? */
static bool is_coloured(const char *name, const char *value)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), fd, saved = dup(STDOUT_FILENO);
	char text[256] = "";

	fflush(stdout);
	if (terminal < 0 || grantpt(terminal) || unlockpt(terminal))
		scratch_give_up("terminal");
	fd = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	(void)setenv(name, value, 1);
	dup2(fd, STDOUT_FILENO);
	colour_print(COLOUR_RED, "word", 0);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(fd);
	(void)!read(terminal, text, sizeof(text) - 1);
	close(saved);
	close(terminal);
	(void)unsetenv(name);
	if (!strstr(text, "word"))
		scratch_give_up("word");
	return strchr(text, '\033');
}

static void test_colours(void)
{
	(void)setenv("TERM", "xterm", 1);
	(void)unsetenv("NO_COLOR");
	ok(is_coloured("UNUSED", "1"), "colours on a terminal");
	ok(is_coloured("NO_COLOR", ""), "an empty NO_COLOR says nothing");
	ok(!is_coloured("NO_COLOR", "1"), "no colours with NO_COLOR");
	ok(!is_coloured("TERM", "dumb"), "nor on a terminal that has none");
}

static bool comes(const char *text)
{
	return scratch_comes("out", text);
}

static void test_watch(void)
{
	pid_t pid;
	int fd;

	write_status(LAST(""));
	pid = begin("watch");
	ok(comes("generation 5\n") && comes("vmgend running\n"), "watch: what is");
	ok(!says("handled"), "nothing that was before");
	fd = open(scratch_directory, O_RDONLY | O_DIRECTORY);
	(void)renameat(fd, "status.json", fd, "old");
	ok(comes("vmgend stopped\n"), "vmgend is gone");
	write_status(HANDLED ",\"run\":{\"event\":\"changed\",\"generation\":6,\"detected_usec\":9},"
		     "\"drill\":{\"id\":\"x\",\"phase\":\"running\"}");
	ok(comes("vmgend: generation 6, changed: started; hooks: 0\n") && comes("drill running\n"), "hooks are run");
	write_status(HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":6,\"finished_usec\":99,"
		     "\"hooks\":{\"10-on\":{}}}");
	ok(comes("vmgend: generation 6, changed: handled; hooks: 1\n"), "and were");
	(void)kill(pid, SIGKILL);
	(void)end(pid);
	pid = begin("watch --json");
	ok(comes("\"detected_by\":\"interrupt\"") && comes("\"type\":\"vmgend\""), "as JSON, a line each");
	(void)kill(pid, SIGKILL);
	(void)end(pid);
	close(fd);
}

int main(void)
{
	asked_create();
	test_usage();
	test_hooks();
	test_metrics();
	test_id_metric();
	test_fence_metrics();
	test_colours();
	test_watch();
	test_intent_metrics();
	return tap_done();
}
