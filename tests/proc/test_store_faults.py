"""Publishing while something of the server's own is broken: the author reads a sentence, what was live stays live, nothing half
written stays, and when the trouble is over the same push works."""
import http.client
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from storebox import DEMO, StoreBox, Work

OURS = "the server could not publish this; its operator finds the reason in the log. Push again later"
NO_ROOM = "the server has no room left for this release; tell its operator, and push again later"
STAYS = "Not published; what was live before stays live."


class FaultCase(unittest.TestCase):
    def make_box(self, **options):
        self.box = StoreBox(**options)
        self.addCleanup(self.box.close)
        self.token = self.box.add_user("ann")
        self.work = Work(self.box, "/spaces/ann/digits", token=self.token)
        self.live = self.work.commit(DEMO)
        self.work.push()
        self.second = self.work.commit({"app.lua": "return 2", "data.bin": os.urandom(2_000_000)})

    def remote_lines(self, done):
        return [line.removeprefix("remote: ").rstrip() for line in done.stderr.splitlines()
                if line.startswith("remote: ") and line.strip() != "remote:"]

    def refused(self, *words):
        done = self.work.push(check=False)
        self.assertNotEqual(done.returncode, 0, done.stderr)
        if words:
            self.assertEqual(self.remote_lines(done), list(words), done.stderr + self.box.log())
        return done

    def nothing_stays(self, live=None):
        live = live or self.live
        self.assertEqual(self.box.ask("demo_lookup", by=1, name="ann/digits")[1]["commit"], live)
        self.assertEqual(self.work.git("ls-remote", self.work.url, "refs/heads/main").stdout.split()[0], live)
        with sqlite3.connect(os.path.join(self.box.data, "vitrine.db")) as database:
            rows = database.execute("SELECT digest, state FROM releases").fetchall()
        self.assertNotIn("pending", [state for _, state in rows])
        kept = {name for folder, _, names in os.walk(os.path.join(self.box.data, "bundles")) for name in names}
        self.assertEqual(kept, {digest for digest, _ in rows}, "a bundle without a release, or half of one")
        repository = os.path.join(self.box.data, "repos", "1.git", "objects")
        self.assertEqual([name for name in os.listdir(repository) if name.startswith("tmp_")], [])

    def works_again(self):
        self.work.push()
        self.nothing_stays(self.second)


class Cages(FaultCase):
    def test_describing_cannot_start(self):
        self.make_box()
        self.box.broken_cages = {"describe"}
        self.refused(OURS, STAYS)
        self.nothing_stays()
        self.box.broken_cages = set()
        self.works_again()

    def test_git_cannot_start(self):
        self.make_box()
        self.box.broken_cages = {"git"}
        self.refused("The server could not start git just now; try again in a moment.")
        self.box.broken_cages = set()
        self.nothing_stays()
        self.works_again()

    def test_the_launcher_is_told_of_nothing_twice(self):
        """Many refusals in a row leave no cage behind that is still counted: the store would run out of them."""
        self.make_box()
        self.box.broken_cages = {"git"}
        for _ in range(20):
            self.assertEqual(self.box.http("GET", "/spaces/ann/digits/info/refs?service=git-upload-pack")[0], 503)
        self.box.broken_cages = set()
        self.works_again()


class Memory(FaultCase):
    def test_an_account_is_made_with_its_password_or_not_at_all(self):
        self.make_box(environment={"ASAN_OPTIONS": "allocator_may_return_null=1"})
        with open(f"/proc/{self.box.process.pid}/status") as status:
            used = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData"))
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        add = ("user", "add", "bob", "--password-stdin")
        resource.prlimit(self.box.process.pid, resource.RLIMIT_DATA, (used + (32 << 20), resource.RLIM_INFINITY))
        done = self.box.ctl(*add, data="a long password\n", check=False)
        resource.prlimit(self.box.process.pid, resource.RLIMIT_DATA, unlimited)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("not enough memory to hash the password; nothing was made", done.stderr)
        self.assertNotIn("bob", self.box.ctl("user", "list"))
        self.box.ctl(*add, data="a long password\n")
        self.assertIn("bob", self.box.ctl("user", "list"))


