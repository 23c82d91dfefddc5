#!/usr/bin/env python3
"""Checks that the #include lines of src/ only point down the house: tools/check-arrows.py [ROOT]

ALLOWED is the picture of docs/architecture.md in one table: what each folder may include besides itself and the public
headers <rapt/…>, which are free for all. Quoted includes name their folder, so that a line alone shows its arrow.
"""
import pathlib
import re
import sys

ENGINE = ["base", "kernels", "graph", "ops", "nn", "models", "tasks"]
SIDE = {"base", "text", "formats", "data", "classic", "metrics"}


def engine_below(folder):
    return set(ENGINE[:ENGINE.index(folder)])


ABOVE_TASKS = set(ENGINE) | SIDE
ALLOWED = {
    "base": set(),
    "text": {"base"},
    "formats": {"base"},
    "data": {"base", "text", "formats"},
    "classic": {"base"},
    "metrics": {"base"},
    "kernels": engine_below("kernels"),
    "graph": engine_below("graph"),
    "ops": engine_below("ops"),
    "nn": engine_below("nn"),
    "models": engine_below("models") | {"formats"},
    "tasks": engine_below("tasks") | SIDE,
    "pbmt": {"base", "text", "data", "formats", "metrics", "tasks"},
    "train": ABOVE_TASKS,
    "infer": ABOVE_TASKS,
    "explain": ABOVE_TASKS,
    "recipes": ABOVE_TASKS | {"pbmt", "train", "infer", "explain"},
    # Users of the library like any other: the public headers are all that they see.
    "cli": set(),
    "serve": set(),
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)')


def check(source):
    faults, count = [], 0
    for path in sorted(source.rglob("*")):
        if path.suffix not in (".c", ".h", ".def"):
            continue
        folder = path.relative_to(source).parts[0]
        where = path.relative_to(source.parent)
        if folder not in ALLOWED:
            faults.append(f"{where}: src/{folder} has no place in the table of tools/check-arrows.py")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if match is None:
                continue
            count += 1
            name = match[1] or match[2]
            target = name.split("/")[0]
            if match[2] is not None:
                if target in ALLOWED and (source / name).is_file():
                    faults.append(f"{where}:{number}: write \"{name}\" in quotes, it is not a public header")
            elif target == "rapt":
                faults.append(f"{where}:{number}: write <{name}> in angle brackets, it is a public header")
            elif "/" not in name or target not in ALLOWED:
                faults.append(f"{where}:{number}: \"{name}\" must begin with its folder of src/")
            elif target != folder and target not in ALLOWED[folder]:
                below = ", ".join(sorted(ALLOWED[folder])) or "itself and public headers"
                faults.append(f"{where}:{number}: {folder} includes \"{name}\", but may include only {below}")
    if count == 0:
        faults.append(f"{source}: no #include line was found")
    return faults, count


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    faults, count = check(root / "src")
    for fault in faults:
        print(fault)
    print(f"{count} #include lines, {len(faults)} wrong")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
