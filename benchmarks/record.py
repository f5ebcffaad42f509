"""Puts a measurement into docs/performance.md: `python -m benchmarks.record REPORT.json`.

The report is what `bitmart-book bench --json` printed. Only what stands between the two marks of
the page is replaced.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bitmart_book.bench.report import lines

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def recorded(page: str, text: str) -> str:
    """The page with that text between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"{PAGE} has lost its marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n```\n{text}\n```\n\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Put a measurement into docs/performance.md.")
    parser.add_argument("report", type=Path)
    report = json.loads(parser.parse_args().report.read_text(encoding="utf-8"))
    text = "\n".join(lines(report))
    print(text)
    if report["quick"]:
        raise SystemExit("a quick run is not kept")
    PAGE.write_text(recorded(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
