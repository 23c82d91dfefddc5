#!/usr/bin/env python3
"""Computes sizes and SHA-256 of the data sets in RAPT_DATA and writes them into src/data/*_sets.def:

    RAPT_DATA=FOLDER tools/hash-data.py [--check]

--check writes nothing and fails when the tables differ from the files. The size and hash of a .gz file are those of its
content. Files that a table names and RAPT_DATA lacks keep what is written; they are listed. A line that grows past 120
columns is broken after the size.
"""
import gzip
import hashlib
import os
import pathlib
import re
import sys

ROW = re.compile(r'^(SAME|PACKED|FROM|HAND)\("([^"]+)", (\d+),\s+"([0-9a-f]*)"', re.MULTILINE)
SET = re.compile(r'^SET\("([^"]+)"', re.MULTILINE)


def digest(path):
    size, sha = 0, hashlib.sha256()
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            sha.update(block)
    return size, sha.hexdigest()


def update(text, data, missing):
    def row(match):
        name = SET.findall(text, 0, match.start())[-1]
        path = data / name / match[2]
        if not path.is_file():
            missing.append(f"{name}/{match[2]}")
            return match[0]
        size, sha = digest(path)
        line = f'{match[1]}("{match[2]}", {size}, "{sha}"'
        indent = " " * (len(match[1]) + 1)
        return line if len(line) < 119 else line.replace(f', "{sha}"', f',\n{indent}"{sha}"')

    return ROW.sub(row, text)


def main():
    if not os.environ.get("RAPT_DATA") or sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    data = pathlib.Path(os.environ["RAPT_DATA"])
    wrong, missing = [], []
    for path in sorted((pathlib.Path(__file__).parent.parent / "src" / "data").glob("*_sets.def")):
        old = path.read_text(encoding="utf-8")
        new = update(old, data, missing)
        if new == old:
            continue
        wrong.append(path.name)
        if not sys.argv[1:]:
            path.write_text(new, encoding="utf-8")
    for name in missing:
        print(f"not in RAPT_DATA: {name}")
    print(f"{len(wrong)} tables {'differ' if sys.argv[1:] else 'changed'}, {len(missing)} files missing")
    return 1 if sys.argv[1:] and (wrong or missing) else 0


if __name__ == "__main__":
    sys.exit(main())
