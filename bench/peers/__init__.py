"""The peers that bench/compare.py runs beside rapt: every module of this folder has a list ROWS.

A row of the table is one `Row` here and one work in src/infer/bench/ of the same id. No module imports torch when it is itself
imported: rows that look at whole processes measure from a small one.
"""
import dataclasses
import importlib
import pkgutil
from typing import Callable


@dataclasses.dataclass(frozen=True)
class Row:
    id: str
    title: str
    mark: float  # for one thread: what the ratio has to reach
    aim: float
    measure: Callable  # (row, options) -> list of results, see common.result
    less: bool = False  # the ratio is rapt ÷ peer and must not be above the mark, as for memory
    one_thread: bool = False  # there is nothing to see with more
    work: str = ""  # id of the work of `rapt bench`; empty: the row's


def rows():
    """All rows, in the order of the modules' names."""
    found = []
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        found += getattr(importlib.import_module(f"{__name__}.{module}"), "ROWS", [])
    return found
