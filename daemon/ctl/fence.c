/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl fence: keeps a unit down until somebody has fixed what a change
 * broke. A hook's fence is on disk before anybody is asked, because a guard
 * waits for nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "base/unitname.h"
#include "ctl.h"
#include "ctl/systemd/alias.h"
#include "ctl/systemd/dropin.h"
#include "ctl/systemd/manager.h"
#include "ctl/systemd/mask.h"
#include "ctl/view/arguments.h"
#include "ctl/view/fenced.h"
#include "ctl/view/view.h"
#include "record/fencefile.h"

struct command {
	const struct ctl *ctl;
	/* What was typed, as a full name. */
	const char *unit;
	const char *reason;
	bool force;
	struct fence_author author;
	/* Of the fences. */
	int fd;
	enum fence_result result;
	/* What the manager says: 0 and the unit, or that of manager_ask(). */
	int asked;
	struct manager_unit known;
};

static enum ctl_exit find_author(const struct ctl *ctl, struct fence_author *author)
{
	struct view view;

	if (fence_find_hook(author)) {
		text_print(stderr, "vmgenctl: VMGEN_GENERATION is not a number: unset it, or leave it as vmgend sets it\n");
		return CTL_USAGE;
	}
	if (author->is_hook)
		return CTL_OK;
	view_read(ctl, &view);
	if (view.guest == GUEST_READY) {
		author->generation = view.event.generation;
		author->has_generation = true;
	} else if (view.vmgend) {
		author->has_generation = !json_get_number(view.vmgend, "generation",
							  &author->generation);
	}
	view_clear(&view);
	return CTL_OK;
}

static void ask(struct command *command, const char *unit)
{
	char drop_in[PATH_MAX];

	dropin_path(unit, drop_in);
	command->asked = manager_ask(unit, command->ctl->state_dir, drop_in,
				     command->author.is_hook ? MANAGER_QUICK_MS : MANAGER_PATIENT_MS,
				     &command->known);
}

/* Has what no fence could hold. */
static enum ctl_exit refuse_kind(const char *unit)
{
	const char *dot = strrchr(unit, '.');

	if (dot > unit && dot[-1] == '@') {
		text_print(stderr, "vmgenctl: %s is a template, which nothing starts: fence its instances, each by its name (systemctl list-units --all '%.*s*')\n",
			   unit, (int)(dot - unit), unit);
		return CTL_USAGE;
	}
	if (strcmp(dot, ".service") && strcmp(dot, ".socket")) {
		text_print(stderr, "vmgenctl: %s cannot be fenced: only services and sockets ask for a fence, so fence what it starts\n",
			   unit);
		return CTL_USAGE;
	}
	return CTL_OK;
}

static enum ctl_exit put(struct command *command, const char *unit)
{
	struct fence fence;
	int r = fence_set(command->fd, unit, command->reason, &command->author, &command->result);

	if (!r && command->result != FENCE_NEWER)
		return CTL_OK;
	if (!r) {
		if (!fence_read(command->fd, unit, &fence))
			text_print(stderr, "vmgenctl: %s is fenced already, by generation %" PRIu64 ", which is newer; that fence stays\n",
				   unit, fence.generation);
		return CTL_OK;
	}
	if (fence_read(command->fd, unit, &fence))
		return ctl_state_error(command->ctl, r);
	text_print(stderr, "vmgenctl: %s is fenced, but the reason or the fence may be lost: %s: make room in %s, then run this again\n",
		   unit, strerror(-r), command->ctl->state_dir);
	return CTL_DEGRADED;
}

/* Of the name that was typed, when it has turned out to be the wrong one. */
static void take_back(struct command *command)
{
	bool locked = !fence_lock(command->fd);

	(void)fence_lift(command->fd, command->unit, &command->author);
	if (locked)
		fence_unlock(command->fd);
	(void)fence_sync(command->fd);
}

/* Of what may pass: CTL_DEGRADED; of what stays until somebody does something: CTL_ASKS_NOT. */
static enum ctl_exit doubt(enum ctl_exit code, const char *unit, const char *why)
{
	text_print(stderr, "vmgenctl: %s is fenced, but it is not certain that it asks: %s (vmgenctl fence show %s)\n",
		   unit, why, unit);
	return code;
}

static const char *install_error(int error)
{
	switch (error) {
	case -EILSEQ:
		return "its drop-in zz-vmgen-fence.conf was changed: remove it, then run this again";
	case -EINVAL:
		return "give the state directory as a plain path from / on";
	default:
		return strerror(-error);
	}
}

static enum ctl_exit install(struct command *command, const char *unit)
{
	bool locked = !fence_lock(command->fd);
	int r = dropin_install(unit, command->ctl->state_dir);

	if (locked)
		fence_unlock(command->fd);
	if (!r)
		return CTL_OK;
	return doubt(dropin_may_pass(r) ? CTL_DEGRADED : CTL_ASKS_NOT, unit, install_error(r));
}

