"""Small files with a checksum: the body comes back whole or not at all."""

from pathlib import Path

import pytest

from roundsman_agent import sealed

BODY = {"stream": "3f9c", "counts": [1, [2, None]], "名": "值"}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "one.json")
    sealed.write(path, BODY)

    assert sealed.read(path) == BODY


def test_each_byte_that_differs_is_found(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    sealed.write(str(path), BODY)
    whole = path.read_bytes()

    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            assert sealed.read(str(path)) == BODY  # a space of the form may become another character of no meaning
        except ValueError as error:
            assert str(error)


WRONG = ["", "[]", "null", "{}", '{"crc": 0}', '{"crc": "0", "a": 1}', '{"a": 1', "[" * 9000]


@pytest.mark.parametrize("content", WRONG)
def test_another_thing_in_its_place_is_damage(tmp_path: Path, content: str) -> None:
    path = tmp_path / "one.json"
    path.write_text(content)

    with pytest.raises(ValueError):
        sealed.read(str(path))


def test_a_missing_file_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sealed.read(str(tmp_path / "none.json"))
