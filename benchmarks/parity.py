"""How far our networks and formulas are from the outputs of the official programs: all tests marked parity, and what each one reached.

    python benchmarks/parity.py [--out parity.md]

The vectors lie in the folder of SHARPENING_PARITY, ../shared/parity when that is not set; without them every line says "skipped".
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

HEAD = """# Parity

Made by `python benchmarks/parity.py`: every test against outputs of the official programs on the same seeded
weights and inputs. "Reached" is the difference that the test measured, where it notes one; tolerances stand in the tests.

| test | result | reached |
|---|---|---|
"""


def rows(report: Path) -> list[str]:
    """A row a test, from pytest's report."""
    found = []
    for case in ET.parse(report).getroot().iter("testcase"):
        result = next((each.tag for each in case if each.tag in ("failure", "error", "skipped")), "passed")
        noted = [f"{each.get('name')}: {_short(each.get('value') or '')}" for each in case.iter("property")]
        place = (case.get("classname") or "").removeprefix("tests.")
        found.append(f"| {place} {case.get('name')} | {result} | {', '.join(noted)} |")
    return sorted(found)


def _short(value: str) -> str:
    try:
        return f"{float(value):.2g}"
    except ValueError:
        return value[:120]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="page to write")
    parser.add_argument("tests", nargs="*", default=["tests"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "parity.xml"
        options = ["-q", "-p", "no:cacheprovider", "-m", "parity", "-o", "junit_family=xunit1", f"--junitxml={report}"]
        done = subprocess.run([sys.executable, "-m", "pytest", *options, *args.tests], check=False)
        text = HEAD + "\n".join(rows(report)) + "\n"
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    print(text)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
