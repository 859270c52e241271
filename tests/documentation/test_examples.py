"""Every block of the documentation is true.

Commands and code are run, in the order of their page, as a reader types them; files are read by what reads them;
and what is said to be printed is printed.

Each page is one shell, in a folder with the sample data and an empty ledger. Its commands run in forks of a Python
that has imported everything (`warm_python.py`). Not run, but looked up, is what serves or works for minutes:
`make` says what it would do (`make -n`), `prefect` parses its options. The receiver and the sandbox start, and
stay until the page is over.
"""

import configparser
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from prefect.settings import PREFECT_API_URL
from rich.console import Console

from deployments.comparison import Comparison, show_comparisons
from deployments.demo import sandbox_variables
from deployments.processes import end_with_descendants
from deployments.sandbox.server import running_sandbox
from flows.parameters import read_campaign
from tests.documentation.pages import PAGES, ROOT, Block, blocks_of

RUN = {"sh", "python", "sql"}
READ: dict[str, Callable[[str], object]] = {}
"""What reads a file of each further language."""

NOT_COMPARED = {
    "make demo": "it takes three minutes; the rows of its table are compared below",
}
"""Commands whose output a page shows, and nobody makes here, with the reason."""

_SMALLEST = {
    "name": "example",
    "channel": "sms",
    "provider": "bird",
    "purpose": "transactional",
    "text": "Hello",
    "audience": {"path": "data/samples/contacts_small.csv"},
}

_SQL = """
import sys
from pathlib import Path
from sqlalchemy import text
from tasks.store.session import Ledger
with Ledger() as ledger, ledger.reading() as connection:
    rows = connection.execute(text(Path(sys.argv[1]).read_text().strip().rstrip(";"))).all()
print(*rows, sep="\\n")
sys.exit(0 if rows else "the query finds nothing in a ledger that has something")
"""
_PATIENCE_SECONDS = 900
_BASH = shutil.which("bash") or "bash"


def reads(language: str) -> Callable[[Callable[[str], object]], Callable[[str], object]]:
    """Register what reads the blocks of a language."""

    def register(read: Callable[[str], object]) -> Callable[[str], object]:
        READ[language] = read
        return read

    return register


@reads("yaml")
def read_campaign_text(text: str) -> None:
    """A campaign, or some keys of one, read as a file is."""
    given = re.findall(r"^(\w+):", text, re.MULTILINE)
    others = {} if "name" in given else {key: value for key, value in _SMALLEST.items() if key not in given}
    with NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        assert read_campaign(file.name, **others).find_problems() == []


@reads("json")
def read_json(text: str) -> None:
    json.loads(text)


@reads("ini")
def read_unit(text: str) -> None:
    """A unit of systemd whose command exists."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment]  # as the documentation of configparser does it
    unit.read_string(text)
    assert {"Unit", "Service", "Install"} == set(unit.sections())
    program, *arguments = unit["Service"]["ExecStart"].split()
    name = Path(program).name
    assert (ROOT / ".venv/bin" / name).exists(), program
    if name == "python":
        assert arguments[0] == "-m"
        assert (ROOT / arguments[1].replace(".", "/")).exists(), arguments[1]


def page_text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_in_a_language_that_is_checked(page):
    for block in blocks_of(page, page_text(page)):
        assert block.language in RUN | READ.keys() | {"text"}, f"{page}:{block.line}: ```{block.language}"


@pytest.mark.parametrize("page", PAGES)
def test_what_is_shown_as_text_is_what_something_before_it_prints(page):
    blocks = blocks_of(page, page_text(page))
    for number, block in enumerate(blocks):
        if block.language == "text":
            assert RUN & {earlier.language for earlier in blocks[:number]}, (
                f"{page}:{block.line}: nothing prints it"
            )


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_shown_can_be_read_by_what_reads_it(page):
    for block in blocks_of(page, page_text(page)):
        if block.language in READ:
            READ[block.language](block.text)


@pytest.fixture(scope="module")
def warm_python(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a Python that has imported everything."""
    directory = tmp_path_factory.mktemp("warm")
    path = directory / "socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.documentation.warm_python", str(path)],
        cwd=ROOT,
        env={
            **os.environ,
            "PREFECT_API_URL": PREFECT_API_URL.value() or "",
            "PREFECT_HOME": str(directory / "prefect"),
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
        },
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    yield path
    end_with_descendants(process, patience_seconds=20)
    process.stdout.close()


