/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The configuration: what is read, and how mistakes are told.
 */
#include <errno.h>

#include "config/config.h"
#include "scratch.h"
#include "tap.h"

static char error[SETTINGS_ERROR_SIZE];

static int read_text(struct config *config, const char *text)
{
	scratch_write("c.conf", text, 0644);
	error[0] = '\0';
	return config_read(config, scratch_path("c.conf"), true, error);
}

static void test_good(struct config *config)
{
	equal(read_text(config, "# comment\n\n[vmgend]\n  hook-timeout = 7 ; why\n"
			"hook-path=/a:/b\nhook-settings=/c\njitter=0\nboot-change=ignore\nfork-sentinels=no\n"
			"intent-file=/d\nseed-file=/e\n"), 0, "a good file");
	equal(config->boot_change, BOOT_CHANGE_IGNORE, "boot-change");
	ok(!strcmp(config->intent_file, "/d") && !strcmp(config->seed_file, "/e"), "intent-file, seed-file");
	equal(config->hook_timeout_sec, 7, "hook-timeout");
	equal(config->jitter_sec, 0, "jitter");
	ok(!config->fork_sentinels, "fork-sentinels");
	ok(!strcmp(config->hook_path, "/a:/b"), "hook-path");
	ok(!strcmp(config->hook_settings_dir, "/c"), "hook-settings");
	scratch_mkdir("c.conf.d", 0755);
	scratch_write("c.conf.d/20-b.conf", "[vmgend]\nhook-timeout=20\n", 0644);
	scratch_write("c.conf.d/10-a.conf", "[vmgend]\nhook-timeout=10\n", 0644);
	scratch_write("c.conf.d/30-c.conf~", "[vmgend]\nhook-timeout=30\n", 0644);
	equal(read_text(config, "[vmgend]\nhook-timeout=5\n"), 0, "with drop-ins");
	equal(config->hook_timeout_sec, 20, "the last drop-in wins");
	scratch_write("c.conf.d/20-b.conf", "[vmgend]\nx=1\n", 0644);
	equal(read_text(config, ""), -EINVAL, "a mistake in a drop-in");
	ok(strstr(error, "20-b.conf:2: unknown key \"x\""), "it is named");
	unlink(scratch_path("c.conf.d/20-b.conf"));
	unlink(scratch_path("c.conf.d/10-a.conf"));
	equal(config_read(config, scratch_path("none"), false, error), 0, "no file is no mistake");
	equal(config_read(config, scratch_path("none"), true, error), -ENOENT, "unless it was asked for");
	ok(strstr(error, "/none: No such file"), "it is named");
	equal(config_read(config, scratch_directory, true, error), -EINVAL, "a directory is refused");
	ok(strstr(error, "is not a regular file"), "and told");
}

static void test_bad(struct config *config)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "[vmgend]\nhook-timout=5\n", "c.conf:2: unknown key \"hook-timout\" in [vmgend]" },
		{ "\n[vmgen]\nhook-timeout=5\n", "c.conf:3: unknown section [vmgen]" },
		{ "hook-timeout=5\n", "c.conf:1: the key \"hook-timeout\" is in no section: put a line [vmgend] above it" },
		{ "[vmgend]\nhook-timeout=0\n", "c.conf:2: bad value \"0\" of \"hook-timeout\"" },
		{ "[vmgend]\nhook-timeout=-1\n", "bad value \"-1\"" },
		{ "[vmgend]\nhook-timeout=90s\n", "a number of seconds from 1 to 86400" },
		{ "[vmgend]\nhook-timeout=99999999999999999999999\n", "bad value" },
		{ "[vmgend]\nhook-timeout=\n", "bad value \"\"" },
		{ "[vmgend]\nfork-sentinels=1\n", "must be \"yes\" or \"no\"" },
		{ "[vmgend]\njitter=-1\n", "a number of seconds from 0 to 86400" },
		{ "[vmgend]\nhook-path=/a:b\n", "bad value \"/a:b\"" },
		{ "[vmgend]\nhook-path=/a:\n", "bad value \"/a:\"" },
		{ "[vmgend]\nboot-change=yes\n", "must be \"run\", \"counter\" or \"ignore\"" },
		{ "[vmgend]\nhook-settings=c\n", "must be an absolute path" },
		{ "[vmgend]\nhook-timeout=5\n hook-timeout=x\n", "c.conf:3: bad value \"x\"" },
		{ "[vmgend]\nnonsense\n", "c.conf:2: expected [section], key = value" },
		{ "[vmgend\nhook-timeout=5\n", "c.conf:1: expected [section]" },
		{ "[vmgend] hook-timeout=5\n", "c.conf:1: expected [section]" },
		{ "[VMGEND]\nhook-timeout=5\n", "c.conf:2: unknown section [VMGEND]" },
		{ "[vmgend]\n= 5\n", "c.conf:2: expected [section], key = value" },
		{ "[vmgend]\njitter=5;6\n", "bad value \"5;6\"" },
		{ "[vmgend]\nhook-settings=/a\tb\n", "must be an absolute path" },
		{ "[vmgend]\nhook-path=/a:/b\x1b[2J\n", "absolute paths with" },
		{ "\xff\xfe[\n", "c.conf:1: expected [section], key = value" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(read_text(config, cases[i].text) == -EINVAL, "mistake %zu is refused", i);
		if (!ok(strstr(error, cases[i].message), "and told: %s", cases[i].message))
			printf("# %s\n", error);
	}
	scratch_mkdir("c.conf.d/loop.conf", 0755);
	equal(read_text(config, ""), -EINVAL, "a drop-in that is a directory");
	ok(strstr(error, "loop.conf: is not a regular file"), "is named");
	rmdir(scratch_path("c.conf.d/loop.conf"));
}

