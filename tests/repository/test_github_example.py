"""``examples/github-actions`` uses commands that there are, no key that lasts, and no right that it does not need."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
import yaml
from typer.exceptions import TyperException

from mlctl import __version__, settings
from mlctl.aws.stack.names import Names
from mlctl.cli.app import app
from tests.conftest import ROOT

FOLDER = ROOT / "examples" / "github-actions"
WORKFLOWS = sorted(path.name for path in (FOLDER / "workflows").glob("*.yml"))
# Commands that ask nothing of AWS.
OFFLINE = {"data", "train", "evaluate", "models"}
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def workflow(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((FOLDER / "workflows" / name).read_text(encoding="utf-8"))
    return found


def every_job() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{name}: {key}", job) for name in WORKFLOWS for key, job in workflow(name)["jobs"].items()]


def lines(job: dict[str, Any]) -> list[str]:
    """Every line of the job that a shell runs."""
    return [line for step in job["steps"] for line in step.get("run", "").splitlines()]


def commands(line: str) -> Iterator[list[str]]:
    """The words of each ``mlctl`` in a line of shell."""
    splitter = shlex.shlex(line, posix=True, punctuation_chars=True)
    splitter.whitespace_split = True
    words: list[str] = []
    for word in (*splitter, "|"):
        if word[0] in "();<>|&":
            if words[:1] == ["mlctl"]:
                yield words[1:]
            words = []
        else:
            words.append(word)


def parse(words: list[str]) -> None:
    """Parse a command line as mlctl would, and run nothing; raises for what mlctl would refuse."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands") and rest and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    assert not hasattr(command, "commands") or not rest, f"mlctl {' '.join(words)}: there is no such command"
    command.make_context("mlctl", rest)


def shell_blocks() -> list[str]:
    return [line for block in re.findall(r"^```sh\n(.*?)\n```$", README, re.M | re.S) for line in block.splitlines()]


EVERY_COMMAND = [
    *(words for _, job in every_job() for line in lines(job) for words in commands(line)),
    *(words for line in shell_blocks() for words in commands(line)),
    *(words for line in re.findall(r"^\$ (mlctl .*)$", README, re.M) for words in commands(line)),
]


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_every_command_is_one_of_mlctl_with_options_that_it_has(words: list[str]) -> None:
    parse(words)


@pytest.mark.parametrize(
    "words", [["deplyo"], ["deploy", "--stag", "dev"], ["promote", "--from", "dev"], ["models", "x"]]
)
def test_others_would_be_noticed(words: list[str]) -> None:
    with pytest.raises((AssertionError, TyperException)):
        parse(words)


def test_the_workflows_do_what_the_readme_says() -> None:
    done = {name: [" ".join(words) for line in lines(job) for words in commands(line)] for name, job in every_job()}
    assert done == {
        "model.yml: test": ["data validate"],
        "model.yml: train": ["train", "evaluate --min accuracy=0.85", "models export -o model.mlctl.zip"],
        "model.yml: plan": ["models import model.mlctl.zip", "deploy --stage prod --dry-run"],
        "model.yml: dev": [
            "models import model.mlctl.zip",
            "doctor --stage dev",
            "deploy --stage dev",
            "invoke --stage dev 5.1 3.5 1.4 0.2",
        ],
        "model.yml: prod": [
            "models import model.mlctl.zip",
            "doctor --stage prod",
            "promote --from dev --to prod --canary 10 --bake 5m",
            "status --stage prod",
            "releases --stage prod",
        ],
        "rollback.yml: rollback": ["rollback --stage prod ${RELEASE:+$RELEASE}", "status --stage prod"],
    }
    for name in workflow("model.yml")["jobs"]:
        assert f"\n| `{name}` |" in README


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_key_that_lasts(name: str) -> None:
    text = (FOLDER / "workflows" / name).read_text(encoding="utf-8")
    assert not re.search(r"secrets\.|access-key|AKIA|AWS_SECRET|AWS_ACCESS", text)
    # PyYAML reads the key `on` as YAML 1.1 does: true.
    assert "pull_request_target" not in workflow(name)[True]


