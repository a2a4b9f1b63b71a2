"""What a push is refused for: by real pushes to the whole platform, with the exact words that the author reads. After each
refusal the old release still answers, `vitrine check` says the same about the folder, and a mended push goes live."""
import json
import os
import subprocess
import types
import unittest

from storebox import Work
from test_platform import VITRINE, Platform

APP = """local ui = require "ui"
return ui.blocks(function()
  local a, b = ui.textbox { label = "Name" }, ui.textbox { label = "Greeting" }
  ui.button { "Go" }:click { fn = function(name) return "WORD " .. name end, inputs = a, outputs = b, api_name = "greet" }
end)
"""
README = "---\ntitle: Demo\nsdk: lua\n---\nA demo.\n"
STAYS = "Not published; what was live before stays live."
ZEROS = 200 << 20


class RefusalCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Platform()
        cls.addClassCleanup(cls.site.doCleanups)
        cls.addClassCleanup(cls.site.stop)
        cls.site.setUp()
        cls.box = types.SimpleNamespace(folder=cls.site.folder, port=cls.site.port, log=cls.site.log_tail)

    def setUp(self):
        self.name = self._testMethodName.removeprefix("test_").replace("_", "-")[:40]
        self.work = self.work_on(self.name)
        self.live = self.work.commit({"README.md": README, "app.lua": APP.replace("WORD", "Hello")})
        self.work.push()
        self.answers("Hello")

    def work_on(self, name, token=None, user="ann", owner="ann"):
        return Work(self.box, f"/spaces/{owner}/{name}", user=user, token=self.site.token if token is None else token)

    def answers(self, word):
        def call():
            status, text = self.site.get(f"/spaces/ann/{self.name}/-/gradio_api/run/greet", {"data": ["Bob"]})
            return status == 200 and json.loads(text)["data"] == [f"{word} Bob"]

        until = 200
        while not call() and until:
            until -= 1
            self.site.get("/healthz")
        self.assertTrue(until, f"{self.name} does not answer {word}\n{self.site.log_tail()}")

    def remote_lines(self, done):
        lines = [line.removeprefix("remote: ").rstrip() for line in done.stderr.splitlines() if line.startswith("remote: ")]
        return [line for line in lines if line]

    def push_refused(self, *words, refs=()):
        done = self.work.push(*refs, check=False)
        self.assertNotEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.remote_lines(done), [*words, STAYS], done.stderr)
        self.answers("Hello")

    def check_says(self, *words, folder=None):
        folder = folder or self.work.folder
        done = subprocess.run([VITRINE, "check", folder], capture_output=True, text=True, timeout=60, errors="replace")
        self.assertEqual((done.stdout.splitlines(), done.returncode), ([*words, f"{folder}: a push would be refused"], 1))

    def mend(self):
        self.work.git("reset", "-q", "--hard", self.live)
        self.work.git("clean", "-qfd")
        self.work.commit({"app.lua": APP.replace("WORD", "Servus")})
        self.work.push()
        self.answers("Servus")

    def refused(self, files, *words):
        """A push of these files, and a check of the folder, both say these words; then the author mends it."""
        self.work.commit(files)
        self.push_refused(*words)
        self.check_says(*words)
        self.mend()


class Cards(RefusalCase):
    def test_a_wrong_type(self):
        self.refused({"README.md": "---\ntitle: [1]\n---\n"}, "README.md:2: title must be a text")

    def test_an_impossible_value(self):
        self.refused({"README.md": "---\ntitle: x\ncolorFrom: mauve\n---\n"},
                     "README.md:3: colorFrom must be one of: red yellow green blue indigo purple pink gray")

    def test_two_mistakes_are_said_at_once(self):
        self.refused({"README.md": "---\ntitle: x\npinned: maybe\nbase_path: x\n---\n"},
                     "README.md:3: pinned must be true or false", "README.md:4: base_path must be a path that begins with /")

    def test_no_yaml(self):
        self.work.commit({"README.md": "---\nsdk: [lua\n---\n"})
        done = self.work.push(check=False)
        first, last = self.remote_lines(done)
        self.assertRegex(first, r"^README\.md:\d: the front matter is not YAML: ")
        self.assertEqual(last, STAYS)
        self.check_says(first)
        self.mend()

    def test_no_end(self):
        self.refused({"README.md": "---\ntitle: x\n"}, "README.md:1: the front matter has no closing --- line")


