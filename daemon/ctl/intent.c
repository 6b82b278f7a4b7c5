/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl intent: says beforehand what the next change will be.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/guest.h"
#include "base/paths.h"
#include "base/systemd.h"
#include "base/text.h"
#include "config/config.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/identifier.h"
#include "ctl/view/request.h"
#include "record/hostplace.h"
#include "record/intentfile.h"
#include "record/statefile.h"

/* vmgend died when it had used an intent, before that was gone. */
static int finish_removal(int fd, struct state *state, const char *dropped)
{
	int r;

	if (!state->intent_spent)
		return 0;
	r = intent_remove(fd, dropped);
	if (r)
		return r;
	state->intent_spent = false;
	return state_save(fd, state);
}

/* Returns CTL_OK: vmgend will keep it for the next change. */
static enum ctl_exit set(const struct ctl *ctl, int fd, const char *word, const char *dropped)
{
	struct state state = { .boot_id = "" };
	const char *reason = "there is none";
	int r;

	r = state_load(fd, &state, &reason);
	if (r) {
		text_print(stderr, "vmgenctl: the intent was not recorded: vmgend has no usable record (%s), and drops the intent when it makes one at its next start: %s, then declare it again\n",
			   reason, systemd_or("systemctl restart vmgend", "restart vmgend"));
		return CTL_FAILED;
	}
	r = finish_removal(fd, &state, dropped);
	state_clear(&state);
	if (!r)
		r = intent_write(fd, word);
	return r ? ctl_state_error(ctl, r) : CTL_OK;
}

/* What vmgend makes of a word of the host that it can read. */
static const char *judge(const struct hostword *word, const char *id_hash, const char *handled)
{
	if (strcmp(word->id_hash, id_hash))
		return "; it is not used: " HOSTPLACE_STALE;
	if (!strcmp(handled, id_hash))
		return "; it is not used any more: " HOSTPLACE_SPENT;
	return "; it is for the change to the present ID, which is not handled yet";
}

static void show_words(const struct ctl *ctl, const char *handled)
{
	char reason[HOSTWORD_REASON_SIZE], id_hash[HASH_SIZE];
	struct hostword word;
	size_t i;
	int r;

	(void)identifier_hash(ctl, id_hash);
	for (i = 0; i < HOSTPLACES; i++) {
		r = hostplace_read(i, GUEST_SYSFS, PATH_CREDENTIALS, &word, reason);
		if (r && r != -ENOENT)
			text_print(stdout, "what the host declares in %s is not used: %s\n",
				   hostplace_name(i), reason);
		if (!r)
			text_print(stdout, "the host declares in %s: %s%s%s%s\n", hostplace_name(i),
				   word.intent, *word.name ? ", " : "", word.name,
				   judge(&word, id_hash, handled));
	}
}

static enum ctl_exit show(const struct ctl *ctl, int fd, const char *dropped, bool print)
{
	char word[RECORD_WORD_SIZE], error[INTENT_ERROR_SIZE], handled[HASH_SIZE];
	struct state state = { .boot_id = "" };
	bool said, spent, kept;
	int r;

	kept = !state_load(fd, &state, NULL);
	/* What is left over counts no more. */
	spent = kept && state.intent_spent;
	strcpy(handled, state.handled);
	state_clear(&state);
	r = intent_read(fd, dropped, word, &said, error);
	if (r)
		text_print(stderr, "vmgenctl: %s\n", error);
	if (said && !kept) {
		text_print(stderr, "vmgenctl: vmgend has no usable record, and drops this intent when it makes one at its next start: %s, then declare it again\n",
			   systemd_or("systemctl restart vmgend", "restart vmgend"));
		r = -EBADMSG;
	}
	if (print)
		puts(*word && !spent ? word : "none");
	if (print)
		show_words(ctl, handled);
	return r ? CTL_FAILED : CTL_OK;
}

static enum ctl_exit run(const struct ctl *ctl, const char *word, const char *dropped)
{
	enum ctl_exit code;
	int fd = -1, r;

	code = ctl_open_state(ctl, &fd);
	if (code)
		return code;
	r = strcmp(word, "clear") ? 0 : intent_remove(fd, dropped);
	if (r)
		code = ctl_state_error(ctl, r);
	else if (intent_valid(word))
		code = set(ctl, fd, word, dropped);
	/* What was dropped may contradict what was said. */
	if (!code)
		code = show(ctl, fd, dropped, !strcmp(word, "show"));
	close(fd);
	return code;
}

enum ctl_exit ctl_intent(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = {
		{ "now", no_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		{ .name = NULL },
	};
	static const char *const words[] = { "clone", "restore", "clear", "show", NULL };
	struct request request = { .rerun = "clone", .deadline_ns = -1 };
	bool now = false, timeout = false;
	char error[SETTINGS_ERROR_SIZE] = "the path of the configuration is too long";
	enum ctl_exit code = CTL_FAILED;
	struct config config;
	const char *word;
	int option, place;

	while ((option = arguments_option(argc, argv, table)) != -1) {
		if (option == 'n')
			now = true;
		else if (option != 't' || arguments_deadline(optarg, &request.deadline_ns))
			return CTL_USAGE;
		else
			timeout = true;
	}
	place = arguments_word(argc, argv, "intent", words);
	if (place < 0 || !arguments_end(argc, argv, words[place]))
		return CTL_USAGE;
	word = words[place];
	if ((now || timeout) && !(now && !strcmp(word, "clone"))) {
		text_print(stderr, "vmgenctl: %s: use intent clone --now\n", now ?
			   "--now is for intent clone alone" : "--timeout is for --now alone");
		return CTL_USAGE;
	}
	if (now)
		return request_run(ctl, &request);
	if (config_init(&config)) {
		text_print(stderr, "vmgenctl: out of memory\n");
		return CTL_FAILED;
	}
	if (config_read(&config, ctl->config, false, error))
		text_print(stderr, "vmgenctl: %s\n", error);
	else
		code = run(ctl, word, config.intent_file);
	config_clear(&config);
	return code;
}
