/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl image: has each copy of this system take an identity of its own at its
 * first boot, by a mark that tells a copy from the original.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/text.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/identifier.h"
#include "ctl/view/inventory.h"
#include "ctl/view/view.h"
#include "record/imagefile.h"
#include "record/statefile.h"

/* Returns how many hooks a copy runs at its first boot; prints their names. */
static size_t list_hooks(const struct inventory *inventory, FILE *stream)
{
	const struct item *item = inventory->items;
	size_t i, n = 0;

	for (i = 0; i < inventory->list.n_hooks; i++, item++) {
		if (item->state != ITEM_ON || !event_is_identity(item->hook->band))
			continue;
		n++;
		if (stream)
			text_print(stream, "  %s\n", item->hook->name);
	}
	return n;
}

/* Where there is none, any ID is another one. */
static enum ctl_exit look_at_id(const struct ctl *ctl, char ret_hash[HASH_SIZE])
{
	enum guest guest = identifier_hash(ctl, ret_hash);

	if (guest != GUEST_READY && guest != GUEST_NO_DEVICE && guest != GUEST_NO_SYSFS) {
		text_print(stderr, "vmgenctl: the ID of this machine cannot be read: %s\n",
			   guest_explain(guest, GUEST_SYSFS));
		return ctl_guest_exit(guest);
	}
	if (!*ret_hash)
		text_print(stderr, "vmgenctl: this machine has no ID, so every machine with one counts as a copy, this one too if the host gives it one\n");
	return CTL_OK;
}

/* Then hooks cannot tell the original either, to which some hosts give another ID. */
static void look_at_machine(const struct inventory *inventory, struct machine *ret_machine)
{
	machine_look(inventory->config.sysfs, ret_machine);
	if (!*ret_machine->product_uuid && !ret_machine->n_macs)
		text_print(stderr, "vmgenctl: neither a UUID of the firmware nor a MAC address tells this machine from another one, so with another ID it takes another identity as a copy does: give it a UUID or a network card, then prepare it again\n");
}

static enum ctl_exit mark(const struct ctl *ctl, const struct image *image)
{
	char *argv[] = { (char *)"forget", NULL };
	enum ctl_exit code;
	int fd = -1, r;

	/* Without a mark until all is done: half of it would tell nothing. */
	code = ctl_open_state(ctl, &fd);
	if (code)
		return code;
	r = image_remove(fd);
	close(fd);
	if (r)
		return ctl_state_error(ctl, r);
	optind = 0;
	code = ctl_forget(ctl, 1, argv);
	if (code)
		return code;
	code = ctl_open_state(ctl, &fd);
	if (code)
		return code;
	r = image_write(fd, image);
	close(fd);
	return r ? ctl_state_error(ctl, r) : CTL_OK;
}

static enum ctl_exit prepare(const struct ctl *ctl, const struct inventory *inventory)
{
	struct image image = { .id_hash = "" };
	enum ctl_exit code;

	if (!list_hooks(inventory, NULL)) {
		text_print(stderr, "vmgenctl: not prepared: no hook of identity is enabled, so a copy would keep the identity of this machine: enabled = yes in %s/60-machine-id.conf, for example (vmgenctl hooks list); if copies should keep it: vmgenctl forget\n",
			   inventory->config.hook_settings_dir);
		return CTL_FAILED;
	}
	code = look_at_id(ctl, image.id_hash);
	if (code)
		return code;
	look_at_machine(inventory, &image.machine);
	code = mark(ctl, &image);
	if (code)
		return code;
	text_print(stdout, "prepared: a copy, which starts with another ID, runs at its first boot:\n");
	(void)list_hooks(inventory, stdout);
	return CTL_OK;
}

static enum ctl_exit show(const struct ctl *ctl, const struct inventory *inventory)
{
	char id_hash[HASH_SIZE] = "";
	struct image image;
	const char *reason;
	enum ctl_exit code;
	int fd = -1, r;

	code = ctl_open_state(ctl, &fd);
	if (code)
		return code;
	r = image_read(fd, &image, &reason);
	close(fd);
	if (r && r != -ENOENT) {
		text_print(stderr, "vmgenctl: the mark cannot be used: %s: vmgenctl image undo, then prepare it again\n",
			   reason);
		return CTL_FAILED;
	}
	if (r) {
		puts("none");
		return CTL_OK;
	}
	(void)identifier_hash(ctl, id_hash);
	text_print(stdout, "prepared on %s; a copy runs at its first boot:\n",
		   !*id_hash ? "a machine (whether it was this one is not known: it shows no ID)" :
		   image_is_copy(&image, id_hash) ? "another machine, or with another ID" :
		   "this machine");
	if (!list_hooks(inventory, stdout))
		text_print(stdout, "  nothing: no hook of identity is enabled (vmgenctl hooks list)\n");
	return CTL_OK;
}

static enum ctl_exit undo(const struct ctl *ctl, const struct inventory *inventory)
{
	enum ctl_exit code;
	int fd = -1, r;

	(void)inventory;
	code = ctl_open_state(ctl, &fd);
	if (code)
		return code;
	r = image_remove(fd);
	close(fd);
	return r ? ctl_state_error(ctl, r) : CTL_OK;
}

enum { PREPARE, SHOW, UNDO };

static const char *const words[] = {
	[PREPARE] = "prepare", [SHOW] = "show", [UNDO] = "undo", NULL
};

static enum ctl_exit (*const commands[])(const struct ctl *ctl,
					 const struct inventory *inventory) = {
	[PREPARE] = prepare, [SHOW] = show, [UNDO] = undo,
};

enum ctl_exit ctl_image(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = { { .name = NULL } };
	char error[SETTINGS_ERROR_SIZE];
	struct inventory inventory;
	enum ctl_exit code;
	int word;

	if (arguments_option(argc, argv, table) != -1)
		return CTL_USAGE;
	word = arguments_word(argc, argv, "image command", words);
	if (word < 0 || !arguments_end(argc, argv, words[word]))
		return CTL_USAGE;
	if (inventory_read(ctl->config, &inventory, error)) {
		text_print(stderr, "vmgenctl: %s\n", error);
		return CTL_FAILED;
	}
	code = commands[word](ctl, &inventory);
	inventory_clear(&inventory);
	return code;
}
