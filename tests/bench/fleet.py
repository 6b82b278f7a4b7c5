# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What the rule for one ID costs a Prometheus that watches so many machines. One process stands for
all of their exporters: a path for each, and there what vmgenctl metrics prints where all is well. Two of
them have one ID."""

import asyncio
import contextlib
import multiprocessing
import re
import resource
import time

from harness.prometheus import Server, free_address

COUNTS = (1000, 10000)
# Ten draws are in the window of a rule, as of one a minute, but sooner; no more scrapes in a second
# than a small machine can do.
SCRAPES = 11
SCRAPES_A_SECOND = 333
INTERVAL_LEAST = 10
QUERIES = 5
# What finds one ID, and how many machines have it.
RULES = ("vmgen:id_draw:shared", "vmgen:id_machines:count", "VmgenSameId")
FOUND = "vmgen:id_machines:count"
FILES = 1 << 16
START_SECONDS = 10
TEXT = """vmgen_protected 1
vmgen_verdict 0
vmgen_device{state="ready",hid="QEMUVGID"} 1
vmgen_vmgend_running 1
vmgen_handled 1
vmgen_recorded 1
vmgen_fences 0
vmgen_intent 0
vmgen_generation 2
vmgen_changes_total 1
vmgen_changes_found_total{by="call"} 0
vmgen_changes_found_total{by="resume"} 0
vmgen_changes_found_total{by="timer"} 0
vmgen_spurious_notifies_total 0
vmgen_rng_stale 0
vmgen_rng_other 0
vmgend_build_info{version="0.1.0"} 1
vmgen_last_run_detected_timestamp_seconds{event="changed"} 1795000000.000
vmgen_last_run_seconds 2.5
vmgen_last_run_reseeded 1
vmgen_last_run_failures 0
""" + "".join(f'vmgen_last_run_hook_{what}{{hook="{hook}"{label}}} 1\n'
              for hook in ("10-wireguard", "10-macsec", "20-clock", "40-networkd", "80-restart-units")
              for what, label in (("success", ',outcome="succeeded"'), ("seconds", "")))


def body(number):
    """Of machine number; the first two have one ID."""
    name = f"{max(number, 1):016x}"
    # Another one at each scrape, as with a program that writes each minute.
    draw = hash((number, time.time())) & 0xffffffffffff
    return f'{TEXT}vmgen_id_info{{id_hash="{name}"}} 1\nvmgen_id_draw{{id_hash="{name}"}} {draw}\n'


async def serve(address):
    async def answer(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                content = body(int(re.match(rb"GET /(\d+)", head)[1])).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(content) + content)
                await writer.drain()
        writer.close()

    host, port = address.split(":")
    async with await asyncio.start_server(answer, host, int(port), backlog=4096) as server:
        await server.serve_forever()


def stand_for_all(address):
    asyncio.run(serve(address))


@contextlib.contextmanager
def exporters():
    """The address at which all answer."""
    address = free_address()
    process = multiprocessing.Process(target=stand_for_all, args=(address,), daemon=True)
    process.start()
    try:
        yield address
    finally:
        process.kill()
        process.join()


def query_seconds(server, expression):
    """The quickest of some."""
    taken = []
    for _ in range(QUERIES):
        begin = time.monotonic()
        server.query(expression)
        taken.append(time.monotonic() - begin)
    return min(taken)


def measure_count(address, count):
    targets = [("node", f"host-{n}", address, f"/{n}") for n in range(count)]
    interval = max(INTERVAL_LEAST, count // SCRAPES_A_SECOND)
    with Server(targets, interval=interval, fast=False) as server:
        time.sleep(START_SECONDS + SCRAPES * interval)
        taken = {name: query_seconds(server, query) for name, query in server.rules()}
        (_, up), = server.query("sum(up)")
        (_, series), = server.query("count({__name__=~'.+'})")
        now, most = server.memory_kib()
        return {"machines": count, "up": int(up), "series": int(series),
                "found": [value for _, value in server.query(FOUND)],
                "rule_seconds": sum(taken[name] for name in RULES),
                "all_seconds": sum(taken.values()),
                "memory_kib": now, "memory_most_kib": most}


def measure(_):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, FILES)), hard))
    with exporters() as address:
        return [measure_count(address, count) for count in COUNTS]


COLUMNS = (
    ("machines", 10, lambda row: f"{row['up']:8,}"),
    ("series", 12, lambda row: f"{row['series']:9,}"),
    ("with one ID", 13, lambda row: " ".join(f"{n:.0f}" for n in row["found"])),
    ("to find that, ms", 18, lambda row: f"{row['rule_seconds'] * 1000:12.1f}"),
    ("all rules, ms", 15, lambda row: f"{row['all_seconds'] * 1000:9.1f}"),
    ("memory, MiB", 13, lambda row: f"{row['memory_kib'] / 1024:9.0f}"),
    ("at most", 0, lambda row: f"{row['memory_most_kib'] / 1024:7.0f}"),
)
