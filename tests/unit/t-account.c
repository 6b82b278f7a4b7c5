/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Users are found, and nothing is waited for when the name service hangs.
 */
#include "nss.h"

#include <stdio.h>
#include <sys/wait.h>

#include "config/config.h"
#include "process/account.h"
#include "scratch.h"
#include "tap.h"

/* No process is left of a look-up. */
static void test_rest(const char *what)
{
	ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "%s: nothing is left", what);
}

static void test_found(void)
{
	struct account account;
	int i;

	equal(account_find("nobody", 60000, &account), 0, "nobody is found");
	equal(account.uid, 65534, "with the ID");
	equal(account.n_groups, 1, "and the group");
	ok(!strcmp(account.name, "nobody") && !strcmp(account.home, "/nonexistent"), "and the home");
	account_clear(&account);
	test_rest("nobody");
	equal(account_find("popular", 60000, &account), 0, "a user of many groups is found");
	equal(account.n_groups, NSS_GROUPS, "with all of them");
	for (i = 0; i < account.n_groups && account.groups[i] == 8 + (gid_t)i; i++)
		;
	equal(i, NSS_GROUPS, "as they are");
	account_clear(&account);
}

static void test_trouble(void)
{
	struct account account = { .uid = 1 };
	char text[ACCOUNT_ERROR_SIZE];

	equal(account_find("no-such-user", 60000, &account), -ENOENT, "a user that is not there");
	ok(!strcmp(account_strerror(-ENOENT, 0, text), "there is no such user"), "is told");
	equal(account_find("hangs", 100, &account), -ETIMEDOUT, "a name service that hangs");
	ok(!strcmp(account_strerror(-ETIMEDOUT, 2000, text),
		   "the name service did not answer within 2 s"), "is told");
	test_rest("hangs");
	equal(account_find("crashes", 60000, &account), -EPIPE, "a name service that crashes");
	test_rest("crashes");
	equal(account.uid, 1, "what was there stays");
}

static void test_check(void)
{
	char error[SETTINGS_ERROR_SIZE];
	struct config config;

	if (config_init(&config))
		scratch_give_up("memory");
	free(config.hook_settings_dir);
	config.hook_settings_dir = strdup(scratch_path("conf"));
	scratch_mkdir("conf", 0755);
	scratch_write("conf/50-ldap.conf", "[hook]\nuser=hangs\ntimeout=1\n", 0644);
	equal(config_check_users(&config, error), -ETIMEDOUT, "--check-config does not hang");
	ok(strstr(error, "50-ldap.conf: user \"hangs\": the name service did not answer within 1 s"),
	   "and tells the file, the user and the reason");
	config_clear(&config);
}

int main(void)
{
	scratch_create();
	alarm(300);
	test_found();
	test_trouble();
	test_check();
	return tap_done();
}
