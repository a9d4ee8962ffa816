"""One command line for each command, which its help ends with."""

from collections.abc import Mapping
from typing import Final

__all__ = ["EXAMPLES"]

EXAMPLES: Final[Mapping[str, str]] = {
    "bundle": "bundle timelines -o incident.rarc --notes 'the outage of Tuesday'",
    "call": "call timelines 9828c42e --against success",
    "calls": "calls timelines --where 'lost attempts>2' --sort total --limit 20",
    "check": "check timelines --repair",
    "compact": "compact timelines",
    "compare": "compare timelines -k payments.Charge --b 10:02..10:19",
    "doctor": "doctor --policy policies.toml --import shop.clients --exit-code",
    "key": "key timelines payments.Charge --since 10:00 --until 10:30",
    "lab": "lab run retry_storm --seed 7 --out storm",
    "notes": "notes timelines --add 'the deploy began' --at 10:02",
    "policy": "policy lint policies.toml --exit-code",
    "prune": "prune timelines --older-than 30d --dry-run",
    "replay": "replay timelines -k payments.Charge --at 10:04:12",
    "shot": "shot timelines --screen story --size 120x40 -o story.svg",
    "sql": "sql timelines 'SELECT key, count(*) FROM calls GROUP BY key'",
    "story": "story timelines -i 1 --format md",
    "tail": "tail timelines --table calls --format ndjson",
    "triage": "triage timelines --exit-code",
    "tui": "tui timelines --screen story",
    "web": "web timelines --port 8080",
    "whatif": "whatif timelines -k payments.Charge --set retry.max_attempts=2",
    "why": "why timelines -i payments.Charge@2026-11-21T10:02:00Z",
}
"""By the name of the command, without ``recourse``."""