/* Ways to write the same that others may have chosen. */
static void test_styles(struct config *config)
{
	static const struct {
		const char *text;
		unsigned int jitter;
	} cases[] = {
		{ "\xef\xbb\xbf[vmgend]\r\njitter = 11\r\n", 11 },
		{ "\xef\xbb\xbf# comment\n[vmgend]\njitter=12\n", 12 },
		{ "[vmgend]\njitter = 13 ; comment\n", 13 },
		{ "[vmgend] # comment\njitter = 14\t# comment = 3\n", 14 },
		{ "[vmgend]\njitter: 15\n", 15 },
		{ "[vmgend]\n\t jitter=16 \t\n  # comment\n ; comment", 16 },
		{ "[vmgend]\njitter=1\n\f\njitter=17", 17 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!ok(!read_text(config, cases[i].text) && config->jitter_sec == cases[i].jitter,
			"style %zu is understood", i))
			printf("# %u %s\n", config->jitter_sec, error);
	}
	equal(read_text(config, "[vmgend]\nhook-path=/a#b;c:/d e # f\n"), 0, "comment signs and a space in a path");
	ok(!strcmp(config->hook_path, "/a#b;c:/d e"), "belong to it");
}

/* Returns a text with so many bytes of the words between the others. */
static char *long_text(const char *before, const char *words, size_t length, const char *after)
{
	static char text[70000];
	size_t i, used = sprintf(text, "%s", before);

	for (i = 0; i < length; i++)
		text[used++] = words[i % strlen(words)];
	strcpy(text + used, after);
	return text;
}

/* A line is longer than libinih takes at once from its reader. */
static void test_long_lines(struct config *config)
{
	static const char *const words[] = { "a", "#;", "[=", "=/a  b", "b " };
	const char before[] = "[vmgend]\nhook-path = /x", *value, *end;
	size_t length, bad = 0, i;

	for (length = 150; length < 650; length++) {
		for (i = 0; i < 5; i++) {
			/* A comma so that no space is at the end. */
			value = long_text(before, words[i], length, ",\njitter=3\n");
			value = strchr(value, '/');
			end = strchr(value, '\n');
			config->jitter_sec = 0;
			bad += read_text(config, value - (sizeof(before) - 3)) || config->jitter_sec != 3 ||
			       strlen(config->hook_path) != (size_t)(end - value) ||
			       strncmp(config->hook_path, value, end - value);
		}
	}
	equal(bad, 0, "a value of any length is as it was written");
	equal(read_text(config, long_text("[vmgend]\n# ", "x", 250, "\njitter=4\n")), 0, "a long comment");
	equal(config->jitter_sec, 4, "what follows counts");
	equal(read_text(config, long_text("[vmgend]\njitter=5 ; ", "= [x] ; ", 300, "\n")), 0, "one behind a value");
	equal(config->jitter_sec, 5, "is no part of it");
	equal(read_text(config, long_text("[vmgend]\njitter=6", " ", 400, "# comment\n")), 0, "with much space before it");
	equal(read_text(config, long_text("[vmgend]\njitter=", " ", 400, "7\n")), 0, "much space before a value");
	equal(config->jitter_sec, 7, "is no part of it");
	equal(read_text(config, long_text("[vmgend]\nhook-path=/x", ":/aaaaaaaaaaaaaaaaaaa/b", 20000, "/y\n")), 0,
	      "a very long list of directories");
	equal(strlen(config->hook_path), 20004, "is taken whole");
	equal(read_text(config, long_text("[vmgend]\nhook-path=/x:", "y", 5000, "\n")), -EINVAL, "a very long bad value");
	ok(strstr(error, "c.conf:2: bad value \"/x:yyy") && strstr(error, "of \"hook-path\": must be absolute paths"),
	   "is told, with what it must be");
	equal(read_text(config, long_text("[vmgend]\n\n", "key", 300, " = 4\n")), -EINVAL, "a very long key");
	ok(strstr(error, "c.conf:3: the section or key is too long"), "is told");
	equal(read_text(config, long_text("[vmgend]\n[", "s", 300, "]\nx=1\n")), -EINVAL, "a very long section");
	ok(strstr(error, "c.conf:2: the section or key is too long"), "is told");
	equal(read_text(config, long_text("[vmgend]\n#", "x", 60000, "\n")), -EINVAL, "an endless line");
	ok(strstr(error, "c.conf:2: the line is longer than 32768 bytes"), "is told");
}

