"""What the scripts in ops/ say when the machine is not as they need it: each refusal names what is wrong, with what, and what
to do, before anything is installed or built. The machine is played by functions that stand in front of the real commands."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

from sources import ROOT, read

BIN = os.environ.get("VITRINE_BIN", os.path.join(ROOT, "build", "release", "bin"))
ORDINARY = 'id() { if [ "${1:-}" = -u ]; then echo 1000; else echo ann; fi; }\n'


def bash(script, **environment):
    """Runs a script after ops/lib has been read; (status, everything it said)."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("VITRINE_")}
    done = subprocess.run(["bash", "-euc", f'. "$0/ops/lib/common.sh"; . "$0/ops/lib/preflight.sh"\n{script}', ROOT], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env={**env, **environment})
    return done.returncode, done.stdout + done.stderr


class Preflight(unittest.TestCase):
    def refused(self, script, *patterns, **environment):
        status, words = bash(script, **environment)
        self.assertEqual(1, status, words)
        for pattern in patterns:
            self.assertRegex(words, pattern)
        self.assertNotIn("unbound variable", words)

    def accepted(self, script, **environment):
        status, words = bash(script, **environment)
        self.assertEqual(0, status, words)

    def test_this_machine_is_good(self):
        self.accepted("preflight_system; preflight_kernel; preflight_port 1; preflight_space /nowhere/at/all 1 it")

    def test_old_debian(self):
        self.refused("debian_major() { echo 11; }; preflight_system", r"needs Debian 12 or 13", r"this is \w+")

    def test_testing_has_no_number(self):
        self.accepted('eval "$(declare -f debian_major | sed s,/etc/os-release,/dev/null,)"; [ "$(debian_major)" = 99 ]')

    def test_no_debian_at_all(self):
        self.refused('command() { return 1; }; preflight_system', "is no Debian", "Debian 12 or 13")

    def test_unknown_processor(self):
        self.refused("preflight_system", "amd64 and arm64, not on riscv64", VITRINE_ARCH="riscv64")

    def test_old_kernel(self):
        self.refused("uname() { echo 5.10.0-28-amd64; }; preflight_kernel", r"Linux 5\.10\.0-28-amd64 is too old", r"5\.13 or later")
        self.accepted("uname() { echo 6.1.0-18-amd64; }; preflight_kernel")

    def test_no_user_namespaces(self):
        self.refused(ORDINARY + "unshare() { return 1; }; preflight_kernel", "user namespace", "sysctl", "as root")
        self.accepted("unshare() { return 1; }; id() { echo 0; }; preflight_kernel")

    def test_port_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.refused(f"preflight_port {port}", f"port {port} is taken", "--port")

    def test_port_of_root(self):
        self.refused(ORDINARY + "cat() { echo 1024; }; preflight_port 81", "port 81 is only for root", "--port")

    def test_disk_full(self):
        self.refused("df() { printf 'head\\nx 100 60 40 60%% /\\n'; }; preflight_space /nowhere/data 200 'the data folder'",
                     "only 40 MiB are free in /;", "the data folder needs about 200 MiB")

    def test_no_room_for_a_temporary_file(self):
        self.refused("step words true", "is the disk full", TMPDIR="/nowhere")

    def test_folder_that_cannot_be_written(self):
        with tempfile.NamedTemporaryFile() as file:
            self.refused(f"preflight_folder {file.name}/data", "cannot write into", "--data")

    def test_no_sudo(self):
        with tempfile.TemporaryDirectory() as empty:
            self.refused(f'{ORDINARY}PATH={empty}; need_root "installing them"', "installing them needs root", "install sudo and let ann use it")

    def test_sudo_with_a_password(self):
        self.refused(ORDINARY + 'sudo() { return 1; }; need_root "it"', 'asks ann for a password: run "sudo -v" first')
        self.accepted(ORDINARY + 'sudo() { return 0; }; need_root "it"')


class Steps(unittest.TestCase):
    def test_a_failing_step_shows_its_words_and_what_to_do(self):
        status, words = bash('step_hint="Look at the cable."; step "fetching" sh -c "echo no route; exit 3"; echo went on')
        self.assertEqual(1, status)
        self.assertRegex(words, r"(?s)fetching ….*no route.*fetching failed \(status 3\).*Look at the cable\.")
        self.assertNotIn("went on", words)

    def test_a_function_stops_at_its_first_failing_command(self):
        status, words = bash('f() { false; echo went on; }; step "words" f')
        self.assertEqual(1, status)
        self.assertNotIn("went on", words)

    def test_a_good_step_is_quiet_and_says_its_time(self):
        status, words = bash('step "sleeping" sh -c "echo noise; sleep 1.1"')
        self.assertEqual(0, status)
        self.assertNotIn("noise", words)
        self.assertRegex(words, r"\[ +\d+\.\d s\] sleeping: 1\.\d s")

    def test_one_clock(self):
        status, words = bash('VITRINE_STARTED_MS=$((started_ms - 65000)) bash -c \'. "$0/ops/lib/common.sh"; say later\' "$root"')
        self.assertEqual(0, status)
        self.assertRegex(words, r"\[ +6[5-9]\.\d s\] later")


