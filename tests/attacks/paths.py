"""Paths that are no files, or not the ones they seem to be, beside one that is sound (M7, H7)."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from attacks.harness import (
    Case,
    Command,
    Outcome,
    Running,
    both,
    complete,
    errs,
    limited,
    linux_only,
    says,
    without_rights,
)
from attacks.models import FLAWED, parsed, write

REPORT = ("--static-only", "--format", "json")


def cases() -> Iterator[Case]:
    yield from _beside_good()
    yield from _spellings()
    yield from _folders()
    yield from _vanishing()
    yield from _reports()
    yield from _interface()


# --- one odd path, one good --------------------------------------------------------------------


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
    os.chdir(here)


def _unreadable(path: Path) -> None:
    write(path)
    path.chmod(0)


def _links_in_a_ring(path: Path) -> None:
    path.symlink_to("second.onnx")
    path.with_name("second.onnx").symlink_to(path.name)


def _long_chain(path: Path) -> None:
    write(path.with_name("end.onnx"))
    before = "end.onnx"
    for number in range(60):
        path.with_name(f"l{number}").symlink_to(before)
        before = f"l{number}"
    path.symlink_to(before)


ODD: dict[str, Callable[[Path], None]] = {
    "link_to_itself": lambda path: path.symlink_to(path.name),
    "links_in_a_ring": _links_in_a_ring,
    "links_60_long": _long_chain,
    "link_to_nothing": lambda path: path.symlink_to("nothing"),
    "link_to_a_long_name": lambda path: path.symlink_to("a" * 4000),
    "link_into_a_file": lambda path: path.symlink_to("good.onnx/x"),
    "link_to_zeros": lambda path: path.symlink_to("/dev/zero"),
    "link_to_random": lambda path: path.symlink_to("/dev/urandom"),
    "link_to_full": lambda path: path.symlink_to("/dev/full"),
    "link_to_null": lambda path: path.symlink_to("/dev/null"),
    "link_to_stdin": lambda path: path.symlink_to("/dev/stdin"),
    "link_to_memory": lambda path: path.symlink_to("/proc/self/mem"),
    "link_to_maps": lambda path: path.symlink_to("/proc/self/maps"),
    "link_to_terminal": lambda path: path.symlink_to("/dev/tty"),
    "link_to_folder": lambda path: path.symlink_to("."),
    "pipe": _fifo,
    "socket": _socket,
    "folder": lambda path: path.mkdir(),
    "empty": lambda path: path.touch(),
    "unreadable": _unreadable,
}

RIGHTLESS = ("unreadable",)

TEXTUAL = ("pipe", "folder", "empty", "link_to_zeros", "unreadable", "link_to_itself")

READ = ("links_60_long", "folder", "link_to_folder")
"""Odd, and still a model or a folder of some, or refused before any is read: all is right."""


def _beside_good() -> Iterator[Case]:
    for name in ODD:
        slow = name not in ("link_to_itself", "pipe")
        told = (errs("odd.onnx"), complete("good.onnx"))
        checks = (_refused_or_complete,) if name in READ else told
        exits = (1, 2) if name in READ else (2,)
        odd = partial(Case, row="M7", checks=checks, exits=exits, needs=linux_only)
        yield odd(name, build=partial(_odd_beside_good, name, "odd.onnx"), slow=slow)
        if name in TEXTUAL:
            for ending in ("onnxtxt", "json", "textproto"):
                file = f"odd.{ending}"
                texts = checks if name in READ else (errs(file), complete("good.onnx"))
                build = partial(_odd_beside_good, name, file)
                yield odd(f"{name}.{ending}", build=build, checks=texts, slow=True)
    both_last = partial(_odd_beside_good, "link_to_itself", "odd.onnx", more=("-j", "2"))
    looped = (errs("odd.onnx"), complete("good.onnx"))
    yield Case("link_to_itself_jobs", "M7", both_last, looped, (2,), slow=True)
    text = partial(_odd_beside_good, "link_to_itself", "odd.onnx", options=("--static-only",))
    shown = (says("ARC001"), says(r"odd\.onnx"))
    yield Case("link_to_itself_in_text", "M7", text, shown, (2,), slow=True)
    for command in ("inspect", "diff", "fix", "reference"):
        for name in ("link_to_itself", "pipe", "link_to_zeros", "folder", "unreadable"):
            build = partial(_odd_for, command, name)
            yield Case(f"{command}_{name}", "M7", build, reports=False, told=command == "inspect",
                       exits=(2,) if command == "inspect" else (0, 1, 2), slow=True)  # fmt: skip


def _odd_beside_good(
    name: str, file: str, folder: Path, *, more: tuple[str, ...] = (),
    options: tuple[str, ...] = REPORT,
) -> Command:  # fmt: skip
    write(folder / "good.onnx")
    ODD[name](folder / file)
    prepare = without_rights if name in RIGHTLESS else None
    return Command(("good.onnx", file, *options, *more), prepare=prepare)


def _odd_for(command: str, name: str, folder: Path) -> Command:
    write(folder / "good.onnx")
    ODD[name](folder / "odd.onnx")
    arguments = {
        "inspect": ("inspect", "odd.onnx"),
        "diff": ("odd.onnx", "--diff", "--static-only"),
        "fix": ("odd.onnx", "--fix", "--static-only"),
        "reference": ("good.onnx", "--reference", "odd.onnx", "--format", "json"),
    }[command]
    return Command(arguments, prepare=without_rights if name in RIGHTLESS else None)


# --- paths that are only spelt oddly -----------------------------------------------------------

SPELLINGS: dict[str, str | bytes] = {
    "of_256_letters": "a" * 256 + ".onnx",
    "of_5000_letters": "a" * 5_000 + ".onnx",
    "of_3000_folders": "a/" * 3_000 + "a.onnx",
    "of_100000_letters": "a" * 100_000,
    "up_and_up": "../" * 2_000 + "a.onnx",
    "below_a_file": "good.onnx/x.onnx",
    "with_a_slash": "good.onnx/",
    "empty": "",
    "blank": " ",
    "not_utf8": b"bad\xff\xfe.onnx",
    "glob_cut": "[a",
    "glob_of_stars": "**/" * 12 + "*.onnx",
    "glob_of_question_marks": "?" * 3_000,
    "glob_of_brackets": "[" * 50_000 + "]",
    "glob_of_long_names": "*" + "a" * 5_000,
    "home": "~/x.onnx",
    "memory": "/proc/self/mem",
    "descriptor": "/dev/fd/99",
    "url": "https://example.com/model.onnx",
    "unc": "\\\\host\\share\\m.onnx",
    "option": "--no-such-option",
    "newline": "a\nError: b.onnx",
    "control": "a\x1b[2J\u202e.onnx",
}


def _spellings() -> Iterator[Case]:
    """None of them names a file: the good one is reported all the same, or a sentence says why."""
    for name, path in SPELLINGS.items():
        slow = name not in ("of_256_letters", "of_5000_letters")
        build = partial(_spelt, path)
        yield Case(f"path_{name}", "M7", build, (_refused_or_complete,), (1, 2), slow=slow)
    yield Case("path_not_utf8_exists", "M7", _named_in_bytes, (complete(".onnx"),), (1, 2))
    yield Case("path_not_utf8_in_folder", "M3", partial(_named_in_bytes, in_folder=True),
               (complete(".onnx"),), (1, 2), slow=True)  # fmt: skip
    yield Case("paths_that_exist", "M7", _odd_names, (_all_complete(9),), (1,), slow=True)
    yield Case("path_twice", "M7", _twice, (_all_complete(2),), (1,), slow=True)
    yield Case("many_paths", "M7", _many, (_all_complete(60),), (1,), slow=True, seconds=60)


def _spelt(path: str | bytes, folder: Path) -> Command:
    write(folder / "good.onnx")
    return Command(("good.onnx", path, *REPORT))


def _refused_or_complete(outcome: Outcome) -> str | None:
    """As today for a path that names nothing: one sentence; else a report of the good one."""
    return complete("good.onnx")(outcome) if outcome.models else None


def _named_in_bytes(folder: Path, *, in_folder: bool = False) -> Command:
    name = b"bad\xff\xfe.onnx"
    where = os.fsencode(folder / "models")
    Path(folder / "models").mkdir()
    with open(os.path.join(where, name), "wb") as file:  # noqa: PTH118, PTH123 - a name in bytes
        file.write(parsed(FLAWED).SerializeToString())
    return Command(("models" if in_folder else b"models/" + name, *REPORT))


def _odd_names(folder: Path) -> Command:
    names = ["a b.onnx", "[a].onnx", "{0} %s.onnx", "x.y.onnx", "@rsp.onnx", "ünïcödé-模型.onnx",
             "UPPER.ONNX", "'quoted\".onnx", "$HOME.onnx"]  # fmt: skip
    for name in names:
        write(folder / "models" / name)
    return Command(("models", *REPORT))


def _twice(folder: Path) -> Command:
    write(folder / "good.onnx")
    (folder / "hard.onnx").hardlink_to(folder / "good.onnx")
    return Command(("good.onnx", "good.onnx", "hard.onnx", *REPORT))


def _many(folder: Path) -> Command:
    for number in range(60):
        write(folder / "models" / f"m{number:03}.onnx")
    return Command(("models", *REPORT), prepare=limited(nofile=64))


def _all_complete(number: int) -> Callable[[Outcome], str | None]:
    def check(outcome: Outcome) -> str | None:
        if len(outcome.models) != number:
            return f"{len(outcome.models)} of {number} models are reported"
        return both(*(complete(str(model["path"])) for model in outcome.models))(outcome)

    return check


# --- folders -----------------------------------------------------------------------------------


def _folders() -> Iterator[Case]:
    kinds = {
        "unsearchable": _unsearchable,
        "unlisted": _unlisted,
        "linked_in_a_ring": _ring_of_folders,
        "with_odd_files": _folder_of_odd_files,
        "deep": _deep_folder,
    }
    for name, build in kinds.items():
        good = _refused_or_complete if name == "unlisted" else complete("good.onnx")
        kind = partial(Case, row="M7", checks=(good,), needs=linux_only)
        yield kind(f"folder_{name}", build=build, slow=name != "unsearchable", exits=(1, 2))
    file = (errs("model.onnx"), complete("good.onnx"))
    yield Case("file_in_unsearchable_folder", "M7", _file_in_unsearchable, file, (2,))
    yield Case("working_folder_unsearchable", "M7", _working_folder_unsearchable, slow=True,
               writes=("desk",))  # fmt: skip


def _unsearchable(folder: Path) -> Command:
    write(folder / "models" / "good.onnx")
    write(folder / "models" / "closed" / "model.onnx")
    (folder / "models" / "closed").chmod(0)
    return Command(("models", *REPORT), prepare=without_rights)


def _unlisted(folder: Path) -> Command:
    write(folder / "good.onnx")
    write(folder / "closed" / "model.onnx")
    (folder / "closed").chmod(0o311)
    return Command(("good.onnx", "closed", *REPORT), prepare=without_rights)


def _file_in_unsearchable(folder: Path) -> Command:
    write(folder / "good.onnx")
    write(folder / "closed" / "model.onnx")
    (folder / "closed").chmod(0)
    return Command(("good.onnx", "closed/model.onnx", *REPORT), prepare=without_rights)


def _working_folder_unsearchable(folder: Path) -> Command:
    write(folder / "good.onnx")
    (folder / "desk").mkdir()

    def prepare() -> None:
        (folder / "desk").chmod(0)
        without_rights()

    return Command((folder / "good.onnx", *REPORT), cwd=folder / "desk", prepare=prepare)


def _ring_of_folders(folder: Path) -> Command:
    write(folder / "models" / "good.onnx")
    (folder / "models" / "again").symlink_to(".")
    (folder / "models" / "up").symlink_to("..")
    return Command(("models", *REPORT))


def _folder_of_odd_files(folder: Path) -> Command:
    write(folder / "models" / "good.onnx")
    for name, make in ODD.items():
        make(folder / "models" / f"{name}.onnx")
    return Command(("models", *REPORT), prepare=without_rights)


def _deep_folder(folder: Path) -> Command:
    write(folder / "models" / "good.onnx")
    here = os.open(folder / "models", os.O_RDONLY)
    for _ in range(650):  # deeper than a path can be long
        os.mkdir("deeper", dir_fd=here)
        below = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    return Command(("models", *REPORT))


# --- files that go away ------------------------------------------------------------------------


def _vanishing() -> Iterator[Case]:
    judged = (_refused_or_both,)
    for moment in (0.2, 0.5, 0.8, 1.2):
        build = partial(_removed_at, moment)
        yield Case(f"removed_at_{moment}", "M7", build, judged, (1, 2), slow=True, writes=("*",))
    for name in ("truncated", "overwritten", "grown", "swapped"):
        for moment in (0.3, 0.6, 1.0):
            build = partial(_changed_at, name, moment)
            yield Case(f"{name}_at_{moment}", "faults", build, (complete("z.onnx"),), (1, 2),
                       slow=True, writes=("*",))  # fmt: skip


def _refused_or_both(outcome: Outcome) -> str | None:
    """A path that is gone before anything was read is a mistake of the caller's."""
    rest = both(complete("a.onnx"), complete("z.onnx"))
    return rest(outcome) if outcome.models else None


