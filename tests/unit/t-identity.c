/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The inventory of identities: the format, what is found by names alone, and what
 * vmgenctl says of it.
 */
#include "asked.h"

#include <glob.h>

#include "identity/identityfile.h"

static struct identity_list list;

static void write_inventory(const char *path)
{
	char text[4 * PATH_MAX];

	snprintf(text, sizeof(text),
		 "on\t%s/keys/one_key\tharm-1\thook 10-on\tfound in Debian 12\n"
		 "off\t%s/keys/*_key\tharm-2\thook 20-off; reboot\tfound in Debian 12\n"
		 "gone\t%s/none\tharm-3\tby hand\tfound in Debian 12\n"
		 "missing\t/ command: show it\tharm-4\thook 60-none\ttold: a page\n"
		 "asked\tcommand: show that\tharm-5\tby hand\ttold: a page\n", path, path, path);
	scratch_write("inventory", text, 0644);
}

/* Is the line refused with that reason, which names the file and the line? */
static void refused(const char *line, const char *reason)
{
	char text[PATH_MAX], error[IDENTITY_ERROR_SIZE] = "", start[PATH_MAX];

	snprintf(text, sizeof(text), "# a comment\n\n%s\n", line);
	scratch_write("inventory", text, 0644);
	snprintf(start, sizeof(start), "%s, line 3: ", scratch_path("inventory"));
	if (!ok(identity_list_read(scratch_path("inventory"), &list, error) == -EBADMSG &&
		!strncmp(error, start, strlen(start)) && strstr(error, reason), "refused: %s", reason))
		printf("# %s\n", error);
}

static void test_format(void)
{
	char error[IDENTITY_ERROR_SIZE] = "";

	refused("a\t/b\tc\td", "five fields");
	refused("a\t/b\tc\td\tx\tf", "five fields");
	refused("a\t/b\t\td\tx", "empty field");
	refused("A\t/b\tc\td\tx", "other characters");
	refused("a\tb\tc\td\tx", "no absolute path");
	refused("a\t/b c\tc\td\tx", "no absolute path");
	refused("a\t/b command: \tc\td\tx", "empty command");
	refused("a\t/bcommand: x\tc\td\tx", "no blank before");
	refused("a\t/b\tc\thook \tx", "names no hook");
	scratch_write("inventory", "a\t/b /c/*  command: d e\tf\thook 60-g; h\ti\n", 0644);
	ok(!identity_list_read(scratch_path("inventory"), &list, error) && list.n == 1 &&
	   !strcmp(list.items[0].command, "d e") && !strcmp(list.items[0].hook, "60-g") &&
	   !strcmp(list.items[0].renewal, "hook 60-g; h") && !strcmp(list.items[0].source, "i"),
	   "a line is taken apart");
	identity_list_clear(&list);
	scratch_write("inventory", "", 0644);
	ok(!identity_list_read(scratch_path("inventory"), &list, error) && !list.n, "none is a list");
	identity_list_clear(&list);
}

/* Returns whether some identity names the hook of that file. */
static bool names(const char *path)
{
	size_t i;

	for (i = 0; i < list.n; i++)
		if (!strcmp(list.items[i].hook, strrchr(path, '/') + 1))
			return true;
	return false;
}

/* Commands that have others forget who asks: in a clone they know the original by that. */
static const char *const takes_out[] = {
	"ads leave", "swarm leave", "pro detach", "drain", "kubeadm reset", "rabbitmqctl reset",
	"realm leave", "ipa-client-install --uninstall", "unregister",
};

static bool warns(const struct identity *identity)
{
	size_t i;

	for (i = 0; i < sizeof(takes_out) / sizeof(*takes_out); i++)
		if (strstr(identity->renewal, takes_out[i]) && !strstr(identity->renewal, "the original"))
			return false;
	return true;
}

/* In what ships, identities and the hooks that renew them name each other. */
static void test_shipped(void)
{
	char error[IDENTITY_ERROR_SIZE] = "", path[PATH_MAX];
	size_t i, n_hooks = 0;
	glob_t hooks;

	if (!ok(!identity_list_read("daemon/identity/inventory", &list, error), "what ships can be read")) {
		printf("# %s\n", error);
		return;
	}
	for (i = 0; i < list.n; i++) {
		if (!warns(&list.items[i]))
			ok(false, "%s: what it says is done to the original", list.items[i].name);
		if (!*list.items[i].hook)
			continue;
		n_hooks++;
		snprintf(path, sizeof(path), "daemon/hooks/%s", list.items[i].hook);
		if (access(path, X_OK))
			ok(false, "%s: there is no %s", list.items[i].name, path);
	}
	if (glob("daemon/hooks/6*", 0, NULL, &hooks))
		scratch_give_up("hooks");
	for (i = 0; i < hooks.gl_pathc; i++)
		if (!strstr(hooks.gl_pathv[i], ".conf"))
			ok(names(hooks.gl_pathv[i]), "an identity names %s", hooks.gl_pathv[i]);
	globfree(&hooks);
	ok(list.n > n_hooks && n_hooks >= 2, "%zu identities, hooks renew %zu", list.n, n_hooks);
	identity_list_clear(&list);
}

