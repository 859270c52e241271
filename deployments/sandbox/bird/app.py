"""The Bird sandbox: its endpoints."""

import json
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deployments.sandbox.bird.archive import Archive, Path
from deployments.sandbox.bird.checks import Problems, is_uuid
from deployments.sandbox.bird.errors import ERROR_WORDS, MALFORMED, BirdError
from deployments.sandbox.bird.fate import BAD_INPUT, NO_CREDIT, Fate, failure
from deployments.sandbox.bird.intake import address_of, fate_of, find_objection, rejection, starts_at, text_of
from deployments.sandbox.bird.listing import BadQuery, page_token, read_query
from deployments.sandbox.bird.messages import CHANNEL_NUMBER, BirdMessage, message_object, request_json_to_keep
from deployments.sandbox.bird.quiet_hours import is_marketing, quiet_until
from deployments.sandbox.bird.replies import (
    OPT_IN,
    OPT_OUT,
    Reply,
    find_reply_problems,
    keyword_of,
    reply_object,
)
from deployments.sandbox.bird.schema import find_batch_problems, find_shape_problems
from deployments.sandbox.bird.subscriptions import Subscription, Subscriptions, find_subscription_problems
from deployments.sandbox.bird.switches import BirdSettings
from deployments.sandbox.bird.webhooks import Webhooks
from deployments.sandbox.clock import Clock
from deployments.sandbox.ledger import Recipient
from deployments.sandbox.provider import ProviderSandbox, json_answer
from deployments.sandbox.rolling_rate import RollingRate
from deployments.sandbox.sms_parts import count_parts

DEFAULT_WORKSPACE_ID = "00000000-0000-4000-8000-0000000000a1"
DEFAULT_CHANNEL_ID = "00000000-0000-4000-8000-0000000000c1"
MAX_REQUEST_BYTES = 200_000

Handler = Callable[[Request], Awaitable[Response]]


