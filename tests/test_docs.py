"""Commands in docs/ compose and are accepted; those of README are tested in test_readme.py."""

import re
import shlex
from pathlib import Path
from shutil import which

import pytest

from eegdae.errors import EegdaeError
from eegdae.tasks.launch import _data_path, conf_dir, register_resolvers
from eegdae.tasks.overrides import check_args, compose_command
from eegdae.tasks.search import asks_for_search
from eegdae.tasks.sweep.plan import plan_sweep

OF_USERS = ("FILE_OR_FOLDER", "data=images/")
"""Files that a user has and this test has not: the kind of a folder is told by what is in it."""

COMMANDS = [
    pytest.param(found.group(1), id=f"{page.stem}: {found.group(1)[:60]}")
    for page in sorted((Path(__file__).parents[1] / "docs").glob("*.md"))
    for line in page.read_text().replace("\\\n", " ").splitlines()
    if (found := re.match(r"(?:    )?(eegdae train .*)", line))
    if not any(mark in line for mark in OF_USERS)
]


def test_there_are_commands_to_test():
    assert len(COMMANDS) > 50


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_compose_and_are_accepted(command):
    register_resolvers()
    args = [word for arg in shlex.split(command, comments=True)[2:] for word in _data_path(arg)]
    if asks_for_search(args):
        from eegdae.tasks.search.plan import SearchPlan

        assert SearchPlan(args, conf_dir()).path
        return
    checked = check_args("train", args, conf_dir())
    if not checked.is_sweep:
        assert compose_command("train", checked.texts, conf_dir()).seed >= 0
    elif "submitit_slurm" in command and not which("sbatch"):
        with pytest.raises(EegdaeError, match="sbatch and srun not found"):
            plan_sweep("train", checked, conf_dir())
    else:
        assert plan_sweep("train", checked, conf_dir()).n_jobs > 1
