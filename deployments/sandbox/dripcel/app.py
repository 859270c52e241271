"""The Dripcel sandbox: its endpoints."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deployments.sandbox.clock import Clock
from deployments.sandbox.dripcel.cells import HOME_COUNTRY, digits_of, read_cell, read_country
from deployments.sandbox.dripcel.errors import DripcelError, Throttled, error_answer, not_found
from deployments.sandbox.dripcel.fields import Fields, Warn
from deployments.sandbox.dripcel.hooks import LEAST_CREDIT, new_hook
from deployments.sandbox.dripcel.organisation import Organisation
from deployments.sandbox.dripcel.people import ALL_CAMPAIGNS
from deployments.sandbox.dripcel.replies import KINDS, Reply, matches, new_reply
from deployments.sandbox.dripcel.sending import EMAIL_FIELDS, SMS_FIELDS, send_bulk_email, send_sms
from deployments.sandbox.dripcel.sends import CURSOR_PARAMETER, SmsSend, delivery_page
from deployments.sandbox.dripcel.switches import DripcelSettings
from deployments.sandbox.ledger import Recipient
from deployments.sandbox.provider import ProviderSandbox, json_answer
from deployments.sandbox.rolling_rate import RollingRate

MINUTE_SECONDS = 60
TOO_MANY_REQUESTS = 429
COMPLIANCE_PRICE = Decimal("0.14")
"""Credits per number of a compliance check."""
DEFAULT_SEND_LOGS = 50

_REPLY_MEMBERS = ("_id", "Message", "kind", "Msisdn", "campaign_id", "UserReference")

Handler = Callable[[Request], Awaitable[Response]]


class DripcelSandbox(ProviderSandbox[DripcelSettings]):
    """Dripcel's API for SMS and bulk e-mail, as its documentation describes it."""

    name = "dripcel"
    Settings = DripcelSettings

    def __init__(self, settings: DripcelSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._organisation = Organisation(self.ledger, Decimal(str(settings.credit)))
        self._last_minute = RollingRate(MINUTE_SECONDS)
        self._minute, self._taken_in_minute = 0, 0

    def routes(self) -> Sequence[Route]:
        # Method, path, permission (None where the documentation names none), handler.
        endpoints: Sequence[tuple[str, str, str | None, Handler]] = (
            ("POST", "/send/sms", "sendLog.create", self._send_sms),
            ("POST", "/send/email/bulk", "sendLog.create", self._send_bulk_email),
            ("GET", "/balance", None, self._balance),
            ("GET", "/campaigns", None, self._campaigns),
            ("GET", "/email/templates", None, self._email_templates),
            ("POST", "/contacts", None, self._put_contacts),
            ("PUT", "/contacts", None, self._put_contacts),
            ("GET", "/contacts/{cell}", None, self._read_contact),
            ("POST", "/contacts/{cell}/optOut", None, self._opt_out),
            ("POST", "/compliance/send", "compliance:send.create", self._check_compliance),
            ("GET", "/deliveries", None, self._deliveries),
            ("POST", "/send-logs/search", "sendLog.read", self._search_send_logs),
            ("GET", "/send-logs/{send_id}", "sendLog.read", self._read_send_log),
            ("POST", "/replies/search", "replies.read", self._search_replies),
        )
        return [
            Route(f"/dripcel{path}", self._guarded(handler, permission), methods=[method])
            for method, path, permission, handler in endpoints
        ]

    def control_routes(self) -> Sequence[Route]:
        return [
            Route("/dripcel-control/replies", self._take_reply, methods=["POST"]),
            Route("/dripcel-control/replies/{reply_id}", self._reclassify_reply, methods=["PATCH"]),
        ]

    def error_response(self, status: int) -> Response:
        if status == TOO_MANY_REQUESTS:
            return self._error(Throttled(self.clock.now() + 1, self.settings.resets_at))
        return self._error(DripcelError(status, f"HTTP {status}"))

    @property
    def credit(self) -> float | None:
        return float(self._organisation.credit)

    def change_settings(self, settings: DripcelSettings) -> None:
        if settings.credit != self.settings.credit:
            self._organisation.credit = Decimal(str(settings.credit))
        super().change_settings(settings)

    def status_of(self, recipient: Recipient) -> str:
        if not isinstance(recipient, SmsSend):
            return recipient.status
        return recipient.word(self.settings, self.clock.now())

    def _guarded(self, handler: Handler, permission: str | None) -> Handler:
        """The handler behind what every call has in common: key, rate, permission, the form of an error."""

        async def guarded(request: Request) -> Response:
            try:
                self._check_key(request)
                self._check_rate()
                self._check_permission(permission)
                return await handler(request)
            except DripcelError as error:
                return self._error(error)

        return guarded

    def _check_key(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.settings.api_key}":
            raise DripcelError(401, "Unauthorized")

    def _check_rate(self) -> None:
        settings, now = self.settings, self.clock.now()
        if settings.rate_window == "sliding":
            monotonic = self.clock.monotonic()
            if self._last_minute.take(monotonic, settings.rate_per_minute):
                return
            raise Throttled(now + self._last_minute.seconds_until_free(monotonic), settings.resets_at)
        minute = int(now // MINUTE_SECONDS)
        if minute != self._minute:
            self._minute, self._taken_in_minute = minute, 0
        if self._taken_in_minute >= settings.rate_per_minute:
            raise Throttled((minute + 1) * MINUTE_SECONDS, settings.resets_at)
        self._taken_in_minute += 1

    def _check_permission(self, needed: str | None) -> None:
        granted = self.settings.permissions
        if needed is None or granted == "all":
            return
        if not any(needed == name or needed.startswith(f"{name}.") for name in granted):
            raise DripcelError(403, f"Missing permission {needed}")

    def _error(self, error: DripcelError) -> Response:
        settings = self.settings
        wait = None
        if isinstance(error, Throttled) and settings.retry_after == "on":
            wait = max(1, ceil(error.resets_at - self.clock.now()))
        return error_answer(
            error, settings.error_shape, soft=settings.soft_errors == "on", retry_after_seconds=wait
        )

    async def _send_sms(self, request: Request) -> Response:
        fields, warn = await self._fields(request, SMS_FIELDS), self._warner(request)
        return _ok(send_sms(self._organisation, fields, self.settings, warn, self.clock.now()))

    async def _send_bulk_email(self, request: Request) -> Response:
        fields, warn = await self._fields(request, EMAIL_FIELDS), self._warner(request)
        return _ok(send_bulk_email(self._organisation, fields, self.settings, warn, self.clock.now()))

    async def _balance(self, _: Request) -> Response:
        return _ok(float(self._organisation.credit))

    async def _campaigns(self, _: Request) -> Response:
        return _ok([{"_id": key, "name": name} for key, name in self.settings.campaigns.items()])

    async def _email_templates(self, _: Request) -> Response:
        templates = self.settings.email_templates.items()
        return _ok({"templates": [{"_id": key, "name": template.name} for key, template in templates]})

    async def _put_contacts(self, request: Request) -> Response:
        body = await self._body(request)
        warn, people = self._warner(request), self._organisation.people
        fields = Fields(body, ("contacts", "country", "tag_ids"), warn)
        country = read_country(fields.text("country") or HOME_COUNTRY, warn)
        shared: dict[str, Any] = {"country": country}
        if "tag_ids" in fields:
            shared["tag_ids"] = fields.texts("tag_ids")
        contacts = body.get("contacts")
        if not isinstance(contacts, list) or not contacts:
            fields.refuse("contacts", "must be an array of contacts")
        invalid = []
        for members in contacts:
            cell = members.get("cell") if isinstance(members, Mapping) else None
            try:
                phone = read_cell(str(cell), country, warn, "contacts[].cell")
            except DripcelError:
                invalid.append(members)
                continue
            # A create leaves the contacts that are there; an upsert changes them.
            if request.method == "PUT" or phone not in people.contacts:
                people.put(phone, {**shared, **members}, self.clock.now())
        return _ok({self.settings.valid_contacts_key: len(contacts) - len(invalid), "invalidContacts": invalid})

    async def _read_contact(self, request: Request) -> Response:
        phone = self._any_cell(request.path_params["cell"], self._warner(request))
        contact = self._organisation.people.find(phone, self.settings, self.clock.now())
        if contact is None:
            raise DripcelError(404, "Contact not found")
        return _ok(contact.as_json())

    async def _opt_out(self, request: Request) -> Response:
        fields = await self._fields(request, ("campaign_ids", "all", "create_missing_contact"))
        people, now = self._organisation.people, self.clock.now()
        campaigns = fields.texts("campaign_ids")
        if fields.flag("all"):
            campaigns.append(ALL_CAMPAIGNS)
        creates = fields.flag("create_missing_contact")
        if not campaigns:
            fields.refuse("campaign_ids", "campaign_ids or all must be given")
        phone = self._any_cell(request.path_params["cell"], self._warner(request))
        if people.find(phone, self.settings, now) is None:
            if not creates:
                return _ok({"matchedCount": 0, "modifiedCount": 0})
            people.put(phone, {}, now)
        return _ok({"matchedCount": 1, "modifiedCount": int(people.opt_out(phone, campaigns))})

    async def _check_compliance(self, request: Request) -> Response:
        organisation, settings, warn = self._organisation, self.settings, self._warner(request)
        list_name = settings.compliance_cells
        fields = await self._fields(request, (list_name, "country"))
        self._check_query(request, ("campaign_id",))
        country = read_country(fields.required_text("country"), warn)
        phones = [read_cell(cell, country, warn, list_name) for cell in fields.texts(list_name, required=True)]
        if len(set(phones)) < len(phones):
            warn(list_name, "a number is repeated, and paid for twice")
        cost = COMPLIANCE_PRICE * len(phones)
        if cost > organisation.credit:
            raise DripcelError(402, "Insufficient balance")
        organisation.credit -= cost
        campaign_id = request.query_params.get("campaign_id")
        results = [
            {
                "cell": phone.removeprefix("+"),
                "can_send": not organisation.people.has_opted_out(phone, campaign_id, settings),
            }
            for phone in phones
        ]
        campaign = {} if campaign_id is None else {"campaign_id": campaign_id}
        return _ok({**campaign, "credits_used": float(cost), "results": results})

    async def _deliveries(self, request: Request) -> Response:
        self._check_query(request, ("customerId", "cell", CURSOR_PARAMETER))
        query = request.query_params
        customer_id, cell, cursor = query.get("customerId"), query.get("cell"), query.get(CURSOR_PARAMETER, "0")
        if not (customer_id or cell):
            raise DripcelError(400, "customerId or cell is required")
        if not cursor.isdecimal():
            raise DripcelError(400, "Invalid cursor")
        phone = None if cell is None else self._any_cell(cell, self._warner(request))
        sends = self._organisation.sends.find(customer_id, phone)
        records, pagination = delivery_page(sends, int(cursor), self.settings, self.clock.now())
        return _ok(records, {} if pagination is None else {"pagination": pagination})

    async def _read_send_log(self, request: Request) -> Response:
        self._check_query(request, ("group_destinations",))
        grouping = request.query_params.get("group_destinations", "count")
        if grouping not in {"count", "list"}:
            self.warn(request, "group_destinations", "must be count or list")
            raise DripcelError(400, "group_destinations must be count or list")
        log = self._organisation.sends.logs.get(request.path_params["send_id"])
        if log is None:
            raise not_found("Send log")
        return _ok(log.as_json("list" if grouping == "list" else "count"))

    async def _search_send_logs(self, request: Request) -> Response:
        fields = await self._fields(request, ("find", "options"))
        find = fields.object("find", ("campaign_id", "startDeliveryAt"), required=True)
        options = fields.object("options", ("skip", "limit"))
        skip, limit = 0, DEFAULT_SEND_LOGS
        if options is not None:
            skip, limit = options.whole_number("skip", skip), options.whole_number("limit", limit)
        campaigns = [] if find is None else find.texts("campaign_id", one_is_enough=True)
        start_at = (float("-inf"), float("inf")) if find is None else find.time_range("startDeliveryAt")
        logs = self._organisation.sends.search_logs(campaigns, start_at)
        return _ok({"total": len(logs), "send_logs": [log.as_json("count") for log in logs[skip : skip + limit]]})

    async def _search_replies(self, request: Request) -> Response:
        fields = await self._fields(request, (*_REPLY_MEMBERS, "Received"))
        wanted = {name: fields.texts(name, one_is_enough=True) for name in _REPLY_MEMBERS if name in fields}
        received = fields.time_range("Received")
        return _ok(
            [dict(reply.members) for reply in self._organisation.replies if matches(reply, wanted, received)]
        )

    async def _take_reply(self, request: Request) -> Response:
        """Control: a person writes back, `{"phone": "+27...", "text": "STOP"}`."""
        organisation, now = self._organisation, self.clock.now()
        body = await request.json()
        phone, text = body.get("phone"), body.get("text")
        if not (isinstance(phone, str) and isinstance(text, str)):
            return json_answer({"problem": "phone (E.164) and text are needed"}, 422)
        send = organisation.sends.latest_to(phone)
        reply = new_reply(
            number=len(organisation.replies) + 1,
            phone=phone,
            text=text,
            send=send,
            settings=self.settings,
            now_seconds=now,
        )
        organisation.replies.append(reply)
        organisation.heed(reply)
        if send is not None:
            self._fire_hook(reply, send)
        return json_answer(reply.members, 201)

    def _fire_hook(self, reply: Reply, send: SmsSend) -> None:
        settings, organisation = self.settings, self._organisation
        if settings.hook_url is None or send.campaign_id is None or organisation.credit < LEAST_CREDIT:
            return
        contact = organisation.people.contacts.get(send.address)
        objects = {
            "contact": {"cell": digits_of(send.address)} if contact is None else contact.as_json(),
            "campaign": {"_id": send.campaign_id, "name": settings.campaigns.get(send.campaign_id)},
            "reply": reply.members,
            "send": {"_id": send.send_id, "campaign_id": send.campaign_id},
        }
        self.pusher.push(new_hook(settings.hook_url, objects, settings, f"hook-{reply.members['_id']}"))

    async def _reclassify_reply(self, request: Request) -> Response:
        """Control: somebody at Dripcel puts a reply into another class, `{"kind": "optOut"}`."""
        replies, kind = self._organisation.replies, (await request.json()).get("kind")
        if kind not in KINDS:
            return json_answer({"problem": f"kind must be one of {', '.join(KINDS)}"}, 422)
        for place, reply in enumerate(replies):
            if reply.members["_id"] == request.path_params["reply_id"]:
                replies[place] = reply.reclassified(kind, self.clock.now())
                self._organisation.heed(replies[place])
                return json_answer(replies[place].members)
        return json_answer({"problem": "no such reply"}, 404)

    async def _fields(self, request: Request, known: Sequence[str]) -> Fields:
        return Fields(await self._body(request), known, self._warner(request))

    async def _body(self, request: Request) -> Mapping[str, Any]:
        if not request.headers.get("content-type", "").startswith("application/json"):
            self.warn(request, "content-type", "not application/json")
        try:
            body = json.loads(await request.body())
        except ValueError:
            raise DripcelError(400, "The request is not JSON") from None
        if not isinstance(body, Mapping):
            raise DripcelError(400, "The request is not a JSON object")
        return body

    def _check_query(self, request: Request, known: Sequence[str]) -> None:
        for name in request.query_params:
            if name not in known:
                self.warn(request, name, "unknown query parameter, ignored")

    @staticmethod
    def _any_cell(cell: str, warn: Warn) -> str:
        """A number that comes without a country: international digits, or local ones of the home country."""
        if cell.isdecimal() and not cell.startswith("0"):
            return f"+{cell}"
        return read_cell(cell, HOME_COUNTRY, warn)

    def _warner(self, request: Request) -> Warn:
        return lambda field, message: self.warn(request, field, message)


def _ok(data: Any, beside: Mapping[str, Any] | None = None) -> Response:
    return json_answer({"ok": True, "data": data, **(beside or {})})
