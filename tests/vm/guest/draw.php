<?php
// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
// draw.php NAME: as draw.py, for PHP.
$path = "/run/draw/{$argv[1]}";
$draws = [
	'mt_rand' => fn() => mt_rand(), 'lcg_value' => fn() => lcg_value(),
	'str_shuffle' => fn() => str_shuffle('abcdefghijklmnop'),
	'random_bytes' => fn() => bin2hex(random_bytes(8)),
	'openssl_random_pseudo_bytes' => fn() => bin2hex(openssl_random_pseudo_bytes(8)),
];
foreach ($draws as $draw)
	$draw();
while (true) {
	file_get_contents("$path.in");
	$text = '';
	foreach ($draws as $what => $draw)
		$text .= "$what {$draw()}\n";
	file_put_contents("$path.new", $text);
	rename("$path.new", "$path.out");
}