class Scripts(RefusalCase):
    def test_a_syntax_error(self):
        self.refused({"app.lua": 'local ui = require "ui"\nlocal = 3\n'}, "app.lua:2: <name> expected near '='")

    def test_a_syntax_error_of_a_module(self):
        self.refused({"app.lua": 'local helper = require "lib.helper"\n', "lib/helper.lua": "return {\n\n1 2 }"},
                     "lib/helper.lua:3: '}' expected (to close '{' at line 1) near '2'")

    def test_an_error_while_describing(self):
        self.refused({"app.lua": 'local ui = require "ui"\n\nerror("no paper left")\n'}, "app.lua:3: no paper left")

    def test_an_unknown_component(self):
        self.refused({"app.lua": 'local ui = require "ui"\nreturn ui.textbax {}\n'},
                     'app.lua:2: ui has no "textbax"; did you mean "textbox"?')

    def test_no_interface(self):
        self.work.commit({"app.lua": "local x = 1\n"})
        first, last = self.remote_lines(self.work.push(check=False))
        self.assertRegex(first, r"^app\.lua: app\.lua must return an interface \(")
        self.assertEqual(last, STAYS)
        self.check_says(first)
        self.mend()

    def test_no_script(self):
        self.work.git("rm", "-q", "app.lua")
        self.refused({}, "there is no app.lua (NO_APP_FILE)")

    def loops(self, script, line):
        """Five seconds of computing end it, with the line; on a machine so busy that it did not get them in thirty, the clock."""
        words = f"app.lua:{line}: computed for more than 5000 ms while the page was made; do less outside of functions"
        late = "app.lua: computing the page took too long; do less work outside of functions"
        self.work.commit({"app.lua": script})
        done = self.work.push(check=False)
        self.assertIn(self.remote_lines(done), ([words, STAYS], [late, STAYS]), done.stderr)
        self.answers("Hello")
        self.check_says(words)
        self.mend()

    def test_an_endless_loop(self):
        self.loops("\nwhile true do end\n", 2)

    def test_a_loop_that_swallows_errors(self):
        self.loops("while true do\n  pcall(function() while true do end end)\nend\n", 2)

    def test_a_memory_bomb(self):
        words = "app.lua: computing the page needs more than 64 MiB of memory; make large tables inside of functions"
        self.work.commit({"app.lua": "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end"})
        self.push_refused(words)
        self.check_says(words)
        self.work.commit({"app.lua": "local s = 'x' while true do s = s .. s end"})
        self.push_refused(words)
        self.mend()

    def test_a_model_call_at_top_level(self):
        self.work.commit({"app.lua": 'local ai = require "ai"\nlocal model = ai.model("ann/net")\n'
                                     'local first = model:run { input = { 1, 2 } }\n'})
        first, last = self.remote_lines(self.work.push(check=False))
        self.assertRegex(first, r"^app\.lua:3: .*(model|top level)")
        self.assertEqual(last, STAYS)
        self.answers("Hello")
        self.check_says(first)
        self.mend()


