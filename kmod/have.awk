# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) the vmgen authors
#
# Reads compat.h after the preprocessor and prints a COMPAT_HAVE_... for each of these that the
# kernel's headers declare, or define as a macro. There are no comments in it any more, and it
# does not matter in which header something is, or in which tree that lies.
BEGIN {
	names = "cc_platform_has crypto_get_default_rng kthread_run_worker random_init register_syscore " \
		"register_sysctl_sz timer_container_of timer_delete_sync vm_flags_mod"
	n = split(names, name, " ")
	for (i = 1; i <= n; i++)
		declaration[name[i]] = "(^|[^A-Za-z0-9_])" name[i] " ?[(]"
	declaration["const_ctl_table"] = " proc_handler ?[(] ?const struct ctl_table "
	# A declaration may take several lines.
	RS = ";"
}

{
	gsub(/[ \t\n]+/, " ")
	for (d in declaration)
		if ($0 ~ declaration[d]) {
			print "#define COMPAT_HAVE_" toupper(d)
			delete declaration[d]
		}
}
