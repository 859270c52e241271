"""Where credentials come from: environment variables, else a Prefect Block; one pydantic model behind both."""

import os
from functools import cache
from typing import Any

from prefect.blocks.core import Block
from pydantic import HttpUrl, SecretStr, ValidationError, create_model

from tasks.providers.base import ProviderCredentials
from tasks.providers.errors import ConfigurationError
from tasks.providers.registry import load_provider

BLOCK_DOCUMENT_NAME = "rollcall"
"""The name under which a credentials block is looked up."""


class CredentialsBlock(Block):
    """Base of the credentials blocks, one per provider."""

    def as_mapping(self) -> dict[str, Any]:
        """The fields as plain values, secrets included."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in values.items()
            if value is not None
        }


@cache
def credentials_block(provider: str) -> type[CredentialsBlock]:
    """The Prefect Block class of a provider's credentials, with the fields of its `Credentials` model."""
    fields = load_provider(provider).Credentials.model_fields
    block: type[CredentialsBlock] = create_model(
        f"{provider.capitalize()}Credentials",
        __base__=CredentialsBlock,
        __module__=__name__,
        __doc__=f"Connection to {provider.capitalize()} for Rollcall.",
        **{name: (field.annotation, field) for name, field in fields.items()},  # type: ignore[call-overload]
    )
    block._block_type_name = f"Rollcall {provider} credentials"  # noqa: SLF001  # Prefect's own way to name it
    block._documentation_url = HttpUrl(load_provider(provider).documentation_url)  # noqa: SLF001  # the same
    block._block_type_slug = f"rollcall-{provider}-credentials"  # noqa: SLF001  # the same
    return block


def variable_name(provider: str, field: str) -> str:
    """The environment variable of one field: `ROLLCALL_<PROVIDER>_<FIELD>`."""
    return f"ROLLCALL_{provider}_{field}".upper()


def load_credentials(provider: str) -> ProviderCredentials:
    """A provider's credentials.

    Environment variables win; where none of a provider's variables is set, the Prefect Block is asked for.

    Raises:
        ConfigurationError: They are missing or malformed; it names the variables and the block.
    """
    model = load_provider(provider).Credentials
    given = {
        name: value for name in model.model_fields if (value := os.environ.get(variable_name(provider, name)))
    }
    values: dict[str, Any] = given or _from_block(provider)
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    block = f"{credentials_block(provider).get_block_type_slug()}/{BLOCK_DOCUMENT_NAME}"
    if missing := [variable_name(provider, name) for name in required if name not in values]:
        raise ConfigurationError(
            f"credentials for {provider} are missing: set {', '.join(missing)}, or save the Prefect block {block}"
        )
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(
            f"{variable_name(provider, str(fault['loc'][0]))} {fault['msg'][:1].lower()}{fault['msg'][1:]}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise ConfigurationError(
            f"credentials for {provider} cannot be used (or block {block}): {faults}"
        ) from None


def _from_block(provider: str) -> dict[str, Any]:
    try:
        document = credentials_block(provider).load(BLOCK_DOCUMENT_NAME)
    except ValueError:  # Prefect's answer for a block, or a block type, that does not exist
        return {}
    return document.as_mapping() if isinstance(document, CredentialsBlock) else {}
