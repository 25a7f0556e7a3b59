"""Reading Amazon's JSON: tolerant of what is new or absent, exact about what is needed, silent about values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from orderbridge.amazon.errors import BadAnswer

MOST_PARTS = 300_000
"""Values in an answer, counted by its commas: each wrong one costs a kilobyte to tell. A page of 100 orders has some
ten thousand."""
_LONGEST_DESCRIPTION = 500
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


class AmazonModel(BaseModel):
    """An object of Amazon's: camelCase there, snake_case here; unknown fields ignored, null the same as absent."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class PersonalModel(AmazonModel):
    """An object that holds a buyer's personal data. Its repr shows none, so that no log or traceback can."""

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return []


def to_utc(moment: datetime) -> datetime:
    """The moment in UTC. Amazon's times are UTC, also where one comes without the Z.

    Raises ValueError for one whose year is not 1 to 9999 in UTC.
    """
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment whose year is 1 to 9999 in UTC was expected") from None


Moment = Annotated[datetime, AfterValidator(to_utc)]
"""A time of Amazon's, as a timezone-aware UTC datetime."""


def in_amazon_form(moment: datetime, timespec: str = "seconds") -> str:
    """The moment as `YYYY-MM-DDTHH:MM:SSZ`, with `.mmm` for timespec "milliseconds"; what is finer is cut off.

    Amazon refuses an offset, even +00:00, so it is always Z. Raises ValueError for a datetime without time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time for Amazon needs a time zone")
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=timespec)}Z"


def read_json(operation: str, body: bytes, *, status: int, request_id: str | None) -> Any:
    """The body as JSON, with decimals as Decimal. Raises `BadAnswer`.

    NUL and halves of surrogate pairs, which only escapes can bring and no database or encoding takes, become U+FFFD.
    """
    if body.count(b",") > MOST_PARTS:
        raise BadAnswer(operation, f"more than {MOST_PARTS} parts", status=status, request_id=request_id)
    try:
        content = json.loads(body, parse_float=Decimal)
        return _storable(content) if b"\\u" in body else content
    except (ValueError, RecursionError):
        # Raised below, outside of this block: the decoder's exception carries the whole body along.
        pass
    raise BadAnswer(operation, "the answer is not JSON", status=status, request_id=request_id)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_storable(name): _storable(part) for name, part in value.items()}
    return [_storable(part) for part in value] if isinstance(value, list) else value


Model = TypeVar("Model", bound=BaseModel)


def read_model(operation: str, model: type[Model], body: bytes, *, status: int, request_id: str | None) -> Model:
    """The body as the model. Raises `BadAnswer`, which names the fields and tells no value."""
    content = read_json(operation, body, status=status, request_id=request_id)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problem = describe(error)
    raise BadAnswer(operation, problem, status=status, request_id=request_id)


def describe(error: ValidationError) -> str:
    """Which fields were wrong and what was expected: `orderItems.0.product: Field required`. Never a value."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    text = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or '.'}: {problem['msg']}" for problem in problems
    )
    return text[:_LONGEST_DESCRIPTION]
