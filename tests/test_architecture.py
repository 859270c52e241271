"""The rules of the house hold; and each of them notices when it is broken."""

from pathlib import Path

import pytest
from importlinter import api

from tasks.providers.registry import PROVIDER_NAMES
from tests import architecture_rules as rules

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path):
    """Write a small tree: `tree({"flows/x.py": "..."})`."""

    def write(files):
        for where, code in files.items():
            path = tmp_path / where
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code, encoding="utf-8")
        return tmp_path

    return write


def test_imports_keep_to_the_contracts(capsys):
    assert api.use_cases.lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None, no_logo=True), (
        capsys.readouterr()
    )


def test_a_broken_contract_is_noticed(tree, monkeypatch, capsys):
    root = tree(
        {
            "tiny_house/__init__.py": "",
            "tiny_house/roof.py": "",
            "tiny_house/cellar.py": "import tiny_house.roof\n",
            "pyproject.toml": """
                [tool.importlinter]
                root_packages = ["tiny_house"]
                [[tool.importlinter.contracts]]
                name = "Imports point down only"
                type = "layers"
                layers = ["tiny_house.roof", "tiny_house.cellar"]
            """,
        }
    )
    monkeypatch.syspath_prepend(root)
    assert not api.use_cases.lint_imports(str(root / "pyproject.toml"), cache_dir=None, no_logo=True)
    assert "tiny_house.cellar is not allowed to import tiny_house.roof" in capsys.readouterr().out


def test_a_provider_is_named_only_where_it_is_at_home():
    assert rules.misplaced_provider_names(ROOT, PROVIDER_NAMES) == []


def test_a_misplaced_name_of_a_provider_is_noticed(tree):
    root = tree(
        {
            "tasks/dispatch.py": "x = 1\nif provider == 'Acme':\n    pass\n",
            "tasks/providers/registry.py": "'acme'",
            "tasks/providers/acme/adapter.py": "class Acme: ...",
            "tasks/providers/other/adapter.py": "# unlike acme",
            "deployments/sandbox/acme/app.py": "acme = 1",
            "tests/providers/test_acme.py": "acme = 1",
        }
    )
    assert rules.misplaced_provider_names(root, ["acme"]) == [
        "tasks/dispatch.py:2 names acme",
        "tasks/providers/other/adapter.py:1 names acme",
    ]


def test_contacts_and_messaging_know_no_clock_and_no_files():
    assert rules.impure_lines(ROOT) == []


@pytest.mark.parametrize(
    ("line", "used"),
    [
        ("from datetime import datetime\ndatetime.now()", ["2 uses now"]),
        ("import datetime as d\nd.date.today()", ["2 uses today"]),
        ("import time", ["1 uses time"]),
        ("import os.path", ["1 uses os"]),
        ("from pathlib import Path", ["1 uses pathlib"]),
        ("open('x')", ["1 uses open"]),
        ("from datetime import timedelta\ntimedelta(1)", []),
    ],
)
def test_a_clock_or_a_file_in_a_pure_package_is_noticed(tree, line, used):
    root = tree({"tasks/contacts/x.py": line, "tasks/store/y.py": line})
    assert rules.impure_lines(root) == [f"tasks/contacts/x.py:{use}" for use in used]


def test_every_public_module_says_what_it_holds():
    assert rules.modules_without_docstring(ROOT) == []


def test_a_silent_module_is_noticed(tree):
    root = tree(
        {
            "tasks/silent.py": "x = 1\n",
            "tasks/__init__.py": "",
            "tasks/_private.py": "x = 1\n",
            "tasks/good.py": '"""Good."""\n',
            "flows/__main__.py": "x = 1\n",
        }
    )
    assert rules.modules_without_docstring(root) == ["flows/__main__.py", "tasks/silent.py"]


def test_every_flow_file_is_one_flow_of_the_same_name():
    assert rules.flow_files_without_their_flow(ROOT) == []


@pytest.mark.parametrize(
    ("code", "defines"),
    [
        ("@flow(name='count-rows')\ndef count_rows(): ...", None),
        ("@flow\ndef count_rows(): ...", None),
        ("def count_rows(): ...", "no flow"),
        ("@flow\ndef rows(): ...", "[('rows', 'rows')]"),
        ("@flow(name='rows')\ndef count_rows(): ...", "[('count_rows', 'rows')]"),
        ("@flow\ndef count_rows(): ...\n@flow\ndef x(): ...", "[('count_rows', 'count-rows'), ('x', 'x')]"),
    ],
)
def test_a_flow_file_without_its_flow_is_noticed(tree, code, defines):
    root = tree({"flows/count_rows.py": code, "flows/__init__.py": "", "flows/terminal.py": "x = 1"})
    expected = [] if defines is None else [f"flows/count_rows.py defines {defines}"]
    assert rules.flow_files_without_their_flow(root) == expected


def test_every_module_is_named_for_what_it_holds():
    assert rules.modules_named_for_nothing(ROOT) == []


def test_a_name_that_says_nothing_is_noticed(tree):
    root = tree(
        dict.fromkeys(("tasks/utils.py", "flows/common/x.py", "tests/http_helpers.py", "tasks/commons.py"), "")
    )
    assert rules.modules_named_for_nothing(root) == ["flows/common", "tasks/utils.py", "tests/http_helpers.py"]
