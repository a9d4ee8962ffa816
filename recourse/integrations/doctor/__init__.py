"""Looks at the clients and policies of a service for what makes an outage worse."""

from recourse.integrations.doctor.clients import examine
from recourse.integrations.doctor.complaints import Complaint, Needs
from recourse.integrations.doctor.installation import examine_installation
from recourse.integrations.doctor.policies import examine_policies, needs_of

__all__ = [
    "Complaint",
    "Needs",
    "examine",
    "examine_installation",
    "examine_policies",
    "needs_of",
]