static void look(const char *where, enum identity_state want, size_t n_others)
{
	struct identity identity = { .where = where, .command = "" };
	struct identity_place place = { .path = NULL };
	enum identity_state state = identity_look(&identity, &place);

	ok(state == want && place.n_others == n_others, "%s: %s", strrchr(where, '/') ?: "nothing",
	   identity_state_name(want));
	free(place.path);
}

/* In a child: root may look everywhere. */
static void look_as_nobody(const char *path, const char *pattern)
{
	struct identity plain = { .where = path }, wild = { .where = pattern };
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(9);
		_exit(identity_look(&plain, NULL) != IDENTITY_UNSEEN ? 1 :
		      identity_look(&wild, NULL) != IDENTITY_UNSEEN ? 2 : 0);
	}
	ok(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status),
	   "what may not be looked at is unseen, by path and by pattern: %d", WEXITSTATUS(status));
}

static void test_look(void)
{
	char path[PATH_MAX], pattern[PATH_MAX], two[2 * PATH_MAX];

	scratch_mkdir("keys", 0755);
	scratch_write("keys/one_key", "", 0600);
	scratch_write("keys/two_key", "", 0600);
	strcpy(path, scratch_path("keys/one_key"));
	strcpy(pattern, scratch_path("keys/*_key"));
	look(path, IDENTITY_HERE, 0);
	look(pattern, IDENTITY_HERE, 1);
	snprintf(two, sizeof(two), "%s %s", path, pattern);
	look(two, IDENTITY_HERE, 2);
	look(scratch_path("keys/three_key"), IDENTITY_ABSENT, 0);
	look(scratch_path("none/*"), IDENTITY_ABSENT, 0);
	look(scratch_path("keys/one_key/below"), IDENTITY_ABSENT, 0);
	(void)symlink("nowhere", scratch_path("keys/link"));
	look(scratch_path("keys/link"), IDENTITY_HERE, 0);
	look("", IDENTITY_ASK, 0);
	scratch_mkdir("closed", 0700);
	scratch_write("closed/key", "", 0600);
	chmod(scratch_directory, 0755);
	strcpy(path, scratch_path("closed/key"));
	strcpy(pattern, scratch_path("closed/k*"));
	look_as_nobody(path, pattern);
}

static void test_list(void)
{
	expect("identity", CTL_USAGE, "identity needs one more word: use list");
	expect("identity show", CTL_USAGE, "unknown identity command \"show\": use list");
	expect("identity list x", CTL_USAGE, "unexpected argument \"x\" for identity list");
	unlink(scratch_path("inventory"));
	expect("identity list", CTL_FAILED, "No such file or directory: install vmgend again");
	expect("check", CTL_DEGRADED, "vmgenctl cannot tell what a clone of this machine would share with it: ");
	write_inventory(scratch_directory);
	expect("identity list", CTL_OK, "renewed  on                     ");
	ok(says("keys/one_key\n         harm-1\n         -> in a clone: hook 10-on\n"), "what a hook renews");
	ok(says("kept     off ") && says(" and others: 1\n") &&
	   says("-> in a clone: hook 20-off; reboot (enabled = yes in ") && says("/settings/20-off.conf)\n"),
	   "what one would renew that is disabled");
	ok(!says("gone") && !says("harm-3"), "what is not here is not listed");
	ok(says("it is shown by: show it\n") && says("hook 60-none (which is not installed)"),
	   "a hook that is not there");
	ok(says("asked                  if there is one: show that\n") && says("-> in a clone: by hand\n"),
	   "a command alone is shown");
	expect("identity list --json", CTL_OK, "\"hook_state\":\"disabled\"");
	ok(says("\"name\":\"asked\"") && says("\"state\":\"ask\"") && says("\"command\":\"show that\"") &&
	   says("\"others\":1") && says("\"hook_state\":\"missing\""), "as JSON");
	expect("check", CTL_DEGRADED, "identities of this machine that a clone would share:  3; of these, hooks renew 1 on intent clone");
	scratch_write("inventory", "a\n", 0644);
	expect("identity list", CTL_FAILED, "line 1: has not five fields");
}

int main(void)
{
	asked_create();
	write_status(HANDLED);
	test_format();
	test_shipped();
	test_look();
	test_list();
	return tap_done();
}