class Trees(RefusalCase):
    def test_a_file_that_is_too_large(self):
        self.refused({"zeros.bin": bytes((256 << 20) + 1)}, "zeros.bin: the file is larger than 256 MiB; make it smaller")

    def test_a_repository_that_is_too_large(self):
        """Three names for one large blob: little to send, much to publish."""
        for name in "abc":
            with open(os.path.join(self.work.folder, name), "wb") as file:
                file.truncate(ZEROS)
        self.refused({}, "c: with this file the repository is larger than 512 MiB; remove some files")

    def test_too_many_files(self):
        words = "a repository may have at most 10,000 files; remove some"
        self.work.commit({f"many/{index:05}": "" for index in range(10000)})
        done = self.work.push(check=False)
        first, last = self.remote_lines(done)
        self.assertRegex(first, rf"^many/0999\d: {words}$")
        self.assertEqual(last, STAYS)
        done = subprocess.run([VITRINE, "check", self.work.folder], capture_output=True, text=True, timeout=60)
        self.assertRegex(done.stdout.splitlines()[0], rf": {words}$")
        self.mend()

    def test_a_folder_that_is_everywhere(self):
        """Ten folders, each of them the same object, thirty levels deep: a tree of 10^30 folders in a few kilobytes."""
        tree = self.object("tree", b"")
        for _ in range(30):
            tree = self.object("tree", b"".join(b"40000 %d\0" % index + bytes.fromhex(tree) for index in range(10)))
        self.push_tree(tree)
        done = self.work.push(check=False)
        self.assertRegex(done.stderr, r"remote: 0/.*: a repository may have at most 10,000 folders; remove some")
        self.answers("Hello")
        self.mend()

    def test_folders_that_are_too_deep(self):
        path = "/".join("d" * 70)
        self.refused({f"{path}/file": "x"}, "/".join("d" * 65) + ": folders are nested more than 64 deep; flatten them")

    def test_a_symbolic_link(self):
        os.symlink("/etc/passwd", os.path.join(self.work.folder, "secrets"))
        self.refused({}, "secrets: symbolic links are not supported; commit the file itself")

    def test_a_submodule(self):
        folder = os.path.join(self.work.folder, "lib")
        subprocess.run(["git", "init", "-q", folder], check=True)
        subprocess.run(["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
                       check=True)
        self.work.commit({})
        words = "lib: submodules are not supported; commit the files themselves"
        self.push_refused(words)
        self.check_says(words)
        subprocess.run(["rm", "-rf", folder], check=True)
        self.mend()

    def test_a_pointer_of_git_lfs(self):
        self.refused({"weights.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"},
                     'weights.bin: this is a Git LFS pointer, not the file; run "git lfs migrate export" and push the file itself')

    def test_names_that_cannot_be_published(self):
        clash = ("another name differs from this one only in capital letters, so a clone on macOS or Windows loses one of them; "
                 "rename one")
        rename = "this name has control characters, backslashes or is not UTF-8; rename the file"
        for files, first in (({"a\nb.txt": "x"}, rf"a\x0ab.txt: {rename}"), ({"back\\slash": "x"}, f"back\\slash: {rename}"),
                             ({".vitrine/manifest.json": "{}"}, ".vitrine: the folder .vitrine is made by this server; rename yours"),
                             ({".Vitrine/x": "{}"}, ".Vitrine: the folder .vitrine is made by this server; rename yours"),
                             ({"x" * 200 + "/" + "y" * 200 + "/" + "/".join("z" * 150 for _ in range(5)): "x"}, None)):
            with self.subTest(files):
                self.work.git("reset", "-q", "--hard", self.live)
                self.work.git("clean", "-qfd")
                self.work.commit(files)
                done = self.work.push(check=False)
                lines = self.remote_lines(done)
                self.assertEqual(lines[-1], STAYS)
                if first:
                    self.assertEqual(lines[0], first)
                    self.check_says(first)
                self.answers("Hello")
        self.work.git("reset", "-q", "--hard", self.live)
        self.work.git("clean", "-qfd")
        self.work.commit({"data/One.png": "1", "data/one.png": "2"})
        self.push_refused(f"data/one.png: {clash}")
        self.mend()

    def test_a_name_that_is_no_text(self):
        self.push_tree(self.object("tree", b"100644 \xff\xfe\0" + bytes.fromhex(self.object("blob", b"x"))))
        lines = self.remote_lines(self.work.push(check=False))
        self.assertEqual(lines[0], r"\xff\xfe: this name has control characters, backslashes or is not UTF-8; rename the file")
        self.assertEqual(lines[-1], STAYS)
        self.mend()

    def test_names_that_git_itself_refuses(self):
        blob = bytes.fromhex(self.object("blob", b"x"))
        for name, words in ((b".git", "hasDotgit"), (b".GIT", "hasDotgit"), (b"..", "hasDotdot"), (b".", "hasDot"),
                            (b"a/b", "fullPathname"), (b"git~1", "hasDotgit")):
            with self.subTest(name):
                self.push_tree(self.object("tree", b"100644 " + name + b"\0" + blob))
                done = self.work.push(check=False)
                self.assertNotEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stderr, rf"remote: (error|fatal): .*{words}")
                self.answers("Hello")
                self.work.git("reset", "-q", "--hard", self.live)
        self.mend()

    def test_nothing_at_all(self):
        self.push_tree(self.object("tree", b""))
        self.push_refused("the repository is empty; commit a README.md and an app.lua")
        empty = os.path.join(self.site.folder, "an-empty-folder")
        os.mkdir(empty)
        self.check_says("the repository is empty; commit a README.md and an app.lua", folder=empty)
        self.mend()

    def object(self, kind, contents):
        done = subprocess.run(["git", "hash-object", "-w", "--literally", "-t", kind, "--stdin"], input=contents, check=True,
                              cwd=self.work.folder, capture_output=True)
        return done.stdout.decode().strip()

    def push_tree(self, tree):
        commit = self.work.git("commit-tree", tree, "-p", self.live, "-m", "made by hand").stdout.strip()
        self.work.git("update-ref", "refs/heads/main", commit)


