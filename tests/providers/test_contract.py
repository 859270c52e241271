"""What every registered adapter must do. A new provider brings a `cases_<provider>.py`; nothing here names one."""

import json
import logging
import pickle
import traceback
from importlib import import_module
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from tasks.messaging.content import Content, ContentKind
from tasks.providers.base import Provider, ProviderCredentials, ProviderOptions
from tasks.providers.errors import (
    ConfigurationError,
    OutcomeUnknown,
    ProviderError,
    ProviderThrottled,
    ProviderUnreachable,
)
from tasks.providers.http import USER_AGENT, RetryPolicy
from tasks.providers.registry import PROVIDER_NAMES, load_provider
from tests.providers.cases import ErrorCase, Exchange, ProblemCase, ProviderCases, RequestCase

pytestmark = pytest.mark.anyio

CASES: dict[str, ProviderCases] = {
    name: import_module(f"tests.providers.cases_{name}").CASES for name in PROVIDER_NAMES
}
every_provider = pytest.mark.parametrize("name", PROVIDER_NAMES)
every_request = pytest.mark.parametrize(
    ("name", "case"), [pytest.param(n, c, id=f"{n}: {c.id}") for n in PROVIDER_NAMES for c in CASES[n].requests]
)
every_error = pytest.mark.parametrize(
    ("name", "case"), [pytest.param(n, c, id=f"{n}: {c.id}") for n in PROVIDER_NAMES for c in CASES[n].errors]
)
every_problem = pytest.mark.parametrize(
    ("name", "case"), [pytest.param(n, c, id=f"{n}: {c.id}") for n in PROVIDER_NAMES for c in CASES[n].problems]
)


class ScriptedNetwork(httpx.AsyncBaseTransport):
    """Stands in for the network: answers as scripted, and keeps what was asked."""

    def __init__(self, *script: httpx.Response | Exception) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def build(name: str, case: RequestCase, network: httpx.AsyncBaseTransport | None = None) -> Provider:
    provider = load_provider(name)
    adapter: Any = provider  # `retry` is not part of the interface
    built: Provider = adapter(
        provider.Credentials(**CASES[name].credentials),
        case.content,
        provider.Options(**case.options),
        transport=network,
        retry=RetryPolicy(attempts=1),
    )
    return built


async def send_and_fail(name: str, step: httpx.Response | Exception) -> ProviderError:
    """The error that the provider's first request case ends in when the network does this."""
    case = CASES[name].requests[0]
    network = ScriptedNetwork(step)
    async with build(name, case, network) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.send(case.messages, case.batch)
    assert network.script == []
    return caught.value


def addresses_in(case: RequestCase) -> list[str]:
    return [message.address.lstrip("+") for message in case.messages]


@every_provider
def test_what_a_provider_can_do_is_readable_without_credentials_and_consistent(name: str) -> None:
    provider = load_provider(name)
    can = provider.capabilities
    assert provider.name == name
    least, most = can.recommended_recipients_per_request
    assert 1 <= least <= most <= can.max_recipients_per_request
    assert can.max_requests_in_flight >= 1
    assert bool(can.placeholders) == bool(can.placeholder_max_chars)
    assert (ContentKind.MEDIA in can.contents) == bool(can.max_media)
    assert can.max_schedule_ahead is None or can.can_schedule
    provider.Options()  # a campaign may leave all of them out


@every_provider
def test_credentials_do_not_show_their_secrets(name: str) -> None:
    cases = CASES[name]
    credentials = load_provider(name).Credentials(**cases.credentials)
    for secret in cases.secrets:
        assert secret not in f"{credentials!r} {credentials}"
        assert secret not in repr(build(name, cases.requests[0]))


@every_provider
def test_an_option_that_the_provider_does_not_have_is_an_error(name: str) -> None:
    with pytest.raises(ValidationError, match="unknown key"):
        load_provider(name).Options.model_validate({"no_such_option": 1})


@every_provider
def test_every_option_is_shown_on_the_wire_by_a_case(name: str) -> None:
    shown = {key for case in CASES[name].requests for key in case.options}
    assert shown == set(load_provider(name).Options.model_fields)


@every_provider
def test_options_make_a_form(name: str) -> None:
    schema = load_provider(name).Options.model_json_schema()
    assert set(schema["properties"]) == set(load_provider(name).Options.model_fields)


