"""Values with named fields: what `dataclasses` gives, without the 35 ms that importing it costs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar, dataclass_transform
else:

    def dataclass_transform(**_options: object) -> object:
        return lambda cls: cls


@dataclass_transform(kw_only_default=True)
class Record:
    """Base of values whose fields are the annotations of the class, in order, base classes first.

    Fields are given by keyword; a class attribute of the same name is the default, which must be immutable.
    """

    FIELDS: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        own = [name for name, kind in cls.__annotations__.items() if not kind.startswith("ClassVar")]
        cls.FIELDS = (*cls.FIELDS, *own)

    def __init__(self, **values: Any) -> None:
        for name in self.FIELDS:
            if name in values:
                setattr(self, name, values.pop(name))
            elif not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__}: missing field {name}")
        if values:
            raise TypeError(f"{type(self).__name__}: unknown fields {', '.join(values)}")

    def items(self) -> Iterator[tuple[str, Any]]:
        """Gives each field's name and value, in order."""
        for name in self.FIELDS:
            yield name, getattr(self, name)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and list(self.items()) == list(other.items())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.items())})"