@pytest.fixture
def shell(warm_python: Path, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Type a script in a folder like the repository's; returns what was printed.

    Providers' credentials are set, for a sandbox, unless the page has to say itself what to do.
    """
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("python", "prefect", "make"):
        program = programs / name
        program.write_text(
            f"#!{sys.executable} -IS\n{Path(__file__).with_name('typed_command.py').read_text(encoding='utf-8')}",
            encoding="utf-8",
        )
        program.chmod(0o755)
    folder = tmp_path / "rollcall"
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/activate").write_text(f"PATH={programs}:$PATH\n", encoding="utf-8")
    for name in ("samples", "campaigns"):
        shutil.copytree(ROOT / "data" / name, folder / "data" / name)
    lasting = tmp_path / "lasting"
    lasting.touch()
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("ROLLCALL_", "PREFECT_"))}
    variables = {
        **ours,
        "COLUMNS": "400",
        "PYTHONPATH": str(folder),  # a relative path of the reader's own means his folder
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PATH_OF_MAKE": os.environ["PATH"],
        "DOCUMENTED_ROOT": str(ROOT),
        "WARM_PYTHON": str(warm_python),
        "LASTING": str(lasting),
        "ROLLCALL_DATABASE_URL": f"sqlite:///{folder / 'data/rollcall.db'}",
        "ROLLCALL_REPORT_DIRECTORY": "data/reports",
    }

    def type_in(script: str, *, has_credentials: bool = True) -> str:
        (folder / "page.sh").write_text(script, encoding="utf-8")
        # Into a file: what stays in the background would keep a pipe open.
        with (folder / "printed").open("w", encoding="utf-8") as output:
            code = subprocess.run(
                [_BASH, "-euo", "pipefail", "page.sh"],
                cwd=folder,
                env=variables | (sandbox_variables(running.url) if has_credentials else {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_PATIENCE_SECONDS,
                check=False,
            ).returncode
        printed = (folder / "printed").read_text(encoding="utf-8")
        assert code == 0, printed[-4000:]
        return printed

    with running_sandbox() as running:
        yield type_in
    for pid in lasting.read_text(encoding="utf-8").split():
        os.kill(int(pid), signal.SIGTERM)


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def with_ports_of_this_run(text: str) -> str:
    """The page with addresses that are free, or in use, on this machine."""
    sandbox, receiver = free_ports(2)
    prefect = PREFECT_API_URL.value() or ""
    text = text.replace("http://127.0.0.1:4200/api", prefect)
    return text.replace("8765", str(sandbox)).replace("8770", str(receiver))


def script_of(blocks: list[Block]) -> str:
    """All that a reader of the page types and saves, in order."""
    lines = []
    for number, block in enumerate(blocks):
        if block.first:
            lines.append(f"{{ {block.first}; }} > /dev/null || test $? -eq 1")
        lines.append(f"echo '=== {number}: {block.page}:{block.line}'")
        if block.language == "sh":
            lines.append(block.text)
        elif block.language in RUN or block.file:
            name = block.file or f"block{number}.{block.language.replace('python', 'py')}"
            lines.append(f"cat > {name} <<'END OF BLOCK'\n{block.text}END OF BLOCK")
            if block.language in RUN:
                lines.append(f"python {name}" if block.language == "python" else f"python read_sql.py {name}")
    return "\n".join([f"cat > read_sql.py <<'END OF BLOCK'{_SQL}END OF BLOCK", *lines, "echo '=== end'"])


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


@pytest.mark.parametrize(
    "page", [page for page in PAGES if {one.language for one in blocks_of(page, page_text(page))} & RUN]
)
def test_a_reader_who_types_the_page_gets_what_it_says(page, shell):
    blocks = blocks_of(page, with_ports_of_this_run(page_text(page)))
    printed = shell(script_of(blocks), has_credentials=page != "README.md")
    by_block = {
        int(number): plain(said)
        for number, said in re.findall(r"^=== (\d+): [^\n]*\n(.*?)(?=^=== )", printed, re.MULTILINE | re.DOTALL)
    }
    for number, block in enumerate(blocks):
        if block.language != "text":
            continue
        before = max(other for other in range(number) if blocks[other].language in RUN)
        if blocks[before].text.strip() in NOT_COMPARED:
            continue
        for line in block.text.splitlines():
            assert plain(line) in by_block[before], f"{page}:{block.line}: {line}\n\n{printed}"


def test_the_table_of_the_demo_has_the_rows_that_the_demo_prints():
    nothing = Comparison("octopush", *[0] * 11, is_balanced=True)
    with (console := Console(width=200)).capture() as printed:
        show_comparisons([nothing], console)
    shown = next(block for block in blocks_of("README.md", page_text("README.md")) if block.language == "text")

    def rows(table):
        return [line.split("│")[0].strip() for line in table.splitlines() if "│" in line]

    assert rows(shown.text) == rows(printed.get())


def test_a_block_that_could_hide_is_refused():
    with pytest.raises(ValueError, match="indented"):
        blocks_of("x.md", "1. a\n   ```sh\n   ls\n   ```\n")
    with pytest.raises(ValueError, match="not closed"):
        blocks_of("x.md", "```sh\nls\n")


@pytest.mark.parametrize(
    "wrong",
    [
        "```sh\nfalse\n```\n",
        "```sh\nmake no-such-target\n```\n",
        "```sh\nprefect worker strat\n```\n",
        "```sh\npython -m flows.send_campaign no-such-file.yaml\n```\n",
        "```python\nassert False\n```\n",
        "```sql\nSELECT * FROM campaign_run\n```\n",
        "```sh\npython --version\n```\n",
    ],
)
def test_what_is_wrong_in_a_page_is_noticed(wrong, shell):
    with pytest.raises(AssertionError):
        shell(script_of(blocks_of("x.md", wrong)))
