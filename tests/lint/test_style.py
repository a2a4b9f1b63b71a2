"""The budgets of budgets.txt, held against the product's C code."""
import os
import re
import unittest

import style
from sources import c_sources, exempt, exemptions, read


class Style(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.functions, cls.measures = style.measure()
        cls.budgets = style.budgets()
        print(style.report())

    def limit(self, measure):
        return self.budgets[measure][0]

    def empty(self, offenders):
        self.assertEqual([], offenders, "\n" + "\n".join(offenders))

    def test_totals(self):
        """An exemption "total NAME:LIMIT" eases a limit for the time being, but never to nothing."""
        floors = {name: float(floor) for name, floor in (subject.split(":") for subject in exemptions("total"))}
        offenders = []
        for name, (limit, kind, meaning) in self.budgets.items():
            value, limit = self.measures.get(name), floors.get(name, limit)
            if exempt("budget", name):
                continue
            if (kind == "at_most" and value > limit) or (kind == "at_least" and value < limit):
                offenders.append(f"{name} is {value:g}, {kind.replace('_', ' ')} {limit:g} is allowed ({meaning})")
        self.empty(offenders)

    def test_formatter_has_the_same_width(self):
        self.assertIn(f"ColumnLimit: {self.limit('line_width'):g}\n", read(".clang-format"))

    def test_functions(self):
        offenders = []
        for row in self.functions:
            for rule, value in (("function_lines", row["lines"]),):
                if value > self.limit(rule) and not exempt(rule, row["name"]):
                    offenders.append(f"{row['path']}:{row['line']}: {row['name']} has {value}, {self.limit(rule):g} are allowed")
        self.empty(offenders)

    def test_file_lengths(self):
        offenders = []
        for name in c_sources():
            rule = "c_lines" if name.endswith(".c") else "h_lines"
            if style.count_lines([name]) > self.limit(rule) and not exempt(rule, name):
                offenders.append(f"{name} has {style.count_lines([name])} lines, {self.limit(rule):g} are allowed")
        self.empty(offenders)

    def test_line_width(self):
        offenders = []
        for name in c_sources():
            for number, line in enumerate(read(name).split("\n"), 1):
                if len(line) > self.limit("line_width") and not exempt("line_width", name):
                    offenders.append(f"{name}:{number}: {len(line)} columns")
        self.empty(offenders)

    def test_white_space(self):
        self.empty([f"{name}:{number}" for name in c_sources() for number, line in enumerate(read(name).split("\n"), 1)
                    if "\t" in line or line != line.rstrip()])

    def test_no_typedef_for_structs(self):
        self.empty([f"{name}: {match}" for name in c_sources()
                    for match in re.findall(r"^typedef (?:struct|union|enum)\b.*", read(name), re.M)])

    def test_own_header_first(self):
        """x.c whose folder has x.h includes that one first: so every header is proven to stand alone."""
        offenders = []
        for name in c_sources():
            header = name[:-2] + ".h"
            if name.endswith(".c") and os.path.exists(os.path.join(style.ROOT, header)):
                first = re.search(r'^#include\s+["<](.+?)[">]', read(name), re.M)
                if not (first and first.group(1) == header) and not exempt("own_header_first", name):
                    offenders.append(name)
        self.empty(offenders)


if __name__ == "__main__":
    unittest.main()
