/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which hooks are found, and which of them may be executed.
 */
#include <errno.h>
#include <limits.h>

#include "config/hook.h"
#include "scratch.h"
#include "tap.h"

static char complaints[16384];

static void __attribute__((format(printf, 2, 3))) note(int priority, const char *format, ...)
{
	size_t used = strlen(complaints);
	va_list args;

	(void)priority;
	va_start(args, format);
	vsnprintf(complaints + used, sizeof(complaints) - used, format, args);
	va_end(args);
}

static void test_names(void)
{
	static const char *const good[] = { "00-a", "99-Z_9-", "10-1st", "20-a-b" };
	static const char *const bad[] = {
		"", "1-a", "100-a", "aa-b", "10a", "10-", "10-a.sh", "10-a b", "10-\xc3\xa4",
		"10-a/b", "-10-a",
	};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(hook_name_valid(good[i]), "\"%s\" is a name", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!hook_name_valid(bad[i]), "\"%s\" is not a name", bad[i]);
}

static void test_list(void)
{
	struct hook_list list;
	char path[PATH_MAX];

	scratch_mkdir("etc", 0755);
	scratch_mkdir("usr", 0755);
	scratch_write("etc/20-both", "etc", 0755);
	scratch_write("usr/20-both", "usr", 0755);
	scratch_write("usr/05-first", "x", 0755);
	scratch_write("usr/30-nulled", "x", 0755);
	scratch_write("usr/30-emptied", "x", 0755);
	scratch_write("etc/30-emptied", "", 0644);
	scratch_write("etc/10-old.dpkg-dist", "x", 0755);
	scratch_write("etc/10-old~", "x", 0755);
	scratch_write("etc/10-old.rpmsave", "x", 0755);
	scratch_write("etc/notes", "x", 0644);
	scratch_write("etc/README", "x", 0644);
	scratch_write("etc/80-web.example", "x", 0644);
	scratch_write("etc/.hidden", "x", 0644);
	if (symlink("/dev/null", scratch_path("etc/30-nulled")))
		scratch_give_up("symlink");
	snprintf(path, sizeof(path), "%s:%s:%s", scratch_path("etc"), scratch_path("missing"),
		 scratch_path("usr"));
	equal(hook_list_read(path, note, &list), 0, "hooks are listed, a missing directory is none");
	if (!equal(list.n_hooks, 4, "four names"))
		return;
	ok(!list.incomplete, "nothing is amiss");
	ok(!strcmp(list.hooks[0].name, "05-first") && list.hooks[0].band == 5, "sorted by name");
	ok(!strcmp(list.hooks[1].name, "20-both") &&
	   !strcmp(list.hooks[1].directory, scratch_path("etc")), "the first directory wins");
	ok(list.hooks[2].masked, "an empty file masks");
	ok(list.hooks[3].masked, "a link to /dev/null masks");
	ok(!list.hooks[0].masked && !list.hooks[1].masked, "others are not masked");
	ok(strstr(complaints, "notes is skipped"), "a bad name is told");
	ok(strstr(complaints, "10-old.dpkg-dist is skipped: it looks like a backup") &&
	   strstr(complaints, "10-old~") && strstr(complaints, "10-old.rpmsave"),
	   "backup copies are told");
	ok(!strstr(complaints, "hidden"), "hidden files are nobody's business");
	ok(!strstr(complaints, "README") && !strstr(complaints, "example"), "nor what people shall read");
	hook_list_clear(&list);
}

static void test_directory(const char *name, const char *reason)
{
	struct hook_list list;

	complaints[0] = '\0';
	equal(hook_list_read(scratch_path("%s", name), note, &list), 0, "a directory is looked at");
	equal(list.n_hooks, 0, "nothing is taken from a directory that others could change");
	ok(list.incomplete, "and that is no success");
	if (!ok(strstr(complaints, reason), "and the reason is told: %s", reason))
		printf("# %s\n", complaints);
	hook_list_clear(&list);
}

static void test_directories(void)
{
	scratch_mkdir("open", 0777);
	scratch_mkdir("open/hooks.d", 0755);
	scratch_write("open/hooks.d/10-a", "x", 0755);
	test_directory("open/hooks.d", "/open can be written by others than root (chmod go-w");
	scratch_mkdir("foreign", 0755);
	scratch_write("foreign/10-a", "x", 0755);
	if (chown(scratch_path("foreign"), 1000, 0) ||
	    symlink("etc", scratch_path("link")))
		scratch_give_up("foreign");
	test_directory("foreign", "belongs to user 1000, not to root (chown root:root");
	test_directory("link", "symbolic links are not followed");
}

static void expect(const char *name, int want, const char *text)
{
	struct hook hook = { .directory = scratch_path("files") };
	char reason[HOOK_REASON_SIZE] = "";
	int fd = -1, r;

	strcpy(hook.name, name);
	r = hook_open(&hook, &fd, reason);
	equal(r, want, name);
	if (want) {
		if (!ok(strstr(reason, text), "%s: told why: %s", name, text))
			printf("# %s\n", reason);
		equal(fd, -1, "nothing is opened");
	} else {
		ok(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC), "%s: close-on-exec", name);
		close(fd);
	}
}

static const struct {
	const char *command, *name;
} remedies[] = {
	{ "chmod u+x", "10-plain" }, { "chmod go-w", "10-group" }, { "chmod go-w", "10-world" },
	{ "chmod ug-s", "10-suid" }, { "chown root:root", "10-user" },
};

static void test_files(void)
{
	char command[2 * PATH_MAX];
	size_t i;

	scratch_mkdir("files", 0755);
	scratch_write("files/10-good", "x", 0700);
	scratch_write("files/10-plain", "x", 0644);
	scratch_write("files/10-group", "x", 0775);
	scratch_write("files/10-world", "x", 0757);
	scratch_write("files/10-suid", "x", 04755);
	scratch_write("files/10-user", "x", 0755);
	scratch_mkdir("files/10-dir", 0755);
	if (mkfifo(scratch_path("files/10-fifo"), 0755) ||
	    chown(scratch_path("files/10-user"), 1000, 0) ||
	    symlink("10-good", scratch_path("files/10-link")))
		scratch_give_up("files");
	expect("10-good", 0, NULL);
	expect("10-plain", -EPERM, "is not executable (chmod u+x)");
	expect("10-group", -EPERM, "can be written by others than root (chmod go-w");
	expect("10-world", -EPERM, "can be written by others than root (chmod go-w");
	expect("10-suid", -EPERM, "is set-user-ID");
	expect("10-user", -EPERM, "belongs to user 1000, not to root (chown");
	expect("10-dir", -EPERM, "is not a regular file");
	expect("10-fifo", -EPERM, "is not a regular file");
	expect("10-link", -EPERM, "is a symbolic link");
	expect("10-none", -ENOENT, "No such file");
	/* As it was said. */
	for (i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
		snprintf(command, sizeof(command), "%s %s/files/%s", remedies[i].command, scratch_directory,
			 remedies[i].name);
		ok(!system(command), "%s", remedies[i].command);
		expect(remedies[i].name, 0, NULL);
	}
	/* Since the hooks were listed. */
	(void)chmod(scratch_path("files"), 0775);
	expect("10-good", -EPERM, "/files can be written by others than root");
}

int main(void)
{
	scratch_create();
	test_names();
	test_list();
	test_directories();
	test_files();
	return tap_done();
}
