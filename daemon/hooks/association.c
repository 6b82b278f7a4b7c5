/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "association.h"
#include "base/file.h"
#include "base/paths.h"

#define NAME_NOTE	"ipsec.guard"

enum { NOTE_SIZE = ASSOCIATION_UNITS_SIZE + 64 };

/* ---- the note ------------------------------------------------------------ */

static int open_runtime_dir(void)
{
	return open(PATH_RUNTIME_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void association_read(struct association_note *ret_note)
{
	struct association_note note = { .generation = 0 };
	int fd = open_runtime_dir(), used = 0;
	char *text = NULL;

	if (fd >= 0 && !file_read(fd, NAME_NOTE, NOTE_SIZE, &text, NULL) &&
	    sscanf(text, "%" SCNu64 " %" SCNu64 "%n", &note.generation, &note.since, &used) == 2)
		snprintf(note.units, sizeof(note.units), "%.*s", (int)strcspn(text + used, "\n"),
			 text + used);
	free(text);
	if (fd >= 0)
		close(fd);
	*ret_note = note;
}

int association_write(const struct association_note *note)
{
	char text[NOTE_SIZE];
	int fd, r;

	if (mkdir(PATH_RUNTIME_DIR, 0755) && errno != EEXIST)
		return -errno;
	fd = open_runtime_dir();
	if (fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 "%s\n", note->generation, note->since,
		 note->units);
	r = file_replace(fd, NAME_NOTE, text, 0644, FILE_ATOMIC);
	close(fd);
	return r;
}

bool association_has(const struct association_note *note, const char *unit)
{
	const char *found = strstr(note->units, unit);
	size_t length = strlen(unit);

	return found && found > note->units && found[-1] == ' ' &&
	       (!found[length] || found[length] == ' ');
}

void association_add(struct association_note *note, const char *unit)
{
	size_t used = strlen(note->units);

	if (!association_has(note, unit))
		snprintf(note->units + used, sizeof(note->units) - used, " %s", unit);
}

uint64_t association_generation(const struct association_note *note)
{
	const char *text = getenv("VMGEN_GENERATION");

	return text ? strtoull(text, NULL, 10) : note->generation;
}

/* ---- name spaces --------------------------------------------------------- */

static int visit_here(association_visitor *visit, pid_t elsewhere, void *context)
{
	struct netlink xfrm;
	int r = ipsec_open(&xfrm);

	if (r)
		return r;
	r = visit(&xfrm, elsewhere, context);
	netlink_close(&xfrm);
	return r;
}

/* A process that has ended meanwhile is in none. */
static int visit_of(pid_t pid, int own_fd, association_visitor *visit, void *context,
		    struct ike_namespaces *namespaces)
{
	char path[64];
	struct stat st, own;
	int fd, r = 0;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || fstat(own_fd, &own)) {
		r = fd < 0 && (errno == ENOENT || errno == ESRCH) ? 0 : -errno;
	} else if (ike_add_namespace(namespaces, st.st_ino)) {
		if (st.st_ino != own.st_ino && setns(fd, CLONE_NEWNET))
			r = -errno;
		else
			r = visit_here(visit, st.st_ino != own.st_ino ? pid : 0, context);
		if (st.st_ino != own.st_ino && setns(own_fd, CLONE_NEWNET))
			/* All that follows would be done in the wrong one. */
			abort();
	}
	if (fd >= 0)
		close(fd);
	return r;
}

int association_visit(const struct ike_units *units, association_visitor *visit, void *context,
		      struct ike_namespaces *ret_namespaces)
{
	int own_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), one, r = 0;
	pid_t pids[IKE_PROCESSES_MAX];
	size_t i, j, n;

	ret_namespaces->n = 0;
	if (own_fd < 0)
		return -errno;
	for (i = 0; i < units->n; i++) {
		n = ike_processes(&units->unit[i], pids);
		for (j = 0; j < n && j < IKE_PROCESSES_MAX; j++) {
			one = visit_of(pids[j], own_fd, visit, context, ret_namespaces);
			r = r ? r : one;
		}
	}
	close(own_fd);
	return !r && units->n && !ret_namespaces->n ? -ESRCH : r;
}

int association_visit_also_own(const struct ike_units *units, association_visitor *visit,
			       void *context)
{
	struct ike_namespaces namespaces;
	int r = association_visit(units, visit, context, &namespaces), own = 0;

	if (!ike_is_in(&namespaces))
		own = visit_here(visit, 0, context);
	/* Who has ended is missed elsewhere. */
	if (r == -ESRCH || r == -EPROTONOSUPPORT)
		r = 0;
	return r ? r : own == -EPROTONOSUPPORT ? 0 : own;
}

void association_count(const struct ipsec_policies *policies, struct association_blocked *blocked)
{
	const struct ipsec_policy *policy;
	size_t i;

	blocked->required += ipsec_count_of(policies, IPSEC_REQUIRED);
	for (i = 0; i < policies->n; i++) {
		policy = &policies->policy[i];
		if (policy->kind == IPSEC_OPTIONAL && blocked->optional++ < ASSOCIATION_NAMED_MAX)
			blocked->named[blocked->optional - 1] = *policy;
	}
}

/*
 * Optional policies let packets through when their SAs are gone, so these come first; then
 * the SAs, which do the harm; then the rest. What wanted to encrypt in between has left an SA
 * that waits for keys, and would keep the kernel from asking the new daemon: so once more.
 */
int association_forget(struct netlink *xfrm, struct association_blocked *blocked)
{
	struct ipsec_policies policies = { .n = 0 };
	int listed = ipsec_list(xfrm, &policies), r = 0, flushed, again;

	if (ipsec_count_of(&policies, IPSEC_OPTIONAL))
		r = ipsec_block(xfrm, &policies, IPSEC_BYPASS | IPSEC_OPTIONAL);
	flushed = ipsec_flush(xfrm);
	if (!r && !blocked->only_optional)
		r = ipsec_block(xfrm, &policies, IPSEC_BYPASS | IPSEC_REQUIRED);
	again = ipsec_flush(xfrm);
	association_count(&policies, blocked);
	ipsec_free(&policies);
	return flushed ? flushed : again ? again : listed ? listed : r;
}