class References(RefusalCase):
    def test_another_branch(self):
        self.work.commit({"app.lua": APP.replace("WORD", "Branch")})
        done = self.work.push("main:refs/heads/try")
        self.assertEqual(self.remote_lines(done), ["Stored. Only pushes to main publish a release.",
                                                   "To publish this branch: git push <remote> try:main"])
        self.answers("Hello")
        self.mend()

    def test_a_tag(self):
        self.work.git("tag", "v1")
        done = self.work.push("v1")
        self.assertEqual(self.remote_lines(done), ["Stored. Only pushes to main publish a release."])
        self.assertIn("refs/tags/v1", self.work.git("ls-remote", self.work.url).stdout)
        self.answers("Hello")

    def test_something_that_is_neither(self):
        done = self.work.push("main:refs/odd/x", check=False)
        self.assertEqual(self.remote_lines(done), ["only branches and tags can be pushed"])
        self.answers("Hello")

    def test_deleting_main(self):
        done = self.work.push(":main", check=False)
        self.assertEqual(self.remote_lines(done), ["main cannot be deleted; delete the repository on its settings page"])
        self.answers("Hello")
        self.mend()

    def test_force(self):
        self.work.git("checkout", "-q", "--orphan", "anew")
        self.work.commit({"app.lua": "error('no')"})
        self.push_refused("app.lua:1: no", refs=("--force", "anew:main"))
        self.work.commit({"app.lua": APP.replace("WORD", "Forced")})
        self.assertIn("rejected", self.work.push("anew:main", check=False).stderr)
        self.answers("Hello")
        self.work.push("--force", "anew:main")
        self.answers("Forced")


class Credentials(RefusalCase):
    def said(self, name, **options):
        work = self.work_on(name, **options)
        work.commit({"README.md": README, "app.lua": APP.replace("WORD", "Intruder")})
        done = work.push(check=False)
        self.assertNotEqual(done.returncode, 0)
        self.answers("Hello")
        return self.remote_lines(done)

    def test_who_may_not(self):
        self.site.vitrine("user", "add", "eve")
        eve = self.site.vitrine("token", "add", "eve", "--name", "t", "--role", "write").split()[0]
        reader = self.site.vitrine("token", "add", "ann", "--name", "reader", "--role", "read").split()[0]
        invalid = "Invalid credentials: the password must be one of your access tokens (hf_…)."
        self.assertEqual(self.said(self.name, token="hf_" + "0" * 64), [invalid])
        self.assertEqual(self.said(self.name, token="no-token"), [invalid])
        self.assertEqual(self.said(self.name, token=reader), ["This token may only read; make one with the role write."])
        for name in (self.name, "brand-new"):  # the same words: a private one is not given away
            self.assertEqual(self.said(name, token=eve, user="eve"), ["You may only push to repositories of your own."])
        self.assertEqual(self.said("x", owner="nobody"), ["There is no such account, so nothing can be pushed there."])
        self.assertEqual(self.said("x" * 60), ["The name is too long."])
        self.assertRegex(self.said("x--y")[0], "^A repository's name is letters, digits, ")
        self.mend()


if __name__ == "__main__":
    unittest.main()