def _removed_at(moment: float, folder: Path) -> Command:
    for name in "abcdefz":
        write(folder / f"{name}.onnx")

    def meanwhile(running: Running) -> None:
        import time

        time.sleep(moment)
        for name in "bcdef":
            (folder / f"{name}.onnx").unlink(missing_ok=True)

    paths = [f"{name}.onnx" for name in "abcdefz"]
    return Command((*paths, *REPORT), meanwhile=meanwhile)


def _changed_at(how: str, moment: float, folder: Path) -> Command:
    """A model of 40 MB whose weights are mapped while somebody changes the file."""
    import numpy as np
    from onnx import numpy_helper

    model = parsed("net (float[N, 3200] x) => (float[N, 3200] y) <float[1] w = {1}> "
                   "{ y = MatMul(x, w) }")  # fmt: skip
    weight = np.random.default_rng(0).standard_normal((3200, 3200)).astype(np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    path = write(folder / "a.onnx", model)
    write(folder / "z.onnx")
    other = write(folder / "other.bin")

    def meanwhile(running: Running) -> None:
        import time

        time.sleep(moment)
        if how == "truncated":
            os.truncate(path, 1000)
        elif how == "overwritten":
            path.write_bytes(bytes(path.stat().st_size))
        elif how == "grown":
            with path.open("ab") as file:
                file.write(bytes(1 << 20))
        else:
            other.rename(path)

    return Command(("a.onnx", "z.onnx", "--format", "json"), meanwhile=meanwhile)


# --- where the report goes ---------------------------------------------------------------------


def _reports() -> Iterator[Case]:
    """Nothing that was given to be read is written over, and nothing odd is waited for."""
    for option in ("-o", "--output"):
        for name, target in {
            "model": "good.onnx", "other_model": "other.onnx", "dotted": "./good.onnx",
            "absolute": "{folder}/good.onnx", "link": "link.onnx", "hard_link": "hard.onnx",
            "config": "config.toml", "rules": "own.toml", "data": "x.npz",
            "folder": ".", "missing_folder": "no/such/report.json", "loop": "loop",
            "long": "a" * 300, "full": "/dev/full", "empty": "", "in_a_file": "good.onnx/x",
        }.items():  # fmt: skip
            if option == "--output" and name not in ("model", "long"):
                continue
            slow = option != "-o" or name not in ("model", "link")
            build = partial(_written_to, option, target)
            yield Case(f"report_over_{name}_{option.strip('-')}", "H7", build, exits=(2,),
                       reports=False, slow=slow)  # fmt: skip
    null = partial(_written_to, "-o", "/dev/null")
    yield Case("report_into_null", "H7", null, reports=False, exits=(1,), slow=True)


def _written_to(option: str, target: str, folder: Path) -> Command:
    import numpy as np

    good = write(folder / "good.onnx")
    write(folder / "other.onnx")
    (folder / "link.onnx").symlink_to("good.onnx")
    (folder / "hard.onnx").hardlink_to(good)
    (folder / "loop").symlink_to("loop")
    (folder / "config.toml").write_text("seed = 1\n")
    (folder / "own.toml").write_text(
        '[[rule]]\ncode = "AAA001"\nname = "own"\nseverity = "info"\nmessage = "a"\n'
        'pattern = "y = Softmax(x)"\n'
    )
    np.savez(folder / "x.npz", x=np.ones((2, 3), np.float32))
    given = ("--config", "config.toml", "--rules", "own.toml", "--data", "x.npz")
    return Command(
        ("good.onnx", "other.onnx", *given, *REPORT, option, target.format(folder=folder))
    )


# --- the same by way of Python -----------------------------------------------------------------

INTERFACE = """
import json, sys
from onnxlint import lint
for path in json.load(open("paths.json")):
    report = lint(path.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape"))
    print("told" if report.error else "judged", flush=True)
"""


def _interface() -> Iterator[Case]:
    """`lint` tells of a file that cannot be read; it raises for mistakes of the caller alone."""
    yield Case("lint_of_odd_paths", "M7", _called, (_seven_told,), (0,), reports=False,
               limits=False, needs=linux_only)  # fmt: skip


def _called(folder: Path) -> Command:
    import json
    import sys

    (folder / "loop.onnx").symlink_to("loop.onnx")
    os.mkfifo(folder / "pipe.onnx")
    paths = ["a\0b.onnx", "loop.onnx", "a" * 300, "a/" * 3_000, "pipe.onnx", "", "missing.onnx"]
    (folder / "paths.json").write_text(json.dumps(paths))
    return Command((), program=(sys.executable, "-c", INTERFACE))


def _seven_told(outcome: Outcome) -> str | None:
    told = outcome.out.split()
    return None if told == ["told"] * 7 else f"of 7 odd paths it tells {told.count('told')}"
