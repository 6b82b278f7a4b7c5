# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Builds the module against headers as distributions have them: an interface of a newer kernel
under an older number, or the reverse; another layout; parts of the kernel left out. They are made
of Debian's, and each edit has to find what it is to change.
"""

import argparse
import dataclasses
import pathlib
import re
import sys

from harness import cache, kernel as kernels, module
from harness.kernel import KernelError, run
from harness.machine import build_directory
from harness.tap import Tap

SOURCE = pathlib.Path(__file__).parents[3] / "kmod"
SYMBOLS = "Module.symvers"
NEW_SYSCORE = """
struct syscore_ops {
	int (*suspend)(void *data);
	void (*resume)(void *data);
	void (*shutdown)(void *data);
};

struct syscore {
	struct list_head node;
	const struct syscore_ops *ops;
	void *data;
};

extern void register_syscore(struct syscore *syscore);
extern void unregister_syscore(struct syscore *syscore);
"""
OLD_SYSCORE = """
struct syscore_ops {
	struct list_head node;
	int (*suspend)(void);
	void (*resume)(void);
	void (*shutdown)(void);
};

extern void register_syscore_ops(struct syscore_ops *ops);
extern void unregister_syscore_ops(struct syscore_ops *ops);
"""
SYSCORE_TEXT = r"(?s)\nstruct syscore_ops \{.*extern void unregister_syscore\w*\([^)]*\);\n"
NEW_VM_FLAGS = """
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear)
{
	ACCESS_PRIVATE(vma, __vm_flags) = (vma->vm_flags | set) & ~clear;
}

