# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The parts of vmgend-samba-ad that need no Samba: what it keeps in files, when it refuses, what it
makes of the service manager, and in which order it repairs. Run by tests/t-samba-parts.sh."""

import argparse
import contextlib
import io
import os
import pathlib
import signal
import sys
import tempfile
import types
from unittest import mock

from harness import tap

# Samba's own modules, of which repair.py needs names alone.
LDB = mock.MagicMock(LdbError=type("LdbError", (Exception,), {}))
sys.modules.update(dict.fromkeys(("ldb", "samba", "samba.auth", "samba.dcerpc", "samba.ndr",
                                  "samba.param", "samba.samdb"), LDB))

# pylint: disable=wrong-import-position
from samba_ad import decision, ends, fence, file, marker, origin, repair, state, units

UNIT = "samba-ad-dc.service"
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >>"$WORK/calls"
case $1 in
show) echo "ActiveState=$(cat "$WORK/active")" ;;
start) [ ! -e "$WORK/hangs" ] || exec sleep 1000 ;;
esac
"""
REFUSES = "#!/bin/sh\necho Failed to start the timer\nexit 1\n"


def silently(function, *arguments, **named):
    """(what it returned or raised, what it said)"""
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            result = function(*arguments, **named)
        except Exception as e:      # pylint: disable=broad-except
            result = e
    return result, said.getvalue()


def raises(function, *arguments, **named):
    """The class of what it raised, and its text."""
    result, _ = silently(function, *arguments, **named)
    return type(result), str(result)


def check_order(work, t):
    """Of what gets to the disk."""
    steps = []
    fsync, rename = os.fsync, os.rename

    def synced(fd):
        steps.append("directory" if os.path.isdir(f"/proc/self/fd/{fd}") else "file")
        fsync(fd)

    def renamed(*names):
        steps.append("rename")
        rename(*names)

    with mock.patch("os.fsync", synced), mock.patch("os.rename", renamed):
        file.replace(f"{work}/whole", "text\n")
        t.equal(steps, ["file", "rename", "directory"], "a file is on disk before it has its name")
        del steps[:]
        t.ok(file.remove(f"{work}/whole"), "there was one to remove")
        t.equal(steps, ["directory"], "its removal is on disk, too")
    t.ok(not file.remove(f"{work}/whole"), "a second time there is none")


def check_files(work, t):
    path = pathlib.Path(work, "file")
    path.write_text("old\n", "ascii")
    with mock.patch("os.fsync", side_effect=OSError(28, "full")):
        t.equal(raises(file.replace, str(path), "new\n")[0], OSError, "a full disk is told")
    t.equal(([p.name for p in path.parent.iterdir()], path.read_text("ascii")), (["file"], "old\n"),
            "and leaves the old file, and nothing else")
    os.mkfifo(f"{work}/fifo")
    t.ok("no regular file" in raises(file.read, f"{work}/fifo")[1],
         "nothing is waited for that is no file")
    os.unlink(f"{work}/fifo")
    with file.locked(f"{work}/lock", 0):
        t.equal(raises(file.locked(f"{work}/lock", 0).__enter__)[0], ends.Failure,
                "one at a time has a lock")
    taken = False
    with contextlib.suppress(ends.Failure), file.locked(f"{work}/lock", 0):
        taken = True
    t.ok(taken, "then the next one")


def fence_of(work, generation):
    with mock.patch.dict(os.environ, {"VMGEN_GENERATION": str(generation)} if generation else {}):
        return fence.Fence(work, UNIT)


def check_fence(work, t):
    path = pathlib.Path(work, "fence", UNIT)
    newer, older, by_hand = (fence_of(work, generation) for generation in (5, 4, None))
    newer.set("why", "do this")
    before = path.read_text("ascii")
    t.equal(before, f"vmgend-samba-ad: why do this\ngeneration 5 boot {state.boot_id()}\n",
            "a fence has reason, command, generation and boot")
    older.set("another", "do that")
    t.equal(path.read_text("ascii"), before, "a hook of an older change leaves it")
    by_hand.set("another", "do that")
    t.ok("another do that\ngeneration 5 " in path.read_text("ascii"), "by hand it stays as new")
    by_hand.set("x" * 1000, "do this")
    first = path.read_text("ascii").split("\n", maxsplit=1)[0]
    t.ok(first.endswith("x" + "do this") and len(first) == fence.REASON_BYTES,
         "what is too long is cut off before the command") or t.note(len(first))
    t.ok(newer.lift_own() and not path.exists(), "its own fence is lifted")
    path.write_text("somebody's\n", "ascii")
    t.ok(not newer.lift_own() and path.exists(), "that of others is not")
    path.write_text("why\ngeneration 9 boot 00000000-0000-0000-0000-000000000000\n", "ascii")
    t.equal(newer.fenced_generation(), None, "a generation of another boot is none")


