"""The sandbox can catch the adapters' mistakes only while it shares nothing with them."""

import ast
from pathlib import Path

SANDBOX = Path(__file__).parents[2] / "deployments" / "sandbox"


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_the_sandbox_imports_nothing_from_tasks_or_flows():
    imported = {(path.name, module) for path in SANDBOX.rglob("*.py") for module in imported_modules(path)}
    assert imported
    assert {pair for pair in imported if pair[1].split(".")[0] in {"tasks", "flows"}} == set()
    ours = {module for _, module in imported if module.startswith("deployments")}
    # A socket is no reading of anybody's documentation.
    others = {module for module in ours if not module.startswith("deployments.sandbox")}
    assert others == {"deployments.listening"}


def test_no_provider_of_the_sandbox_imports_another():
    providers = {path.name for path in SANDBOX.iterdir() if path.is_dir() and (path / "app.py").exists()}
    assert providers >= {"bird", "octopush"}
    for provider in providers:
        for path in (SANDBOX / provider).rglob("*.py"):
            for module in imported_modules(path):
                parts = module.split(".")
                assert not set(parts[2:3]) & (providers - {provider}), f"{path.name} imports {module}"