class Packages(unittest.TestCase):
    """ops/packages against what the build and the tests really ask for: an install step that is missing would show here, also on
    a machine where the package happens to be there."""
    # What every Debian has (Essential or of the base system), so it is nobody's install step.
    BASE = {"apt-get", "apt-cache", "dpkg", "dpkg-deb", "dpkg-query", "bash", "sh", "env", "awk", "sed", "grep", "find", "xargs", "sort", "head", "tail",
            "cut", "tr", "cat", "cp", "mv", "rm", "ln", "mkdir", "mktemp", "chmod", "touch", "date", "df", "id", "uname", "nproc", "flock",
            "sha256sum", "tar", "printf", "sleep", "wc", "basename", "dirname", "tput", "unshare", "mount", "umount", "runuser", "useradd",
            "setpriv", "taskset", "kill", "test", "true", "false", "ldconfig", "getconf", "ldd"}
    # command: the package that has it, where the names differ
    GIVES = {"cc": "gcc", "gcc": "gcc", "clang": "clang", "ninja": "ninja-build", "node": "nodejs", "ctags": "universal-ctags", "ctest": "cmake",
             "readelf": "binutils", "nm": "binutils", "objdump": "binutils", "nginx": "nginx-light", "python3": "python3", "strace": "strace",
             "wrk": "wrk", "lua5.4": "lua5.4", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu", "qemu-aarch64": "qemu-user",
             "setfacl": "acl", "bwrap": "bubblewrap", "pgrep": "procps", "ps": "procps"}

    def listed(self, *kinds):
        return {line.split()[1]: line for line in read("ops/packages").splitlines() if line.split() and line.split()[0] in kinds}

    def test_every_library_that_cmake_looks_for(self):
        """dep(<name> <header> <library>) of dependencies.cmake and find_library(cmocka)."""
        packages = {"event": "libevent-dev", "seccomp": "libseccomp-dev", "cap": "libcap-dev", "sqlite": "libsqlite3-dev", "git2": "libgit2-dev",
                    "sodium": "libsodium-dev", "zlib": "zlib1g-dev", "jpeg": "libjpeg62-turbo-dev", "yaml": "libyaml-dev", "png": "libpng-dev",
                    "webp": "libwebp-dev", "sndfile": "libsndfile1-dev", "cmocka": "libcmocka-dev"}
        asked = re.findall(r"^dep\((\w+)", read("ops/cmake/dependencies.cmake"), re.M)
        asked += [name.lower() for name in re.findall(r"find_library\((\w+)_LIBRARY", read("ops/cmake/tests.cmake"))]
        self.assertGreater(len(asked), 10)
        for name in asked:
            with self.subTest(name):
                self.assertIn(name, packages, "a new library: name its package here and in ops/packages")
                self.assertIn(packages[name], self.listed("apt", "apt13"))

    def test_every_command_of_the_scripts(self):
        """Programs that Python tests and benchmarks start by a literal name."""
        listed, seen = self.listed("apt"), set()
        for name in self.sources():
            seen |= set(re.findall(r"(?:subprocess\.(?:run|Popen|check_output|check_call)|\brun)\(\s*\[\s*\"([a-z][\w.-]*)\"", read(name)))
            seen |= set(re.findall(r"shutil\.which\(\"([\w.-]+)\"\)", read(name)))
            seen |= set(re.findall(r"command = \[\"([a-z][\w.-]*)\"", read(name)))
        self.assertIn("git", seen)
        for command in sorted(seen - self.BASE):
            with self.subTest(command):
                package = self.GIVES.get(command, command)
                self.assertIn(package, listed, f"{command}: no package of ops/packages has it")

    def sources(self):
        from sources import tracked
        return [name for name in tracked() if name.endswith(".py") and name.startswith(("tests/", "ops/"))]

    def test_the_columns_name_packages_that_exist(self):
        """Where this machine's own index is there, each Debian package has a candidate in it."""
        if not shutil.which("apt-cache"):
            raise AssertionError("a Debian without apt-cache")
        names = sorted(self.listed("apt"))
        words = subprocess.run(["apt-cache", "madison", *names], capture_output=True, text=True).stdout
        if not words.strip():
            words = subprocess.run(["dpkg-query", "-W", "-f", "${Package} |\n", *names], capture_output=True, text=True).stdout
        found = set(re.findall(r"^\s*([a-z0-9.+-]+) \|", words, re.M))
        virtual = {"libclang-rt-dev", "libasan8", "libubsan1"}
        self.assertEqual(set(), set(names) - found - virtual)


class Options(unittest.TestCase):
    def test_help_names_every_option_of_the_server(self):
        words = subprocess.run([os.path.join(ROOT, "ops", "up"), "--help"], capture_output=True, text=True, check=True).stdout
        served = subprocess.run([os.path.join(BIN, "vitrine"), "serve", "--help"], capture_output=True, text=True, check=True).stdout
        options = re.findall(r"^ +--([a-z-]+) [A-Z0-9]", served, re.M)
        self.assertGreater(len(options), 5)
        for option in options:
            self.assertIn("VITRINE_" + option.upper().replace("-", "_"), words)

    def test_limits_in_the_manual_line_exist(self):
        self.assertRegex(read("ops/up"), r"VITRINE_LIMIT_<NAME>\s+a limit of runtime/base/bounds\.h")


if __name__ == "__main__":
    unittest.main()
