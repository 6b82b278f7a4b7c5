/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The word of the host: what is one, what was one once, and what is none.
 */
#include <errno.h>
#include <string.h>

#include "record/hostword.h"
#include "tap.h"

/* As in hash_id() of the bytes that QEMU shows for it. */
#define GUID	"00112233-4455-6677-8899-aAbBcCdDeEfF"

static struct hostword word;
static char reason[HOSTWORD_REASON_SIZE];

static int parse(const char *text, size_t size)
{
	/* What was read before says nothing of this one. */
	word = (struct hostword){ .intent = "x", .name = "x" };
	return hostword_parse(text, size, &word, reason);
}

static void accept(const char *line, const char *intent, const char *name)
{
	char text[512] = "vmgen-intent 1 ";

	strcat(text, line);
	if (!ok(!parse(text, sizeof(text)) && !strcmp(word.intent, intent) && !strcmp(word.name, name),
		"%.*s", (int)strcspn(line, "\n"), line))
		printf("# %s \"%s\" \"%s\"\n", reason, word.intent, word.name);
}

static void refuse_text(const char *name, const char *text, size_t size, int r, const char *why)
{
	int got = parse(text, size);

	if (!ok(got == r && strstr(reason, why) && !strcmp(word.intent, "x"), "%s: %s", name, why))
		printf("# %d %s\n", got, reason);
}

static void refuse(const char *line, const char *why)
{
	char text[512] = "vmgen-intent 1 ", name[64];

	strcat(text, line);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, "\n"), line);
	refuse_text(name, text, sizeof(text), -EBADMSG, why);
}

static void test_words(void)
{
	static const uint8_t id[VMGEN_ID_SIZE] = {
		0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
		0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
	};
	char hash[HASH_SIZE];

	hash_id(id, hash);
	accept("id=" GUID " intent=clone\n", "clone", "");
	ok(!strcmp(word.id_hash, hash), "it is for the ID as the device shows that");
	ok(!word.unknown_keys, "all of it is known");
	accept("id=" GUID " intent=restore name=web-3\n", "restore", "web-3");
	accept("  intent=clone  name=a.B_9   id=" GUID " \n \n", "clone", "a.B_9");
	accept("id=" GUID " intent=clone rack=7\n", "clone", "");
	ok(word.unknown_keys, "and that it has more in it is told");
	accept("id=" GUID " intent=clone name=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123\n",
	       "clone", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123");
}

static void test_faults(void)
{
	refuse("id=" GUID " intent=clone", "cut off");
	refuse("id=" GUID " intent=cl", "cut off");
	refuse("id=" GUID " intent=clone\nid=" GUID " intent=restore\n", "something follows its line");
	refuse("id=" GUID " intent=clone\tname=a\n", "one line of ASCII");
	refuse("id=" GUID " intent=clone name=b\xc3\xa4r\n", "one line of ASCII");
	refuse("id=" GUID " intent=clone clone\n", "not key=value");
	refuse("intent=clone\n", "it says no id=");
	refuse("id=" GUID "\n", "it says no intent=");
	refuse("\n", "it says no id=");
	refuse("id=" GUID " intent=clone intent=clone\n", "it says intent= twice");
	refuse("id=" GUID " intent=Clone\n", "intent= must be clone or restore");
	refuse("id=" GUID " intent=\n", "intent= must be clone or restore");
	refuse("id=any intent=clone\n", "id= must be a GUID");
	refuse("id= intent=clone\n", "id= must be a GUID");
	refuse("id={" GUID "} intent=clone\n", "id= must be a GUID");
	refuse("id=00112233-4455-6677-8899-aabbccddeefg intent=clone\n", "id= must be a GUID");
	refuse("id=00112233a4455-6677-8899-aabbccddeeff intent=clone\n", "id= must be a GUID");
	refuse("id=" GUID " intent=clone name=\n", "name= must be 1 to 63");
	refuse("id=" GUID " intent=clone name=.a\n", "name= must be 1 to 63");
	refuse("id=" GUID " intent=clone name=-a\n", "name= must be 1 to 63");
	refuse("id=" GUID " intent=clone name=a/b\n", "name= must be 1 to 63");
	refuse("id=" GUID " intent=clone name=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234\n",
	       "name= must be 1 to 63");
}

static void test_others(void)
{
	static const char other[] = "vmgen-intent 2 id=" GUID "\n";
	static char large[HOSTWORD_LIMIT + 1] = "vmgen-intent 1 id=" GUID " intent=clone\n";

	refuse_text("another version", other, sizeof(other), -EBADMSG, "its version");
	refuse_text("no version", "vmgen-intent \n", 14, -EBADMSG, "its version");
	refuse_text("nothing", "", 0, -ENOMSG, "so it is no word");
	refuse_text("another file", "genroms/kvmvapic.bin\n", 21, -ENOMSG, "so it is no word");
	refuse_text("a part of the magic word", "vmgen-inten", 11, -ENOMSG, "so it is no word");
	refuse_text("padding alone", "                    \n", 21, -ENOMSG, "so it is no word");
	refuse_text("only the magic word", "vmgen-intent ", 13, -EBADMSG, "cut off");
	refuse_text("too much", large, sizeof(large), -EBADMSG, "too long");
	equal(parse(large, HOSTWORD_LIMIT), 0, "as much as fits");
}

int main(void)
{
	test_words();
	test_faults();
	test_others();
	return tap_done();
}
