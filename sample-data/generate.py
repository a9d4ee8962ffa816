"""Makes the samples of the laboratory: one incident of each cause, the same rows every time.

    python sample-data/generate.py [--out DIR] [NAME ...]

Each becomes a directory with an archive and its labels; `story.md` beside them is what
`recourse story --format md` says of it, and is held by a test.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from recourse_observe.lab.scenarios.make import write

HERE: Final = Path(__file__).resolve().parent
# Small, and told well: of many seeds those with few calls.
SEEDS: Final = {
    "bad_policy_rollout": 124,
    "budget_missing": 160,
    "budget_starvation": 158,
    "caller_cancellation": 178,
    "circuit_flapping": 10,
    "circuit_stuck_open": 100,
    "classifier_misclassification": 196,
    "control_plane_outage": 187,
    "dependency_brownout": 185,
    "dependency_outage": 60,
    "duplicate_side_effects": 47,
    "hedge_runaway": 51,
    "key_cardinality": 127,
    "load_surge": 42,
    "partial_instance_failure": 123,
    "poison_requests": 39,
    "rate_limited": 130,
    "retry_storm": 52,
    "single_process_fault": 129,
    "synchronized_retries": 102,
    "timeout_too_tight": 17,
}


def folder_of(name: str) -> str:
    """The directory of a sample."""
    return name.replace("_", "-")


def main() -> int:
    """Make the samples that are asked for, or all of them."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE, metavar="DIR")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SEEDS))
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - SEEDS.keys())
    if unknown:
        print(f"sample {unknown[0]!r} is not known; use one of " + ", ".join(SEEDS))
        return 2
    for name in arguments.names or SEEDS:
        path = arguments.out / folder_of(name)
        if (path / "calls").exists():
            print(f"{str(path)!r} is there already; remove it, or give another --out")
            return 2
        write(name, SEEDS[name], path)
        print(path, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
