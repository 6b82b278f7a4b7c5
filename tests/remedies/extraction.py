#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Which remedies the programs print, each with the test that runs it.

    extraction.py DIRECTORY list      every remedy in the sources below the directory
    extraction.py DIRECTORY texts     every text that they can print, a line each
    extraction.py DIRECTORY missing   those that the table does not have
    extraction.py DIRECTORY stale     rows of the table that no source prints
    extraction.py DIRECTORY unproven  rows whose test does not have what they say

A remedy is a command to type, or a clause that begins with what to do. One that nothing runs
says so to the reader: "(not tried)". The table, tried, has a remedy, a test and some words
of that test which do it, with tabs between; X is what is filled in. Of what names no one thing to
do, and of what only looks like a remedy, it has "-" and the reason.
"""

import ast
import pathlib
import re
import sys

PARTS = ("daemon", "kmod", "libvmgen")
UNTRIED = re.compile(r"[( ]not tried\)")
# What begins a command.
COMMANDS = (
    r"vmgenctl (?:check|forget|history|status|trigger|wait)\b", r"vmgenctl hooks (?:list|run|why)",
    r"vmgenctl (?:fence (?:check|lift|list|set|show)|image (?:prepare|show|undo))",
    r"vmgenctl (?:intent (?:clear|clone|restore|show)|openssl (?:disable|enable))",
    r"vmgend --[a-z-]+", r"vmgend-samba-ad (?:--check|protect|repair|verify)",
    r"systemctl (?:daemon-reload|edit|enable|kill|list-units|restart|start|status|stop)",
    r"journalctl -", r"dmesg \| grep", r"modprobe [a-zX]+", r"dkms (?:autoinstall|build|install)",
    r"mokutil --", r"chmod [0-9a-z]", r"chown [a-z]", r"mount -(?:o|t) [a-z,]+(?: sysfs)?",
    r"(?:mv|rm) [/X]", r"mknod -m", r"ls -", r"lsns -t net", r"df -", r"sysctl [a-z]+\.",
    r"samba-tool (?:dbcheck|computer show|domain demote|domain trust validate)",
    r"samba_upgradedns -", r"ip (?:link|macsec|xfrm) [a-z]+", r"qm set", r"xl restore [A-Z]",
    r"virt-xml [A-Z]", r"echo X >>", r"ldd\b",
)
# And how it goes on.
MORE = r"(?:[^\s;:,()]|(?: (?:-|X|[0-9A-Z/&|'\"]|c 1|vmgend?\b|vmgenc\b|vmgenctl\b|modprobe\b|wait\b|grep\b)))"
COMMAND = re.compile(rf"(?<![\w/.-])(?:{'|'.join(COMMANDS)}){MORE}*")
# Their texts tell what a word on the command line does.
HELP = ("daemon/ctl/main.c", "daemon/options.c", "daemon/samba/samba_ad/options.py")
VERBS = ("add boot build change choose confirm correct create delete disable enable end enrol fix free "
         "give have install join leave let list load make mount move name put raise reboot reinstall "
         "reload remove renew repair replace restart restore set start stop take turn unload unmask "
         "unset update upgrade use write").split()
CLAUSE = re.compile(r"(?:^|[:;(] ?|, or |then |if [^:;,]{3,60}[:,] |, and )"
                    rf"((?:{'|'.join(VERBS)}) [a-zA-Z$X{{'\"/][^:;()]*)")
# Also what a backslash has go on in the next line.
TEXT = r"""(?:"((?:[^"\\]|\\.)*)"|'([^']*)')"""
SPEECH = re.compile(rf"(?:echo|say|printf|fail|refuse|\\\n)\s+(?:-\S+\s+)?{TEXT}")
ERROR = re.compile(r"\$\(error ([^()]*)\)")


def literals_of_c(text):
    text = re.sub(r"/\*.*?\*/|^#include.*?$", "", text, flags=re.S | re.M)
    text = re.sub(r'"\s*(?:PRI\w+\s*)?"', "", text)
    return [m[1] for m in re.finditer(r'"((?:[^"\\\n]|\\.)*)"', text)]


def literals_of_python(text):
    inside, found, nodes = set(), [], list(ast.walk(ast.parse(text)))
    for node in nodes:
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            inside.add(id(body[0].value))       # a docstring
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            found.append("".join(part.value if isinstance(part, ast.Constant) else "X"
                                 for part in node.values))
    return found + [node.value for node in nodes
                    if isinstance(node, ast.Constant) and isinstance(node.value, str)
                    and id(node) not in inside]


def literals_of_shell(text):
    """And of a Makefile."""
    text = re.sub(r"\$\((\w+)\)", r"$\1", text)
    return [m[1] or m[2] or "" for m in SPEECH.finditer(text)] + ERROR.findall(text)


def literals(path):
    text = path.read_text("utf-8")
    if path.suffix in (".c", ".h"):
        return literals_of_c(text)
    if path.suffix == ".py" or re.match(r"#!.*python", text):
        return literals_of_python(text)
    return literals_of_shell(text)


def plain(literal):
    """As it is printed, with an X for each part that is filled in."""
    text = literal.replace('\\"', '"').replace("\\n", "\n")
    text = re.sub(r"%(?:\.\*|\.)?[a-z]+|\$\{?\w+\}?", "X", text)
    # Words of a usage are no message.
    return "" if re.match(r"(?:Usage|  )", text) else text.strip()


def remedies_of(text):
    if UNTRIED.search(text):
        return
    for pattern, group in (COMMAND, 0), (CLAUSE, 1):
        for match in pattern.finditer(text):
            yield re.sub(r"\s+", " ", match[group]).strip(" .'\"")


def texts(root):
    """(file, literal) of all sources."""
    for part in PARTS:
        for path in sorted((root / part).rglob("*")):
            if path.is_file() and path.suffix not in (".scd", ".pyc", ".abi", ".map"):
                for literal in literals(path):
                    yield str(path.relative_to(root)), literal


def extract(root):
    """{remedy: first file that has it}"""
    found = {}
    for name, literal in texts(root):
        for remedy in [] if name in HELP else remedies_of(plain(literal)):
            found.setdefault(remedy, name)
    return found


def rows():
    text = pathlib.Path(__file__).with_name("tried").read_text("utf-8")
    return [line.split("\t") for line in text.splitlines() if line and line[0] != "#"]


def proven(tests, row):
    """Whether a test has those words; with "-" in its place they say why there is nothing to run."""
    if len(row) != 3 or not row[2]:
        return False
    test = tests / row[1]
    return row[1] == "-" or (test.is_file() and row[2] in test.read_text("utf-8"))


def main(root, what):
    if what == "texts":
        for name, literal in texts(root):
            print(f"{name}: {' '.join(literal.split())}")
        return
    found = extract(root)
    table = rows()
    if what == "list":
        lines = [f"{remedy}\t{path}" for remedy, path in found.items()]
    elif what == "missing":
        known = {row[0] for row in table}
        lines = [f"{path}: {remedy}" for remedy, path in found.items() if remedy not in known]
    elif what == "stale":
        lines = [row[0] for row in table if row[0] not in found]
    else:
        lines = [" | ".join(row) for row in table if not proven(root / "tests", row)]
    print("\n".join(lines), end="\n" if lines else "")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
