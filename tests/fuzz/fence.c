/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Small files that count because they are there: a fence and a notice are told whatever they
 * hold, in one line of safe text; an intent is one of two words, or is refused with a message
 * that names its file.
 *
 * Input: a fence, a notice, the intent of vmgenctl, that of a file that was dropped, and
 * the generation, as parts.h has them.
 */
#include <errno.h>

#include "ctl/view/vmgend.h"
#include "parts.h"
#include "place.h"
#include "record/fencefile.h"
#include "record/intentfile.h"
#include "record/noticefile.h"

#define STATE	PLACE "/state"
#define UNIT	"a.service"
#define DROPPED	PLACE "/intent"

enum { FENCE, NOTICE, INTENT, DROP, GENERATION, N_FILES };

static const char *const files[N_FILES] = {
	STATE "/fence/" UNIT, STATE "/samba-ad/notices/a", STATE "/intent", DROPPED,
	PLACE "/generation",
};

static int state_fd;

static int see_fence(const char *unit, const struct fence *fence, void *context)
{
	demand(!strcmp(unit, UNIT) && is_line(fence->reason) && !strchr(fence->reason, '\t'));
	demand(!*fence->boot_id || strlen(fence->boot_id) < BOOT_ID_SIZE);
	(*(int *)context)++;
	return 0;
}

static void see_notice(const struct notice *notice, void *context)
{
	demand(!strcmp(notice->name, "a") && !*notice->unit && is_line(notice->text));
	(*(int *)context)++;
}

/* A reason of these bytes is what is read of it. */
static void set_again(const char *reason)
{
	struct fence_author author = { .is_hook = false };
	enum fence_result result;
	struct fence fence;
	char clean[FENCE_REASON_SIZE];
	int fd;

	demand(!fence_open(STATE, false, &fd));
	fence_clean_reason(reason, clean);
	demand(is_line(clean));
	demand(!fence_set(fd, UNIT, reason, &author, &result) && !fence_read(fd, UNIT, &fence));
	demand(!fence.damage && !strcmp(fence.reason, clean));
	demand(!fence_lift(fd, UNIT, &author) && fence_read(fd, UNIT, &fence) == -ENOENT);
	close(fd);
}

static void try_intent(bool any)
{
	char word[RECORD_WORD_SIZE] = "", error[INTENT_ERROR_SIZE] = "";
	bool said = false;
	int r = intent_read(state_fd, DROPPED, word, &said, error);

	demand(!*word || intent_valid(word));
	demand(any || (!r && !said));
	demand(!*word || said);
	if (r)
		demand((strstr(error, DROPPED) || strstr(error, "state directory")) && is_line(error));
	else
		demand(said == !!*word);
}

static void try_generation(const char *text)
{
	uint64_t generation = 4711;
	int r = vmgend_generation(PLACE, &generation);

	demand(r ? generation == 4711 : text && strspn(text, " \t\n\v\f\r+-0123456789") > 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	place_create();
	place_mkdir(STATE);
	place_mkdir(STATE "/fence");
	place_mkdir(STATE "/samba-ad");
	place_mkdir(STATE "/samba-ad/notices");
	state_fd = open(STATE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	demand(state_fd >= 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parts parts = { data, size };
	int before = count_descriptors(), fences = 0, notices = 0;
	char *texts[N_FILES];
	size_t i, length = 0;

	for (i = 0; i < N_FILES; i++) {
		texts[i] = part_take(&parts, &length);
		place_write(files[i], texts[i], length);
	}
	demand(!fence_each(STATE, see_fence, &fences) && fences == 1);
	demand(!notice_each(STATE, see_notice, &notices) && notices == !!texts[NOTICE]);
	set_again(texts[FENCE]);
	try_intent(texts[INTENT] || texts[DROP]);
	try_generation(texts[GENERATION]);
	for (i = 0; i < N_FILES; i++)
		free(texts[i]);
	demand(count_descriptors() == before);
	return 0;
}