static void test_odd_files(struct config *config)
{
	int fd;

	read_text(config, "[vmgend]\n");
	fd = open(scratch_path("c.conf"), O_WRONLY | O_APPEND);
	(void)!write(fd, "j\0i=1\n", 6);
	close(fd);
	equal(config_read(config, scratch_path("c.conf"), true, error), -EINVAL, "a zero byte");
	ok(strstr(error, "c.conf:2: the line holds a zero byte"), "is told");
	(void)!truncate(scratch_path("c.conf"), (off_t)1 << 40);
	equal(config_read(config, scratch_path("c.conf"), true, error), -EFBIG, "a sparse file of 1 TiB is not read");
	ok(strstr(error, "c.conf: File too large"), "and told");
}

/* Anyone who can write them says what root runs and overwrites. */
static void test_owners(struct config *config)
{
	struct hook_settings settings;

	equal(read_text(config, "[vmgend]\n"), 0, "root's own");
	(void)!chmod(scratch_path("c.conf"), 0666);
	equal(config_read(config, scratch_path("c.conf"), true, error), -EPERM, "a file that all can write");
	ok(strstr(error, "c.conf can be written by others than root (chmod go-w "), "with the remedy");
	(void)!chmod(scratch_path("c.conf"), 0644);
	(void)!chown(scratch_path("c.conf"), 65534, 0);
	equal(config_read(config, scratch_path("c.conf"), false, error), -EPERM, "a file of another user");
	ok(strstr(error, "c.conf belongs to user 65534, not to root (chown root:root "), "with the remedy");
	(void)!chown(scratch_path("c.conf"), 0, 0);
	scratch_write("c.conf.d/10-a.conf", "[vmgend]\n", 0660);
	equal(config_read(config, scratch_path("c.conf"), false, error), -EPERM, "a drop-in");
	ok(strstr(error, "10-a.conf can be written by"), "is named");
	unlink(scratch_path("c.conf.d/10-a.conf"));
	(void)!chmod(scratch_path("c.conf.d"), 0775);
	equal(config_read(config, scratch_path("c.conf"), false, error), -EPERM, "a directory from which all can remove them");
	ok(strstr(error, "c.conf.d can be written by"), "is named");
	(void)!chmod(scratch_path("c.conf.d"), 0755);
	equal(config_read(config, scratch_path("c.conf"), false, error), 0, "all as it was");
	free(config->hook_settings_dir);
	config->hook_settings_dir = strdup(scratch_path("open.d"));
	scratch_mkdir("open.d", 0777);
	equal(config_read_hook(config, "10-none", &settings, error), -EPERM, "nor may the file of a hook go missing");
	equal(config_check_hooks(config, error), -EPERM, "which the check of all tells");
	(void)!chmod(scratch_path("open.d"), 0755);
	scratch_write("open.d/10-a.conf", "[hook]\n", 0606);
	equal(config_read_hook(config, "10-a", &settings, error), -EPERM, "the file of a hook that all can write");
}

static void test_bad_settings(const struct config *config)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "retries=11", "of \"retries\": must be a number from 0 to 10" },
		{ "retries=", "of \"retries\"" },
		{ "standby=1", "of \"standby\": must be \"yes\" or \"no\"" },
		{ "jitter=86401", "of \"jitter\": must be a number of seconds from 0 to 86400" },
		{ "user=", "of \"user\": must be the name of a user" },
		{ "user=0123456789012345678901234567890123456789012345678901234567890123", "of \"user\"" },
	};
	struct hook_settings settings;
	char text[128];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "[hook]\n%s\n", cases[i].text);
		scratch_write("hooks.conf.d/10-a.conf", text, 0644);
		ok(config_read_hook(config, "10-a", &settings, error) == -EINVAL &&
		   strstr(error, cases[i].message), "%s is refused", cases[i].text);
	}
}

