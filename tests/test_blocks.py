"""Credentials as Prefect Blocks and as environment variables, through one model."""

import pytest
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr

from tasks.blocks import credentials_block, load_credentials, variable_name
from tasks.providers.errors import ConfigurationError
from tasks.providers.registry import PROVIDER_NAMES, load_provider

EXAMPLES = {
    "bird": {
        "access_key": "key",
        "workspace_id": "00000000-0000-4000-8000-0000000000a1",
        "channel_id": "00000000-0000-4000-8000-0000000000c1",
    },
    "dripcel": {"api_key": "key"},
    "indigitall": {
        "base_url": "https://eu2.api.indigitall.com",
        "server_key": "00000000-0000-4000-8000-0000000000d1",
    },
    "octopush": {"api_login": "shop@example.com", "api_key": "key"},
}


@pytest.mark.parametrize("block", [credentials_block(name) for name in PROVIDER_NAMES], ids=PROVIDER_NAMES)
class TestBlocks(BlockStandardTestSuite):
    """Prefect's own suite for blocks: descriptions, code examples, logos."""

    @pytest.fixture
    def block(self, block):
        return block

    # It would fetch a picture from the internet; these blocks have none.
    test_has_a_valid_image = None


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in PROVIDER_NAMES:
        for field in load_provider(name).Credentials.model_fields:
            monkeypatch.delenv(variable_name(name, field), raising=False)


@pytest.mark.parametrize("provider", PROVIDER_NAMES)
def test_credentials_come_from_the_environment(provider, monkeypatch):
    for field, value in EXAMPLES[provider].items():
        monkeypatch.setenv(variable_name(provider, field), value)
    loaded = load_credentials(provider)
    assert loaded == load_provider(provider).Credentials.model_validate(EXAMPLES[provider])


@pytest.mark.parametrize("provider", PROVIDER_NAMES)
def test_what_is_secret_is_secret_in_the_block_too(provider):
    block = credentials_block(provider)
    model = load_provider(provider).Credentials
    secret = {
        name
        for name, field in model.model_fields.items()
        if SecretStr in {field.annotation, *getattr(field.annotation, "__args__", ())}
    }
    assert secret
    assert secret <= set(block.model_json_schema()["secret_fields"])


@pytest.mark.parametrize("provider", PROVIDER_NAMES)
def test_a_block_gives_the_same_credentials_as_the_environment(provider):
    block = credentials_block(provider)(**EXAMPLES[provider])
    assert load_provider(provider).Credentials.model_validate(block.as_mapping()) == load_provider(
        provider
    ).Credentials.model_validate(EXAMPLES[provider])


@pytest.mark.parametrize("provider", PROVIDER_NAMES)
def test_some_of_the_variables_are_not_enough_and_the_missing_ones_are_named(provider, monkeypatch):
    required = [
        name for name, field in load_provider(provider).Credentials.model_fields.items() if field.is_required()
    ]
    monkeypatch.setenv(variable_name(provider, "base_url"), "https://example.com")
    with pytest.raises(ConfigurationError) as caught:
        load_credentials(provider)
    for name in set(required) - {"base_url"}:
        assert variable_name(provider, name) in str(caught.value)
    assert f"rollcall-{provider}-credentials/rollcall" in str(caught.value)
