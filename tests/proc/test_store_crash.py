"""kill -9 of the store at each point of a publish: afterwards the store believes what git believes, and nothing accepted is
lost."""
import json
import os
import sqlite3
import stat
import threading
import unittest

from storebox import DEMO, StoreBox, Work, describe_plain


class Crash(unittest.TestCase):
    def setUp(self):
        self.describe = describe_plain
        self.box = StoreBox(describe=lambda files, model: self.describe(files, model))
        self.addCleanup(self.box.close)
        self.work = Work(self.box, "/spaces/ann/digits", token=self.box.add_user("ann"))
        self.first = self.work.commit(DEMO)
        self.work.push()
        self.second = self.work.commit({"app.lua": "return 2"})

    def live(self):
        return self.box.ask("demo_lookup", by=1, name="ann/digits")[1]["commit"]

    def head(self):
        return self.work.git("ls-remote", self.work.url, "refs/heads/main").stdout.split()[0]

    def rows(self):
        with sqlite3.connect(os.path.join(self.box.data, "vitrine.db")) as database:
            return database.execute("SELECT commit_id, state FROM releases ORDER BY id").fetchall()

    def bundles(self):
        folder = os.path.join(self.box.data, "bundles")
        return [name for _, _, names in os.walk(folder) for name in names]

    def replace_hook(self, script):
        """A pre-receive that wraps the real one."""
        path = os.path.join(self.box.folder, "hooks", "pre-receive")
        real = os.readlink(path)
        os.unlink(path)
        with open(path, "w") as file:
            file.write("#!/bin/sh\n" + script.format(hook=real, pid=self.box.process.pid))
        os.chmod(path, stat.S_IRWXU)

    def test_while_the_tree_is_described(self):
        def die(files, model):
            self.box.kill()
            return describe_plain(files, model)

        self.describe = die
        self.assertNotEqual(self.work.push(check=False).returncode, 0)
        self.describe = describe_plain
        self.box.start()
        self.assertEqual((self.live(), self.head()), (self.first, self.first))
        self.assertEqual(self.rows(), [(self.first, "live")])
        self.assertEqual(len(self.bundles()), 1)
        self.work.push()
        self.assertEqual(self.live(), self.second)

    def test_after_the_verdict_when_git_did_not_move_the_ref(self):
        self.replace_hook("{hook} || exit 1\nkill -9 {pid}\nexit 1\n")
        self.assertNotEqual(self.work.push(check=False).returncode, 0)
        self.assertEqual(self.rows(), [(self.first, "live"), (self.second, "pending")])
        self.assertEqual(len(self.bundles()), 2)
        self.box.start()
        self.assertEqual((self.live(), self.head()), (self.first, self.first))
        self.assertEqual(self.rows(), [(self.first, "live")])
        self.assertEqual(len(self.bundles()), 1, "the bundle that nobody has is gone")

    def test_after_git_moved_the_ref(self):
        self.box.before_exit = self.box.kill
        self.work.push(check=False)
        self.box.before_exit = lambda: None
        self.assertEqual(self.rows(), [(self.first, "live"), (self.second, "pending")])
        self.box.start()
        self.assertEqual((self.live(), self.head()), (self.second, self.second))
        self.assertEqual(self.rows(), [(self.first, "old"), (self.second, "live")])

    def test_what_git_says_after_the_verdict_stays_in_order(self):
        """It is held back until the release is live; more than is held goes out early, behind what was held."""
        self.replace_hook("{hook} || exit 1\nseq -f 'line %06g.' 1 150000 >&2\n")
        done = self.work.push()
        said = [line.removeprefix("remote: line ").strip() for line in done.stderr.splitlines() if line.startswith("remote: line")]
        self.assertEqual(said, [f"{number:06}." for number in range(1, 150001)])
        self.assertIn("main -> main", done.stderr)
        self.assertEqual((self.live(), self.head()), (self.second, self.second))

    def test_the_client_leaves_after_the_verdict(self):
        release = threading.Event()
        self.box.before_exit = lambda: release.wait(10)
        pusher = threading.Thread(target=lambda: self.work.git("push", self.work.url, "main", check=False))
        pusher.start()
        self.box.wait(lambda: (self.second, "pending") in self.rows())
        release.set()
        pusher.join()
        self.box.wait(lambda: self.live() == self.second)

    def test_everything_that_was_answered_is_still_there(self):
        self.box.gateway.send("state_save", demo_id=1, session="s1", state='{"3":[1,2]}')
        self.box.ask("state_load", demo_id=1, session="s1")
        self.box.gateway.send("log_append", demo_id=1, wall_ms=1700000000000, level="info", line="printed")
        token = self.box.ctl("token", "add", "ann", "--name", "later")
        self.work.push()

        def stored():
            with sqlite3.connect(os.path.join(self.box.data, "vitrine.db")) as database:
                return database.execute("SELECT (SELECT count(*) FROM session_states), (SELECT count(*) FROM log_lines "
                                        "WHERE line = 'printed')").fetchone() == (1, 1)

        self.box.wait(stored)
        self.box.kill()
        self.box.start()
        self.assertEqual(self.box.ask("state_load", demo_id=1, session="s1")[1]["state"], '{"3":[1,2]}')
        self.assertEqual(self.box.ask("identify", token=token)[1]["name"], "ann")
        self.assertEqual(self.live(), self.second)

    def test_an_orderly_stop_writes_what_waits(self):
        self.box.gateway.send("state_save", demo_id=1, session="s2", state="{}")
        self.box.ask("state_load", demo_id=1, session="s2")
        self.assertEqual(self.box.stop(), 0)
        self.box.start()
        self.assertEqual(self.box.ask("state_load", demo_id=1, session="s2")[1]["state"], "{}")

    def test_a_damaged_bundle_is_not_given_out(self):
        digest = self.box.ask("demo_lookup", by=1, name="ann/digits")[1]["digest"]
        path = os.path.join(self.box.data, "bundles", digest[:2], digest)
        os.unlink(path)
        os.symlink("/etc/hostname", path)
        name, values, _ = self.box.ask("bundle_open", release_id=1)
        self.assertEqual((name, values["status"]), ("request_failed", 11))

    def test_a_database_of_a_newer_version_is_left_alone(self):
        self.box.stop()
        path = os.path.join(self.box.data, "vitrine.db")
        with sqlite3.connect(path) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            database.execute("PRAGMA user_version = 99")
        with self.assertRaisesRegex(RuntimeError, "was written by a newer vitrine"):
            self.box.start()
        with sqlite3.connect(path) as database:
            database.execute(f"PRAGMA user_version = {version}")
        self.box.start()
        self.assertEqual(json.loads(self.box.ctl("status", "--json"))["demos"][0]["commit"], self.first)


if __name__ == "__main__":
    unittest.main()
