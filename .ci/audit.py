"""What the app depends on: known vulnerabilities, as far as the index answers, and licences.

    python .ci/audit.py [--write docs/dependencies.md]

Fails where a vulnerability is known that has a fix. Without a network the audit is left out, with a sentence.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 300  # seconds for the index


def dependencies() -> dict[str, Distribution]:
    """What requirements.txt names, and what that needs, as far as it is installed here; by name."""
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    todo = [Requirement(line) for line in lines if line and not line.startswith("#")]
    found: dict[str, Distribution] = {}
    while todo:
        wanted = todo.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            found[name] = distribution(wanted.name)
        except PackageNotFoundError:
            continue
        todo += [Requirement(text) for text in found[name].requires or ()]
    return dict(sorted(found.items()))


def licence(package: Distribution) -> str:
    """As the package says it: the expression, else its classifiers, else the first line of the field."""
    about = package.metadata
    classified = [
        text.rpartition(" :: ")[2] for text in about.get_all("Classifier", ()) if text.startswith("License ::")
    ]
    field = (about.get("License") or "").strip().partition("\n")[0][:60]
    return about.get("License-Expression") or ", ".join(classified) or field or "not said"


def vulnerabilities(packages: dict[str, Distribution]) -> list[dict[str, object]] | str:
    """What pip-audit finds of exactly these versions; a sentence where it cannot ask."""
    pinned = "\n".join(f"{name}=={package.version.partition('+')[0]}" for name, package in packages.items())
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--no-deps",
        "--disable-pip",
        "-f",
        "json",
        "--progress-spinner",
        "off",
    ]
    try:
        done = subprocess.run(
            [*command, "-r", "/dev/stdin"], input=pinned, capture_output=True, text=True, timeout=PATIENCE
        )
        audited = [one for one in json.loads(done.stdout)["dependencies"] if "skip_reason" not in one]
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
        return "The audit was left out: pip-audit is not installed, or did not end well."
    if not audited:
        return "The audit was left out: the index did not answer."
    return [
        {"name": one["name"], "version": one["version"], "id": known["id"], "fixed_in": known["fix_versions"]}
        for one in audited
        for known in one.get("vulns", ())
    ]


def report(packages: dict[str, Distribution], known: list[dict[str, object]] | str) -> str:
    """Both as a page."""
    lines = ["# Dependencies", "", "Written by `python .ci/audit.py --write docs/dependencies.md`.", ""]
    if isinstance(known, str):
        lines += [known]
    elif not known:
        lines += ["pip-audit knows no vulnerability of these versions."]
    for one in known if isinstance(known, list) else ():
        fixed = ", ".join(map(str, one["fixed_in"])) or "no version yet"  # type: ignore[call-overload]
        lines += [f"- {one['name']} {one['version']}: {one['id']}, fixed in {fixed}"]
    lines += ["", "| package | version | licence |", "|---|---|---|"]
    lines += [f"| {name} | {package.version} | {licence(package)} |" for name, package in packages.items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, metavar="FILE")
    given = parser.parse_args()
    packages = dependencies()
    known = vulnerabilities(packages)
    page = report(packages, known)
    if given.write:
        given.write.write_text(page, "utf-8")
    print(page)
    return int(isinstance(known, list) and any(one["fixed_in"] for one in known))


if __name__ == "__main__":
    sys.exit(main())
