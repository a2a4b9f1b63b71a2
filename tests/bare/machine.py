"""A root folder that stands for a machine just installed: debootstrap's smallest Debian, this machine's own settings for package
mirrors and registries, and the repository's files in /src. Nothing else, so whatever a script needs it must install itself.

Needs root, debootstrap, and mirrors that answer. A command runs in mount and process namespaces of its own (`enter`), so nothing
of it outlives the test; what it leaves behind while its namespace still lives is told by `AFTERWARDS`."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ENTER = os.path.join(HERE, "enter")
DEBOOTSTRAP_SECONDS = 900
# What makes this machine reach its packages; copied inside unless it is there already.
SETTINGS = ("/etc/npmrc", "/etc/apt/apt.conf.d/*", "/usr/local/share/ca-certificates/*")
REPLACED = ("/etc/resolv.conf", "/etc/hosts")
# Runs its arguments, survives the interrupt that ends them, and says what they left: processes, mounts, control groups.
AFTERWARDS = """trap : INT TERM
"$@"
echo "ended with $?"
others() {
    for folder in /proc/[0-9]*; do
        pid=${folder#/proc/}
        [ "$pid" = 1 ] || [ "$pid" = $$ ] || tr '\\0\\n' '  ' <"$folder/cmdline" 2>/dev/null | cut -c 1-200 |
            grep . | sed 's/^/left process: /'
    done
}
# A worker sees that its gateway is gone and ends; on a busy machine that takes a moment.
for try in 1 2 3 4 5 6 7 8 9 10; do
    left=$(others | grep -v ': bash -c trap ')
    [ -n "$left" ] || break
    sleep 0.2
done
[ -z "$left" ] || echo "$left"
grep -i vitrine /proc/mounts | sed 's/^/left mount: /'
find /sys/fs/cgroup -type d -name 'vitrine*' 2>/dev/null | sed 's/^/left control group: /'
echo "nothing more"
"""


def mirror():
    """The first Debian mirror of this machine's own apt, or None."""
    words = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
                           capture_output=True, text=True, check=True).stdout.split()
    return next((address for address in words if "security" not in address), None)


def hear_interrupts():
    """A test that was started in the background ignores Ctrl-C, and so would all that it starts; a shell cannot change that itself."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Machine:
    def __init__(self, suite):
        self.root = tempfile.mkdtemp(prefix=f"vitrine-{suite}-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        try:
            os.chmod(self.root, 0o755)
            subprocess.run(["debootstrap", "--variant=minbase", suite, self.root, mirror()], check=True, stdout=subprocess.DEVNULL,
                           timeout=DEBOOTSTRAP_SECONDS)
            self.copy_settings()
            self.copy_repository()
        except BaseException:
            self.remove()
            raise

    def copy_settings(self):
        own = os.path.expanduser("~/.npmrc")
        pairs = [(path, path) for pattern in SETTINGS + REPLACED for path in glob.glob(pattern)]
        if os.path.exists(own):
            pairs.append((own, os.path.join("/root", ".npmrc")))
        for path, inside in pairs:
            inside = self.root + inside
            os.makedirs(os.path.dirname(inside), exist_ok=True)
            if path in REPLACED or not os.path.exists(inside):
                shutil.copy(path, inside)
        # Nobody needs this machine after a power cut, and most of an installation is waiting for the disk.
        with open(os.path.join(self.root, "etc/dpkg/dpkg.cfg.d/unsafe"), "w", encoding="ascii") as file:
            file.write("force-unsafe-io\n")

    def copy_repository(self):
        names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True).stdout.decode().split("\0")
        for name in filter(None, names):
            inside = os.path.join(self.root, "src", name)
            os.makedirs(os.path.dirname(inside), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), inside)

    def command(self, *words, **options):
        return subprocess.Popen([ENTER, self.root, *words], stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=hear_interrupts,
                                **options)

    def run(self, script, timeout):
        """(status, output) of a shell script inside."""
        with tempfile.TemporaryFile("w+") as log:
            process = self.command("sh", "-ec", script, stdout=log, stderr=log)
            try:
                status = process.wait(timeout)
            finally:
                process.kill()
                process.wait()
            log.seek(0)
            return status, log.read()

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)


def machine_for(case, suite):
    """A machine for the tests of one class; skips them, with the reason, where there can be none."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("debootstrap needs root")
    if not shutil.which("debootstrap"):
        raise unittest.SkipTest("debootstrap is not installed: ops/setup long")
    if not mirror():
        raise unittest.SkipTest("apt knows no mirror")
    machine = Machine(suite)
    case.addClassCleanup(machine.remove)
    return machine
