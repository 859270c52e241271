"""The rules of the house that a machine can check, each a function from a tree to what breaks the rule in it."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

CODE = ("deployments", "flows", "tasks")
"""The packages."""

PURE = ("tasks/contacts", "tasks/messaging")
"""Know no clock and no files: equal rows give equal messages, today and tomorrow, here and there."""

NOT_FLOWS = (
    "flows/approval.py",
    "flows/arguments.py",
    "flows/campaign_hours.py",
    "flows/control_command.py",
    "flows/form_groups.py",
    "flows/import_command.py",
    "flows/named_runs.py",
    "flows/confirmation.py",
    "flows/parameters.py",
    "flows/privacy_command.py",
    "flows/reconcile_command.py",
    "flows/seeds.py",
    "flows/terminal.py",
    "flows/yaml_files.py",
)
"""What flows share; every other file in `flows/` is one flow."""

_SHARED_BY_PROVIDERS = ("tasks/providers/registry.py", "deployments/sandbox/registry.py", "deployments/demo.py")

_WORLD = frozenset({"glob", "io", "os", "pathlib", "shutil", "socket", "subprocess", "tempfile", "time"})
_CLOCK_CALLS = frozenset({"now", "today", "utcnow"})
_SAYS_NOTHING = frozenset(
    {"common", "helper", "helpers", "manager", "managers", "service", "services", "util", "utils"}
)


def misplaced_provider_names(root: Path, providers: Iterable[str]) -> list[str]:
    """Lines that name a provider outside its adapter, its sandbox, the two registries, and the demo.

    Anything else that knows a provider by name will have to be changed for the next one.
    """
    found = []
    for provider in providers:
        homes = (f"tasks/providers/{provider}/", f"deployments/sandbox/{provider}/", *_SHARED_BY_PROVIDERS)
        for path in _python_files(root, *CODE):
            where = path.relative_to(root).as_posix()
            if where.startswith(homes):
                continue
            found += [
                f"{where}:{number} names {provider}"
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
                if provider in line.casefold()
            ]
    return found


def impure_lines(root: Path) -> list[str]:
    """Lines of the pure packages that could look at the clock or at files."""
    found = []
    for path in _python_files(root, *PURE):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    reached = {alias.name.partition(".")[0] for alias in names} & _WORLD
                case ast.ImportFrom(module=str(module)):
                    reached = {module.partition(".")[0]} & _WORLD
                case ast.Call(func=ast.Name(id="open")):
                    reached = {"open"}
                case ast.Attribute(attr=attribute) if attribute in _CLOCK_CALLS:
                    reached = {attribute}
                case _:
                    continue
            found += [f"{path.relative_to(root).as_posix()}:{node.lineno} uses {name}" for name in sorted(reached)]
    return found


def modules_without_docstring(root: Path) -> list[str]:
    """Public modules that do not say what they hold; an empty `__init__.py` holds nothing."""
    return [
        path.relative_to(root).as_posix()
        for path in _python_files(root, *CODE)
        if not _is_private(path)
        and (code := path.read_text(encoding="utf-8")).strip()
        and ast.get_docstring(ast.parse(code)) is None
    ]


def flow_files_without_their_flow(root: Path) -> list[str]:
    """Files in `flows/` that do not define one flow, named like the file: `send_campaign` as "send-campaign"."""
    found = []
    for path in _python_files(root, "flows"):
        where = path.relative_to(root).as_posix()
        if path.stem == "__init__" or where in NOT_FLOWS:
            continue
        flows = list(_flows(ast.parse(path.read_text(encoding="utf-8"))))
        if flows != [(path.stem, path.stem.replace("_", "-"))]:
            found.append(f"{where} defines {flows or 'no flow'}")
    return found


def modules_named_for_nothing(root: Path) -> list[str]:
    """Modules and packages whose name says that something is in them, and not what."""
    return sorted(
        {
            path.relative_to(root).as_posix()
            for file in _python_files(root, *CODE, "tests")
            for path in (file, *file.parents)
            if path.is_relative_to(root) and _SAYS_NOTHING & set(re.split(r"[^a-z]+", path.stem))
        }
    )


def _python_files(root: Path, *folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def _is_private(path: Path) -> bool:
    return path.stem.startswith("_") and not path.stem.startswith("__")


def _flows(module: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Every flow of a module: the function's name, and the name that Prefect shows."""
    for function in module.body:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in function.decorator_list:
            match decorator:
                case ast.Name(id="flow"):
                    yield function.name, function.name.replace("_", "-")
                case ast.Call(func=ast.Name(id="flow"), keywords=keywords):
                    names = [word.value.value for word in keywords if word.arg == "name" and _is_text(word.value)]
                    yield function.name, names[0] if names else function.name.replace("_", "-")


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
