"""`onnxlint new`: start a pack of rules, or a rule."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("new")
def command() -> None:
    """Start a pack of rules, or a rule: files that work, to be filled in."""


@command.command("pack")
@click.argument("name")
@click.option("--prefix", metavar="PREFIX", help="Prefix of its codes, such as ACME.  [from NAME]")
@click.option("--in", "folder", type=click.Path(path_type=Path), default=Path(),
              metavar="FOLDER", help="Folder that the pack is made in.  [.]")  # fmt: skip
def pack(name: str, prefix: str | None, folder: Path) -> None:
    """Make a pack NAME, such as acme-rules: a package with one rule, its tests and a policy."""
    from onnxlint.scaffold import ScaffoldError, pack_files

    try:
        files = pack_files(name, prefix)
    except ScaffoldError as error:
        raise click.UsageError(str(error)) from error
    root = folder / name
    if root.exists():
        raise click.UsageError(f"{str(root)!r} exists; choose another name")
    _write({root / path: text for path, text in files.items()})
    click.echo(f"next: cd {root} && pip install -e '.[dev]' && pytest")


@command.command("rule")
@click.argument("code")
@click.argument("name")
@click.option("--in", "folder", type=click.Path(path_type=Path),
              metavar="PACK", help="Folder of a pack, or any folder of rules.  [.]")  # fmt: skip
def rule(code: str, name: str, folder: Path | None) -> None:
    """Make a rule NAME with CODE; a CODE without a number takes the pack's next one."""
    from onnxlint.rules.packs import discover
    from onnxlint.scaffold import Pack, ScaffoldError

    try:
        if folder is None:
            _require_choice(Pack.below(Path()), code)
        pack = Pack.at(folder or Path(), code)
        registry = discover()
        if pack.prefix not in {rule.family for rule in registry.rules}:  # it is not installed
            registry = discover([pack.folder] if pack.has_rules else [])
        file, text = pack.rule_file(code, name, registry)
    except ScaffoldError as error:
        raise click.UsageError(str(error)) from error
    _write({file: text})
    click.echo(f"next: fill it in, then: onnxlint test-rules {file}")


def _require_choice(packs: dict[str, list[str]], code: str) -> None:
    """Asks for the pack where the working directory only holds some.

    Raises:
        click.UsageError: it does.
    """
    if not packs:
        return
    told = ", ".join(f"{folder} ({', '.join(prefixes)})" for folder, prefixes in packs.items())
    fits = (folder for folder, prefixes in packs.items() if code.startswith(tuple(prefixes)))
    first = next(fits, next(iter(packs)))
    raise click.UsageError(
        f"this folder is no pack, and has packs in it: {told}; choose one with --in {first}, "
        "or --in . for a rule outside of them"
    )


def _write(files: dict[Path, str]) -> None:
    for file, text in files.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"{file}: {error.strerror or error}") from error
        click.echo(f"{file}")