/* Has the unit ask, and looks whether the manager has understood. */
static enum ctl_exit have_it_ask(struct command *command, const char *unit)
{
	bool quick = command->author.is_hook;
	enum ctl_exit code = install(command, unit);
	int r;

	if (code)
		return code;
	r = manager_reload(quick ? MANAGER_QUICK_RELOAD_MS : MANAGER_PATIENT_RELOAD_MS);
	if (!r) {
		ask(command, unit);
		r = command->asked;
	}
	if (r)
		return doubt(CTL_DEGRADED, unit, manager_error(r));
	if (!command->known.exists || command->known.masked || command->known.asks)
		return CTL_OK;
	return doubt(CTL_ASKS_NOT, unit, "systemd does not take its drop-in as it is");
}

/* The fence is there; now it has to hold. */
static enum ctl_exit hold(struct command *command, const char *unit)
{
	enum ctl_exit code = CTL_OK;

	if (command->asked == -ENOENT) {
		text_print(stderr, "vmgenctl: systemd does not run here: %s is fenced if what starts it asks with vmgenctl fence check\n",
			   unit);
		return CTL_OK;
	}
	if (command->asked)
		return doubt(CTL_DEGRADED, unit, manager_error(command->asked));
	/* One that is loaded but gone is just being lifted. */
	if (!command->known.asks || (command->known.has_drop_in &&
				     !dropin_is_own(unit, command->ctl->state_dir)))
		code = have_it_ask(command, unit);
	else if (command->known.is_listed)
		/* It asks already, and must go on when it is no longer listed. */
		code = install(command, unit);
	if (code)
		return code;
	/* A hook stops it, or has frozen it already. */
	if (command->known.runs && !command->author.is_hook)
		text_print(stderr, "vmgenctl: %s is running, and a fence does not stop it: systemctl stop %s\n",
			   unit, unit);
	else if (!command->known.exists)
		text_print(stderr, "vmgenctl: systemd does not know %s yet: vmgenctl fence show %s tells when it does\n",
			   unit, unit);
	return CTL_OK;
}

static enum ctl_exit set_open(struct command *command)
{
	enum ctl_exit code = CTL_OK, held;
	const char *unit = command->unit;
	bool early = command->author.is_hook;

	if (early)
		code = put(command, unit);
	if (code && code != CTL_DEGRADED)
		return code;
	ask(command, unit);
	if (!command->asked && !command->known.exists && !command->force) {
		if (early && command->result == FENCE_SET)
			take_back(command);
		text_print(stderr, "vmgenctl: systemd knows no unit %s: correct its name, or use --force to fence it anyway\n",
			   unit);
		return CTL_FAILED;
	}
	if (!command->asked)
		unit = command->known.id;
	if (!early || strcmp(unit, command->unit))
		code = put(command, unit);
	if (code && code != CTL_DEGRADED)
		return code;
	/* Also that of a hook which had no answer. */
	if (strcmp(unit, command->unit))
		take_back(command);
	held = hold(command, unit);
	return held ? held : code;
}

static enum ctl_exit set(struct command *command)
{
	enum ctl_exit code = refuse_kind(command->unit);
	char line[FENCE_REASON_SIZE];
	int r;

	if (code)
		return code;
	/* A guard may have found nothing to say; it fences anyway. */
	if (!*command->reason && !command->author.is_hook) {
		text_print(stderr, "vmgenctl: the reason is empty: say why %s has to stay down\n", command->unit);
		return CTL_USAGE;
	}
	fence_clean_reason(command->reason, line);
	if (strcmp(line, command->reason))
		text_print(stderr, "vmgenctl: the reason is kept as one line of at most %d bytes that can be printed: \"%s\"\n",
			   FENCE_REASON_SIZE - 1, line);
	r = fence_open(command->ctl->state_dir, true, &command->fd);
	if (r)
		return ctl_state_error(command->ctl, r);
	code = set_open(command);
	close(command->fd);
	return code;
}

/* By one of its names. Returns that of fence_lift(); ret_removed: what systemd has read was. */
static int lift_name(struct command *command, const char *unit, bool *ret_removed)
{
	int r = command->fd < 0 ? -ENOENT : fence_lift(command->fd, unit, &command->author), removed;
	char other[NAME_MAX + 1];

	if (r && r != -ENOENT)
		return r;
	/* Of 10-replica: systemctl has no remedy for it, nor knows the unit of an alias that is masked. */
	*ret_removed |= mask_remove(unit);
	*ret_removed |= alias_follow(unit, other) && mask_remove(other);
	removed = dropin_remove(unit, command->ctl->state_dir);
	if (removed == 1)
		*ret_removed = true;
	else if (removed)
		text_print(stderr, "vmgenctl: the drop-in zz-vmgen-fence.conf of %s stays, and still asks: %s\n", unit,
			   removed == -EILSEQ ? "it was changed; remove it by hand" : strerror(-removed));
	return r;
}

