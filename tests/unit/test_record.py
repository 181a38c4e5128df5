"""Records: values by their fields, though no class is made for them."""

from __future__ import annotations

import pytest

from ocipy.record import Record


class Point(Record):
    x: int
    y: int = 2

    def sum(self):
        return self.x + self.y


class Named(Point):
    name: str = "n"
    UNIT = "mm"


def test_fields_are_in_order_with_those_of_the_base_first():
    assert Named.FIELDS == ("x", "y", "name")
    assert list(Named(name="a", x=1).items()) == [("x", 1), ("y", 2), ("name", "a")]


def test_methods_and_attributes_of_the_base_are_inherited():
    assert Named(x=1).sum() == 3 and Named(x=1).UNIT == Named.UNIT == "mm"


def test_values_are_equal_when_kind_and_fields_are():
    assert Point(x=1) == Point(x=1, y=2) and Point(x=1) != Point(x=2)
    assert Named(x=1) != Point(x=1) and Point(x=1) != (1, 2)


def test_value_is_an_instance_of_its_kind_and_of_the_bases():
    assert isinstance(Named(x=1), Point) and isinstance(Named(x=1), Record)
    assert not isinstance(Point(x=1), Named) and not isinstance(1, Point)


@pytest.mark.parametrize("values", [{}, {"y": 1}, {"x": 1, "z": 1}, {"z": 1}])
def test_missing_and_unknown_fields_are_refused(values):
    with pytest.raises(TypeError, match="Point"):
        Point(**values)


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Point has no z"):
        Point(x=1).z  # noqa: B018


def test_value_shows_its_kind_and_fields():
    assert repr(Point(x=1)) == "Point(x=1, y=2)"
