"""The indigitall sandbox: its endpoints."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from deployments.sandbox.clock import Clock, rfc3339
from deployments.sandbox.indigitall.contacts import UNSUBSCRIBE_PATH, Contact
from deployments.sandbox.indigitall.members import IndigitallError, Warn
from deployments.sandbox.indigitall.project import Occasion, Outcome, Project
from deployments.sandbox.indigitall.report import console_report
from deployments.sandbox.indigitall.request import Channel, ContactEntry, read_request
from deployments.sandbox.indigitall.sendings import IndigitallMessage, Sending, stats_by_day
from deployments.sandbox.indigitall.switches import IndigitallSettings
from deployments.sandbox.ledger import Recipient
from deployments.sandbox.provider import ProviderSandbox, json_answer
from deployments.sandbox.rolling_rate import RollingRate

MAX_STATS_DAYS = 99
TOO_MANY_REQUESTS = 429

_DEFAULT_LIMIT, _MAX_LIMIT = 50, 1000
_CAMPAIGNS_CREATED_AT = "2026-01-01T00:00:00.000Z"
_MESSAGES = {404: "not found", 429: "Too many requests", 500: "Internal server error"}

Handler = Callable[[Request], Awaitable[Response]]


class IndigitallSandbox(ProviderSandbox[IndigitallSettings]):
    """indigitall's transactional campaign send for SMS and e-mail, as its documentation describes it."""

    name = "indigitall"
    Settings = IndigitallSettings

    def __init__(self, settings: IndigitallSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._project = Project(self.ledger, _money(settings.credit))
        self._rate = RollingRate()

    def routes(self) -> Sequence[Route]:
        sends: dict[str, Channel] = {"/v2/sms/send/list": "sms", "/v2/email/send/list": "email"}
        reads: dict[str, Handler] = {
            "/v2/sms/campaign": self._campaigns,
            "/v2/sms/campaign/{id:int}": self._campaign,
            "/v2/sms/send": self._sendings,
            "/v2/sms/send/{id:int}": self._sending,
            "/v2/sms/stats/application": self._stats_of_application,
            "/v2/sms/stats/campaign": self._stats_of_campaigns,
            "/v2/sms/stats/campaign/{id:int}": self._stats_of_campaign,
            "/v2/sms/contact": self._contacts,
            "/v2/sms/contact/{id:int}": self._contact,
            "/v2/sms/topic": self._topics,
        }
        return [
            Route("/indigitall/v1/status", self._status, methods=["GET"]),
            *(
                Route(f"/indigitall{path}", self._guarded(self._send_on(channel)), methods=["POST"])
                for path, channel in sends.items()
            ),
            *(
                Route(f"/indigitall{path}", self._guarded(self._of_application(handler)), methods=["GET"])
                for path, handler in reads.items()
            ),
        ]

    def control_routes(self) -> Sequence[Route]:
        return [
            Route("/indigitall-control/report.csv", self._report),
            Route("/indigitall-control/contacts", self._put_contact, methods=["PUT"]),
            Route("/indigitall-control/sendings/{id:int}/cancel", self._cancel, methods=["POST"]),
            Route(UNSUBSCRIBE_PATH + "/{id:int}", self._unsubscribe),
        ]

    def error_response(self, status: int) -> Response:
        return self._error(IndigitallError(status, _MESSAGES.get(status, f"HTTP {status}")))

    @property
    def credit(self) -> float | None:
        return None if self._project.credit is None else float(self._project.credit)

    def change_settings(self, settings: IndigitallSettings) -> None:
        if settings.credit != self.settings.credit:
            self._project.credit = _money(settings.credit)
        super().change_settings(settings)

    def status_of(self, recipient: Recipient) -> str:
        # This ledger holds no others.
        return cast("IndigitallMessage", recipient).word(self.clock.now())

    async def _not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix("/indigitall")
        error = IndigitallError(404, f"Route {scope['method']}:{path} not found")
        await self._error(error)(scope, receive, send)

    def _guarded(self, handler: Handler) -> Handler:
        """The handler behind what every call has in common: key, rate, the form of an error."""

        async def guarded(request: Request) -> Response:
            settings = self.settings
            if request.headers.get("authorization") != f"ServerKey {settings.server_key}":
                return self._error(IndigitallError(401, "Access token is not valid"))
            if settings.rate != "off" and not self._rate.take(self.clock.monotonic(), settings.rate):
                return self.error_response(TOO_MANY_REQUESTS)
            try:
                return await handler(request)
            except IndigitallError as error:
                return self._error(error)

        return guarded

    def _of_application(self, handler: Handler) -> Handler:
        """The handler of a read, which names the application."""

        async def checked(request: Request) -> Response:
            application_id = request.query_params.get("applicationId")
            if application_id is None:
                self.warn(request, "applicationId", "missing")
                raise IndigitallError(400, "querystring must have required property 'applicationId'")
            if application_id != str(self.settings.application_id):
                raise IndigitallError(403, "Operation forbidden, no access to this application")
            return await handler(request)

        return checked

    def _error(self, error: IndigitallError) -> Response:
        content: dict[str, Any] = {"statusCode": error.status, "message": error.message}
        if (error.status, error.message) == (404, "not found"):
            content |= {"count": 1, "data": None}
        waits = error.status == TOO_MANY_REQUESTS and self.settings.retry_after == "on"
        return json_answer(content, error.status, {"Retry-After": "1"} if waits else None)

    def _send_on(self, channel: Channel) -> Handler:
        async def send(request: Request) -> Response:
            settings, warn = self.settings, self._warner(request)
            if not request.headers.get("content-type", "").startswith("application/json"):
                warn("content-type", "not application/json")
            try:
                body = json.loads(await request.body())
            except ValueError:
                raise IndigitallError(400, "body is not valid JSON") from None
            send_request = read_request(body, channel, settings, warn)
            occasion = Occasion(send_request, channel, settings, warn, self.clock.now())
            return self._sent(self._project.send(occasion))

        return send

    def _sent(self, outcome: Outcome) -> Response:
        settings = self.settings
        word = settings.send_answer
        data: dict[str, Any] = {}
        if outcome.sending_id is not None and word != "data_null":
            data["sendingId" if word == "data_sendingId" else "id"] = outcome.sending_id
        if outcome.errors or word == "data_errors":
            data[settings.name("errors")] = outcome.errors
        return _ok(data or None, status=201 if word == "201" else 200)

    async def _status(self, _: Request) -> Response:
        return json_answer({"message": "OK", "statusCode": 200})

    async def _campaigns(self, request: Request) -> Response:
        shown = [self._campaign_json(key) for key in self._sms_campaigns()]
        return self._page(request, "campaigns", shown)

    async def _campaign(self, request: Request) -> Response:
        campaign_id = request.path_params["id"]
        if campaign_id not in self._sms_campaigns():
            raise IndigitallError(404, "not found")
        return _ok(self._campaign_json(campaign_id))

    async def _sendings(self, request: Request) -> Response:
        return self._page(request, "sendings", [sending.as_json() for sending in reversed(self._listed())])

    async def _sending(self, request: Request) -> Response:
        wanted = request.path_params["id"]
        sending = next((sending for sending in self._listed() if sending.id == wanted), None)
        if sending is None:
            raise IndigitallError(404, "not found")
        return _ok(sending.detail_json(self.settings.detail, self.clock.now()))

    async def _stats_of_application(self, request: Request) -> Response:
        first, last = self._span(request)
        rows = list(stats_by_day(self._listed(), first, last, self.clock.now()).values())
        return _ok(rows, count=len(rows))

    async def _stats_of_campaigns(self, request: Request) -> Response:
        first, last = self._span(request)
        rows = sorted(
            (
                row
                for campaign_id in self._sms_campaigns()
                for row in self._campaign_rows(campaign_id, first, last)
            ),
            key=lambda row: (row["statsDate"], row["campaignId"]),
        )
        return _ok(rows, count=len(rows))

    async def _stats_of_campaign(self, request: Request) -> Response:
        rows = self._campaign_rows(request.path_params["id"], date.min, date.max)
        return _ok(rows, count=len(rows))

    async def _contacts(self, request: Request) -> Response:
        base_url = str(request.base_url).rstrip("/")
        shown = [contact.as_json(base_url) for contact in self._project.contacts["sms"]]
        return self._page(request, "contacts", shown)

    async def _contact(self, request: Request) -> Response:
        contact = self._project.contacts["sms"].with_id(request.path_params["id"])
        if contact is None:
            raise IndigitallError(404, "not found")
        return _ok(contact.as_json(str(request.base_url).rstrip("/")))

    async def _topics(self, request: Request) -> Response:
        return self._page(request, "topics", [])

    async def _report(self, _: Request) -> Response:
        """Control: the report that a person exports from the console."""
        report = console_report(self._project.sendings, self.settings, self.clock.now())
        return Response(report, media_type="text/csv")

    async def _put_contact(self, request: Request) -> Response:
        """Control: make a contact or change it, `{"phone": "+34...", "external_code": "c1", "enabled": false}`."""
        body = await request.json()
        now = self.clock.now()
        channel: Channel = "email" if "email" in body else "sms"
        entry = ContactEntry(body.get("phone") or body.get("email"), body.get("external_code"), {}, None, {})
        contact = self._project.contacts[channel].resolve(entry, now, knows_all_codes=True)
        if contact is None:
            return json_answer({"problem": "phone (E.164), email or external_code is needed"}, 422)
        _switch(contact, now, enabled=bool(body.get("enabled", True)))
        return json_answer(contact.as_json(str(request.base_url).rstrip("/")))

    async def _unsubscribe(self, request: Request) -> Response:
        """Control: what a person does who follows the link in a message."""
        contact_id = request.path_params["id"]
        found = (contacts.with_id(contact_id) for contacts in self._project.contacts.values())
        contact = next(filter(None, found), None)
        if contact is None:
            return Response(status_code=404)
        if self.settings.unsubscribe == "disables":
            _switch(contact, self.clock.now(), enabled=False)
        return Response("You are unsubscribed.", media_type="text/plain")

    async def _cancel(self, request: Request) -> Response:
        """Control: a person cancels a sending in the console before its time."""
        wanted = request.path_params["id"]
        sending = next((sending for sending in self._project.sendings if sending.id == wanted), None)
        if sending is None or sending.is_due(self.clock.now()):
            return json_answer({"problem": "no such sending that is still to come"}, 404)
        sending.is_cancelled = True
        return json_answer(sending.as_json())

    def _sms_campaigns(self) -> list[int]:
        return [key for key, campaign in self.settings.campaigns.items() if campaign.channel == "sms"]

    def _campaign_json(self, campaign_id: int) -> dict[str, Any]:
        campaign = self.settings.campaigns[campaign_id]
        of_campaign = [sending for sending in self._project.sendings if sending.campaign_id == campaign_id]
        return {
            "id": campaign_id,
            "name": campaign.name,
            "enabled": campaign.enabled,
            "lastSendingMode": of_campaign[-1].mode if of_campaign else None,
            "createdAt": _CAMPAIGNS_CREATED_AT,
            "updatedAt": rfc3339(of_campaign[-1].created_at) if of_campaign else _CAMPAIGNS_CREATED_AT,
        }

    def _campaign_rows(self, campaign_id: int, first: date, last: date) -> list[Mapping[str, Any]]:
        sendings = [sending for sending in self._listed() if sending.campaign_id == campaign_id]
        by_day = stats_by_day(sendings, first, last, self.clock.now())
        return [{"campaignId": campaign_id, **row} for row in by_day.values()]

    def _listed(self) -> list[Sending]:
        """The SMS sendings that can be read already, oldest first."""
        lag = self.settings.list_lag
        if lag == "never":
            return []
        newest = self.clock.now() - lag
        return [
            sending
            for sending in self._project.sendings
            if sending.channel == "sms" and sending.created_at <= newest
        ]

    def _page(self, request: Request, name: str, items: Sequence[Any]) -> Response:
        """One page of a list; pages of `/v2` are counted from 1."""
        numbers = {}
        for parameter, default in (("limit", _DEFAULT_LIMIT), ("page", 1)):
            value = request.query_params.get(parameter, str(default))
            if not value.isdecimal() or int(value) < 1:
                self.warn(request, parameter, "not a number from 1")
                raise IndigitallError(400, f"querystring/{parameter} must be >= 1")
            numbers[parameter] = int(value)
        limit, page = numbers["limit"], numbers["page"]
        if limit > _MAX_LIMIT:
            self.warn(request, "limit", f"more than {_MAX_LIMIT}: not known to work")
        for parameter in request.query_params.keys() - {"applicationId", "limit", "page"}:
            self.warn(request, parameter, "unknown query parameter, ignored")
        return _ok({name: items[(page - 1) * limit : page * limit]}, count=len(items))

    def _span(self, request: Request) -> tuple[date, date]:
        days = []
        for parameter in ("dateFrom", "dateTo"):
            value = request.query_params.get(parameter)
            if value is None:
                self.warn(request, parameter, "missing")
                raise IndigitallError(400, f"querystring must have required property '{parameter}'")
            try:
                days.append(datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).date())
            except ValueError:
                self.warn(request, parameter, "not like 2026-01-05")
                raise IndigitallError(400, f'querystring/{parameter} must match format "date"') from None
        if days[1] - days[0] > timedelta(days=MAX_STATS_DAYS):
            raise IndigitallError(403, f"Operation forbidden, more than {MAX_STATS_DAYS} days")
        return days[0], days[1]

    def _warner(self, request: Request) -> Warn:
        return lambda field, message: self.warn(request, field, message)


def _money(credit: float | None) -> Decimal | None:
    return None if credit is None else Decimal(str(credit))


def _switch(contact: Contact, now_seconds: float, *, enabled: bool) -> None:
    if contact.enabled != enabled:
        contact.enabled, contact.updated_at = enabled, now_seconds


def _ok(data: Any, *, status: int = 200, count: int | None = None) -> Response:
    counted = {} if count is None else {"count": count}
    return json_answer({"statusCode": status, "message": "OK", **counted, "data": data}, status)
