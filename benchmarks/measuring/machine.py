"""The machine and the versions that a table of seconds stands for."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from measuring.processes import R_SCRIPT, environment

_PACKAGES = (
    *("replica", "numpy", "scipy", "pandas", "numba"),
    *("lifelines", "statsmodels", "scikit-survival"),
)


def describe(*, with_r: bool, date: str | None) -> dict[str, str]:
    """Name processor, memory, system and versions; a date only if one is given."""
    found = {"date": date} if date else {}
    found |= {
        "processor": _from_proc("cpuinfo", r"model name\s*:\s*(.+)") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "load at the start": load(),
        "Python": platform.python_version(),
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found | (_of_r() if with_r else {"R": "not installed or left out"})


def load() -> str:
    """Say how many processes wanted a core in the last minute: others make every number worse."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _from_proc(name: str, pattern: str) -> str:
    path = Path("/proc") / name
    match = re.search(pattern, path.read_text(encoding="utf-8")) if path.exists() else None
    return match.group(1).strip() if match else ""


def _memory() -> str:
    kibibytes = _from_proc("meminfo", r"MemTotal:\s*(\d+) kB")
    return f"{int(kibibytes) / 2**20:.0f} GiB" if kibibytes else "unknown"


def _of_r() -> dict[str, str]:
    run = subprocess.run(  # noqa: S603 - our own script, no shell
        ["Rscript", "--vanilla", str(R_SCRIPT), "versions", ".", "1", "1"],  # noqa: S607 - on PATH
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    pairs = (line.split(maxsplit=1) for line in run.stdout.splitlines() if line.strip())
    return {name.replace("_", " "): value.strip() for name, value in pairs}
