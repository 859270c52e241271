"""Everything that can go wrong with a request to a provider, split by the only question that matters: was it sent?

    ProviderError
    ├── ProviderUnreachable     surely not sent: no connection                     retry
    ├── ProviderThrottled       surely not sent: the provider told us to wait      retry after
    ├── OutcomeUnknown          may have been sent: never retried, settled later
    ├── RequestRejected         not sent: the provider refused this request        do not retry unchanged
    ├── CredentialsRejected     not sent: key, role or account                     stop the run
    └── CreditExhausted         not sent: no money left                            stop the run

A class carries the decision; `tasks/sender.py` is the one place that turns classes into message statuses.
Mistakes in a campaign file or in the configuration are not ProviderErrors (see `ConfigurationError`), so that no
handling of failed requests can ever swallow them.
"""

from typing import Any, ClassVar, Literal


class ConfigurationError(Exception):
    """Credentials or settings are missing or cannot be used. Nothing was sent."""


class ProviderError(Exception):
    """A request to a provider did not end in an answer that accepts it.

    Args:
        message: For a person; holds no secret and no full address.
        reason: One lower_snake_case word for the ledger.
        raw_status: The provider's own code or word, or the HTTP status.
    """

    retryable: ClassVar[bool] = False
    may_have_sent: ClassVar[bool] = False
    stops_run: ClassVar[bool] = False
    fault: ClassVar[Literal["network", "provider", "request", "account"]]

    def __init__(self, message: str, *, reason: str, raw_status: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.raw_status = raw_status

    def __reduce__(self) -> tuple[Any, ...]:
        # Prefect pickles the exception of a failed task. Without this, loading it again fails for want of the
        # keyword-only arguments, and the run ends with that TypeError instead of what happened.
        return _unpickle, (type(self), str(self), dict(self.__dict__))


def _unpickle(error_class: type[ProviderError], message: str, state: dict[str, Any]) -> ProviderError:
    error = error_class.__new__(error_class, message)
    error.__dict__.update(state)
    return error


class ProviderUnreachable(ProviderError):
    """No connection could be made (refused, no such host, TLS): surely not sent."""

    retryable = True
    stops_run = True
    fault = "network"


class ProviderThrottled(ProviderError):
    """The provider answered that it did not process the request and wants it later.

    Args:
        retry_after_seconds: How long the provider asked to wait; None when it did not say.
    """

    retryable = True
    stops_run = True
    fault = "provider"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "rate_limited",
        raw_status: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, reason=reason, raw_status=raw_status)
        self.retry_after_seconds = retry_after_seconds


class OutcomeUnknown(ProviderError):
    """The request may have been processed and the answer was lost, or says nothing. Never sent again blindly."""

    may_have_sent = True
    fault = "provider"


class RequestRejected(ProviderError):
    """The provider read the request and refused it. Nothing was sent."""

    fault = "request"


class CredentialsRejected(ProviderError):
    """The provider does not know the key, or the account may not do this. Nothing was sent."""

    stops_run = True
    fault = "account"


class CreditExhausted(ProviderError):
    """The account has no credit left. Nothing was sent."""

    stops_run = True
    fault = "account"
