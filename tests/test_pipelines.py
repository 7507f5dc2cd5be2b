"""What pipelines run: the GitHub Action, hooks of pre-commit, examples of the guide."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FLAWED, SOUND

yaml = pytest.importorskip("yaml")  # mkdocs brings it

ROOT = Path(__file__).parents[1]
ACTION = ROOT / "action.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
BIN = Path(sys.executable).parent
BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


def action() -> dict[str, Any]:
    return yaml.safe_load(ACTION.read_text())


def evaluated(text: str, inputs: dict[str, str], contexts: dict[str, str]) -> str:
    """What GitHub makes of expressions that only name something."""

    def of(match: re.Match[str]) -> str:
        name = match[1].strip()
        return inputs[name[7:]] if name.startswith("inputs.") else contexts[name]

    return re.sub(r"\$\{\{(.*?)\}\}", of, str(text))


class Runner:
    """Runs the shell steps of the action in a folder, as GitHub's runner does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.temp = folder, folder / "runner"
        self.temp.mkdir()
        self.summary, self.outputs = self.temp / "summary.md", self.temp / "outputs"
        self.summary.touch()
        self.outputs.touch()

    def run(self, **given: str) -> subprocess.CompletedProcess[str]:
        """The steps from linting on, one after the other; the last one that ran."""
        described = action()
        inputs = {name: each.get("default", "") for name, each in described["inputs"].items()}
        inputs |= {name.replace("_", "-"): value for name, value in given.items()}
        contexts = {"runner.temp": str(self.temp)}
        done = None
        for step in described["runs"]["steps"]:
            if "run" not in step or step["name"].startswith("Install"):
                continue
            environment = {name: evaluated(value, inputs, contexts)
                           for name, value in step["env"].items()}  # fmt: skip
            done = self._step(step, environment)
            for line in self.outputs.read_text().splitlines():
                name, _, value = line.partition("=")
                contexts[f"steps.{step.get('id')}.outputs.{name}"] = value
        assert done is not None
        return done

    def _step(self, step: dict[str, Any], environment: dict[str, str]):
        assert step["shell"] == "bash"
        script = self.temp / "script.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder, capture_output=True, text=True, check=False,
            env=os.environ | environment | {
                "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
                "GITHUB_STEP_SUMMARY": str(self.summary), "GITHUB_OUTPUT": str(self.outputs),
                "GITHUB_ACTIONS": "true",
            },
        )  # fmt: skip
        if "id" in step:
            self.log = done.stdout
            assert done.returncode == 0, done.stderr
        return done


@BASH
def test_the_action_lints_and_fails_as_onnxlint_does(tmp_path, write_model):
    write_model(FLAWED, "my models/flawed net.onnx")
    write_model(SOUND, "sound.onnx")
    runner = Runner(tmp_path)
    done = runner.run(
        models="sound.onnx\n'my models/flawed net.onnx'", args="--static-only --select 'ARC,GRA'"
    )
    assert done.returncode == 1
    assert re.search("^::error .*ARC001", runner.log, re.MULTILINE)
    sarif = json.loads((tmp_path / "onnxlint.sarif").read_text())
    assert "ARC001" in [each["ruleId"] for each in sarif["runs"][0]["results"]]
    assert runner.summary.read_text().startswith("## onnxlint failed")
    assert runner.outputs.read_text() == "exit-code=1\n"


@BASH
def test_the_action_passes_and_takes_a_configuration(tmp_path, write_model):
    write_model(SOUND)
    (tmp_path / "gate.toml").write_text('select = ["INT009"]')
    runner = Runner(tmp_path)
    assert runner.run(config="gate.toml", args="--static-only").returncode == 0
    assert runner.summary.read_text().startswith("## onnxlint passed")
    runner.outputs.write_text("")
    assert runner.run(config="gate.toml", fail_on="info").returncode == 1


@BASH
def test_the_action_says_that_it_could_not_lint(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    assert Runner(tmp_path).run(models="*.onnx").returncode == 2


@BASH
def test_inputs_of_the_action_are_never_run(tmp_path, write_model):
    write_model(SOUND)
    nasty = "$(touch evil) `touch evil` ;touch evil"
    done = Runner(tmp_path).run(models=nasty, args="--static-only", config="", fail_on="")
    assert done.returncode == 2
    assert not (tmp_path / "evil").exists()
    for step in action()["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), "an expression in a script would be run"


def test_the_action_describes_each_input_that_it_uses():
    text = ACTION.read_text()
    described = action()
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(described["inputs"])
    assert all(each["description"] for each in described["inputs"].values())


def hooks() -> dict[str, dict[str, Any]]:
    return {hook["id"]: hook for hook in yaml.safe_load(HOOKS.read_text())}


@pytest.mark.parametrize(("hook", "status"), [("onnxlint", 1), ("onnxlint-static", 1)])
def test_the_entry_of_a_hook_lints_what_it_is_given(hook, status, tmp_path, write_model):
    write_model(FLAWED, "flawed.onnx")
    write_model(SOUND, "sound.onnx")
    described = hooks()[hook]
    files = [name for name in ("flawed.onnx", "notes.txt", "sound.onnx")
             if re.search(described["files"], name)]  # fmt: skip
    assert files == ["flawed.onnx", "sound.onnx"]
    program, *options = shlex.split(described["entry"])
    done = subprocess.run(
        [BIN / program, *options, *files], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert "ARC001" in done.stdout


def git(folder: Path, *arguments: str) -> None:
    names = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments], cwd=folder, check=True,
        capture_output=True, env=os.environ | dict.fromkeys(names, "a@b.c"),
    )  # fmt: skip


def pre_commit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *arguments], cwd=folder, capture_output=True,
        text=True, check=False,
        env=os.environ | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PRE_COMMIT_HOME": str(folder.parent / "home"),
        },
    )  # fmt: skip


