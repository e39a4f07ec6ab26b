"""What is done first in this fresh process: `first_call.py arrays` or `first_call.py study`.

Reports at what time of the clock each step was done; whoever starts it knows when that was.
"""

from __future__ import annotations

import sys
import time

KEY, OUTCOME = "sclc_second_line", "pfs"


def main() -> None:
    """Do it, and write when each step was done."""
    steps = {"arrays": on_arrays, "study": on_a_study}
    steps[sys.argv[1]]()


def done(step: str) -> None:
    """Report that a step is done."""
    sys.stdout.write(f"answer {step} {time.time()!r}\n")


def on_arrays() -> None:
    """Import the estimators, match and fit as many patients as the study has, from arrays."""
    import numpy as np  # noqa: PLC0415 - the import is what is measured

    from replica.cox import fit_cox  # noqa: PLC0415
    from replica.greedy import nearest_neighbour  # noqa: PLC0415

    done("imported")
    n = 496
    rng = np.random.default_rng(1)
    score, time_of, event = rng.normal(size=n), rng.exponential(size=n), rng.random(n) < 0.7
    treated = rng.random(n) < 0.4
    nearest_neighbour(score, treated, np.arange(n), caliper=0.2)
    done("matched")
    fit_cox(treated[:, None], time_of, event, names=["arm"], cluster=np.arange(n) // 2)
    done("fitted")


def on_a_study() -> None:
    """Import, read a study's cohort, estimate its propensity score, match and fit."""
    from replica.cox import cox  # noqa: PLC0415 - as above
    from replica.matching import match  # noqa: PLC0415
    from replica.studies import load_study  # noqa: PLC0415
    from replica.supplied import load_cohort  # noqa: PLC0415

    done("imported")
    cohort = load_cohort(load_study(KEY), "synthetic")
    done("read")
    matched = match(cohort)
    done("matched")
    cox(matched.after, OUTCOME, ["arm"], ties="efron", cluster="pair")
    done("fitted")


if __name__ == "__main__":
    main()
