"""What all entries share: how an entry is checked, how it is written as plain values, and the types of its keys."""

import inspect
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    Tag,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from emopress.errors import unknown

Fault = tuple[
    str, str
]  # where below the entry ("init.heads", "" is the entry itself); what is wrong
# Contexts of a validation: the keys are those that a user gave, without defaults; each value for itself.
IN_A_CONFIG, BY_VALUES = "config", "values"


class Entry(BaseModel):
    """A mapping of a config. Keys that are left out and have no default are None."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        defer_build=True,
        use_attribute_docstrings=True,
    )
    ONE_OF: ClassVar[tuple[str, ...]] = ()  # keys of which exactly one must be given
    NEEDS: ClassVar[Mapping[str, str]] = {}  # key -> the key that must be given with it
    OWN_LAST: ClassVar[bool] = False  # whether its own keys are listed after those that it inherits

    def misfits(self) -> Iterator[Fault]:
        """Yield what is wrong between the keys of an entry whose values are valid."""
        yield from ()

    @classmethod
    def idle(cls, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield the keys of `given` that change nothing beside its others, and why."""
        yield from ()

    @classmethod
    def keys(cls) -> list[str]:
        """Return the keys in the order of the documentation: the key that distinguishes entries first, shared keys
        last."""
        own = inspect.get_annotations(cls)

        def rank(key: str) -> tuple[int, bool]:
            tells = key in FIRST and get_origin(cls.model_fields[key].annotation) is Literal
            return FIRST.index(key) if tells else len(FIRST), (key in own) == cls.OWN_LAST

        return sorted(cls.model_fields, key=rank)

    def plain(self) -> dict[str, Any]:
        """Return the entry as a config could give it: keys sorted, with defaults, equal numbers spelt alike."""
        fields = type(self).model_fields
        return {
            key: _plain(value, fields[key].default)
            for key in sorted(fields)
            if (value := getattr(self, key)) is not None
        }

    @model_validator(mode="wrap")
    @classmethod
    def _check(
        cls, given: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Report what is wrong with the keys together with what is wrong with their values."""
        faults = list(cls._faults_of_keys(given, info)) if isinstance(given, dict) else []
        try:
            entry = handler(given)
        except ValidationError as error:
            if not faults:
                raise
            values = [_again(one) for one in error.errors() if not _is_of_a_key(one, given)]
            details = [*values, InitErrorDetails(type=_misfit(faults), input=given)]
            raise ValidationError.from_exception_data(cls.__name__, details) from None
        if info.context != BY_VALUES:
            faults += entry.misfits()
        if faults:
            raise _misfit(faults)
        return entry

    @classmethod
    def _faults_of_keys(cls, given: dict[str, Any], info: ValidationInfo) -> Iterator[Fault]:
        fields, keys = cls.model_fields, cls.keys()
        for key in given:
            if key not in fields:
                yield "", unknown("key", key, keys)
            elif given[key] is None:
                yield key, "null is not allowed; leave the key out"
        missing = [repr(k) for k in keys if fields[k].is_required() and k not in given]
        if missing:
            yield "", f"missing key {', '.join(missing)}"
        chosen = [key for key in cls.ONE_OF if key in given]
        if cls.ONE_OF and len(chosen) != 1:
            choices, there = ", ".join(cls.ONE_OF), ", ".join(chosen) or "none"
            yield "", f"give exactly one of {choices}; given: {there}"
        for key, needed in cls.NEEDS.items():
            if key in given and needed not in given:
                yield "", f"{key!r} needs {needed!r} as well"
        if info.context == IN_A_CONFIG:
            yield from (("", f"{key!r} changes nothing {why}") for key, why in cls.idle(given))


def _misfit(faults: list[Fault]) -> PydanticCustomError:
    lines = "; ".join(f"{where}: {what}" if where else what for where, what in faults)
    return PydanticCustomError("misfit", "{lines}", {"lines": lines, "faults": faults})


def _is_of_a_key(error: Any, given: dict[str, Any]) -> bool:
    """Return whether an error is about one of the keys of `given` as such, which is reported already."""
    place = error["loc"]
    return len(place) == 1 and (error["type"] in OF_KEYS or given.get(place[0], "") is None)


def _again(error: Any) -> InitErrorDetails:
    """Return one of an exception's errors so that another exception can hold it."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in CUSTOM:
        kind = PydanticCustomError(kind, "{lines}", {"lines": error["msg"], **context})
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"], ctx=context)


def _plain(value: Any, default: Any = None) -> Any:
    if isinstance(value, Entry):
        return value.plain()
    if isinstance(value, dict):
        return {_plain(key): _plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if type(value) not in (int, float):
        return value
    if type(default) in (int, float) and value == default:
        return default
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise PydanticCustomError("one_line", "has a line break or a control character")
    return text


class _Distinct:
    """Requires that no item of a list is repeated, in the JSON schema too."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "uniqueItems": True}

    @staticmethod
    def check(items: list[Any]) -> list[Any]:
        for place, item in enumerate(items):
            if item in items[:place]:
                raise PydanticCustomError("repeated", "has an item twice", {"item": item})
        return items


def by_type(words: str, *texts: str) -> Discriminator:
    """Return what chooses between types by a value's own type; `words` say what is allowed.

    Of texts only `texts` are allowed, if any are given.
    """

    def tag(value: Any) -> str | None:
        return (
            None
            if texts and isinstance(value, str) and value not in texts
            else TAGS.get(type(value))
        )

    return Discriminator(tag, custom_error_type="none_of", custom_error_message=words)


FIRST = ("family", "kind", "method", "source")
OF_KEYS = (
    "extra_forbidden",
    "invalid_key",
    "missing",
)  # said by the entry itself, which knows its keys
CUSTOM = ("misfit", "one_line", "repeated", "none_of")
TAGS = {str: "<text>", list: "<list>", dict: "<mapping>", int: "<number>", float: "<number>"}

NAME = r"^[a-z0-9][a-z0-9.-]*$"
SHA256 = r"^[0-9a-f]{64}$"
HUB_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*$"
REVISION = r"^([0-9a-f]{40}|main)$"
COMMIT = r"^[0-9a-f]{40}$"
FILE = r"^[^/]+$"
VECTORS_FILE = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
WEIGHTS_FILE = r"\.safetensors$"
URL = r"^https?://"
PATTERNS = {  # what each of them allows, in words
    NAME: "lower-case letters, digits, dot and hyphen",
    SHA256: "64 hexadecimal digits (`sha256sum FILE` prints them)",
    HUB_NAME: (
        "OWNER/NAME as on huggingface.co (google-bert/bert-base-uncased); for a folder of your own "
        "from_mirror (config/README.md, The mirror)"
    ),
    REVISION: "a commit id of 40 hexadecimal digits (`make pins` writes it), or main",
    COMMIT: "a commit id of 40 hexadecimal digits",
    FILE: "the name of a file, without a folder",
    VECTORS_FILE: "letters, digits, dot, hyphen and underscore",
    WEIGHTS_FILE: "the name of a .safetensors file",
    URL: "an address that begins with http:// or https://",
}

T = TypeVar("T")
Distinct = Annotated[list[T], _Distinct()]
Text = Annotated[str, Field(min_length=1), AfterValidator(_one_line)]
FreeText = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=NAME, max_length=40)]
Sha256 = Annotated[str, Field(pattern=SHA256)]
HubName = Annotated[str, Field(pattern=HUB_NAME)]
Revision = Annotated[str, Field(pattern=REVISION)]
Url = Annotated[str, Field(pattern=URL)]
Share = Annotated[float, Field(ge=0, lt=1)]  # all of it excluded
Percentile = Annotated[float, Field(gt=50, le=100)]
Column = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[int, Field(ge=1), Tag("<number>")],
    by_type("text or a whole number"),
]
Ngrams = Annotated[list[Annotated[int, Field(ge=1, le=10)]], Field(min_length=2, max_length=2)]
Architecture = Literal["bert", "distilbert", "electra", "gemma", "mistral", "llama"]
