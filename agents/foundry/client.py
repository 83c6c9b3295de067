"""FoundryClient: one typed answer from any OpenAI-compatible endpoint, streamed, validated, and never trusted.

The ladder, remembered for the model: a strict JSON schema; JSON without one; plain text. Whatever comes back is validated here;
one repair is asked for; then the caller goes on without the model.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from agents.foundry.budget import Breaker, Budget, ModelAwayError
from agents.foundry.settings import ModelSettings
from agents.seams import Clock

T = TypeVar("T", bound=BaseModel)
Level = Literal["schema", "json", "plain"]
LADDER: Sequence[Level] = ("schema", "json", "plain")
LONGEST_ANSWER = 40_000
"""Characters; an answer that goes on is cut off."""

OnReasoning = Callable[[str], None]


class FoundryClient:
    """One model behind one endpoint. Safe to use from one event loop."""

    def __init__(self, settings: ModelSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._budget = Budget(settings.tokens_per_incident, settings.tokens_per_day)
        self._breaker = Breaker()
        self._level = 0
        self._client: Any = None
        self._open = contextlib.AsyncExitStack()
        self.name = settings.model

    async def ask(
        self,
        messages: Sequence[dict[str, str]],
        answer: type[T],
        *,
        incident: str,
        check: Callable[[T], str | None],
        on_reasoning: OnReasoning,
    ) -> T:
        """An answer of the type `answer` for which `check` has no complaint. Raises ModelAwayError, whatever went wrong."""
        now = self._clock.now()
        self._breaker.check(now)
        self._budget.check(incident, now)
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                found = await self._ladder(list(messages), answer, incident, check, on_reasoning)
        except ModelAwayError:
            self._breaker.failed(self._clock.now())
            raise
        except TimeoutError:
            self._breaker.failed(self._clock.now())
            raise ModelAwayError(f"{self.name} did not decide within {self._settings.deadline_s:.0f} s") from None
        except Exception as error:  # a client library raises many kinds, and none may end an incident
            self._breaker.failed(self._clock.now())
            raise ModelAwayError(f"{self.name} failed: {type(error).__name__}") from error
        self._breaker.worked()
        return found

    async def close(self) -> None:
        """Let go of the connections; the next question opens them anew."""
        self._client = None
        await self._open.aclose()

    async def _ladder(
        self,
        messages: list[dict[str, str]],
        answer: type[T],
        incident: str,
        check: Callable[[T], str | None],
        on_reasoning: OnReasoning,
    ) -> T:
        import openai  # noqa: PLC0415 - loaded when a model is asked for the first time

        while True:
            try:
                return await self._repaired(messages, answer, incident, check, on_reasoning)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if self._level + 1 >= len(LADDER):
                    raise ModelAwayError(f"{self.name} refuses the request: {error.status_code}") from error
                self._level += 1

    async def _repaired(
        self,
        messages: list[dict[str, str]],
        answer: type[T],
        incident: str,
        check: Callable[[T], str | None],
        on_reasoning: OnReasoning,
    ) -> T:
        text = await self._stream(messages, answer, incident, on_reasoning)
        found, complaint = parse(text, answer, check)
        if found is not None:
            return found
        self._budget.check(incident, self._clock.now())
        mend = f"That can't be used: {complaint}. Answer again with one JSON object of the schema, nothing else."
        again = [*messages, {"role": "assistant", "content": text[:4_000]}, {"role": "user", "content": mend}]
        found, complaint = parse(await self._stream(again, answer, incident, on_reasoning), answer, check)
        if found is None:
            raise ModelAwayError(f"{self.name} gave no usable answer: {complaint}")
        return found

    async def _stream(
        self, messages: list[dict[str, str]], answer: type[BaseModel], incident: str, on_reasoning: OnReasoning
    ) -> str:
        client = await self._connected()
        level = LADDER[self._level]
        schema = strict_schema(answer)
        extra: dict[str, Any] = {}
        if level == "schema":
            extra["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": answer.__name__.lower(), "schema": schema, "strict": True},
            }
        else:
            told = f"Answer with one JSON object of this schema, nothing else:\n{json.dumps(schema)}"
            messages = [{"role": "system", "content": f"{messages[0]['content']}\n\n{told}"}, *messages[1:]]
            if level == "json":
                extra["response_format"] = {"type": "json_object"}
        text, told_so_far, tokens = "", 0, 0
        stream = await client.chat.completions.create(
            model=self._settings.model, messages=messages, stream=True, stream_options={"include_usage": True}, **extra
        )
        async with stream:
            async for chunk in stream:
                if chunk.usage is not None:
                    tokens = chunk.usage.total_tokens
                for choice in chunk.choices[:1]:
                    text += choice.delta.content or ""
                if len(text) > LONGEST_ANSWER:
                    raise ModelAwayError(f"{self.name} does not stop talking")
                reasoning = partial_reasoning(text)
                if len(reasoning) > told_so_far:
                    on_reasoning(reasoning[told_so_far:])
                    told_so_far = len(reasoning)
        sent = sum(len(m["content"]) for m in messages)
        self._budget.spend(incident, tokens or (sent + len(text)) // 3)
        return text

    async def _connected(self) -> Any:
        if self._client is None:
            openai = await asyncio.to_thread(__import__, "openai")
            httpx2 = await asyncio.to_thread(__import__, "httpx2")
            timeout = httpx2.Timeout(self._settings.timeout_s, connect=5)
            key = await self._key()
            base_url = str(self._settings.base_url)
            client = openai.AsyncOpenAI(base_url=base_url, api_key=key, timeout=timeout, max_retries=1)
            self._client = await self._open.enter_async_context(client)
        return self._client

    async def _key(self) -> str | Callable[[], Awaitable[str]]:
        if self._settings.auth == "entra":
            from azure.identity.aio import DefaultAzureCredential, get_bearer_token_provider  # noqa: PLC0415 - only where it is used

            credential = await self._open.enter_async_context(DefaultAzureCredential())
            provider: Callable[[], Awaitable[str]] = get_bearer_token_provider(credential, self._settings.entra_scope)
            return provider
        secret = self._settings.api_key
        return secret.get_secret_value() if secret is not None else "none"


def parse(text: str, answer: type[T], check: Callable[[T], str | None]) -> tuple[T | None, str]:
    """The first JSON object in `text` as an answer, or what is wrong with it in words that hold nothing of the text."""
    begin, end = text.find("{"), text.rfind("}")
    if begin < 0 or end < begin:
        return None, "there is no JSON object in it"
    try:
        found = answer.model_validate_json(text[begin : end + 1])
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors(include_input=False)[:5])
        return None, wrong
    complaint = check(found)
    return (found, "") if complaint is None else (None, complaint)


def partial_reasoning(text: str) -> str:
    """The `reasoning` of an answer that is still being written."""
    import jiter  # noqa: PLC0415 - comes with openai

    begin = text.find("{")
    if begin < 0:
        return ""
    try:
        so_far = jiter.from_json(text[begin:].encode(), partial_mode="trailing-strings")
    except ValueError:
        return ""
    reasoning = so_far.get("reasoning", "") if isinstance(so_far, dict) else ""
    return reasoning if isinstance(reasoning, str) else ""


def strict_schema(answer: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema as strict decoders want it: every field required, nothing besides, no ranges."""
    schema: dict[str, Any] = answer.model_json_schema()
    _tighten(schema)
    return schema


def _tighten(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _tighten(item)
    if not isinstance(node, dict):
        return
    for key in (
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minItems",
        "maxItems",
        "maxLength",
        "default",
        "title",
    ):
        if not isinstance(node.get(key), dict):
            node.pop(key, None)
    if node.get("type") == "object" and "properties" in node:
        node["additionalProperties"] = False
        node["required"] = list(node["properties"])
    for value in list(node.values()):
        _tighten(value)