def check_boots(work, t):
    """What counts in one boot alone."""
    kept = state.State(work, UNIT)
    kept.add_taken_down(["a.service"])
    kept.add_taken_down(["b.service", "a.service"])
    kept.waive()
    kept.set_due(7)
    t.equal((kept.taken_down(), kept.waived(), kept.due()), (["a.service", "b.service"], True, 7),
            "what was taken down, waived and is due")
    with mock.patch.object(state, "BOOT_ID", f"{work}/boot"):
        pathlib.Path(work, "boot").write_text("another\n", "ascii")
        t.equal((kept.taken_down(), kept.waived(), kept.due()), ([], False, None),
                "nothing of it in the next boot")


def check_state(work, t):
    kept = state.State(work, UNIT)
    kept.note_change()
    t.ok(kept.change_noted("one") and kept.change_noted("two"), "a change that is nobody's is all's")
    kept.assign_change("one")
    t.ok(kept.change_noted("one") and not kept.change_noted("two"), "and then its controller's")
    kept.say_rolled_back("one")
    t.ok(kept.said_rolled_back("one") and not kept.said_rolled_back("two"),
         "so is what an administrator says")
    now = 10 * state.DAY
    with mock.patch("time.time", lambda: now):
        pathlib.Path(kept.path("repairs")).write_text(
            f"{now - 2 * state.DAY} 1\nnonsense\n{now - 5} 1000\n", "ascii")
        t.equal(silently(kept.repairs)[0], [(now - 5, state.MOST_POOLS)],
                "repairs within a day, and no more pools than there can be")
    pathlib.Path(kept.path("expected")).write_text("{}", "ascii")
    t.equal(silently(kept.expected)[0], None, "what is damaged is expected no more")
    t.ok(kept.unfinished(), "but there is something")


def controller(**members):
    members = {"partners": lambda: ["one"], "newest": lambda: 10 * state.DAY, "name": "DC1",
               "tombstone_days": lambda: 180, "generation_id": lambda: b"old", **members}
    return types.SimpleNamespace(**members)


