/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The word of the host through whole runs: it counts for the change that brings its ID, once,
 * beside what the administrator says and never against that.
 */
#include "record/hostplace.h"
#include "record/imagefile.h"
#include "starts.h"

enum { SMBIOS_PLACE = 1 };

#define GUID_B	"42424242-4242-4242-4242-424242424242"
#define GUID_C	"43434343-4343-4343-4343-434343434343"
#define WORD_B	"vmgen-intent 1 id=" GUID_B " intent=clone name=web-3"
#define WORD_C	"vmgen-intent 1 id=" GUID_C " intent=clone name=web-4"
#define FW_CFG	"sys/" HOSTPLACE_FW_CFG
#define SMBIOS	"sys/" HOSTPLACE_SMBIOS

static void put(const char *path, const char *content, size_t size)
{
	int fd = open(scratch_path("%s", path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0400);

	if (fd < 0 || write(fd, content, size) != (ssize_t)size)
		scratch_give_up(path);
	close(fd);
}

static void in_fw_cfg(const char *text)
{
	char content[256] = "";

	strcpy(content, text);
	put(FW_CFG, content, sizeof(content));
}

/*
 * As a table has two OEM strings, between structures without strings and of another type that
 * has the same text.
 */
static size_t fill_table(char *content, const char *first, const char *second)
{
	static const char before[] = { 32, 4, 0, 0, 0, 0 }, head[] = { 11, 5, 1, 0, 2 },
		other[] = { 12, 5, 2, 0, 1 }, end[] = { 127, 4, 3, 0, 0, 0 };
	char *p = content;

	p = mempcpy(p, before, sizeof(before));
	p = mempcpy(p, head, sizeof(head));
	p = stpcpy(p, first) + 1;
	p = stpcpy(p, second) + 1;
	*p++ = '\0';
	p = mempcpy(p, other, sizeof(other));
	p = stpcpy(p, HOSTPLACE_STRING WORD_C) + 1;
	*p++ = '\0';
	p = mempcpy(p, end, sizeof(end));
	return p - content;
}

static void in_smbios(const char *first, const char *second)
{
	char content[512];

	put(SMBIOS, content, fill_table(content, first, second));
}

static void in_credential(const char *text)
{
	put("credentials/" HOSTPLACE_CREDENTIAL, text, strlen(text));
}

static void take_back(void)
{
	(void)unlink(scratch_path(FW_CFG));
	(void)unlink(scratch_path(SMBIOS));
	(void)unlink(scratch_path("credentials/" HOSTPLACE_CREDENTIAL));
}

static void expect(const char *name, enum event event, const char *intent, const char *who,
		   const char *from)
{
	struct state state = read_state();
	const struct record *last = &state.last;

	if (!ok(last->event == event && !strcmp(last->intent, intent) && !strcmp(last->name, who) &&
		!strcmp(last->intent_from, from), "%s: \"%s\" \"%s\" \"%s\"", name, intent, who, from))
		printf("# %s \"%s\" \"%s\" \"%s\"\n", event_name(last->event), last->intent, last->name,
		       last->intent_from);
	state_clear(&state);
}

/* From the record of A to that of B, in which nothing is said but by the caller. */
static void change(void)
{
	start('B');
	take_back();
}

static void begin(void)
{
	take_back();
	(void)unlink(config.intent_file);
	start('A');
}

static void test_live(void)
{
	begin();
	in_fw_cfg(WORD_B "\n");
	start('B');
	expect("the host says it to a machine that runs", EVENT_CHANGED, "clone", "web-3", "fw_cfg");
	expect_unused("");
	start('C');
	expect("it is for one ID", EVENT_CHANGED, "", "", "");
	expect_unused("");
	begin();
	in_fw_cfg(WORD_B);
	change();
	expect("cut off", EVENT_CHANGED, "", "", "");
	begin();
	in_fw_cfg("etc/acpi/rsdp");
	change();
	expect("another file", EVENT_CHANGED, "", "", "");
	begin();
	in_fw_cfg("");
	change();
	expect("nothing but padding", EVENT_CHANGED, "", "", "");
	begin();
	in_fw_cfg(WORD_B " rack=7\n");
	change();
	expect("with a key that nobody knows", EVENT_CHANGED, "clone", "web-3", "fw_cfg");
	begin();
	in_smbios("x", "vmgen.intent=" WORD_B);
	in_credential(WORD_B);
	change();
	expect("what is as it was at the boot", EVENT_CHANGED, "", "", "");
}

static void boot_change(void)
{
	reboot();
	change();
}

/* With any table, no more of it is read than there is. */
static void test_damaged(void)
{
	static const char others[] = { 0, 1, 11, 127, (char)255 };
	char content[512], reason[HOSTWORD_REASON_SIZE];
	size_t size = fill_table(content, "x", HOSTPLACE_STRING WORD_B), cut, n = 0, i;
	struct hostword word;

	for (cut = 0; cut <= size; cut++) {
		put(SMBIOS, content, cut);
		n += hostplace_read(SMBIOS_PLACE, scratch_path("sys"), NULL, &word, reason) == 0;
	}
	ok(n > 0 && n < size, "a table that is cut off: %zu of %zu have the word", n, size);
	for (cut = 0; cut < size; cut++)
		for (i = 0; i < sizeof(others); i++) {
			char was = content[cut];

			content[cut] = others[i];
			put(SMBIOS, content, size);
			(void)hostplace_read(SMBIOS_PLACE, scratch_path("sys"), NULL, &word, reason);
			content[cut] = was;
		}
	ok(true, "any byte of it may be another one");
	take_back();
}

/* Nor behind one that is as long as any may be, in which nothing ends. */
static void test_endless(void)
{
	enum { SIZE = 1 << 20 };
	char reason[HOSTWORD_REASON_SIZE], *content = malloc(SIZE + 1);
	struct hostword word;
	size_t size;

	if (!content)
		scratch_give_up("malloc");
	memset(content, 'x', SIZE + 1);
	memcpy(content, "\x20\x04\0", 4);
	put(SMBIOS, content, SIZE);
	ok(hostplace_read(SMBIOS_PLACE, scratch_path("sys"), NULL, &word, reason) == -ENOENT,
	   "a string without an end has no word");
	for (size = SIZE - 3; size <= SIZE; size++) {
		content[size - 1] = '\0';
		put(SMBIOS, content, size);
		ok(hostplace_read(SMBIOS_PLACE, scratch_path("sys"), NULL, &word, reason) == -ENOENT,
		   "nor have strings that miss a NUL");
	}
	put(SMBIOS, content, SIZE + 1);
	ok(hostplace_read(SMBIOS_PLACE, scratch_path("sys"), NULL, &word, reason) == -EFBIG,
	   "a table that is longer is none");
	free(content);
	take_back();
}

static void test_long(void)
{
	static char content[2 * HOSTWORD_LIMIT];
	char reason[HOSTWORD_REASON_SIZE];
	struct hostword word;

	put(FW_CFG, content, sizeof(content));
	ok(hostplace_read(0, scratch_path("sys"), NULL, &word, reason) &&
	   strstr(reason, "so this is something else"), "a long file is no word: %s", reason);
	take_back();
}

static void test_boot(void)
{
	begin();
	in_smbios("x=vmgen.intent=", "vmgen.intent=" WORD_B);
	boot_change();
	expect("in a string of the firmware", EVENT_BOOT_CHANGED, "clone", "web-3", "smbios");
	begin();
	in_credential(WORD_B);
	boot_change();
	expect("in a credential", EVENT_BOOT_CHANGED, "clone", "web-3", "credential");
	begin();
	in_credential(WORD_B "\n\n");
	in_smbios("vmgen.intent=" WORD_B, "x");
	in_fw_cfg("vmgen-intent 1 id=" GUID_B " intent=clone\n");
	boot_change();
	expect("the same in all", EVENT_BOOT_CHANGED, "clone", "web-3", "fw_cfg");
	expect_unused("");
	begin();
	in_smbios("vmgen.intent=" WORD_B, "x");
	in_fw_cfg(WORD_C "\n");
	boot_change();
	expect("one is left over", EVENT_BOOT_CHANGED, "clone", "web-3", "smbios");
	begin();
	in_smbios("vmgen.intent=" WORD_C, "vmgen.intent=" WORD_B);
	boot_change();
	expect("two strings", EVENT_BOOT_CHANGED, "", "", "");
	begin();
	in_smbios("vmgen.intent=" WORD_B, "x");
	in_fw_cfg("vmgen-intent 1 id=" GUID_B " intent=restore\n");
	in_credential(WORD_B);
	boot_change();
	expect("they differ", EVENT_BOOT_CHANGED, "", "", "");
	expect_unused("the declared intents differ (restore (fw_cfg); clone, web-3 (smbios)), so none of them is used");
	begin();
	in_smbios("vmgen.intent=" WORD_B, "x");
	in_fw_cfg("vmgen-intent 1 id=" GUID_B " intent=clone name=web-5\n");
	boot_change();
	expect("they differ in the name", EVENT_BOOT_CHANGED, "", "", "");
	expect_unused("(clone, web-5 (fw_cfg); clone, web-3 (smbios))");
}

static void test_administrator(void)
{
	begin();
	say("clone");
	in_fw_cfg(WORD_B "\n");
	change();
	expect("the administrator says the same", EVENT_CHANGED, "clone", "web-3", "admin");
	expect_unused("");
	begin();
	scratch_write("etc/intent", "restore\n", 0644);
	in_fw_cfg(WORD_B "\n");
	change();
	expect("the administrator says something else", EVENT_CHANGED, "", "", "");
	expect_unused("the declared intents differ (restore (admin); clone, web-3 (fw_cfg)), so none of them is used");
	begin();
	scratch_write("etc/intent", "Restore\n", 0644);
	in_fw_cfg(WORD_B "\n");
	change();
	expect("what the administrator says cannot be read", EVENT_CHANGED, "", "", "");
	expect_unused("must hold one line");
}

/* A vmgend that has nothing on record cannot tell if a word was used. */
static void forget(void)
{
	(void)unlink(scratch_path("state/state.json"));
	(void)unlink(config.intent_file);
}

static void mark(char letter)
{
	struct image image = { .id_hash = "" };
	struct sighting sighting = sight(letter);
	int fd;

	strcpy(image.id_hash, sighting.id_hash);
	if (state_open(config.state_dir, &fd) || image_write(fd, &image))
		scratch_give_up("mark");
	close(fd);
}

static bool is_marked(char letter)
{
	struct sighting sighting = sight(letter);
	const char *reason;
	struct image image;
	int fd, r;

	if (state_open(config.state_dir, &fd))
		scratch_give_up("state");
	r = image_read(fd, &image, &reason);
	(void)image_remove(fd);
	close(fd);
	return !r && !strcmp(image.id_hash, sighting.id_hash);
}

static void test_first_start(void)
{
	forget();
	in_fw_cfg(WORD_B "\n");
	change();
	expect("without a record", EVENT_ADOPTED, "", "", "");
	expect_unused("");
	mark('A');
	forget();
	in_credential(WORD_B);
	change();
	expect("with the mark of an image", EVENT_ADOPTED, "clone", "web-3", "credential");
	ok(!is_marked('A'), "which is used up");
	mark('B');
	forget();
	in_fw_cfg(WORD_B "\n");
	change();
	expect("where the mark says that this is the original", EVENT_ADOPTED, "", "", "");
	mark('A');
	forget();
	in_fw_cfg("vmgen-intent 1 id=" GUID_B " intent=restore\n");
	change();
	expect("the copy is not for another machine", EVENT_ADOPTED, "restore", "", "fw_cfg");
	ok(is_marked('B'), "and the mark is for its copies then");
	scratch_write("state/state.json", "damaged", 0600);
	in_fw_cfg(WORD_B "\n");
	change();
	expect("with a record that is damaged", EVENT_UNKNOWN, "", "", "");
	expect_unused("");
}

static void test_again(void)
{
	struct sighting sighting = sight('B');
	struct repair repair;

	begin();
	in_fw_cfg(WORD_B "\n");
	repair_init(&repair, &config);
	startup_begin(&repair, &sighting);
	repair_again(&repair);
	repair_clear(&repair);
	expect("vmgenctl trigger --real", EVENT_CHANGED, "", "", "");
	begin();
	in_fw_cfg(WORD_B "\n");
	full = true;
	repair_init(&repair, &config);
	startup_begin(&repair, &sighting);
	ok(!*repair.state.last.intent && !*repair.state.last.name &&
	   strstr(repair.state.last.intent_unused, "\"clone\" is kept and not used"),
	   "what cannot be recorded as used is not used");
	full = false;
	repair_again(&repair);
	repair_clear(&repair);
	expect("with space again, vmgenctl trigger --real", EVENT_CHANGED, "clone", "web-3", "fw_cfg");
}

static void say_clone(void)
{
	begin();
	in_fw_cfg(WORD_B "\n");
}

static bool is_left(const struct state *state)
{
	(void)state;
	return false;
}

static void test_crashes(char back)
{
	struct crashes crashes = crash_everywhere(say_clone, back, false, is_left);

	ok(crashes.died >= 8, "vmgend died at %d steps, then %c", crashes.died, back);
	equal(crashes.twice, 0, "no word is used for two changes");
	equal(crashes.lost, 0, "nor lost for the change that it was used for");
}

int main(void)
{
	starts_create();
	for (const char *const *p = (const char *const[]) { "credentials", "sys/firmware",
	     "sys/firmware/dmi", "sys/firmware/dmi/tables",
	     "sys/firmware/qemu_fw_cfg", "sys/firmware/qemu_fw_cfg/by_name",
	     "sys/firmware/qemu_fw_cfg/by_name/opt", "sys/firmware/qemu_fw_cfg/by_name/opt/org.vmgen",
	     "sys/firmware/qemu_fw_cfg/by_name/opt/org.vmgen/intent", NULL }; *p; p++)
		scratch_mkdir(*p, 0755);
	(void)setenv("CREDENTIALS_DIRECTORY", scratch_path("credentials"), 1);
	test_live();
	test_long();
	test_damaged();
	test_endless();
	test_boot();
	test_administrator();
	test_first_start();
	test_again();
	test_crashes('B');
	test_crashes('C');
	starts_clear();
	return tap_done();
}