class Disk(FaultCase):
    def test_a_file_may_not_grow(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))

        self.make_box(before_exec=limit)
        self.refused(NO_ROOM, STAYS)
        self.nothing_stays()
        self.assertRegex(self.box.log(), r"cannot write a bundle \(\d+ bytes so far\): File too large")
        self.box.before_exec = lambda: None
        self.box.stop()
        self.box.start()
        self.works_again()

    def test_a_full_and_a_read_only_disk(self):
        """On small file systems of its own, seen by nobody else: the tests below, in a mount namespace."""
        user = ["--user", "--map-root-user"] if os.geteuid() != 0 else []
        done = subprocess.run(["unshare", "--mount", *user, sys.executable, __file__, "Mounted"], capture_output=True, text=True,
                              timeout=120, env={**os.environ, "VITRINE_TEST_MOUNTED": "1"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"Ran [1-9]\d* tests")


if "VITRINE_TEST_MOUNTED" in os.environ:
    class Mounted(FaultCase):
        def mount(self, size):
            folder = tempfile.mkdtemp(prefix="vitrine-store-disk-")
            self.addCleanup(os.rmdir, folder)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", folder], check=True)
            self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
            return folder

        def fill(self, left):
            """Leaves `left` bytes free."""
            status = os.statvfs(self.box.data)
            with open(os.path.join(self.box.data, "filler"), "wb", buffering=0) as file:
                file.write(bytes(status.f_bavail * status.f_frsize - left))  # what does not fit is not written

        def test_no_room_for_the_objects(self):
            self.make_box(data=self.mount("12m"))
            self.fill(200_000)
            done = self.refused()
            self.assertRegex(done.stderr, "remote: .*No space left on device")
            os.unlink(os.path.join(self.box.data, "filler"))
            self.nothing_stays()
            self.works_again()

        def test_no_room_for_the_bundle(self):
            self.make_box(data=self.mount("12m"))
            self.fill(3_200_000)
            self.refused(NO_ROOM, STAYS)
            self.assertIn("No space left on device", self.box.log())
            self.nothing_stays()
            os.unlink(os.path.join(self.box.data, "filler"))
            self.works_again()

        def test_no_room_for_a_row(self):
            """Pages are still served, what cannot be kept is refused in words, and it works again by itself."""
            self.make_box(data=self.mount("12m"))
            self.fill(0)
            self.assertEqual(self.box.http("GET", "/spaces/ann/digits")[0], 200)
            status, _, body = self.box.http("POST", "/api/repos/create", {"name": "more", "type": "space"},
                                            {"Authorization": f"Bearer {self.token}"})
            self.assertEqual(status, 500)
            self.assertIn("disk or database refused", json.loads(body)["error"])
            head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\n'
            status, _, body = self.box.http("POST", "/gradio_api/upload", head + os.urandom(100_000) + b"\r\n--b--\r\n", {
                "Content-Type": "multipart/form-data; boundary=b", "x-vitrine-demo": "1"})
            self.assertEqual((status, json.loads(body)["error"]), (500, "The file could not be stored; try again."))
            self.assertEqual(os.listdir(os.path.join(self.box.data, "files", "1")) if os.path.isdir(
                os.path.join(self.box.data, "files", "1")) else [], [])
            self.assertIsNone(self.box.process.poll())
            os.unlink(os.path.join(self.box.data, "filler"))
            self.assertEqual(self.box.http("POST", "/api/repos/create", {"name": "more", "type": "space"},
                                           {"Authorization": f"Bearer {self.token}"})[0], 200)
            self.works_again()

        def test_a_read_only_disk_is_said_at_the_start(self):
            self.make_box(data=self.mount("12m"))
            self.box.stop()
            subprocess.run(["mount", "-o", "remount,ro", self.box.data], check=True)
            with self.assertRaisesRegex(RuntimeError, "Read-only file system"):
                self.box.start()
            subprocess.run(["mount", "-o", "remount,rw", self.box.data], check=True)
            self.box.start()
            self.works_again()


class Database(FaultCase):
    def test_somebody_else_holds_the_lock(self):
        self.make_box()
        with sqlite3.connect(os.path.join(self.box.data, "vitrine.db"), isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            self.refused(OURS, STAYS)
            self.assertEqual(self.box.http("GET", "/spaces/ann/digits")[0], 200)
            status, _, body = self.box.http("POST", "/api/spaces/ann/digits/pause", {}, {"Authorization": f"Bearer {self.token}"})
            self.assertEqual((status, json.loads(body)["error"]), (500, "This could not be stored; try again."))
            other.execute("ROLLBACK")
        self.assertIn("the database cannot be used: database is locked", self.box.log())
        self.nothing_stays()
        self.works_again()

    def lock_before_the_end(self):
        """git moves the ref, and then the row cannot be made live."""
        self.make_box()
        other = sqlite3.connect(os.path.join(self.box.data, "vitrine.db"), isolation_level=None, check_same_thread=False)
        self.addCleanup(other.close)

        def lock():  # git asks with an empty request first when the push is large; that one is not meant
            if other.execute("SELECT count(*) FROM releases WHERE state = 'pending'").fetchone() == (1,):
                other.execute("BEGIN IMMEDIATE")

        self.box.before_exit = lock
        self.work.push()
        self.box.before_exit = lambda: None
        self.assertRegex(self.box.log(), r"release \d+ of ann/digits stays pending and is tried again")
        return other

    def test_an_accepted_release_goes_live_when_the_lock_is_gone(self):
        other = self.lock_before_the_end()
        other.execute("ROLLBACK")
        self.box.wait(lambda: "ann/digits is live at " + self.second[:7] in self.box.log())
        self.nothing_stays(self.second)

    def test_an_accepted_release_goes_live_at_the_next_start(self):
        other = self.lock_before_the_end()
        self.box.kill()
        other.execute("ROLLBACK")
        self.box.start()
        self.nothing_stays(self.second)


if __name__ == "__main__":
    unittest.main()
