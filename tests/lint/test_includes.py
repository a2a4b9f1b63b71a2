"""Dependencies point one way: base <- wire, http <- loop, lockdown <- programs; no program folder includes another; a foreign
library's header stands only where that library belongs."""
import re
import unittest

from sources import c_sources, exempt, read

# folder: our folders that it may include, itself not among them
ALLOWED = {
    "runtime/base": (),
    "runtime/wire": ("runtime/base",),
    "runtime/http": ("runtime/base", "runtime/loop"),
    "runtime/loop": ("runtime/base", "runtime/wire", "runtime/http"),
    "sandbox/lockdown": ("runtime/base",),
    "sandbox": ("runtime/base", "runtime/wire", "runtime/loop", "sandbox/lockdown"),
    "gateway": ("runtime/base", "runtime/wire", "runtime/http", "runtime/loop", "sandbox/lockdown"),
    "store": ("runtime/base", "runtime/wire", "runtime/http", "runtime/loop", "sandbox/lockdown"),
    "store/ctl": ("runtime/base", "runtime/http", "runtime/loop"),
    "store/hook": ("runtime/base", "runtime/wire"),
    "runtime/worker": ("runtime/base", "runtime/wire", "sandbox/lockdown"),
    "runtime/infer": ("runtime/base", "runtime/wire", "runtime/loop", "sandbox/lockdown"),
}

# header pattern: folders that may include it
FOREIGN = {
    r"(lua|lauxlib|lualib)\.h": ("runtime/worker",),
    r"(png|jpeglib|yaml|md4c.*)\.h|webp/.*": ("runtime/worker",),
    r"sqlite3\.h|git2.*|sodium.*": ("store",),
    r"onnxruntime_c_api\.h": ("runtime/infer",),
    r"seccomp\.h": ("sandbox/lockdown", "sandbox"),
    r"event2?/.*|event\.h": ("runtime/loop", "runtime/http", "gateway"),
}


def folder_of(name):
    return name.rsplit("/", 1)[0]


def part_of(folder):
    """The longest entry of ALLOWED that the folder lies in."""
    return max((part for part in ALLOWED if folder == part or folder.startswith(part + "/")), key=len, default=None)


class Includes(unittest.TestCase):
    def test_one_way(self):
        offenders = []
        for name in c_sources():
            part = part_of(folder_of(name))
            self.assertIsNotNone(part, f"{name}: no entry for its folder")
            for included in re.findall(r'^#include\s+"(.+?)"', read(name), re.M):
                if "/" not in included:
                    offenders.append(f'{name}: "{included}" is not written from the repository root')
                    continue
                target = part_of(folder_of(included))
                if target != part and target not in ALLOWED[part] and not exempt("include", f"{name}:{included}"):
                    offenders.append(f"{name}: {part} may not include {included}")
        self.assertEqual([], offenders, "\n" + "\n".join(offenders))

    def test_foreign_libraries(self):
        offenders = []
        for name in c_sources():
            for included in re.findall(r"^#include\s+<(.+?)>", read(name), re.M):
                for pattern, folders in FOREIGN.items():
                    if re.fullmatch(pattern, included) and part_of(folder_of(name)) not in folders \
                            and not exempt("include", f"{name}:{included}"):
                        offenders.append(f"{name}: <{included}> belongs to {', '.join(folders)}")
        self.assertEqual([], offenders, "\n" + "\n".join(offenders))

    def test_the_rules_catch_something(self):
        """A rule that never matches would pass for ever."""
        seen = {pattern for name in c_sources() for included in re.findall(r"^#include\s+<(.+?)>", read(name), re.M)
                for pattern in FOREIGN if re.fullmatch(pattern, included)}
        self.assertEqual(set(FOREIGN), seen)


if __name__ == "__main__":
    unittest.main()