@pytest.mark.parametrize(("name", "job"), every_job(), ids=[name for name, _ in every_job()])
def test_a_job_has_the_rights_that_it_needs(name: str, job: dict[str, Any]) -> None:
    assert workflow(name.partition(":")[0])["permissions"] == {"contents": "read"}
    credentials = [step for step in job["steps"] if "configure-aws-credentials" in step.get("uses", "")]
    if credentials:
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        assert credentials[0]["with"]["role-to-assume"] == "${{ vars.AWS_ROLE }}"
    else:
        assert "permissions" not in job
    # The trust policy knows environments only; and no job without credentials needs one.
    assert bool(credentials) == ("environment" in job)
    assert bool(credentials) == any(words[0] not in OFFLINE for line in lines(job) for words in commands(line))


@pytest.mark.parametrize(("name", "job"), every_job(), ids=[name for name, _ in every_job()])
def test_a_job_is_careful(name: str, job: dict[str, Any]) -> None:
    assert job["timeout-minutes"] <= 60
    for step in job["steps"]:
        # Text that others can choose becomes a variable, never a part of a script.
        assert "${{" not in step.get("run", "")
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"] == {"persist-credentials": False}


def test_two_deploys_never_run_at_once() -> None:
    jobs = workflow("model.yml")["jobs"]
    assert {name: job["concurrency"] for name, job in jobs.items() if "concurrency" in job} == {
        "dev": {"group": "iris-dev", "cancel-in-progress": False},
        "prod": {"group": "iris-prod", "cancel-in-progress": False},
    }
    # A way back must not wait for a promotion that nobody approves.
    assert "concurrency" not in workflow("rollback.yml")["jobs"]["rollback"]


def test_prod_comes_after_dev_and_dev_after_training() -> None:
    jobs = workflow("model.yml")["jobs"]
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "test": None,
        "train": "test",
        "plan": "train",
        "dev": "train",
        "prod": "dev",
    }
    assert jobs["dev"]["if"] == "github.ref == 'refs/heads/main'"
    assert "github.event.pull_request.head.repo.full_name == github.repository" in jobs["plan"]["if"]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_settings_are_accepted_and_agree_with_the_workflows(stage: str) -> None:
    found = settings.load(FOLDER, stage=stage)
    model, back = workflow("model.yml"), workflow("rollback.yml")["jobs"]["rollback"]
    assert {*found.stage} == {"dev", "prod"}
    assert found.deploy.region == model["env"]["AWS_REGION"]
    assert found.deploy.python == model["env"]["PYTHON_VERSION"]
    (used,) = (step["with"] for step in back["steps"] if "setup-python" in step.get("uses", ""))
    assert used["python-version"] == found.deploy.python
    (used,) = (step["with"] for step in back["steps"] if "configure-aws" in step.get("uses", ""))
    assert used["aws-region"] == found.deploy.region


def test_one_environment_of_one_repository_may_take_a_role() -> None:
    policy = json.loads((FOLDER / "trust-policy.json").read_text(encoding="utf-8"))
    (statement,) = policy["Statement"]
    issuer = "token.actions.githubusercontent.com"
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::ACCOUNT_ID:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{issuer}:aud": "sts.amazonaws.com",
                f"{issuer}:sub": "repo:REPOSITORY:environment:ENVIRONMENT",
            }
        },
    }
    environments = {job["environment"] for _, job in every_job() if "environment" in job}
    assert environments == {"plan", "dev", "prod"}
    assert README.count("for environment in plan dev prod; do") == 2


def test_what_a_promotion_reads_of_dev_is_read_only() -> None:
    policy = json.loads((FOLDER / "read-dev.json").read_text(encoding="utf-8"))
    (statement,) = policy["Statement"]
    assert statement["Action"] == ["lambda:GetFunction", "lambda:ListTags"]
    function = f"arn:aws:lambda:*:ACCOUNT_ID:function:{Names(settings.load(FOLDER).project, 'dev').function}"
    assert statement["Resource"] == [function, f"{function}:*"]


def test_the_readme_links_to_what_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)", README)
    assert {"workflows/model.yml", "workflows/rollback.yml", "trust-policy.json", "mlctl.toml"} <= {*targets}
    for target in targets:
        assert target.startswith("https://") or (FOLDER / target).exists(), target


def test_the_version_of_mlctl_is_this_one() -> None:
    assert f"\nmlctl=={__version__}\n" in (FOLDER / "requirements.txt").read_text(encoding="utf-8")
