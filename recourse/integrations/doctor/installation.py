"""Whether the package that is imported as ``recourse`` is this one."""

from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import recourse
from recourse.integrations.doctor.complaints import Complaint

__all__ = ["examine_installation"]

OTHER = "recourse"


def examine_installation(folder: Path | None = None) -> list[Complaint]:
    """Whether another project's files lie in our package: PyPI's ``recourse`` is not ours.

    Args:
        folder: Where our package lies; found when left out.
    """
    home = folder or Path(recourse.__file__).parent
    found: list[Complaint] = []
    if PathFinder.find_spec("action_set", [str(home)]) is not None:
        found.append(
            Complaint(
                rule="name_clash",
                thing=f"the package in {home}",
                wrong="is mixed with another project that installs a package recourse too",
                advice="run: pip uninstall recourse recourse-observe; pip install recourse-observe",
            )
        )
    try:
        installed = version(OTHER)
    except PackageNotFoundError:
        return found
    return [
        *found,
        Complaint(
            rule="name_clash",
            thing=f"the distribution recourse {installed}",
            wrong="is another project's, and installs files where ours are",
            advice="run: pip uninstall recourse; ours is recourse-observe",
        ),
    ]
