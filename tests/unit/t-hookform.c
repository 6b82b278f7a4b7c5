/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Hooks that the kernel could not execute: what is said of each, whether the kernel thinks
 * so too, and that the remedy works.
 */
#include <errno.h>
#include <sys/wait.h>

#include "config/inspection.h"
#include "scratch.h"
#include "tap.h"

#define BOM	"\xef\xbb\xbf"

static char told[1 << 14];

static void __attribute__((format(printf, 2, 3))) note(int priority, const char *format, ...)
{
	size_t used = strlen(told);
	va_list args;

	(void)priority;
	va_start(args, format);
	vsnprintf(told + used, sizeof(told) - used, format, args);
	va_end(args);
}

static const struct {
	const char *name, *text;
	/* NULL: it runs. */
	const char *reason;
	/* What the reader does; NULL: it is in brackets in the reason; "": nothing that a test could. */
	const char *remedy;
} hooks[] = {
	{ "10-script", "#!/bin/sh\nexit 0\n", NULL, NULL },
	{ "10-blanks", "#! /bin/sh -e \nexit 0\n", NULL, NULL },
	{ "10-env", "#!/usr/bin/env sh\nexit 0\n", NULL, NULL },
	{ "10-split", "#!/usr/bin/env -S A=b sh -e\nexit 0\n", NULL, NULL },
	{ "20-crlf", "#!/bin/sh\r\nexit 0\r\n", "the line ends of Windows (CR LF)", NULL },
	{ "20-crlf-env", "#!/usr/bin/env sh\r\nexit 0\r\n", "the line ends of Windows (CR LF)", NULL },
	{ "30-bom", BOM "#!/bin/sh\nexit 0\n", "begins with a byte order mark (BOM)", NULL },
	{ "40-none", "exit 0\n", "does not begin with #!", "sed -i '1i #!/bin/sh'" },
	{ "40-blank", "\n#!/bin/sh\nexit 0\n", "does not begin with #!", "sed -i '1i #!/bin/sh'" },
	{ "50-gone", "#!/no/such/sh\nexit 0\n", "needs /no/such/sh, which does not exist",
	  "sed -i '1s,.*,#!/bin/sh,'" },
	{ "50-directory", "#!/bin\nexit 0\n", "needs /bin, which does not exist or cannot be executed",
	  "sed -i '1s,.*,#!/bin/sh,'" },
	{ "50-env", "#!/usr/bin/env no-such-sh\nexit 0\n", "needs no-such-sh, which is in no directory of",
	  "sed -i '1s,.*,#!/bin/sh,'" },
	{ "50-empty", "#!\nexit 0\n", "names no interpreter", "sed -i '1s,.*,#!/bin/sh,'" },
	{ "50-other", "#!/no/such/\033[31m\n", "needs /no/such/", "sed -i '1s,.*,#!/bin/sh,'" },
};

/* Returns whether the kernel executes it, and it ends well. */
static bool runs(const char *path)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execl(path, path, NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static enum item_state look(const struct config *config, const char *name, char *reason)
{
	struct hook_settings settings;
	struct hook hook = { .directory = config->hook_path };

	strcpy(hook.name, name);
	return inspection_look(config, &hook, &settings, reason);
}

/* Does what the brackets say, or remedy with the path behind it. */
static void apply(const char *reason, const char *remedy, const char *path)
{
	char command[3 * PATH_MAX], *end;
	const char *begin = strstr(reason, "(sed ");

	if (remedy)
		snprintf(command, sizeof(command), "%s %s", remedy, path);
	else
		snprintf(command, sizeof(command), "%s", begin ? begin + 1 : "false");
	end = strrchr(command, ')');
	if (!remedy && end)
		*end = '\0';
	if (!ok(!system(command), "the remedy can be done"))
		printf("# %s\n", command);
}

static void test_hook(const struct config *config, size_t i)
{
	char reason[INSPECTION_REASON_SIZE], path[PATH_MAX];
	enum item_state state;

	scratch_write("hooks/x", hooks[i].text, 0755);
	snprintf(path, sizeof(path), "%s", scratch_path("hooks/%s", hooks[i].name));
	(void)rename(scratch_path("hooks/x"), path);
	state = look(config, hooks[i].name, reason);
	equal(runs(path), !hooks[i].reason, hooks[i].name);
	if (!hooks[i].reason) {
		if (!ok(state == ITEM_ON && !*reason, "nothing is wrong with it"))
			printf("# %s\n", reason);
		return;
	}
	if (!ok(state == ITEM_UNUSABLE && strstr(reason, hooks[i].reason), "it is told: %s", hooks[i].reason))
		printf("# %s\n", reason);
	apply(reason, hooks[i].remedy, path);
	ok(look(config, hooks[i].name, reason) == ITEM_ON && runs(path), "and then it runs");
}

/* A program is looked at as far as its loader; what is neither may be known to the kernel. */
static void test_programs(const struct config *config)
{
	static const char magic[] = "MZ";
	char reason[INSPECTION_REASON_SIZE], command[4 * PATH_MAX];

	snprintf(command, sizeof(command), "cp /bin/true %s", scratch_path("hooks/60-program"));
	ok(!system(command) && look(config, "60-program", reason) == ITEM_ON, "a program runs");
	snprintf(command, sizeof(command), "sed 's,/ld-linux,/xd-linux,' /bin/true > %s", scratch_path("hooks/60-program"));
	ok(!system(command) && look(config, "60-program", reason) == ITEM_UNUSABLE &&
	   strstr(reason, "its ELF loader, which does not exist"), "one without its loader does not");
	snprintf(command, sizeof(command), "printf '%s\\0' > %s; chmod 755 %s", magic,
		 scratch_path("hooks/60-other"), scratch_path("hooks/60-other"));
	ok(!system(command) && look(config, "60-other", reason) == ITEM_ON, "what is no text is left to the kernel");
}

static void test_all(const struct config *config)
{
	told[0] = '\0';
	scratch_write("hooks/70-bom", BOM "#!/bin/sh\n", 0755);
	scratch_write("hooks/71-off", "no script\n", 0755);
	scratch_write("settings/71-off.conf", "[hook]\nenabled=no\n", 0644);
	equal(inspection_check_all(config, note), -EBADMSG, "all at once");
	ok(strstr(told, "70-bom: would not run: ") && strstr(told, "(BOM)"), "each is named");
	ok(!strstr(told, "71-off"), "but not one that is disabled");
	unlink(scratch_path("hooks/70-bom"));
	unlink(scratch_path("hooks/60-program"));
	equal(inspection_check_all(config, note), 0, "and without those all is well");
}

int main(void)
{
	struct config config;
	size_t i;

	scratch_create();
	scratch_mkdir("hooks", 0755);
	scratch_mkdir("settings", 0755);
	if (config_init(&config))
		scratch_give_up("config");
	free(config.hook_path);
	free(config.hook_settings_dir);
	config.hook_path = strdup(scratch_path("hooks"));
	config.hook_settings_dir = strdup(scratch_path("settings"));
	for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		test_hook(&config, i);
	test_programs(&config);
	test_all(&config);
	config_clear(&config);
	return tap_done();
}