@pytest.fixture
def scratch(tmp_path: Path, write_model) -> Path:
    """A repository with a flawed model, a sound one and a note, all of them staged."""
    pytest.importorskip("pre_commit")
    write_model(FLAWED, "repository/models/flawed.onnx")
    write_model(SOUND, "repository/models/sound.onnx")
    folder = tmp_path / "repository"
    (folder / "notes.txt").write_text("a note\n")
    git(folder, "init")
    return folder


def test_pre_commit_runs_our_hooks(scratch):
    """The hooks themselves, by the onnxlint that is installed instead of one of their own."""
    own = [
        hook | {"language": "system"} for hook in hooks().values() if "pass_filenames" not in hook
    ]
    config = {"repos": [{"repo": "local", "hooks": own}]}
    (scratch / ".pre-commit-config.yaml").write_text(json.dumps(config))
    git(scratch, "add", ".")
    done = pre_commit(scratch, "run", "onnxlint-static")
    assert done.returncode == 1, done.stderr
    assert "models/flawed.onnx" in done.stdout
    assert "ARC001" in done.stdout
    git(scratch, "rm", "--cached", "models/flawed.onnx")
    done = pre_commit(scratch, "run", "onnxlint-static")
    assert done.returncode == 0, done.stdout
    git(scratch, "rm", "--cached", "models/sound.onnx")
    done = pre_commit(scratch, "run", "onnxlint-static")
    assert "no files to check" in done.stdout


@pytest.mark.slow
def test_pre_commit_installs_this_repository(scratch):
    """As a user's configuration does it: an environment of its own, which pip fills."""
    git(scratch, "add", ".")
    done = pre_commit(scratch, "try-repo", str(ROOT), "onnxlint-static", "--all-files")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ARC001" in done.stdout


GUIDE = ROOT / "docs" / "guides" / "pipelines.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


CLASSIFIER = """net (float[batch, 4] pixels) => (float[batch, 3] scores)
<float[4, 4] features = {1, 0, 0, -1, 0, 1, -1, 0, 0, -1, 1, 0, -1, 0, 0, 1},
 float[4, 3] head = {1, 0, -1, 0, 1, 0, -1, 0, 1, 0, -1, 0}>
{
    a = Gemm(pixels, features)
    h = Relu(a)
    logits = Gemm(h, head)
    scores = Softmax(logits)
}"""


def test_the_tests_of_the_guide_pass(tmp_path, write_model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("classifier.onnx", "last_release.onnx"):
        write_model(CLASSIFIER, name)
    write_model(re.sub(r"head = \{.*?\}", "head = {" + ", ".join(["0"] * 12) + "}", CLASSIFIER),
                "untrained.onnx")  # fmt: skip
    pixels = np.clip(np.random.default_rng(0).normal(size=(64, 4)), -3, 3).astype(np.float32)
    np.savez("validation.npz", pixels=pixels)
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    tests = {name: test for name, test in names.items() if name.startswith("test_")}
    assert len(tests) == 6
    for test in tests.values():
        test()


def test_pipelines_of_the_guide_name_what_there_is():
    hook_file, workflow, gitlab = map(yaml.safe_load, blocks("yaml"))
    assert {each["id"] for each in hook_file["repos"][0]["hooks"]} <= set(hooks())
    step = workflow["jobs"]["onnxlint"]["steps"][-1]
    assert set(step["with"]) <= set(action()["inputs"])
    assert gitlab["lint-models"]["artifacts"]["when"] == "always"


def _commands() -> list[str]:
    gitlab = yaml.safe_load(blocks("yaml")[2])["lint-models"]["script"]
    jenkins = re.findall(r"sh '(.*)'", blocks("groovy")[0])
    return [each for each in (*gitlab, *jenkins) if each.startswith("onnxlint ")]


@BASH
@pytest.mark.parametrize("command", _commands())
def test_a_command_of_the_guide_writes_its_reports(command, tmp_path, write_model):
    write_model(FLAWED, "exports/flawed.onnx")
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "ARC001" in done.stdout
    for file in re.findall(r"=(\S+)", command):
        assert "ARC001" in (tmp_path / file).read_text()