def check_refusals(work, t):
    for hint, intent, refused in (("clone", "", True), ("clone", "clone", True),
                                  ("clone", "restore", False), ("unknown", "clone", True),
                                  ("unknown", "", False), ("rollback", "restore", False)):
        t.equal(raises(decision.refuse_clone, hint, intent)[0] is ends.Refusal, refused,
                f"looks like {hint}, declared {intent or 'nothing'}")
    options = argparse.Namespace(unit=UNIT)
    p = types.SimpleNamespace(options=options, state=state.State(work, UNIT))
    for days, refused in ((1, False), (189, False), (190, True), (400, True)):
        with mock.patch("time.time", lambda days=days: days * state.DAY), \
                mock.patch.object(decision.clock, "others", lambda dc: {}), \
                mock.patch.object(decision.clock, "sure", lambda others: True):
            t.equal(raises(decision.refuse_old, p, controller())[0] is ends.Refusal, refused,
                    f"a database of day 10 on day {days}")
    many = [(1, decision.MOST_POOLS_A_DAY // 2 - 1)]
    p.state.repairs = lambda: many
    t.equal(raises(decision.refuse_many, p.state)[0], type(None), "as many RIDs as a day may take")
    many.append((2, 1))
    t.equal(raises(decision.refuse_many, p.state)[0], ends.Refusal, "and not more")


def check_harmless(work, t):
    """What vmgend knows to be no rollback is adopted once."""
    place = types.SimpleNamespace(top=work, harmless=lambda: "")
    p = types.SimpleNamespace(options=argparse.Namespace(intent="", hint=""), state=place)
    dc = controller(path=f"{work}/sam.ldb")
    new = types.SimpleNamespace(bytes=b"new", hash="hash of new")
    with mock.patch.object(origin, "harmless", lambda *_: True):
        t.equal(decision.verdict(p, dc, new, False, False), decision.Verdict.HARMLESS, "adopted")
        t.equal(decision.verdict(p, dc, new, True, False), decision.Verdict.REPAIR,
                "not if a change was seen while Samba worked on it")
        place.harmless = lambda: "hash of new"
        t.equal(decision.verdict(p, dc, new, False, False), decision.Verdict.REPAIR,
                "nor twice: then the database is a copy of before that")
        place.harmless = lambda: ""
        dc.path = "/proc/self/sam.ldb"
        t.equal(decision.verdict(p, dc, new, False, False), decision.Verdict.REPAIR,
                "nor if the database may lie on another disk")


def check_services(work, t):
    """systemctl is played."""
    newer = types.SimpleNamespace(is_newer=lambda: False, set=lambda: None)
    services = units.Services(UNIT, state.State(work, UNIT), newer)
    services.enabled = True
    active = pathlib.Path(work, "active")
    active.write_text("inactive\n", "ascii")
    t.equal(silently(services.end, UNIT)[0], None, "a unit that stops is stopped")
    active.write_text("active\n", "ascii")
    t.ok("could not be stopped: it is still there" in raises(services.end, UNIT)[1],
         "one that is still there is not, whatever systemctl says")
    services.state.add_taken_down([UNIT])
    newer.is_newer = lambda: True
    pathlib.Path(work, "calls").unlink()
    t.equal(raises(services.bring_up, True)[0], ends.Superseded,
            "what the guard of a newer change has stopped")
    t.ok(not pathlib.Path(work, "calls").exists() and services.state.taken_down() == [UNIT],
         "is not started, and not forgotten")
    newer.is_newer = lambda: False
    pathlib.Path(work, "hangs").touch()
    with mock.patch.object(units, "START_SECONDS", 0):
        t.ok("did not start: it took more than 0 seconds" in raises(services.bring_up, True)[1],
             "a start that hangs is a failure")
    pathlib.Path(work, "hangs").unlink()
    silently(services.bring_up, True)
    t.equal(services.state.taken_down(), [], "one that does not ends it")
    armed, said = silently(services.arm_check, ["verify"], 10)
    t.ok(not armed and "(Failed to start the timer); run it by hand: verify" in said,
         "a check that cannot be armed is told") or t.note(said)


def check_marker(work, t):
    with mock.patch.object(marker, "DIRECTORY", work):
        with mock.patch.dict(os.environ, {"VMGEN_GENERATION": "4"}):
            older = marker.Marker(UNIT)
        with mock.patch.dict(os.environ, {"VMGEN_GENERATION": "5"}):
            newer = marker.Marker(UNIT)
        older.set()
        t.ok(not older.is_newer() and not newer.is_newer(), "a guard's own mark is not newer")
        newer.set()
        t.ok(older.is_newer() and not newer.is_newer(), "that of a newer change is")


def check_repair(t):
    """A crash leaves the old state or one from which the same repair gives a good one."""
    done = []
    dc = mock.MagicMock(guid="guid", is_rid_master=True)
    dc.rid_pool.return_value = (1000, 2000)
    dc.writable_partners.return_value = ["partner"]
    kept = mock.MagicMock()
    kept.add_repair.side_effect = lambda pools: done.append("noted")
    kept.expect.side_effect = lambda expected: done.append("expected")
    with mock.patch.object(repair, "transaction", lambda dc, work, *_: done.append(work.__name__)), \
            mock.patch.object(repair, "plan", lambda *_: ["do it"]), \
            mock.patch.object(repair, "short", lambda _: "hash"):
        silently(repair.apply, dc, types.SimpleNamespace(bytes=b"new"), kept, 1,
                 lambda: done.append("copies"))
    t.equal(done, ["noted", "new_identity", "expected", "copies", "modify"],
            "the ID is recorded when all that it is good for is done")
    dc.rid_pool.return_value = (1000, 2000)
    t.equal(raises(repair.leave_out, dc, 500)[0], type(None), "RIDs are left out while there are")
    t.equal(raises(repair.leave_out, dc, 501)[0], ends.Refusal, "and a pool is left of them")


def check_versions(t):
    """Replication keeps the higher one."""
    dc = mock.MagicMock()
    for version, want in ((1, 1000), (5000, 5001)):
        dc.samdb.get_attribute_replmetadata_version.return_value = version
        repair.lift(dc, "dn", "attribute", repair.YEAR_2000 + 1000)
        t.equal(dc.samdb.set_attribute_replmetadata_version.call_args[0][2], want,
                f"version {version} is lifted")
    for version in (None, 0, repair.MOST_VERSION):
        dc.samdb.get_attribute_replmetadata_version.return_value = version
        t.equal(raises(repair.lift, dc, "dn", "attribute", 0)[0], ends.Refusal,
                f"version {version} is refused")
    with mock.patch.object(repair, "lift") as lift:
        repair.change_identity(dc, "new", 7)
        t.equal([call.args[1:] for call in lift.call_args_list],
                [(dc.ntds_dn, "invocationId", 7)], "that of the identity is")


def main():
    # Whatever waits in spite of all does not wait for ever.
    signal.alarm(60)
    t = tap.Tap()
    for check in (check_order, check_files, check_fence, check_boots, check_state, check_refusals,
                  check_harmless, check_services, check_marker):
        with tempfile.TemporaryDirectory() as work:
            pathlib.Path(work, "bin").mkdir()
            for name, text in (("systemctl", SYSTEMCTL), ("systemd-run", REFUSES)):
                program = pathlib.Path(work, "bin", name)
                program.write_text(text, "ascii")
                program.chmod(0o755)
            with mock.patch.object(units, "CGROUPS", work), \
                    mock.patch.dict(os.environ, {"WORK": work, "PATH": f"{work}/bin:/usr/bin:/bin"}):
                place = pathlib.Path(work, "place")
                place.mkdir()
                check(str(work) if check is check_services else str(place), t)
    check_repair(t)
    check_versions(t)
    sys.exit(t.finish())


if __name__ == "__main__":
    main()
