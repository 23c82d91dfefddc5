#!/usr/bin/env python3
"""House rules that a text search can check: tools/check-files.py [ROOT]

No file of src/ or include/ has more than 800 lines; no C file holds a note to do something later or a piece switched off
with the preprocessor; every op that a file of src/ops/ defines is named in ops.def.
"""
import pathlib
import re
import sys

LONGEST = 800
LATER = re.compile(r"\b(TODO|FIXME)\b|^[ \t]*#[ \t]*if[ \t]+0\b")
# An op's descriptor, for instance: const rapt__op rapt__op_softmax = {
DESCRIPTOR = re.compile(r"^const[ \t]+rapt__op\w*[ \t]+(?:rapt__)?op_(\w+)[ \t]*=", re.MULTILINE)


def c_files(root, *folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".c", ".h", ".def"):
                yield path, path.read_text(encoding="utf-8")


def check(root):
    faults = []
    for path, text in c_files(root, "include", "src"):
        lines = text.count("\n") + (not text.endswith("\n"))
        if lines > LONGEST:
            faults.append(f"{path.relative_to(root)}: {lines} lines, at most {LONGEST}: which second idea hides in it?")
    for path, text in c_files(root, "include", "src", "tests", "bench", "examples"):
        for number, line in enumerate(text.splitlines(), 1):
            match = LATER.search(line)
            if match:
                faults.append(f"{path.relative_to(root)}:{number}: \"{match[0].strip()}\" has no place in a file that ships")
    return faults + check_ops(root)


def check_ops(root):
    table = root / "src" / "ops" / "ops.def"
    files = [(path, text) for path, text in c_files(root, "src/ops") if path.suffix == ".c"]
    if not files:
        return []
    if not table.is_file():
        return ["src/ops/ops.def: missing, though there are ops"]
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", table.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = set(re.findall(r"\w+", text))
    faults, found = [], 0
    for path, source in files:
        for op in DESCRIPTOR.findall(source):
            found += 1
            if op not in named:
                faults.append(f"{path.relative_to(root)}: the op {op} is not named in src/ops/ops.def")
    if found == 0:
        faults.append("src/ops: no file defines a descriptor as tools/check-files.py knows it; mend its pattern")
    return faults


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    faults = check(root)
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