/* Returns 0; -ENOENT: no name of it is fenced; -errno. */
static int lift_names(struct command *command, bool *ret_removed)
{
	char names[MANAGER_NAMES_SIZE] = "", *rest, *name;
	int r = lift_name(command, command->unit, ret_removed), other;

	if (!command->asked)
		strcpy(names, command->known.names);
	for (name = strtok_r(names, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
		if (r && r != -ENOENT)
			return r;
		other = strcmp(name, command->unit) ? lift_name(command, name, ret_removed) : -ENOENT;
		if (other != -ENOENT)
			r = other;
	}
	return r;
}

static enum ctl_exit lifted(struct command *command, int r)
{
	const char *unit = command->unit;

	switch (r) {
	case 0:
		return CTL_OK;
	case -ENOENT:
		text_print(stderr, "vmgenctl: %s is not fenced\n", unit);
		if (!command->asked || command->asked == -ENOENT)
			return CTL_OK;
		text_print(stderr, "vmgenctl: %s, so it may be by another name: vmgenctl fence list\n",
			   manager_error(command->asked));
		return CTL_FAILED;
	case -ESTALE:
		text_print(stderr, "vmgenctl: %s stays fenced: a hook of generation %" PRIu64 " lifts no fence of a newer one, or of one that is not known (vmgenctl fence show %s)\n",
			   unit, command->author.generation, unit);
		return CTL_NEWER;
	case -EWOULDBLOCK:
		text_print(stderr, "vmgenctl: another vmgenctl fence is at work: try again\n");
		return CTL_FAILED;
	default:
		return ctl_state_error(command->ctl, r);
	}
}

static enum ctl_exit lift(struct command *command)
{
	bool removed = false;
	int r = fence_open(command->ctl->state_dir, false, &command->fd), synced = 0;

	if (r == -ENOENT)
		command->fd = -1;
	else if (r)
		return ctl_state_error(command->ctl, r);
	ask(command, command->unit);
	if (command->fd >= 0)
		r = fence_lock(command->fd);
	if (!r || command->fd < 0)
		r = lift_names(command, &removed);
	if (command->fd >= 0) {
		fence_unlock(command->fd);
		synced = fence_sync(command->fd);
		close(command->fd);
	}
	if (removed && manager_reload(command->author.is_hook ? MANAGER_QUICK_RELOAD_MS :
				      MANAGER_PATIENT_RELOAD_MS))
		text_print(stderr, "vmgenctl: systemctl daemon-reload failed: %s still asks for a fence until that is done\n",
			   command->unit);
	return lifted(command, !r ? synced : r);
}

static const char *const words[] = { "set", "lift", "check", "show", "list", NULL };

static const struct action {
	const char *arguments;
	int n_arguments;
	/* One of the two. */
	enum ctl_exit (*run)(struct command *command);
	enum ctl_exit (*look)(const struct ctl *ctl, const char *unit);
} actions[] = {
	{ "a unit and a reason", 2, set, NULL },
	{ "a unit", 1, lift, NULL },
	{ "a unit", 1, NULL, fenced_check },
	{ "a unit", 1, NULL, fenced_show },
	{ "", 0, NULL, fenced_list },
};

static enum ctl_exit run(struct command *command, const struct action *action)
{
	enum ctl_exit code;

	if (action->look)
		return action->look(command->ctl, command->unit);
	code = find_author(command->ctl, &command->author);
	/* A guard that fences does so with any arguments. */
	return code && action->run != set ? code : action->run(command);
}

/* Returns whether they are right. */
static bool take_arguments(int argc, char **argv, int word, struct command *command,
			   char ret_unit[NAME_MAX + 1])
{
	const struct action *action = &actions[word];

	if (command->force && action->run != set) {
		text_print(stderr, "vmgenctl: --force is for fence set, not for fence %s\n", words[word]);
		return false;
	}
	if (argc - optind < action->n_arguments) {
		text_print(stderr, "vmgenctl: fence %s needs %s\n", words[word], action->arguments);
		return false;
	}
	if (argc - optind > action->n_arguments && action->run == set) {
		text_print(stderr, "vmgenctl: unexpected argument \"%s\" for fence set: put the reason in quotation marks\n",
			   argv[optind + 2]);
		return false;
	}
	if (action->n_arguments && unitname_complete(argv[optind], ret_unit)) {
		text_print(stderr, "vmgenctl: \"%s\" is not the name of a unit: use one such as nginx.service\n",
			   argv[optind]);
		return false;
	}
	command->unit = ret_unit;
	optind += action->n_arguments;
	command->reason = argv[optind - 1];
	return arguments_end(argc, argv, words[word]);
}

enum ctl_exit ctl_fence(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = {
		{ "force", no_argument, NULL, 'f' },
		{ .name = NULL },
	};
	struct command command = { .ctl = ctl };
	char unit[NAME_MAX + 1];
	int option, word;

	while ((option = arguments_option(argc, argv, table)) != -1) {
		if (option != 'f')
			return CTL_USAGE;
		command.force = true;
	}
	word = arguments_word(argc, argv, "fence command", words);
	if (word < 0 || !take_arguments(argc, argv, word, &command, unit))
		return CTL_USAGE;
	return run(&command, &actions[word]);
}
