"""`python -m benchmarks [NAME …] [--quick]`"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback

from benchmarks import results
from benchmarks.report import Section, as_text

SECTIONS = (
    *("webinar", "backfill", "large", "followups", "roster", "startup", "comparison"),
    *("live_receive", "live_registrations", "live_backlog", "live_outage", "live_kills"),
)


def main() -> int:
    """Measure, print, and after a full run write RESULTS.md. Time never makes it fail; a command that fails does."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What Tajo costs, measured.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of: {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs, not how fast")
    options = parser.parse_args()
    if unknown := set(options.names) - set(SECTIONS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    names = [name for name in SECTIONS if name in options.names or not options.names]
    source = results.fingerprint()
    sections, failed = [], 0
    for name in names:
        try:
            section = run(name, quick=options.quick)
        except Exception:
            print(f"{name} FAILED\n{traceback.format_exc()}", file=sys.stderr)
            failed += 1
        else:
            print(as_text(section), flush=True)
            sections.append(section)
    missed = [f"{section.name}: {figure.what}" for section in sections for figure in section.missed()]
    print("missed: " + ("; ".join(missed) or "nothing"))
    if len(sections) == len(SECTIONS) and not options.quick:
        same = results.fingerprint() == source
        print(
            f"written to {results.write(sections)}"
            if same
            else "RESULTS.md is left alone: the source changed meanwhile"
        )
    return 1 if failed else 0


def run(name: str, *, quick: bool) -> Section:
    """One section's module, measured."""
    began = time.perf_counter()
    section: Section = importlib.import_module(f"benchmarks.{name}").measure(quick=quick)
    section.seconds = time.perf_counter() - began
    return section


if __name__ == "__main__":
    sys.exit(main())