@every_request
async def test_the_request_is_exact_and_every_message_has_its_outcome_in_order(
    name: str, case: RequestCase
) -> None:
    cases = CASES[name]
    last = Exchange(url=case.url or cases.url, request=case.request, status=case.status, answer=case.answer)
    exchanges = [] if case.request is None else [*case.before, last]
    network = ScriptedNetwork(*(httpx.Response(one.status, text=one.answer) for one in exchanges))
    async with build(name, case, network) as provider:
        outcomes = await provider.send(case.messages, case.batch)
    assert network.script == []
    assert outcomes == case.outcomes
    assert [outcome.reference for outcome in outcomes] == [message.reference for message in case.messages]
    for request, exchange in zip(network.requests, exchanges, strict=True):
        assert (request.method, str(request.url)) == (exchange.method, exchange.url)
        assert (json.loads(request.content) if request.content else None) == exchange.request
        headers = {key: cases.headers[key] for key in cases.headers if request.content or key != "content-type"}
        assert {key: request.headers.get(key) for key in headers} == headers
        assert request.headers["User-Agent"] == USER_AGENT


@every_request
def test_a_campaign_that_is_sent_has_no_problems(name: str, case: RequestCase) -> None:
    provider = load_provider(name)
    assert provider.find_problems(case.content, provider.Options(**case.options)) == []


@every_error
async def test_every_documented_error_becomes_its_class(name: str, case: ErrorCase) -> None:
    error = await send_and_fail(name, httpx.Response(case.status, text=case.body, headers=case.headers))
    assert type(error) is case.error
    assert (error.reason, error.raw_status) == (case.reason, case.raw_status)
    if isinstance(error, ProviderThrottled):
        assert error.retry_after_seconds == case.retry_after_seconds
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)  # noqa: S301  # our own bytes
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  # our own bytes


@every_problem
def test_what_the_provider_would_refuse_or_change_is_said_before_anything_is_sent(
    name: str, case: ProblemCase
) -> None:
    provider = load_provider(name)
    content, options = Content.model_validate(case.content), provider.Options(**case.options)
    problems = provider.find_problems(content, options, case.countries)
    assert len(problems) == len(case.problems), problems
    for problem, (key, words) in zip(problems, case.problems, strict=True):
        assert problem.startswith(f"{key}: ")
        assert words in problem
    if provider.find_problems(content, options):
        with pytest.raises(ConfigurationError):
            provider(provider.Credentials(**CASES[name].credentials), content, options)


@every_provider
@pytest.mark.parametrize(
    ("failure", "error_class"),
    [
        (httpx.ConnectError, ProviderUnreachable),
        (httpx.ConnectTimeout, ProviderUnreachable),
        (httpx.WriteTimeout, OutcomeUnknown),
        (httpx.WriteError, OutcomeUnknown),
        (httpx.ReadTimeout, OutcomeUnknown),
        (httpx.ReadError, OutcomeUnknown),
        (httpx.RemoteProtocolError, OutcomeUnknown),
        (RuntimeError, OutcomeUnknown),
    ],
)
async def test_a_lost_answer_may_have_been_sent_and_a_lost_connection_was_not(
    name: str, failure: type[Exception], error_class: type[ProviderError]
) -> None:
    assert type(await send_and_fail(name, failure("lost"))) is error_class


@every_provider
@pytest.mark.parametrize("status", [200, 302, 400, 401, 402, 422, 429, 500])
async def test_no_secret_and_no_address_is_shown_even_if_the_server_quotes_them(
    name: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cases = CASES[name]
    request = cases.requests[0]
    said = " ".join([*cases.secrets, *(f"+{address}" for address in addresses_in(request))])
    body = json.dumps({"code": said, "message": said, "title": said, "details": {said: [said]}})
    error = await send_and_fail(name, httpx.Response(status, text=body))
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    shown += "".join(f"{record.getMessage()}{record.args}" for record in caplog.records)
    for hidden in (*cases.secrets, *addresses_in(request)):
        assert hidden not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


@every_provider
def test_an_adapter_takes_only_its_own_credentials_and_options(name: str) -> None:
    provider, case = load_provider(name), CASES[name].requests[0]
    credentials = provider.Credentials(**CASES[name].credentials)
    with pytest.raises(TypeError):
        provider(credentials, case.content, ProviderOptions())
    with pytest.raises(TypeError):
        provider(ProviderCredentials(), case.content, provider.Options())
    with pytest.raises(TypeError):
        provider.find_problems(case.content, ProviderOptions())


@every_provider
async def test_a_request_of_another_shape_than_the_provider_takes_is_a_mistake_of_the_caller(name: str) -> None:
    case = CASES[name].requests[0]
    network = ScriptedNetwork()
    async with build(name, case, network) as provider:
        for messages, batch in (([], case.batch), (case.messages * 2, None)):
            with pytest.raises(ValueError, match="message"):
                await provider.send(messages, batch)
    assert network.requests == []
