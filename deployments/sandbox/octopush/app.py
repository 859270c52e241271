"""The Octopush sandbox: its endpoints."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deployments.sandbox.clock import Clock
from deployments.sandbox.ledger import Recipient
from deployments.sandbox.octopush.account import (
    Account,
    Draft,
    hand_over,
    is_computing,
    quote,
    residual_credit,
    status_answer,
)
from deployments.sandbox.octopush.callbacks import Callbacks
from deployments.sandbox.octopush.campaigns import (
    LIST_NAME_MAX_CHARS,
    Campaign,
    Delivery,
    begins_at,
    check_stop_mention,
    compute_deliveries,
    read_campaign,
)
from deployments.sandbox.octopush.contacts import Contact, ContactRules, read_contacts
from deployments.sandbox.octopush.parameters import OctopushError, Parameters, Warn
from deployments.sandbox.octopush.people import last_ticket_of, read_answer
from deployments.sandbox.octopush.switches import OctopushSettings
from deployments.sandbox.octopush.wallet import balance_answer, credits_answer
from deployments.sandbox.provider import ProviderSandbox, json_answer
from deployments.sandbox.rolling_rate import RollingRate

ADVISED_RECIPIENTS = range(200, 501)
TAG_NAME_MAX_CHARS = 20
MAX_DELETED_CONTACTS = 200

_SHARED = {"text", "type", "sender", "send_at", "purpose", "with_replies", "auto_optimize_text"}
_SEND = _SHARED | {
    "recipients",
    "simulation_mode",
    "list_name",
    "auto_delete_optout_contacts",
    "auto_remove_blacklisted_numbers",
    "recipient_tracking",
    "request_id",
}
_CREATE = _SHARED | {"auto_remove_blacklisted_numbers"}

Handler = Callable[[Request], Awaitable[Response]]


class OctopushSandbox(ProviderSandbox[OctopushSettings]):
    """Octopush's public API v1, as its documentation describes it."""

    name = "octopush"
    Settings = OctopushSettings

    def __init__(self, settings: OctopushSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._account = Account(Decimal(str(settings.credit)))
        self._callbacks = Callbacks(self.pusher, clock)
        self._rate = RollingRate()
        # Number and size of the first direct send: whether it was too small shows only when a second one comes.
        self._first_send: tuple[int, int] | None = None

    def routes(self) -> Sequence[Route]:
        base = "/octopush/v1/public"
        endpoints: dict[str, tuple[str, Handler]] = {
            "/sms-campaign/send": ("POST", self._send),
            "/contact/create": ("POST", self._create_contacts),
            "/contact/delete": ("DELETE", self._delete_contacts),
            "/contact-list/create": ("POST", self._create_list),
            "/wallet/check-balance": ("GET", self._check_balance),
            "/wallet/check-credits": ("GET", self._check_credits),
        }
        for kind in ("list", "tag"):
            endpoints[f"/sms-campaign-on-{kind}/create"] = ("POST", self._create_draft_on(kind))
            endpoints[f"/sms-campaign-on-{kind}/status"] = ("GET", self._draft_status)
            endpoints[f"/sms-campaign-on-{kind}/send"] = ("POST", self._confirm_draft)
        return [
            Route(base + path, self._guarded(handler), methods=[method])
            for path, (method, handler) in endpoints.items()
        ]

    def control_routes(self) -> Sequence[Route]:
        return [
            Route("/octopush-control/stops", self._take_stop, methods=["POST"]),
            Route("/octopush-control/replies", self._take_reply, methods=["POST"]),
        ]

    def error_response(self, status: int) -> Response:
        codes = {401: 101, 404: 100, 429: 128}
        return json_answer({"code": codes.get(status, 125), "message": f"HTTP {status}"}, status)

    @property
    def credit(self) -> float | None:
        return float(self._account.credit)

    def status_of(self, recipient: Recipient) -> str:
        return self._callbacks.word_for(recipient)

    def change_settings(self, settings: OctopushSettings) -> None:
        if settings.credit != self.settings.credit:
            self._account.credit = Decimal(str(settings.credit))
        super().change_settings(settings)

    def _guarded(self, handler: Handler) -> Handler:
        """The handler behind what every call has in common: credentials, rate, the form of an error."""

        async def guarded(request: Request) -> Response:
            headers, settings = request.headers, self.settings
            if headers.get("api-login") != settings.api_login or headers.get("api-key") != settings.api_key:
                return json_answer({"code": 101, "message": "Incorrect login details."}, 401)
            if settings.rate != "off" and not self._rate.take(self.clock.monotonic(), settings.rate):
                return self.error_response(429)
            try:
                return await handler(request)
            except OctopushError as error:
                return json_answer({"code": error.code, "message": error.message}, error.status)

        return guarded

    async def _send(self, request: Request) -> Response:
        settings, account, now = self.settings, self._account, self.clock.now()
        parameters = await self._parameters(request, _SEND)
        self._watch_request_size(request, parameters.raw("recipients"))
        request_id = parameters.text("request_id")
        if request_id is not None:
            if settings.request_id == "enforced":
                account.check_request_id(request_id, now)
            else:
                parameters.warn("request_id", "not on the current page, ignored")
        if parameters.raw("auto_remove_blacklisted_numbers") is not None:
            parameters.warn("auto_remove_blacklisted_numbers", "the name of older pages")
        parameters.flag("recipient_tracking")
        campaign = read_campaign(parameters, settings)
        contacts = read_contacts(
            parameters.raw("recipients"),
            "recipients",
            self._contact_rules(campaign.drop_opted_out),
            parameters.warn,
        )
        simulated = parameters.flag("simulation_mode")
        if not simulated:
            check_stop_mention(campaign, contacts, settings)
        deliveries = compute_deliveries(campaign, contacts, settings, "recipients", parameters.warn)
        totals = quote(campaign, deliveries, settings)
        list_name = parameters.text("list_name", max_chars=LIST_NAME_MAX_CHARS)
        if not simulated:
            account.check_credit(totals.cost)
            if list_name:
                account.fill_group("list", list_name, contacts, settings, parameters.warn, is_new=True)
            account.credit -= totals.cost
        if request_id is not None:
            account.request_ids[request_id] = now
        ticket = account.new_ticket()
        await self._hand_over(campaign, deliveries, ticket=ticket, list_name=list_name, simulated=simulated)
        return json_answer(
            {
                "sms_ticket": ticket,
                "number_of_contacts": totals.contacts,
                "total_cost": float(totals.cost),
                "number_of_sms_needed": totals.parts if settings.sms_needed == "total" else totals.parts_of_one,
                "residual_credit": residual_credit(account, campaign, settings),
                "message": "Your SMS campaign has been taken."
                if not simulated
                else "Simulation: nothing is sent.",
            },
            settings.send_status,
        )

    async def _hand_over(
        self,
        campaign: Campaign,
        deliveries: Sequence[Delivery],
        *,
        ticket: str,
        list_name: str | None,
        simulated: bool = False,
    ) -> None:
        settings, now = self.settings, self.clock.now()
        recipients = hand_over(
            self.ledger,
            campaign,
            deliveries,
            settings,
            ticket=ticket,
            reference=list_name,
            now_seconds=now,
            simulated=simulated,
        )
        # "Receipts exist for premium SMS only."
        if campaign.is_premium and (not simulated or settings.simulation == "callbacks"):
            await self._callbacks.follow(recipients, settings, begins_at(campaign, now))

    async def _take_stop(self, request: Request) -> Response:
        """A person texts STOP to the short code: `{"number": "+33...", "text": "STOP"}`, the text optional."""
        answer = await read_answer(request, otherwise="STOP")
        if isinstance(answer, Response):
            return answer
        # In place, like a list of responses that is used up: /settings shows it, and later changes keep it.
        self.settings.opted_out.add(answer.number)
        ticket = last_ticket_of(answer.number, self.ledger)
        self._callbacks.tell_stop(self.settings, answer.number, ticket, answer.text)
        return json_answer({"message_id": ticket})

    async def _take_reply(self, request: Request) -> Response:
        """A person answers: `{"number": "+33...", "text": "..."}`."""
        answer = await read_answer(request)
        if isinstance(answer, Response):
            return answer
        ticket = last_ticket_of(answer.number, self.ledger)
        self._callbacks.tell_reply(self.settings, answer.number, ticket, answer.text)
        return json_answer({"message_id": ticket})

    async def _create_contacts(self, request: Request) -> Response:
        parameters = await self._parameters(
            request, {"contacts", "list_name", "tag_name", "auto_remove_blacklisted_numbers", "do_not_overwrite"}
        )
        if parameters.raw("do_not_overwrite") is not None:
            parameters.warn("do_not_overwrite", "the documentation contradicts itself about it, ignored")
        rules = self._contact_rules(parameters.flag("auto_remove_blacklisted_numbers"))
        contacts = read_contacts(parameters.raw("contacts"), "contacts", rules, parameters.warn)
        for kind, max_chars in (("list", LIST_NAME_MAX_CHARS), ("tag", TAG_NAME_MAX_CHARS)):
            name = parameters.text(f"{kind}_name", max_chars=max_chars)
            if name:
                self._account.fill_group(kind, name, contacts, self.settings, parameters.warn, is_new=False)
        return json_answer({"number_of_contacts": len(contacts), "message": "The contacts are saved."}, 201)

    async def _create_list(self, request: Request) -> Response:
        parameters = await self._parameters(request, {"list_name"})
        name = parameters.text("list_name", max_chars=LIST_NAME_MAX_CHARS)
        if not name:
            raise OctopushError(100, "list_name is missing.")
        self._account.fill_group("list", name, [], self.settings, parameters.warn, is_new=True)
        return json_answer({"list_name": name}, 201)

    async def _delete_contacts(self, request: Request) -> Response:
        parameters = await self._parameters(request, {"phone_numbers", "list_name"})
        phones = parameters.raw("phone_numbers")
        if not isinstance(phones, list) or not 1 <= len(phones) <= MAX_DELETED_CONTACTS:
            raise OctopushError(100, f"phone_numbers takes 1 to {MAX_DELETED_CONTACTS} numbers.")
        name = parameters.text("list_name")
        groups = self._account.groups
        where = (
            [*groups["list"].values(), *groups["tag"].values()] if name is None else [self._group("list", name)]
        )
        for group in where:
            for phone in phones:
                group.pop(str(phone), None)
        return Response(status_code=204)

    def _create_draft_on(self, kind: str) -> Handler:
        async def create_draft(request: Request) -> Response:
            settings, account = self.settings, self._account
            parameters = await self._parameters(request, _CREATE | {f"{kind}_name"})
            name = parameters.text(f"{kind}_name")
            if not name:
                raise OctopushError(100, f"{kind}_name is missing.")
            campaign = read_campaign(parameters, settings)
            contacts = [
                contact
                for contact in self._group(kind, name).values()
                if not (campaign.drop_opted_out and contact.phone in settings.opted_out)
            ]
            if not contacts:
                raise OctopushError(117, f"The {kind} contains no correct numbers.")
            check_stop_mention(campaign, contacts, settings)
            deliveries = compute_deliveries(campaign, contacts, settings, "contacts", parameters.warn)
            draft = Draft(account.new_ticket(), name, campaign, deliveries, self.clock.now())
            account.drafts[draft.ticket] = draft
            return json_answer({settings.create_key: draft.ticket}, settings.send_status)

        return create_draft

    async def _draft_status(self, request: Request) -> Response:
        draft = self._draft(request.query_params.get("ticket_number"))
        return json_answer(status_answer(draft, self.settings, self.clock.now()))

    async def _confirm_draft(self, request: Request) -> Response:
        settings, now = self.settings, self.clock.now()
        parameters = await self._parameters(request, {"ticket_number"})
        draft = self._draft(parameters.text("ticket_number"))
        if is_computing(draft, settings, now):
            raise OctopushError(130, "The campaign is not ready yet.")
        if not draft.is_confirmed:
            cost = quote(draft.campaign, draft.deliveries, settings).cost
            self._account.check_credit(cost)
            self._account.credit -= cost
            draft.is_confirmed = True
            await self._hand_over(
                draft.campaign, draft.deliveries, ticket=draft.ticket, list_name=draft.group_name
            )
        elif settings.confirm_again == "error_132":
            raise OctopushError(132, "This campaign was already sent.")
        sending_date = draft.campaign.send_at or datetime.fromtimestamp(now, UTC)
        return json_answer({"sending_date": sending_date.isoformat(timespec="seconds")})

    async def _check_balance(self, request: Request) -> Response:
        return json_answer(
            balance_answer(request.query_params, self._account.credit, self.settings, self._warner(request))
        )

    async def _check_credits(self, request: Request) -> Response:
        return json_answer(
            credits_answer(request.query_params, self._account.credit, self.settings, self._warner(request))
        )

    async def _parameters(self, request: Request, known: set[str]) -> Parameters:
        warn = self._warner(request)
        if not request.headers.get("content-type", "").startswith("application/json"):
            warn("content-type", "not application/json")
        try:
            body = json.loads(await request.body())
        except ValueError:
            raise OctopushError(100, "The request is not JSON.") from None
        if not isinstance(body, Mapping):
            raise OctopushError(100, "The request is not a JSON object.")
        return Parameters(body, known, warn)

    def _warner(self, request: Request) -> Warn:
        return lambda field, message: self.warn(request, field, message)

    def _contact_rules(self, drop_opted_out: bool) -> ContactRules:
        settings = self.settings
        drop_opted_out = drop_opted_out or settings.optouts == "always_drop"
        return ContactRules(settings.bad_numbers, settings.duplicates, settings.opted_out, drop_opted_out)

    def _watch_request_size(self, request: Request, recipients: Any) -> None:
        size = len(recipients) if isinstance(recipients, list) else 0
        number: int = request.state.number
        largest, smallest = ADVISED_RECIPIENTS[-1], ADVISED_RECIPIENTS[0]
        if size > largest:
            self.ledger.warn(number, "recipients", f"more than {largest} recipients: risk of data loss")
        too_small = f"fewer than {smallest} recipients, and not the only request"
        if self._first_send is None:
            self._first_send = (number, size)
            return
        first_number, first_size = self._first_send
        if first_size < smallest and (first_number, "recipients", too_small) not in self.ledger.warnings:
            self.ledger.warn(first_number, "recipients", too_small)
        if size < smallest:
            self.ledger.warn(number, "recipients", too_small)

    def _group(self, kind: str, name: str) -> dict[str, Contact]:
        group = self._account.groups[kind].get(name)
        if group is None:
            raise OctopushError(301, f"The {kind} name was not found.")
        return group

    def _draft(self, ticket: str | None) -> Draft:
        if ticket is None:
            raise OctopushError(100, "ticket_number is missing.")
        draft = self._account.drafts.get(ticket)
        if draft is None:
            raise OctopushError(131, "No campaign has this ticket_number.")
        return draft