static void test_hooks(struct config *config)
{
	struct hook_settings settings;

	free(config->hook_settings_dir);
	config->hook_settings_dir = strdup(scratch_path("hooks.conf.d"));
	config->hook_timeout_sec = 33;
	equal(config_read_hook(config, "10-a", &settings, error), 0, "a hook without a file");
	ok(settings.enabled && settings.timeout_sec == 33, "has the defaults");
	ok(!settings.retries && !*settings.user && !settings.jitter_sec && !settings.standby, "all of them");
	config->jitter_sec = 12;
	equal(config_hook_defaults(config, "39-a").jitter_sec, 0, "no jitter below 40");
	equal(config_hook_defaults(config, "40-a").jitter_sec, 12, "from there on that of vmgend.conf");
	equal(config_check_hooks(config, error), 0, "no directory is no mistake");
	equal(config_check_users(config, error), 0, "nor is it for users");
	scratch_mkdir("hooks.conf.d", 0755);
	scratch_write("hooks.conf.d/10-a.conf", "[hook]\nenabled=no\ntimeout=3\nretries=4\njitter=5\nuser=nobody\nstandby=yes\n", 0644);
	equal(config_read_hook(config, "10-a", &settings, error), 0, "a hook with a file");
	ok(!settings.enabled && settings.timeout_sec == 3, "has its own settings");
	ok(settings.retries == 4 && settings.jitter_sec == 5 && !strcmp(settings.user, "nobody") && settings.standby,
	   "all of them");
	equal(config_check_hooks(config, error), 0, "the files are good");
	equal(config_check_users(config, error), 0, "so is the user");
	scratch_write("hooks.conf.d/10-a.conf", "[hook]\nuser=no-such-user\n", 0644);
	equal(config_check_hooks(config, error), 0, "who is not a user may become one");
	equal(config_check_users(config, error), -ENOENT, "but is told");
	ok(strstr(error, "10-a.conf: user \"no-such-user\": there is no such user"), "with the file");
	test_bad_settings(config);
	unlink(scratch_path("hooks.conf.d/10-a.conf"));
	(void)!mkfifo(scratch_path("hooks.conf.d/10-a.conf"), 0644);
	equal(config_read_hook(config, "10-a", &settings, error), -EINVAL, "a FIFO is refused, without waiting for a writer");
	unlink(scratch_path("hooks.conf.d/10-a.conf"));
	(void)!symlink("nowhere", scratch_path("hooks.conf.d/10-a.conf"));
	equal(config_read_hook(config, "10-a", &settings, error), -ELOOP, "a dangling link is not \"no file\"");
	ok(strstr(error, "10-a.conf: is a symbolic link, which is not followed"), "and told");
	unlink(scratch_path("hooks.conf.d/10-a.conf"));
	scratch_write("hooks.conf.d/10-a.conf", "[hook]\nenabled=maybe\n", 0644);
	equal(config_read_hook(config, "10-a", &settings, error), -EINVAL, "a mistake is refused");
	ok(strstr(error, "10-a.conf:2: bad value \"maybe\" of \"enabled\""), "and told");
	equal(config_check_hooks(config, error), -EINVAL, "also by the check of all");
	unlink(scratch_path("hooks.conf.d/10-a.conf"));
	scratch_write("hooks.conf.d/a.conf", "[hook]\n", 0644);
	equal(config_check_hooks(config, error), -EINVAL, "a file for no hook is refused");
	ok(strstr(error, "\"a\" is not the name of a hook"), "and told");
}

static void test_reload(struct config *config)
{
	const char *path = scratch_path("c.conf");

	free(config->state_dir);
	config->state_dir = strdup("/mine");
	equal(read_text(config, "[vmgend]\nhook-timeout=7\nhook-settings=/none\n"), 0, "a good file");
	scratch_write("c.conf", "[vmgend]\nhook-timeout=8\nx=1\n", 0644);
	equal(config_reload(config, path, true, error), -EINVAL, "a mistake in a new one");
	ok(strstr(error, "c.conf:3: unknown key \"x\""), "it is named");
	ok(config->hook_timeout_sec == 7 && !strcmp(config->hook_settings_dir, "/none"), "nothing of it is taken over");
	scratch_write("c.conf", "[vmgend]\nhook-path=/new\n", 0644);
	equal(config_reload(config, path, true, error), 0, "a good one");
	ok(config->hook_timeout_sec == 90 && !strcmp(config->hook_path, "/new"), "all of it is, what it leaves out too");
	ok(!strcmp(config->state_dir, "/mine"), "the command line's paths stay");
}

int main(void)
{
	struct config config;

	scratch_create();
	equal(config_init(&config), 0, "the defaults");
	equal(config.hook_timeout_sec, 90, "90 s for a hook");
	equal(config.jitter_sec, 5, "up to 5 s of jitter");
	test_good(&config);
	test_bad(&config);
	test_styles(&config);
	test_long_lines(&config);
	test_hooks(&config);
	test_reload(&config);
	test_odd_files(&config);
	test_owners(&config);
	config_clear(&config);
	return tap_done();
}
