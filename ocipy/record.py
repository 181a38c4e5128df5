"""Values with named fields: what `dataclasses` gives, without the 35 ms that importing it costs.

A class statement with Record as base makes no class but a Kind, which is called and inherited from like one. Making a
class takes the interpreter 17 microseconds, most of them for operators that a value has no use for, and a container
needs a hundred kinds: 1 ms, a thirtieth of its start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar, dataclass_transform


class Kind:
    """What values have in common: the name, the fields in order (base first), and what the class statement defines."""

    def __init__(self, name: str, bases: tuple[Kind, ...], members: dict[str, Any]) -> None:
        # All in its own dictionary: the interpreter asks each base of a class statement for more than it has.
        for base in bases:
            self.__dict__.update(base.__dict__)
        self.__dict__.update(members)
        self.__name__ = name
        self._bases = bases
        self._annotations: dict[str, str] = members.get("__annotations__", {})
        self._prepared: tuple[tuple[str, ...], frozenset[str], dict[str, Any]] | None = None

    def __call__(self, **values: Any) -> _Value:
        names, known, defaults = self._prepared or self._prepare()
        value = _Value()
        value.KIND = self
        fields = value.__dict__
        fields.update(defaults)
        fields.update(values)
        if fields.keys() != known:
            missing = [field for field in names if field not in fields]
            unknown = [field for field in values if field not in known]
            raise TypeError(f"{self.__name__}: missing fields {missing}, unknown fields {unknown}")
        return value

    @property
    def FIELDS(self) -> tuple[str, ...]:
        return (self._prepared or self._prepare())[0]

    def _prepare(self) -> tuple[tuple[str, ...], frozenset[str], dict[str, Any]]:
        """Gives the fields, the same as a set, and the defaults. At the first need: many a kind is never used."""
        inherited = [field for base in self._bases for field in base.FIELDS]
        own = [field for field, type in self._annotations.items() if not type.startswith("ClassVar")]
        fields = (*inherited, *own)
        defaults = {field: self.__dict__[field] for field in fields if field in self.__dict__}
        self._prepared = fields, frozenset(fields), defaults
        return self._prepared

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, _Value) and value.KIND.descends_from(self)

    def descends_from(self, kind: Kind) -> bool:
        """Tells whether this kind is the other or has been derived from it."""
        return self is kind or any(base.descends_from(kind) for base in self._bases)


class _Value:
    __slots__ = ("KIND", "__dict__")
    __hash__ = None  # type: ignore[assignment]
    KIND: Kind

    def __getattr__(self, name: str) -> Any:
        try:
            member = getattr(self.KIND, name)
        except AttributeError:
            raise AttributeError(f"{self.KIND.__name__} has no {name}") from None
        return member.__get__(self) if hasattr(member, "__get__") else member

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Value) and other.KIND is self.KIND and other.__dict__ == self.__dict__

    def __repr__(self) -> str:
        return f"{self.KIND.__name__}({', '.join(f'{name}={value!r}' for name, value in self.items())})"

    def items(self) -> Iterator[tuple[str, Any]]:
        for name in self.KIND.FIELDS:
            yield name, self.__dict__[name]


if TYPE_CHECKING:

    @dataclass_transform(kw_only_default=True)
    class Record:
        """Base of values whose fields are the annotations of the class, in order, base classes first.

        Fields are given by keyword; a class attribute of the same name is the default, which must be immutable.
        """

        KIND: ClassVar[Kind]
        FIELDS: ClassVar[tuple[str, ...]]

        def items(self) -> Iterator[tuple[str, Any]]:
            """Gives each field's name and value, in order."""

else:
    Record = Kind("Record", (), {})


def changed(record: Any, **values: Any) -> Any:
    """Gives a value like `record`, of its kind, but for the fields given."""
    return record.KIND(**{**dict(record.items()), **values})