static inline void vma_set_anonymous("""
RUN_WORKER = """static inline struct kthread_worker *kthread_run_worker(unsigned int flags, const char *name)
{
	return kthread_create_stopped_worker(flags, "%s", name);
}

void kthread_destroy_worker("""
# What a header says in a comment may be what it does not have.
TALK = r"""/*
\t\tint random_init(const char *command_line);
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear);
typedef int proc_handler(const struct ctl_table *ctl, int write, void *buffer,
struct syscore {
extern void register_syscore(struct syscore *syscore);
struct ctl_table_header *register_sysctl_sz(const char *path, struct ctl_table *table, size_t);
#define timer_container_of(var, callback_timer, timer_fieldname)
#define kthread_run_worker(flags, namefmt, ...)
extern int timer_delete_sync(struct timer_list *timer);
*/
"""
COMMENTS = tuple((f"{name}.h", r"\A", TALK)
                 for name in ("kthread", "mm", "random", "syscore_ops", "sysctl", "timer"))

# Of each interface: what makes the newer one of the older, and the reverse, as (file, pattern,
# replacement). Files are in include/linux.
NEWER = {
    "vm_flags_mod": (
        ("mm_types.h", r"\tunsigned long vm_flags;\t\t/\* Flags, see mm.h. \*/",
         r"\tunion {\n\t\tconst vm_flags_t vm_flags;\n\t\tvm_flags_t __private __vm_flags;\n\t};"),
        ("mm.h", r"\nstatic inline void vma_set_anonymous\(", NEW_VM_FLAGS)),
    "const ctl_table": (
        ("sysctl.h", r"(\bproc_\w+\()struct ctl_table \*", r"\1const struct ctl_table *"),),
    "register_sysctl_sz": (
        ("sysctl.h", r"(?m)^(struct ctl_table_header \*register_sysctl)(\([^)]*)\);",
         r"\1_sz\2, size_t size);"
         r"\n#define register_sysctl(path, table) register_sysctl_sz(path, table, ARRAY_SIZE(table))"),
        ("sysctl.h", r"(static inline struct ctl_table_header \*register_sysctl)(\([^)]*)\)",
         r"\1_sz\2, size_t size)"),
        (SYMBOLS, r"\tregister_sysctl\t", r"\tregister_sysctl_sz\t")),
    "timer_container_of": (
        ("timer.h", r"define from_timer\(", r"define timer_container_of("),),
    "no del_timer_sync": (
        ("timer.h", r"\bdel_timer_sync\(struct", r"del_timer_sync_gone(struct"),),
    "kthread_run_worker": (
        ("kthread.h", r"\bkthread_create_worker\(", r"kthread_create_stopped_worker("),
        ("kthread.h", r"void kthread_destroy_worker\(", RUN_WORKER),
        (SYMBOLS, r"\tkthread_create_worker\t", r"\tkthread_create_stopped_worker\t")),
    "syscore": (
        ("syscore_ops.h", SYSCORE_TEXT, NEW_SYSCORE),
        (SYMBOLS, r"register_syscore_ops\t", r"register_syscore\t")),
    "no crypto_get_default_rng": (
        ("../crypto/rng.h", r"\b(crypto_(get|put)_default_rng)\(", r"\1_gone("),),
    "const device_node": (
        ("of_irq.h", r"(\bof_irq_get\()struct device_node", r"\1const struct device_node"),
        ("of_address.h", r"(\bof_address_to_resource\()struct device_node",
         r"\1const struct device_node")),
}
OLDER = {
    "vm_flags_mod": (
        ("mm_types.h", r"const vm_flags_t vm_flags;", r"vm_flags_t vm_flags;"),
        ("mm.h", r"\bvm_flags_mod\(struct", r"vm_flags_mod_gone(struct")),
    "const ctl_table": (
        ("sysctl.h", r"(\bproc_\w+\()const struct ctl_table \*", r"\1struct ctl_table *"),),
    "register_sysctl_sz": (
        ("sysctl.h", r"#define register_sysctl\(path, table\)\s*\\\n.*\n", r""),
        ("sysctl.h", r"\bregister_sysctl_sz\(([^)]*),\s*size_t \w+\)", r"register_sysctl(\1)"),
        (SYMBOLS, r"\tregister_sysctl_sz\t", r"\tregister_sysctl\t")),
    "timer_container_of": (
        ("timer.h", r"define timer_container_of\(", r"define from_timer("),),
    # As it was named before, of which some comments speak already.
    "timer_delete_sync": (
        ("timer.h", r"(?m)^static inline int del_timer_sync\(.*\)\n\{\n.*\n\}\n", r""),
        ("timer.h", r"extern int timer_delete_sync\(", r"extern int del_timer_sync("),
        (SYMBOLS, r"\ttimer_delete_sync\t", r"\tdel_timer_sync\t")),
    "new timer_delete_sync": (
        ("timer.h", r"extern int timer_delete_sync\(", r"extern int del_timer_sync("),
        (SYMBOLS, r"\ttimer_delete_sync\t", r"\tdel_timer_sync\t")),
    "kthread_run_worker": (
        ("kthread.h", r"define kthread_run_worker\(", r"define kthread_run_worker_gone("),),
    "syscore": (
        ("syscore_ops.h", SYSCORE_TEXT, OLD_SYSCORE),
        (SYMBOLS, r"register_syscore\t", r"register_syscore_ops\t")),
    "random_init": (
        ("random.h", r"random_init(_early)?\(", r"rand_initialize\1("),),
}
# What a kernel was built without: the configuration, and what it exports then no more.
WITHOUT = {
    "SYSCTL": (r"(PROC_)?SYSCTL\w*", r"(un)?register_sysctl\w*|proc_do\w+|sysctl_vals"),
    "ACPI": (r"\w*ACPI\w*", r"acpi_\w+"),
    "OF": (r"OF|OF_\w+", r"of_\w+|__of_\w+"),
    "power management": (r"PM|PM_\w+|SUSPEND\w*|HIBERNAT\w+", r"(un)?register_pm_notifier"),
    "32-bit programs": (r"COMPAT|COMPAT_\w+|IA32_\w+|X86_X32\w*", r"compat_ptr_ioctl"),
    "VMGENID": (r"VMGENID", r"add_vmfork_randomness|(un)?register_random_vmfork_notifier"),
}
REFUSED = {
    "random_init": "vmgenc needs Linux 5.10.119 or newer",
    "firmware": "vmgenc needs a kernel with CONFIG_ACPI or CONFIG_OF",
}


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    base: str               # of harness.kernel
    version: tuple = ()     # what it says it is; as the base if empty
    newer: tuple = ()
    older: tuple = ()
    without: tuple = ()
    comments: bool = False
    layout: str = ""        # as Debian has it; "merged" or "output"
    refused: str = ""       # a key of REFUSED

    def what(self):
        parts = [f"{sign}{name}" for sign, names in (("+", self.newer), ("-", self.older),
                                                     ("-CONFIG ", self.without)) for name in names]
        number = f" as {'.'.join(map(str, self.version))}" if self.version else ""
        text = f"{self.name}: {self.base}{number} {', '.join(parts)}"
        text += f" layout {self.layout}" if self.layout else ""
        return text + (" is refused" if self.refused else "")


ALL_NEWER = tuple(NEWER)
ALL_OLDER = ("vm_flags_mod", "const ctl_table", "register_sysctl_sz", "syscore")
LAYOUTS = ("merged", "output")
CASES = (
    # After distributions; what they took over from where is theirs to change any time.
    Case("RHEL 9", "6.1", (5, 14, 0), newer=("vm_flags_mod",), layout="merged"),
    Case("RHEL 9, later", "6.1", (5, 14, 0), layout="merged",
         newer=("vm_flags_mod", "const ctl_table", "timer_container_of", "no del_timer_sync")),
    Case("RHEL 10", "6.12", (6, 12, 0), layout="merged", older=("syscore",),
         newer=("timer_container_of", "kthread_run_worker", "no del_timer_sync")),
    Case("SLES 15", "6.1", (6, 4, 0), layout="output", newer=("vm_flags_mod",),
         older=("timer_delete_sync",)),
    Case("SLES 16", "6.12", (6, 12, 0), layout="output", older=("syscore",),
         newer=("timer_container_of", "const device_node")),
    Case("Amazon Linux 2", "5.10", newer=("syscore", "register_sysctl_sz")),
    Case("Amazon Linux 2023", "6.1",
         newer=("const ctl_table", "register_sysctl_sz", "syscore", "no del_timer_sync")),
    Case("Ubuntu HWE", "6.12", (6, 8, 0),
         older=("const ctl_table", "syscore", "timer_delete_sync")),
    Case("Ubuntu HWE, later", "newest", (6, 17, 0), older=("syscore", "kthread_run_worker")),
    Case("all that is newer", "5.10", newer=ALL_NEWER),
    Case("all that is newer", "6.1", newer=ALL_NEWER),
    Case("all that is older", "6.12", older=(*ALL_OLDER, "timer_delete_sync")),
    Case("all that is older", "newest", older=(*ALL_OLDER, "new timer_delete_sync",
                                               "timer_container_of", "kthread_run_worker")),
    Case("told of in comments", "5.10", older=("timer_delete_sync",), comments=True),
    Case("told of in comments", "6.1", older=("timer_delete_sync",), comments=True),
    Case("told of in comments", "6.1", older=("random_init",), comments=True,
         refused="random_init"),
    *(Case("alone", "6.1", newer=(name,)) for name in NEWER),
    *(Case("alone", "6.12", older=(name,)) for name in (*ALL_OLDER, "timer_delete_sync")),
    *(Case("alone", "newest", older=(name,))
      for name in (*ALL_OLDER, "new timer_delete_sync", "timer_container_of",
                   "kthread_run_worker")),
    *(Case("layout", base, layout=layout)
      for base, layout in (("5.10", "merged"), ("5.10", "output"), ("newest", "merged"))),
    *(Case("without", base, without=(part,)) for base in ("6.1", "newest")
      for part in ("SYSCTL", "power management", "32-bit programs", "VMGENID")),
    *(Case("without", "6.12-arm64", without=(part,)) for part in ("SYSCTL", "ACPI", "OF")),
    Case("without", "6.12-arm64", without=("ACPI", "OF"), refused="firmware"),
)


class Headers:
    """A copy of a kernel's headers, to be changed."""

    def __init__(self, kernel, root):
        # Links: only what is changed is written again.
        (root / "usr/lib").mkdir(parents=True)
        run(["cp", "-al", f"{kernel.root}/usr/src", f"{root}/usr"])
        run(["cp", "-al", *map(str, (kernel.root / "usr/lib").glob("linux-kbuild-*")),
             f"{root}/usr/lib"])
        self.kernel = dataclasses.replace(kernel, root=root)
        self.objects = self.kernel.headers
        self.common, = (root / "usr/src").glob("linux-headers-*common*")
        # For BTF, which would be that of other structures.
        (self.objects / "vmlinux").unlink(missing_ok=True)

    def edit(self, path, pattern, replacement):
        text, n = re.subn(pattern, replacement, path.read_text("utf-8"))
        if not n:
            raise KernelError(f"{path}: has nothing like {pattern}")
        path.unlink()
        path.write_text(text, "utf-8")

    def change(self, edits):
        for name, pattern, replacement in edits:
            path = self.objects / name if name == SYMBOLS else self.common / "include/linux" / name
            self.edit(path, pattern, replacement)

    def say_version(self, version):
        code = (version[0] << 16) + (version[1] << 8) + version[2]
        self.edit(self.objects / "include/generated/uapi/linux/version.h",
                  r"(LINUX_VERSION_CODE) \d+", rf"\1 {code}")

    def leave_out(self, part):
        config, symbols = WITHOUT[part]
        for name, pattern in ((".config", rf"(?m)^CONFIG_({config})=.*\n"),
                              ("include/config/auto.conf", rf"(?m)^CONFIG_({config})=.*\n"),
                              ("include/generated/autoconf.h",
                               rf"(?m)^#define CONFIG_({config})(_MODULE)? .*\n"),
                              (SYMBOLS, rf"(?m)^0x\w+\t({symbols})\t.*\n")):
            self.edit(self.objects / name, pattern, "")

    def lay_out(self, layout):
        """As RHEL has it, all in one directory; or as openSUSE, whose make is told O=."""
        if layout == "merged":
            (self.objects / "Makefile").unlink()
            for name in ("arch", "include", "Makefile"):
                run(["cp", "-aln", f"{self.common}/{name}", f"{self.objects}/"])
            run(["rm", "-r", str(self.common)])
        elif layout == "output":
            makefile = self.objects / "Makefile"
            makefile.unlink()
            makefile.write_text(f"%:\n\t$(MAKE) -C {self.common} O=$(CURDIR) $@\n", "ascii")


def make(case, root):
    headers = Headers(kernels.load(case.base), root)
    for name in case.newer:
        headers.change(NEWER[name])
    for name in case.older:
        headers.change(OLDER[name])
    headers.change(COMMENTS if case.comments else ())
    for part in case.without:
        headers.leave_out(part)
    if case.version:
        headers.say_version(case.version)
    headers.lay_out(case.layout)
    return headers.kernel


def check(t, source=SOURCE, out=None):
    for number, case in enumerate(CASES):
        with cache.locked("backports") as new:
            error = None
            kernel = make(case, new)
            try:
                module.build(kernel, source, (out or build_directory() / "backports") / str(number))
            except KernelError as e:
                error = str(e)
        if case.refused:
            good = REFUSED[case.refused] in (error or "")
        else:
            good = not error
        if not t.ok(good, case.what()):
            t.note(error or "it was built")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default=SOURCE, help="directory with the module's Kbuild")
    t = Tap()
    check(t, parser.parse_args().source)
    return t.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KernelError, OSError) as error:
        sys.exit(f"backports.py: {error}")
