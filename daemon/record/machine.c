/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What tells one machine from another, from sysfs: class/dmi and class/net.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "machine.h"

/* NET_ADDR_PERM of Linux: the address is the one that the device was made with. */
#define ADDRESS_PERMANENT	"0"

/* Returns whether the text consists of pairs of digits and the separators of the form. */
static bool has_form(const char *text, const char *form)
{
	for (; *text && *form; text++, form++)
		if (*form == 'x' ? !isxdigit((unsigned char)*text) || isupper((unsigned char)*text) :
		    *text != *form)
			return false;
	return !*text && !*form;
}

/* All zeros or all ones is what firmware says that was given none. */
static bool has_content(const char *text)
{
	return text[strspn(text, "0-:")] && text[strspn(text, "f-:")];
}

static bool is_uuid(const char *text)
{
	return has_form(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") && has_content(text);
}

static bool is_mac(const char *text)
{
	return has_form(text, "xx:xx:xx:xx:xx:xx") && has_content(text);
}

/* Reads the one line of an attribute, in lower case; one that is too long is empty. */
static void read_line(const char *path, char *ret_line, size_t size)
{
	int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret_line, size);
	char *p;

	if (fd >= 0)
		close(fd);
	ret_line[n < 0 || (size_t)n == size ? 0 : n] = '\0';
	ret_line[strcspn(ret_line, "\n")] = '\0';
	for (p = ret_line; *p; p++)
		*p = tolower((unsigned char)*p);
}

/* Keeps the order, and of too many the first ones in that order. */
static void add_mac(struct machine *machine, const char *mac)
{
	size_t i = 0;

	while (i < machine->n_macs && strcmp(machine->macs[i], mac) < 0)
		i++;
	if (i == MACHINE_MACS_MAX || (i < machine->n_macs && !strcmp(machine->macs[i], mac)))
		return;
	if (machine->n_macs < MACHINE_MACS_MAX)
		machine->n_macs++;
	memmove(machine->macs[i + 1], machine->macs[i],
		(machine->n_macs - 1 - i) * MACHINE_MAC_SIZE);
	strcpy(machine->macs[i], mac);
}

static void look_at_interface(const char *sysfs, const char *name, struct machine *machine)
{
	char path[PATH_MAX], line[64];

	/* Bridges, tunnels and the like come and go with the configuration. */
	snprintf(path, sizeof(path), "%s/class/net/%s/device", sysfs, name);
	if (access(path, F_OK))
		return;
	snprintf(path, sizeof(path), "%s/class/net/%s/addr_assign_type", sysfs, name);
	read_line(path, line, sizeof(line));
	if (strcmp(line, ADDRESS_PERMANENT))
		return;
	snprintf(path, sizeof(path), "%s/class/net/%s/address", sysfs, name);
	read_line(path, line, sizeof(line));
	if (is_mac(line))
		add_mac(machine, line);
}

void machine_look(const char *sysfs, struct machine *ret_machine)
{
	struct machine machine = { .n_macs = 0 };
	char path[PATH_MAX], line[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/class/dmi/id/product_uuid", sysfs);
	read_line(path, line, sizeof(line));
	if (is_uuid(line))
		strcpy(machine.product_uuid, line);
	snprintf(path, sizeof(path), "%s/class/net", sysfs);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			look_at_interface(sysfs, entry->d_name, &machine);
	if (dir)
		closedir(dir);
	*ret_machine = machine;
}

static size_t common_macs(const struct machine *a, const struct machine *b)
{
	size_t i, j, n = 0;

	for (i = 0; i < a->n_macs; i++)
		for (j = 0; j < b->n_macs; j++)
			n += !strcmp(a->macs[i], b->macs[j]);
	return n;
}

static bool is_known(const struct machine *machine)
{
	return *machine->product_uuid && machine->n_macs;
}

const char *machine_hint(const struct machine *recorded, const struct machine *present)
{
	size_t common = common_macs(recorded, present);

	if (!is_known(recorded) || !is_known(present))
		return "unknown";
	if (strcmp(recorded->product_uuid, present->product_uuid))
		return common ? "unknown" : "clone";
	return common == recorded->n_macs && common == present->n_macs ? "rollback" : "unknown";
}

bool machine_may_be(const struct machine *recorded, const struct machine *present)
{
	bool uuids = *recorded->product_uuid && *present->product_uuid;
	bool macs = recorded->n_macs && present->n_macs;
	size_t common = common_macs(recorded, present);

	if (uuids && strcmp(recorded->product_uuid, present->product_uuid))
		return false;
	/* Beside the same UUID a card that is new is one that was added. */
	if (macs && (uuids ? !common : common != present->n_macs))
		return false;
	return uuids || macs;
}

bool machine_note(struct machine *recorded, const struct machine *present)
{
	bool same_uuid = !strcmp(recorded->product_uuid, present->product_uuid);

	if (same_uuid && (!present->n_macs ||
			  (recorded->n_macs == present->n_macs &&
			   common_macs(recorded, present) == present->n_macs)))
		return false;
	*recorded = *present;
	return true;
}

int machine_add_json(const struct machine *machine, struct json_object *json, const char *key)
{
	struct json_object *object, *macs, *mac;
	size_t i;
	int r;

	if (!*machine->product_uuid && !machine->n_macs)
		return 0;
	object = json_object_new_object();
	macs = json_object_new_array();
	r = !object || !macs ? -ENOMEM : 0;
	for (i = 0; !r && i < machine->n_macs; i++) {
		mac = json_object_new_string(machine->macs[i]);
		if (!mac || json_object_array_add(macs, mac)) {
			json_object_put(mac);
			r = -ENOMEM;
		}
	}
	if (!r)
		r = json_add(object, "product_uuid", json_object_new_string(machine->product_uuid));
	if (r) {
		json_object_put(macs);
		json_object_put(object);
		return r;
	}
	r = json_add(object, "macs", macs);
	if (!r)
		return json_add(json, key, object);
	json_object_put(object);
	return r;
}

int machine_from_json(struct json_object *json, struct machine *ret_machine)
{
	struct machine machine = { .n_macs = 0 };
	struct json_object *macs, *mac;
	const char *text;
	size_t i, n;

	if (json_get_text(json, "product_uuid", &text) || (*text && !is_uuid(text)) ||
	    !json_object_object_get_ex(json, "macs", &macs) ||
	    !json_object_is_type(macs, json_type_array))
		return -EBADMSG;
	strcpy(machine.product_uuid, text);
	n = json_object_array_length(macs);
	for (i = 0; i < n; i++) {
		mac = json_object_array_get_idx(macs, i);
		if (!json_object_is_type(mac, json_type_string) ||
		    !is_mac(json_object_get_string(mac)))
			return -EBADMSG;
		add_mac(&machine, json_object_get_string(mac));
	}
	*ret_machine = machine;
	return 0;
}
