/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgend says about itself.
 */
#ifndef VMGEND_H
#define VMGEND_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Reads what vmgend says about itself. ret_running: it runs now. Returns 0 and
 * an object that the caller puts; -ENOENT: it says nothing; -errno.
 */
int vmgend_status(const char *runtime_dir, struct json_object **ret_status, bool *ret_running);

/*
 * Reads the generation that vmgend has handled last; 0: it is at work. Returns
 * 0; -ENOENT: it never ran since the system was started; -errno.
 */
int vmgend_generation(const char *runtime_dir, uint64_t *ret_generation);

/*
 * How the hooks of the drill with this id ended, with their outputs: an object that the
 * caller puts. Returns 0; -EBADMSG: it is of another drill; or -errno.
 */
int vmgend_outputs(const char *runtime_dir, const char *id, struct json_object **ret_hooks);

#endif /* VMGEND_H */