class BirdSandbox(ProviderSandbox[BirdSettings]):
    """Bird's Channels API for SMS, as its documentation describes it."""

    name = "bird"
    Settings = BirdSettings

    def __init__(self, settings: BirdSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._credit = None if settings.credit is None else Decimal(str(settings.credit))
        self._archive = Archive(self.ledger)
        self._subscriptions = Subscriptions()
        self._webhooks = Webhooks(clock, self.pusher, self._subscriptions, lambda: self.settings)
        self._rates: defaultdict[tuple[str, str], RollingRate] = defaultdict(RollingRate)

    def routes(self) -> Sequence[Route]:
        channels = "/bird/workspaces/{workspace}/channels"
        messages = channels + "/{channel}/messages"
        subscriptions = "/workspaces/{workspace}/webhook-subscriptions"
        return [
            Route(messages, self._guarded(self._create), methods=["POST"]),
            Route(messages, self._guarded(self._list), methods=["GET"]),
            Route(messages + "/{message}", self._guarded(self._read), methods=["GET"]),
            Route(channels + "/{channel}/batch/messages", self._guarded(self._create_batch), methods=["POST"]),
            Route(channels, self._guarded(self._list_channels), methods=["GET"]),
            *(
                route
                # Older pages have the organisation in the path.
                for path in ("/bird" + subscriptions, "/bird/organizations/{organization}" + subscriptions)
                for route in (
                    Route(path, self._guarded(self._subscribe), methods=["POST"]),
                    Route(path, self._guarded(self._list_subscriptions), methods=["GET"]),
                    Route(path + "/{subscription}", self._guarded(self._read_subscription), methods=["GET"]),
                    Route(path + "/{subscription}", self._guarded(self._unsubscribe), methods=["DELETE"]),
                )
            ),
        ]

    def control_routes(self) -> Sequence[Route]:
        return [Route("/bird-control/replies", self._take_reply, methods=["POST"])]

    def error_response(self, status: int) -> Response:
        return self._error(BirdError(status, f"HTTP {status}"))

    @property
    def credit(self) -> float | None:
        return None if self._credit is None else float(self._credit)

    def change_settings(self, settings: BirdSettings) -> None:
        if settings.credit != self.settings.credit:
            self._credit = None if settings.credit is None else Decimal(str(settings.credit))
        super().change_settings(settings)

    def status_of(self, recipient: Recipient) -> str:
        message = cast("BirdMessage", recipient)  # this ledger holds no others
        return message.status_at(self.clock.now(), self.settings.delivery_step_seconds)

    def _guarded(self, handler: Handler) -> Handler:
        """The handler behind what every call has in common: key, path ids, rates, the form of an error."""

        async def guarded(request: Request) -> Response:
            try:
                self._check_access(request)
                return await handler(request)
            except BirdError as error:
                return self._error(error)

        return guarded

    def _check_access(self, request: Request) -> None:
        settings = self.settings
        if request.headers.get("authorization") != f"AccessKey {settings.access_key}":
            raise BirdError(401, "The access key is missing or wrong")
        for name, only in (
            ("organization", None),
            ("workspace", settings.workspace_id),
            ("channel", settings.channel_id),
        ):
            given = request.path_params.get(name)
            if given is not None and not (is_uuid(given) and only in {None, given}):
                raise BirdError(404, f"There is no such {name}")
        reads = request.method == "GET"
        kind = "get" if reads else "post"
        limit = settings.rate_get if reads else settings.rate_post
        if not self._rates[request.path_params["workspace"], kind].take(self.clock.monotonic(), limit):
            raise BirdError(429, f"More than {limit} {kind.upper()} requests per second in this workspace")

    def _error(self, error: BirdError) -> Response:
        word = ERROR_WORDS.get(error.status, "InternalServerError")
        content = {"code": word, "message": error.message, **({"details": error.details} if error.details else {})}
        wait = word == "TooManyRequests" and self.settings.retry_after == "on"
        return json_answer(content, error.status, {"Retry-After": "1"} if wait else None)

    async def _create(self, request: Request) -> Response:
        body = await self._body(request)
        if problems := find_shape_problems(body):
            raise BirdError(422, MALFORMED, problems)
        settings, now = self.settings, self.clock.now()
        objection = find_objection(body, now)
        if objection is not None and settings.validate_ == "sync_422":
            raise BirdError(422, MALFORMED, {objection.path: [objection.failure.description]})
        reference = body.get("reference")
        if (
            settings.same_reference == "http_409"
            and reference is not None
            and self._archive.has_reference(reference)
        ):
            raise BirdError(409, "A message with this reference exists")
        if settings.no_credit == "http_402" and not self._can_pay(count_parts(text_of(body))):
            raise BirdError(402, "Insufficient balance")
        message = self._take(request, body, now)
        await self._webhooks.follow(message)
        # Age 0 whatever the clock says: the answer tells what is known before anything happened.
        step = -1 if message.starts_at > now else 0
        return json_answer(message_object(message, step, settings.delivery_step_seconds), 202)

    async def _create_batch(self, request: Request) -> Response:
        body = await self._body(request)
        if problems := find_batch_problems(body):
            raise BirdError(422, MALFORMED, problems)
        now = self.clock.now()
        for item in body["messageRequests"]:
            if problems := find_shape_problems(item):
                message = self._take_malformed(request, item, problems, now)
            else:
                message = self._take(request, item, now)
            await self._webhooks.follow(message)
        return json_answer({self.settings.batch_key: str(uuid4())}, 202)

    def _take(self, request: Request, body: Mapping[str, Any], now: float) -> BirdMessage:
        """Make a message of a request whose shape is right."""
        settings = self.settings
        address, text, reference = address_of(body), text_of(body), body.get("reference")
        parts = count_parts(text)
        objection = find_objection(body, now)
        if objection is not None:
            self.warn(request, objection.path, objection.failure.description)
            fate = rejection(objection.failure, settings)
        elif not self._can_pay(parts):
            fate = rejection(failure(NO_CREDIT), settings)
        else:
            fate = fate_of(address, reference, settings)
        if reference is not None and self._archive.has_reference(reference):
            self.warn(request, ".reference", "used before")
        cost = parts * Decimal(str(settings.price)) if fate.reaches_person else Decimal(0)
        if self._credit is not None:
            self._credit -= cost
        sender = body.get("sender", {}).get("connector", {}).get("identifierValue")
        return self._keep(
            request,
            address=address,
            text=text,
            sender=sender and sys.intern(sender),
            reference=reference,
            cost=cost,
            fate=fate,
            now=now,
            starts_at=now if objection is not None else starts_at(body, now),
            parts=parts,
            held_until=quiet_until(address, now) if self._waits(body) else None,
            request_json=request_json_to_keep(body),
        )

    def _take_malformed(self, request: Request, item: Any, problems: Problems, now: float) -> BirdMessage:
        """Make a rejected message of a batch's item that Bird cannot read: batches are checked after the 202."""
        where, objections = next(iter(problems.items()))
        self.warn(request, f".messageRequests[]{where}", objections[0])
        reference = item.get("reference") if isinstance(item, dict) else None
        return self._keep(
            request,
            address="",
            text="",
            sender=None,
            reference=reference if isinstance(reference, str) else None,
            cost=Decimal(0),
            fate=rejection(failure(BAD_INPUT, f"{where}: {objections[0]}"), self.settings),
            now=now,
            starts_at=now,
            parts=1,
            request_json="{}",
        )

    def _keep(
        self,
        request: Request,
        *,
        address: str,
        text: str,
        sender: str | None,
        reference: str | None,
        cost: Decimal,
        fate: Fate,
        now: float,
        starts_at: float,
        parts: int,
        request_json: str | None,
        held_until: float | None = None,
    ) -> BirdMessage:
        message = BirdMessage(
            address=address,
            text=text,
            sender=sender,
            reference=reference,
            id=self._archive.next_id(),
            status=fate.statuses[0],
            cost=cost,
            received_at=now,
            workspace=sys.intern(request.path_params["workspace"]),
            channel=sys.intern(request.path_params["channel"]),
            fate=fate,
            starts_at=starts_at,
            parts=parts,
            held_until=held_until or 0,
            request_json=request_json,
        )
        self._archive.add(message)
        return message

    def _waits(self, body: Mapping[str, Any]) -> bool:
        return self.settings.quiet_hours == "on" and is_marketing(body)

    def _can_pay(self, parts: int) -> bool:
        return self._credit is None or self._credit >= parts * Decimal(str(self.settings.price))

    async def _list(self, request: Request) -> Response:
        settings, now = self.settings, self.clock.now()
        try:
            query = read_query(
                request.query_params, settings, now, lambda field, message: self.warn(request, field, message)
            )
        except BadQuery as error:
            raise BirdError(error.status, error.message, {error.field: [error.message]}) from error
        results: list[Mapping[str, Any]] = []
        ended_at = None
        newest_at = min(query.end_at, now - settings.list_lag)
        for cursor, message in self._archive.select(query, _path(request), newest_at, self.status_of):
            if len(results) == query.limit and ended_at is not None:
                return json_answer({"results": results, "nextPageToken": page_token(*ended_at)})
            results.append(self._shown(message, now))
            ended_at = cursor
        return json_answer({"results": results})

    async def _read(self, request: Request) -> Response:
        message = self._archive.get(request.path_params["message"], _path(request))
        if message is None:
            raise BirdError(404, "There is no such message")
        return json_answer(self._shown(message, self.clock.now()))

    async def _list_channels(self, request: Request) -> Response:
        channel = {
            "id": self.settings.channel_id or DEFAULT_CHANNEL_ID,
            "workspaceId": request.path_params["workspace"],
            "platformId": "sms-messagebird",
            "identifier": CHANNEL_NUMBER,
            "name": "Sandbox SMS",
            "status": "active",
        }
        return json_answer({"results": [channel]})

    async def _subscribe(self, request: Request) -> Response:
        body = await self._body(request)
        local = self.settings.allow_local_urls == "on"
        if problems := find_subscription_problems(body, allows_local_urls=local):
            raise BirdError(422, MALFORMED, problems)
        made = self._subscriptions.add(request.path_params["workspace"], body, self.clock.now())
        return json_answer(made.as_json(), 201)

    async def _list_subscriptions(self, request: Request) -> Response:
        found = self._subscriptions.of(request.path_params["workspace"])
        return json_answer({"results": [one.as_json() for one in found]})

    async def _read_subscription(self, request: Request) -> Response:
        return json_answer(self._subscription(request).as_json())

    async def _unsubscribe(self, request: Request) -> Response:
        self._subscriptions.remove(self._subscription(request))
        return Response(status_code=204)

    def _subscription(self, request: Request) -> Subscription:
        found = self._subscriptions.get(request.path_params["workspace"], request.path_params["subscription"])
        if found is None:
            raise BirdError(404, "There is no such webhook subscription")
        return found

    async def _take_reply(self, request: Request) -> Response:
        """Somebody answers, on the channel of the last message to them: `{"from": NUMBER, "text": "STOP"}`."""
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        if problems := find_reply_problems(body):
            return self._error(BirdError(422, MALFORMED, problems))
        address, settings = body["from"], self.settings
        last = self._archive.last_to(address)
        reply = Reply(
            id=self._archive.next_reply_id(),
            workspace=last.workspace if last else settings.workspace_id or DEFAULT_WORKSPACE_ID,
            channel=body.get("channel") or (last.channel if last else settings.channel_id or DEFAULT_CHANNEL_ID),
            address=address,
            text=body["text"],
            received_at=self.clock.now(),
        )
        self._archive.add_reply(reply)
        # Changed in place: `/settings` shows who has opted out.
        if keyword_of(reply.text) in OPT_OUT:
            settings.suppressed_numbers.add(address)
        elif keyword_of(reply.text) in OPT_IN:
            settings.suppressed_numbers.discard(address)
        self._webhooks.tell_reply(reply)
        return json_answer(reply_object(reply), 201)

    def _shown(self, message: BirdMessage | Reply, now: float) -> Mapping[str, Any]:
        if isinstance(message, Reply):
            return reply_object(message)
        step_seconds = self.settings.delivery_step_seconds
        return message_object(message, message.step(now, step_seconds), step_seconds)

    async def _body(self, request: Request) -> Any:
        raw = await request.body()
        if len(raw) > MAX_REQUEST_BYTES:
            self.warn(request, ".", f"larger than {MAX_REQUEST_BYTES // 1000} KB")
        if not request.headers.get("content-type", "").startswith("application/json"):
            self.warn(request, "content-type", "not application/json")
        try:
            return json.loads(raw)
        except ValueError:
            raise BirdError(422, MALFORMED, {".": ["the request body is not JSON"]}) from None


def _path(request: Request) -> Path:
    return Path(request.path_params["workspace"], request.path_params["channel"])
