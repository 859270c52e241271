"""`python -m tests.hostile [--minutes 5] [--seed N]`: all small inputs, then large and mutated ones in turns.

An input that is not dealt with as it should be is kept, and named at the end; the exit code is 1 then.
"""

import argparse
import json
import random
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from rich.console import Console
from rich.markup import escape

from tests.hostile import campaign_files, contact_files, parquet_files, workbooks
from tests.hostile.confined import Confined, Outcome
from tests.hostile.contact_files import Maker
from tests.hostile.message_texts import SOURCES
from tests.hostile.mutation import mutate
from tests.hostile.surfaces import each_surface_of, texting_provider

CORPUS = Path(__file__).parent / "corpus"
SMALL: dict[str, dict[str, Maker]] = {
    "contacts": contact_files.SMALL | workbooks.SMALL | parquet_files.SMALL,
    "campaign": campaign_files.SMALL,
}
LARGE: dict[str, dict[str, Maker]] = {
    "contacts": contact_files.LARGE | workbooks.LARGE | parquet_files.LARGE,
    "campaign": campaign_files.LARGE,
}


_MUTATIONS_FOR_A_LARGE_ONE = 10


@dataclass(frozen=True, slots=True)
class Case:
    """One input on one surface."""

    name: str
    surface: str
    argument: str
    input_bytes: int = 0


def make(directory: Path, name: str, maker: Maker) -> Path:
    """The file, made."""
    path = directory / name
    maker(path)
    if name.endswith(".yaml") and path.is_file():
        path.write_bytes(path.read_bytes().replace(b"PROVIDER", texting_provider().encode()))
    return path


def size_of(path: Path) -> int:
    """In bytes; 0 of what is no file."""
    return path.stat().st_size if path.is_file() else 0


def cases_of(makers: dict[str, dict[str, Maker]], directory: Path) -> Iterator[Case]:
    """Every file on every surface for its kind; each file is there until the next one is asked for."""
    for kind, of_kind in makers.items():
        for name, maker in of_kind.items():
            path = make(directory, name, maker)
            for surface in each_surface_of(kind):
                yield Case(name, surface, str(path), size_of(path))
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)


def text_cases() -> Iterator[Case]:
    """Every campaign text."""
    for source in SOURCES:
        yield Case(repr(source[:50]), "text", json.dumps(source), len(source))


def mutations(directory: Path, dice: random.Random) -> Iterator[Case]:
    """Damaged files, texts and callbacks, without end."""
    originals = [(kind, name, maker) for kind, of_kind in SMALL.items() for name, maker in of_kind.items()]
    while True:
        kind, name, maker = dice.choice(originals)
        path = make(directory, name, maker)
        if path.is_file() and not path.is_symlink():
            path.write_bytes(mutate(path.read_bytes(), dice))
            yield Case(f"mutated {name}", dice.choice(list(each_surface_of(kind))), str(path), size_of(path))
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        if dice.random() < 0.3:
            source = mutate(dice.choice(SOURCES).encode("utf-8", "surrogatepass"), dice).decode("latin-1")
            yield Case(repr(source[:50]), "text", json.dumps(source), len(source))
        if dice.random() < 0.1:
            seed = dice.randrange(1 << 30)
            yield Case(f"callbacks {seed}", "callbacks", str(seed), 1 << 20)


def main(arguments: list[str] | None = None) -> int:
    """Try, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="for all of it (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of the mutations; told when it is not given")
    parser.add_argument("--only", default="", help="only inputs with this in their names")
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(1 << 30) if options.seed is None else options.seed
    console = Console()
    console.print(f"seed {seed}")
    until = time.monotonic() + 60 * options.minutes
    found: list[tuple[Case, Outcome]] = []
    worst: list[tuple[Case, Outcome]] = []
    tried = 0
    kept = Path(mkdtemp(prefix="rollcall-hostile-kept-"))
    with TemporaryDirectory(prefix="rollcall-hostile-") as name, Confined(Path(name)) as confined:
        directory = Path(name)
        for case in _all_cases(directory, random.Random(seed)):  # noqa: S311  # it has to repeat itself
            if time.monotonic() > until:
                break
            if options.only not in case.name:
                continue
            tried += 1
            outcome = confined.attempt(case.surface, case.argument, input_bytes=case.input_bytes)
            worst = sorted([*worst, (case, outcome)], key=_badness)[-8:]
            if not outcome.is_fine:
                found.append((case, outcome))
                _tell(console, case, outcome)
                _keep(kept, case, len(found))
    console.print(f"{tried:,} inputs tried, {len(found)} not dealt with; the most expensive ones:")
    for case, outcome in worst:
        _tell(console, case, outcome)
    if found:
        console.print(f"kept in {kept}")
        return 1
    kept.rmdir()
    return 0


def _all_cases(directory: Path, dice: random.Random) -> Iterator[Case]:
    yield from text_cases()
    for path in sorted(CORPUS.iterdir()):
        kind = "campaign" if path.suffix == ".yaml" else "contacts"
        for surface in each_surface_of(kind):
            yield Case(path.name, surface, str(path), size_of(path))
    yield from cases_of(SMALL, directory)
    large = cases_of(LARGE, directory)
    for number, mutated in enumerate(mutations(directory, dice)):
        if number % _MUTATIONS_FOR_A_LARGE_ONE == 0:  # these take long, and the time is for both
            yield from islice(large, 1)
        yield mutated


def _badness(tried: tuple[Case, Outcome]) -> float:
    return max(tried[1].seconds, tried[1].peak_bytes / (100 << 20))


def _tell(console: Console, case: Case, outcome: Outcome) -> None:
    sign = "[green]fine[/]" if outcome.is_fine else "[bold red]FOUND[/]"
    size = f"{outcome.seconds:6.1f} s {outcome.peak_bytes >> 20:5} MB"
    console.print(
        f"{sign} {size}  {case.surface:9} {escape(case.name)}: {escape(ascii(outcome.what)[1:200])}",
        soft_wrap=True,
    )


def _keep(directory: Path, case: Case, number: int) -> None:
    path = Path(case.argument) if case.surface not in {"text", "callbacks"} else None
    if path is None:
        (directory / f"{number}.{case.surface}").write_text(case.argument, encoding="utf-8")
    elif path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20:
        shutil.copy(path, directory / f"{number} {path.name}")


if __name__ == "__main__":
    sys.exit(main())
