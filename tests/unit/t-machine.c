/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a machine looks like, from a sysfs of the test's own, and what that says
 * beside what is on record.
 */
#include <errno.h>

#include "record/machine.h"
#include "scratch.h"
#include "tap.h"

#define UUID_A "0a1b2c3d-0000-4000-8000-00000000000a"
#define UUID_B "0a1b2c3d-0000-4000-8000-00000000000b"
#define MAC_1 "52:54:00:00:00:01"
#define MAC_2 "52:54:00:00:00:02"
#define MAC_3 "52:54:00:00:00:03"

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
	char command[1024];
	va_list args;
	int n = sprintf(command, "cd %s; ", scratch_directory);

	va_start(args, format);
	vsnprintf(command + n, sizeof(command) - n, format, args);
	va_end(args);
	if (system(command))
		scratch_give_up(command);
}

static void interface(const char *name, const char *mac, const char *type, bool device)
{
	run("mkdir -p class/net/%s; echo %s >class/net/%s/address; echo %s >class/net/%s/addr_assign_type",
	    name, mac, name, type, name);
	if (device)
		run("mkdir -p class/net/%s/device", name);
}

static struct machine look(void)
{
	struct machine machine;

	machine_look(scratch_directory, &machine);
	return machine;
}

static struct machine make(const char *uuid, const char *a, const char *b)
{
	struct machine machine = { .n_macs = 0 };

	strcpy(machine.product_uuid, uuid);
	if (a)
		strcpy(machine.macs[machine.n_macs++], a);
	if (b)
		strcpy(machine.macs[machine.n_macs++], b);
	return machine;
}

static void test_look(void)
{
	struct machine machine = look();
	int i;

	ok(!*machine.product_uuid && !machine.n_macs, "where nothing is shown nothing is known");
	run("mkdir -p class/dmi/id; echo 0A1B2C3D-0000-4000-8000-00000000000A >class/dmi/id/product_uuid");
	interface("eth1", MAC_2, "0", true);
	interface("eth0", "52:54:00:00:00:01", "0", true);
	interface("eth2", MAC_2, "0", true);
	interface("br0", MAC_3, "0", false);
	interface("eth3", MAC_3, "3", true);
	interface("eth4", "00:00:00:00:00:00", "0", true);
	interface("ib0", "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:09:4b:21", "0", true);
	interface("x", "nonsense", "0", true);
	machine = look();
	ok(!strcmp(machine.product_uuid, UUID_A), "the UUID, in lower case");
	ok(machine.n_macs == 2 && !strcmp(machine.macs[0], MAC_1) && !strcmp(machine.macs[1], MAC_2),
	   "permanent addresses of devices: in order, once each, no others");
	run("echo 00000000-0000-0000-0000-000000000000 >class/dmi/id/product_uuid");
	ok(!*look().product_uuid, "a UUID of zeros is none");
	run("echo FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF >class/dmi/id/product_uuid");
	ok(!*look().product_uuid, "one of ones neither");
	run("echo %0100d >class/dmi/id/product_uuid", 1);
	ok(!*look().product_uuid, "nor an endless one");
	for (i = 0; i < 2 * MACHINE_MACS_MAX; i++) {
		char name[16], mac[MACHINE_MAC_SIZE];

		snprintf(name, sizeof(name), "many%d", i);
		snprintf(mac, sizeof(mac), "02:00:00:00:00:%02x", i * 37 % 256);
		interface(name, mac, "0", true);
	}
	machine = look();
	for (i = 1; i < (int)machine.n_macs && strcmp(machine.macs[i - 1], machine.macs[i]) < 0; i++)
		;
	ok(machine.n_macs == MACHINE_MACS_MAX && i == MACHINE_MACS_MAX, "of very many the first ones");
}

static void test_hint(void)
{
	static const struct {
		const char *uuid, *mac_1, *mac_2, *hint, *name;
	} cases[] = {
		{ UUID_A, MAC_1, MAC_2, "rollback", "all the same" },
		{ UUID_B, MAC_3, NULL, "clone", "all new" },
		{ UUID_B, MAC_1, MAC_2, "unknown", "a new UUID alone" },
		{ UUID_B, MAC_1, MAC_3, "unknown", "a new UUID and one new address" },
		{ UUID_A, MAC_3, NULL, "unknown", "new addresses alone" },
		{ UUID_A, MAC_1, NULL, "unknown", "an address is gone" },
		{ UUID_A, NULL, NULL, "unknown", "no address" },
		{ UUID_B, NULL, NULL, "unknown", "a new UUID and no address" },
		{ "", MAC_1, MAC_2, "unknown", "no UUID" },
		{ "", MAC_3, NULL, "unknown", "no UUID and new addresses" },
	};
	struct machine recorded = make(UUID_A, MAC_1, MAC_2), present;
	struct machine nothing = { .n_macs = 0 };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		present = make(cases[i].uuid, cases[i].mac_1, cases[i].mac_2);
		ok(!strcmp(machine_hint(&recorded, &present), cases[i].hint), "%s: %s", cases[i].name,
		   cases[i].hint);
		ok(!strcmp(machine_hint(&present, &recorded), cases[i].hint), "and the other way round");
	}
	ok(!strcmp(machine_hint(&nothing, &nothing), "unknown"), "nothing known: unknown");
}

static void test_note(void)
{
	struct machine recorded = make(UUID_A, MAC_1, MAC_2), same = recorded;
	struct machine early = make(UUID_A, NULL, NULL), other = make(UUID_B, NULL, NULL);

	ok(!machine_note(&recorded, &same), "the same machine changes nothing");
	ok(!machine_note(&recorded, &early) && recorded.n_macs == 2, "interfaces without a driver are not gone");
	ok(machine_note(&recorded, &other) && !recorded.n_macs, "those of another machine are");
	ok(machine_note(&recorded, &same) && recorded.n_macs == 2, "what is seen later is taken in");
}

static void refuse(const char *text)
{
	struct json_object *json = json_tokener_parse(text);
	struct machine machine;

	equal(machine_from_json(json, &machine), -EBADMSG, text);
	json_object_put(json);
}

static void test_json(void)
{
	struct machine machine = make(UUID_A, MAC_1, MAC_2), read, nothing = { .n_macs = 0 };
	struct json_object *json = json_object_new_object(), *value;

	equal(machine_add_json(&nothing, json, "machine"), 0, "nothing known");
	equal(json_object_object_length(json), 0, "is left out");
	equal(machine_add_json(&machine, json, "machine"), 0, "written");
	ok(json_object_object_get_ex(json, "machine", &value) && !machine_from_json(value, &read) &&
	   !memcmp(&read, &machine, sizeof(machine)), "and read");
	json_object_put(json);
	refuse("{}");
	refuse("[]");
	refuse("{\"product_uuid\":\"x\",\"macs\":[]}");
	refuse("{\"product_uuid\":\"\",\"macs\":\"\"}");
	refuse("{\"product_uuid\":\"\",\"macs\":[1]}");
	refuse("{\"product_uuid\":\"\",\"macs\":[\"52:54:00:00:00:0g\"]}");
}

int main(void)
{
	scratch_create();
	test_look();
	test_hint();
	test_note();
	test_json();
	return tap_done();
}
