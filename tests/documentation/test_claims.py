"""What the documentation claims: its commands, examples, variables and figures exist."""

import importlib.util
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sqlmodel import SQLModel

from flows.arguments import parser_of
from flows.parameters import Campaign, read_campaign
from flows.terminal import ExitCode
from tasks.blocks import variable_name
from tasks.contacts.audience import Audience
from tasks.messaging.statuses import ExclusionReason, MessageStatus
from tasks.providers.field_tables import credential_rows, option_rows
from tasks.providers.matrix import feature_rows, matrix_as_markdown
from tasks.providers.registry import PROVIDER_NAMES, load_provider
from tests.browser.pictures import MOST_BYTES

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for pattern in ("*.md", "docs/**/*.md", "data/*.md")
    for path in sorted(ROOT.glob(pattern))
}
CAMPAIGNS = DOCUMENTS["docs/campaigns.md"]
OPERATORS = DOCUMENTS["docs/operators.md"]
DEVELOPERS = DOCUMENTS["docs/developers.md"]
OF_TESTS = {"ROLLCALL_SCREENSHOTS"}
"""Read by tests alone."""
MAKE_TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_that_is_named_exists(name):
    named = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", DOCUMENTS[name], re.MULTILINE))
    assert {target for pair in named for target in pair if target} <= MAKE_TARGETS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_module_that_is_run_exists(name):
    for module in re.findall(r"python -m ([a-z_.]+[a-z_])", DOCUMENTS[name]):
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_option_of_a_command_exists_also_where_it_is_only_mentioned(name):
    for flow, rest in re.findall(r"python -m flows\.([a-z_]+)([^`\n#]*)", DOCUMENTS[name]):
        known = parser_of(flow).format_help()
        for option in re.findall(r"(?<=\s)--[a-z-]+", rest):
            assert re.search(rf"{option}\b", known), f"{flow} {option}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_named_exists(name):
    for path in re.findall(r"`((?:tasks|flows|data|deployments|tests|docs)/[\w./-]+\.\w+)`", DOCUMENTS[name]):
        assert "NAME" in path or (ROOT / path).exists(), path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_to_a_page_and_to_a_heading_leads_somewhere(name):
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", DOCUMENTS[name]):
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{path}#{anchor}"


def anchors(page: str) -> list[str]:
    """The names that GitHub gives to the headings of a page."""
    without_code = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.startswith("docs/")])
def test_every_page_is_linked_from_another(name):
    links = re.compile(rf"\]\((?:docs/|\.\./)?(?:providers/)?{re.escape(Path(name).name)}[)#]")
    assert [other for other, text in DOCUMENTS.items() if other != name and links.search(text)]


def test_every_provider_has_its_page():
    assert {path.stem for path in (ROOT / "docs/providers").glob("*.md")} == set(PROVIDER_NAMES)


