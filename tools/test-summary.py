#!/usr/bin/env python3
"""Counts the tests in ctest's JUnit file and says what was skipped and why.

A cmocka program is one entry of ctest and counts as the tests inside it; every other entry counts as one. ctest alone
would call a program with skipped tests passed (or, told to look for them, hide its failures), hence this script.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree

MARK = re.compile(r"\[ +(OK|FAILED|SKIPPED) +\] (\S+)(.*)")
RUN = re.compile(r"\[ RUN +\] (\S+)")


def cmocka(output):
    """Sets of passed and failed test names, and {skipped name: reason}, of one program."""
    passed, failed, skipped, words = set(), set(), {}, []
    for line in output.splitlines():
        mark = MARK.search(line)
        if RUN.search(line):
            words = []
        elif mark is None:
            words.append(line.strip())
        elif mark[3].startswith(" test(s)"):
            continue
        elif mark[1] == "OK":
            passed.add(mark[2])
        elif mark[1] == "SKIPPED":
            skipped.setdefault(mark[2], " ".join(word for word in words if word))
        else:
            failed.add(mark[2])
    return passed - failed, failed, skipped


def main():
    try:
        cases = ElementTree.parse(sys.argv[1]).getroot().findall("testcase")
    except (OSError, ElementTree.ParseError) as error:
        print(f"no test results: {error}\n0 passed, 1 failed, 0 skipped")
        return 1
    passed, failures, skips = 0, [] if cases else ["no test at all was found"], []
    for case in cases:
        name, status = case.get("name"), case.get("status")
        output = case.findtext("system-out") or ""
        good, bad, left = cmocka(output)
        if status == "run":
            passed += len(good) if good or left else 1
            skips += [(f"{name} {test}", why) for test, why in left.items()]
        elif status == "fail":
            passed += len(good)
            failures += [f"{name} {test}" for test in sorted(bad)] or [f"{name} (it ended early)" if good or left else name]
            skips += [(f"{name} {test}", why) for test, why in left.items()]
        elif case.find("skipped") is not None and case.find("skipped").get("message") == "SKIP_RETURN_CODE=77":
            skips.append((name, " ".join(output.split())))
        else:
            # Not run though nobody asked for that: a missing program must not look like a pass.
            failures.append(f"{name} (not run: {status})")
    # One line a reason: a missing folder of data sets can skip many tests.
    by_reason = {}
    for name, why in skips:
        by_reason.setdefault(why or "the test gives no reason", []).append(name)
    for why, names in by_reason.items():
        print(f"skipped: {', '.join(names)}: {why}")
    for name in failures:
        print(f"failed:  {name}")
    print(f"{passed} passed, {len(failures)} failed, {len(skips)} skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
