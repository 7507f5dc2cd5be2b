"""`onnxlint view MODEL`: the real Netron serves its page and the model, until Ctrl-C."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result

from onnxlint.cli import view
from onnxlint.cli.main import cli

pytest.importorskip("netron")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["view", *map(str, arguments)])


def test_netron_serves_the_model_and_ends(write_model):
    model = write_model()
    command = [sys.executable, "-m", "onnxlint", "view", str(model), "--no-browser", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as served:  # fmt: skip
        assert served.stdout is not None
        line = served.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert line.startswith(f"{model}: "), line
        assert address is not None
        with urlopen(address[0]) as page:
            assert '<meta name="file" content="/data/model.onnx">' in page.read().decode()
        with urlopen(f"{address[0]}/data/model.onnx") as file:
            assert file.read() == model.read_bytes()
        served.send_signal(signal.SIGINT)
        _, problems = served.communicate(timeout=30)
    assert (served.returncode, problems) == (0, "")


def test_without_netron_it_says_what_to_install(write_model, monkeypatch):
    monkeypatch.setattr(view, "find_spec", lambda name: None)
    done = run(write_model())
    assert done.exit_code == 2
    assert done.stderr.endswith("Error: 'view' requires Netron: pip install 'onnxlint[view]'\n")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("absent.onnx", "does not exist; check the path"),
        ("", "is not a file; check the path"),
        ('a">b.onnx', "in its path; rename or copy it"),
        ("a#1.onnx", "Netron shows no file with '#' in its path; rename or copy it"),
    ],
)
def test_what_netron_cannot_show(write_model, tmp_path, name, told):
    if name and "absent" not in name:
        write_model(name=name)
    done = run(tmp_path / name)
    assert done.exit_code == 2
    assert done.stderr.rstrip().endswith(told)


def test_a_port_that_is_taken(write_model):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(write_model(), "--port", port, "--no-browser")
    assert done.exit_code != 0
    assert f"port {port} cannot be used" in done.output
