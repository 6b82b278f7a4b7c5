# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Prometheus and its node_exporter, as Debian has them, with the rules of packaging/prometheus.

    with Exporter(directory) as exporter, Server([("node", "a", exporter.address)]) as server:
        server.alerts("VmgenSameId")
"""

import contextlib
import json
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from harness.guest import end_with_parent
from harness.machine import scratch

RULES = pathlib.Path(__file__).parents[3] / "packaging/prometheus/vmgen.rules.yml"
START_TIMEOUT = 60
# Of an answer that a busy machine gives.
TIMEOUT = 60


def free_address():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{s.getsockname()[1]}"


def rules(fast):
    """The file that ships; fast: its time goes by 60 times as fast."""
    text = RULES.read_text("utf-8")
    if fast:
        text = re.sub(r"\b(\d+)m\b", r"\1s", text).replace("[1h]", "[1m]")
    return text


class Program:
    """A server that is ended with its context."""

    def __init__(self, command, ready):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=scratch()))
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.directory, preexec_fn=end_with_parent)
        try:
            self._wait_for(ready)
        except BaseException:
            self.close()
            raise

    def _wait_for(self, ready):
        deadline = time.monotonic() + START_TIMEOUT
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(ready, timeout=TIMEOUT):
                return
            time.sleep(0.1)
        raise RuntimeError(f"{ready}: {(self.directory / 'log').read_text('utf-8', 'replace')[-4000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()


class Exporter(Program):
    """Tells what lies in a directory, in files *.prom."""

    def __init__(self, directory):
        self.address = free_address()
        super().__init__(["prometheus-node-exporter", "--collector.disable-defaults",
                          "--collector.textfile", f"--collector.textfile.directory={directory}",
                          f"--web.listen-address={self.address}"], f"http://{self.address}/metrics")


class Server(Program):
    """targets: (job, instance, address, path on it). interval: seconds from scrape to scrape."""

    def __init__(self, targets, interval=1, fast=True):
        self.address = free_address()
        directory = pathlib.Path(tempfile.mkdtemp(dir=scratch()))
        (directory / "rules.yml").write_text(rules(fast), "utf-8")
        (directory / "targets.json").write_text(json.dumps(
            [{"targets": [address], "labels": {"job": job, "instance": instance,
                                               "__metrics_path__": path}}
             for job, instance, address, path in targets]), "utf-8")
        (directory / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s",
                       "evaluation_interval": f"{interval}s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "vmgen",
                                "file_sd_configs": [{"files": [f"{directory}/targets.json"]}]}],
        }), "utf-8")
        super().__init__(["prometheus", f"--config.file={directory}/prometheus.yml",
                          f"--storage.tsdb.path={directory}/data", "--log.level=warn",
                          f"--web.listen-address={self.address}",
                          *(["--query.lookback-delta=5s"] if fast else [])],
                         f"http://{self.address}/-/ready")

    def ask(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as e:
            raise RuntimeError(f"{url}: {e.read().decode(errors='replace')}") from e

    def query(self, expression):
        """[(labels, value)]"""
        return [(sample["metric"], float(sample["value"][1]))
                for sample in self.ask("query", query=expression)["result"]]

    def alerts(self, name):
        """The instances of which an alert fires."""
        return {alert["labels"]["instance"] for alert in self.ask("alerts")["alerts"]
                if alert["labels"]["alertname"] == name and alert["state"] == "firing"}

    def rules(self):
        """(name, expression) of each that ships."""
        return [(rule["name"], rule["query"]) for group in self.ask("rules")["groups"]
                for rule in group["rules"]]

    def memory_kib(self):
        """(now, at most)"""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return tuple(int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "VmHWM"))
