"""Known vulnerabilities of what is locked: ``python .ci/audit.py REQUIREMENTS...``, by pip-audit.

It asks the index that pip uses. Where that has no vulnerabilities to tell (a plain mirror), or cannot be reached, it
says so and how many packages went unchecked, and does not fail: nothing is known then, neither good nor bad.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PIP_AUDIT = str(Path(sys.executable).with_name("pip-audit"))
OPTIONS = (
    "--disable-pip",
    "--require-hashes",
    "--progress-spinner=off",
    "--timeout=10",
    "--format=json",
)


def main(files: list[str]) -> int:
    """Audit the files; 1 where anything locked has a known vulnerability."""
    named = [word for file in files for word in ("-r", file)]
    done = subprocess.run(
        [PIP_AUDIT, *OPTIONS, *named], capture_output=True, text=True, check=False
    )
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or ["no answer"]
        print(f"audit: NOT CHECKED, no index of vulnerabilities answers here: {last[0]}")
        return 0
    unchecked = [each["name"] for each in packages if "skip_reason" in each]
    found = [(each, one) for each in packages for one in each.get("vulns", ())]
    for package, vulnerability in found:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no release yet"
        name = f"{package['name']} {package['version']}"
        print(f"audit: {name}: {vulnerability['id']}; fixed in {fixed}")
    if unchecked:
        print(
            f"audit: NOT CHECKED: {len(unchecked)} of {len(packages)} packages, of which the index tells nothing"
        )
    print(f"audit: {len(packages) - len(unchecked)} packages checked, {len(found)} vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
