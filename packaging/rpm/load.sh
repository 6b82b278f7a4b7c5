# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
# shellcheck shell=sh
#
# %posttrans of packages with the module, by when vmgend's own scriptlets are over. vmgend may
# have been started before there was a module.
if [ -d /run/systemd/system ] && [ ! -e /sys/module/vmgenc ] && modprobe -q vmgenc 2>/dev/null &&
		systemctl -q is-enabled vmgend.service 2>/dev/null; then
	systemctl daemon-reload || :
	systemctl restart vmgend.service || :
fi
