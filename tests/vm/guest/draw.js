// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
// draw.js NAME: as draw.py, for Node.js.
const crypto = require('crypto'), fs = require('fs'), path = `/run/draw/${process.argv[2]}`;
const draws = {
	randomBytes: () => crypto.randomBytes(8).toString('hex'),
	getRandomValues: () => Buffer.from(crypto.webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
	randomUUID: () => crypto.randomUUID(),
	randomInt: () => crypto.randomInt(2 ** 47),
	'Math.random': () => Math.random(),
};
Object.values(draws).forEach(draw => draw());
for (;;) {
	fs.readFileSync(`${path}.in`);
	fs.writeFileSync(`${path}.new`, Object.entries(draws).map(([what, draw]) => `${what} ${draw()}\n`).join(''));
	fs.renameSync(`${path}.new`, `${path}.out`);
}