@pytest.mark.parametrize("path", sorted((ROOT / "data/campaigns").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_campaign_can_be_sent_as_it_is(path):
    assert read_campaign(path).find_problems() == []


def test_every_key_of_a_campaign_file_is_explained():
    for key in Campaign.model_fields:
        if key not in {"audience", "schedule", "options"}:
            assert f"`{key}`" in CAMPAIGNS, key
    for key in Audience.model_fields:
        assert f"`audience.{key}`" in CAMPAIGNS, key


def test_every_environment_variable_is_explained_and_every_one_that_is_named_exists():
    in_code = {
        found
        for folder in ("tasks", "flows", "deployments")
        for path in (ROOT / folder).rglob("*.py")
        for found in re.findall(r'"(ROLLCALL_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    of_providers = {
        variable_name(name, field)
        for name in PROVIDER_NAMES
        for field in load_provider(name).Credentials.model_fields
    }
    # `${ROLLCALL_...}` stands for any variable of the reader's own.
    named = {found for text in DOCUMENTS.values() for found in re.findall(r"(?<!\{)ROLLCALL_[A-Z_]*[A-Z]\b", text)}
    assert {name for name in named if not name.startswith("ROLLCALL_NAME_")} <= in_code | of_providers | OF_TESTS
    assert in_code | of_providers <= set(re.findall(r"`(ROLLCALL_[A-Z_]+)`", OPERATORS))


def test_the_body_of_hooks_that_is_recommended_is_the_one_that_is_read_best():
    from tasks.providers.dripcel.callbacks import RECOMMENDED_BODY  # noqa: PLC0415  # a provider's own

    assert f"```json\n{RECOMMENDED_BODY}\n```" in DOCUMENTS["docs/providers/dripcel.md"]


def test_every_exclusion_reason_status_and_exit_code_is_explained():
    for status in MessageStatus:
        assert f"| `{status}` |" in OPERATORS, status
    for reason in ExclusionReason:
        assert f"`{reason}`" in CAMPAIGNS, reason
    for code in ExitCode:
        assert f"| {code.value} |" in DEVELOPERS


def test_every_table_of_the_ledger_is_explained():
    for table in SQLModel.metadata.tables:
        assert f"`{table}`" in DEVELOPERS, table


def test_the_feature_matrix_is_what_the_capabilities_say():
    block = CAMPAIGNS.partition("<!-- matrix")[2].partition("-->")[2].partition("<!-- end of matrix")[0]
    # Put the output of `python -m tasks.providers --markdown` there.
    assert block.strip() == matrix_as_markdown(feature_rows())


def test_the_picture_of_the_architecture_is_drawn_for_light_and_dark_and_names_what_exists():
    picture = (ROOT / "docs/images/architecture.svg").read_text(encoding="utf-8")
    ET.fromstring(picture)  # noqa: S314  # ours
    assert "prefers-color-scheme: dark" in picture
    for flow in re.findall(r"flow ([a-z-]+)", picture):
        assert (ROOT / f"flows/{flow.replace('-', '_')}.py").exists(), flow


def test_what_both_locks_have_is_of_the_same_version():
    ours, browsers = (
        dict(re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.lock", "requirements-browser.lock")
    )
    shared = ours.keys() & browsers.keys()
    assert shared
    assert {name: ours[name] for name in shared} == {name: browsers[name] for name in shared}


def test_pictures_are_small_enough_for_a_repository_and_shown_somewhere():
    pictures = [path for path in (ROOT / "docs/images").iterdir() if path.suffix in {".png", ".svg"}]
    assert pictures
    for path in pictures:
        assert path.stat().st_size <= MOST_BYTES, path.name
        assert any(f"images/{path.name})" in text for text in DOCUMENTS.values()), path.name


@pytest.mark.parametrize("name", PROVIDER_NAMES)
def test_the_page_of_a_provider_has_its_credentials_and_options_as_they_are(name):
    # Put the output of `python -m tasks.providers --fields NAME` there.
    assert matrix_as_markdown(credential_rows(name)) in DOCUMENTS[f"docs/providers/{name}.md"]
    assert matrix_as_markdown(option_rows(name)) in DOCUMENTS[f"docs/providers/{name}.md"]


def words_on_the_page(name: str) -> dict[str, str]:
    """The provider's status words, and ours for them."""
    table = DOCUMENTS[f"docs/providers/{name}.md"].partition("\n| at ")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| `([a-z]+)` \|", table, re.MULTILINE))


def test_the_page_of_a_provider_has_every_status_word_and_what_it_is_here():
    from tasks.providers.bird.statuses import STATUSES as OF_BIRD  # noqa: PLC0415
    from tasks.providers.dripcel.statuses import meanings_with  # noqa: PLC0415
    from tasks.providers.indigitall.statuses import read_word  # noqa: PLC0415
    from tasks.providers.octopush.statuses import STATUSES as OF_OCTOPUSH  # noqa: PLC0415

    assert words_on_the_page("bird") == {word: status for word, (status, _) in OF_BIRD.items()}
    assert words_on_the_page("octopush") == {word: status for word, (status, _) in OF_OCTOPUSH.items()}
    assert words_on_the_page("dripcel") == {word: one.status for word, one in meanings_with(None).items()}
    of_indigitall = words_on_the_page("indigitall")
    assert len(of_indigitall) > 5
    assert of_indigitall == {word: read_word(word)[0] for word in of_indigitall}


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])


@pytest.mark.parametrize(("name", "least"), [("requirements.lock", 50), ("requirements-browser.lock", 2)])
def test_a_lock_has_a_hash_for_every_package_and_no_address(name, least):
    lock = (ROOT / name).read_text(encoding="utf-8")
    packages = re.findall(r"^[a-z0-9][\w.-]*==[^\n]*", lock, re.MULTILINE)
    assert len(packages) >= least
    assert all(line.rstrip().endswith("\\") for line in packages)
    assert "://" not in lock
