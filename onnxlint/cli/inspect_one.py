"""`onnxlint inspect MODEL NAME`: one node or value, with its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxlint.safety.printable import json_text, printable

if TYPE_CHECKING:
    from onnxlint.inspection.slices import Index
    from onnxlint.settings import Settings

SUFFIXES = (".npy", ".npz")


def check_name(name: str | None, choosing: Mapping[str, Any], of_one: Mapping[str, Any]) -> None:
    """Refuses options that are about a table where one node is shown, and the other way round.

    Raises:
        click.UsageError: there are some.
    """
    options = of_one if name is None else choosing
    wrong = [option for option, given in options.items() if _is_given(given)]
    if wrong and name is None:
        raise click.UsageError(f"{wrong[0]} shows one node or value; name it after the model")
    if wrong:
        shown = printable(name or "")
        raise click.UsageError(f"{wrong[0]} chooses among layers; leave it out, or {shown!r}")


def _is_given(option: Any) -> bool:
    return option is not None and option is not False and option != ()


def check_place(iteration: int | None, call: str | None, *, has_numbers: bool) -> None:
    """Refuses a choice of an iteration or call where no numbers are asked for.

    Raises:
        click.UsageError: there is one.
    """
    for option, given in (("--iteration", iteration), ("--call", call)):
        if given is not None and not has_numbers:
            raise click.UsageError(f"{option} chooses numbers; add --slice or --dump")


def index_of(text: str | None) -> Index | None:
    """What `--slice` says.

    Raises:
        click.UsageError: it cannot be read.
    """
    from onnxlint.inspection.slices import SliceError, parse

    try:
        return None if text is None else parse(text)
    except SliceError as error:
        raise click.UsageError(f"--slice: {printable(str(error))}") from error


def check_dump(dump: Path | None) -> None:
    """Refuses what `--dump` cannot write.

    Raises:
        click.UsageError: it names another format, or what is not to be replaced.
    """
    from onnxlint.safety.writing import obstacle

    if dump is None:
        return
    shown = printable(str(dump))
    if dump.suffix not in SUFFIXES:
        raise click.UsageError(f"--dump {shown}: the suffix must be .npy or .npz")
    problem = obstacle(dump)
    if problem is not None:
        raise click.UsageError(f"--dump {shown} {problem}; choose another file")
    if not dump.parent.is_dir():
        raise click.UsageError(f"--dump {shown}: the folder does not exist")


def check_time(time: bool, name: str | None, *, static_only: bool) -> None:
    """Refuses to time what is not run, or one node alone.

    Raises:
        click.UsageError: that is asked for.
    """
    if time and static_only:
        raise click.UsageError("--time runs the model; leave out --static-only")
    if time and name is not None:
        raise click.UsageError(
            f"--time is of the whole model; leave it out, or {printable(name)!r}"
        )


def show_one(
    model: str, name: str, settings: Settings, *, static_only: bool, bounds: bool,
    index: Index | None, dump: Path | None, as_json: bool, iteration: int | None = None,
    call: str | None = None,
) -> None:  # fmt: skip
    """Prints what there is to show of a node or value, and writes its numbers.

    Raises:
        click.ClickException: there is no such node or value, or no numbers of it.
    """
    import msgspec

    from onnxlint.inspection.detail_text import lines
    from onnxlint.inspection.looking import InspectionError
    from onnxlint.inspection.looking_closer import look_closer

    try:
        detail, numbers, arrays = look_closer(
            model, name, settings, static_only=static_only, bounds=bounds, index=index,
            dumps=dump is not None, iteration=iteration, call=call,
        )  # fmt: skip
    except InspectionError as error:
        raise click.ClickException(printable(str(error))) from error
    if dump is not None:
        _write(dump, arrays, is_node=detail.layer is not None)
    if detail.unobserved is not None:
        click.echo(printable(f"no observed ranges: {detail.unobserved}"), err=True)
    if as_json:
        click.echo(json_text({**msgspec.to_builtins(detail), "numbers": numbers}))
        return
    for line in lines(detail, numbers):
        click.echo(line)


def _write(dump: Path, arrays: Sequence[bytes], *, is_node: bool) -> None:
    """The arrays as they are: one as .npy, or each in an .npz by the number of its output."""
    import io

    import numpy as np

    from onnxlint.safety.writing import replacing

    if dump.suffix == ".npy" and len(arrays) != 1:
        told = f"the node has {len(arrays)} outputs; use .npz, or name one of them"
        raise click.UsageError(f"--dump {printable(str(dump))}: {told}")
    try:
        with replacing(dump) as file:
            if dump.suffix == ".npy":
                file.write(arrays[0])
            else:
                loaded = [np.load(io.BytesIO(each), allow_pickle=False) for each in arrays]
                names = (f"output{slot}" if is_node else "value" for slot in range(len(loaded)))
                np.savez(file, **dict(zip(names, loaded, strict=True)))
    except OSError as error:
        raise click.ClickException(f"{printable(str(dump))}: {error.strerror}") from error
