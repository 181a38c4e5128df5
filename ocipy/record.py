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
        self.__name__ = name
        self.FIELDS: tuple[str, ...] = ()
        self.members: dict[str, Any] = {}
        self.bases = bases
        for base in bases:
            self.FIELDS += base.FIELDS
            self.members.update(base.members)
        self.members.update(members)
        annotations = members.get("__annotations__", {})
        self.FIELDS += tuple([field for field, type in annotations.items() if not type.startswith("ClassVar")])
        self.names = frozenset(self.FIELDS)
        self.defaults = {field: self.members[field] for field in self.FIELDS if field in self.members}

    def __call__(self, **values: Any) -> _Value:
        value = _Value()
        value.KIND = self
        fields = value.__dict__
        fields.update(self.defaults)
        fields.update(values)
        if fields.keys() != self.names:
            missing = [field for field in self.FIELDS if field not in fields]
            unknown = [field for field in values if field not in self.FIELDS]
            raise TypeError(f"{self.__name__}: missing fields {missing}, unknown fields {unknown}")
        return value

    def __getattr__(self, name: str) -> Any:
        try:
            return self.members[name]
        except KeyError:
            raise AttributeError(f"{self.__name__} has no {name}") from None

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, _Value) and value.KIND.descends_from(self)

    def descends_from(self, kind: Kind) -> bool:
        """Tells whether this kind is the other or has been derived from it."""
        return self is kind or any(base.descends_from(kind) for base in self.bases)


class _Value:
    __slots__ = ("KIND", "__dict__")
    __hash__ = None  # type: ignore[assignment]
    KIND: Kind

    def __getattr__(self, name: str) -> Any:
        member = getattr(self.KIND, name)
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
