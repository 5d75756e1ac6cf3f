"""Tables of any kind are manifests: CSV, Parquet, data frames, data sets. What a cell does not hold is not given."""

from __future__ import annotations

import base64
import csv
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kling_async import InvalidRequest
from tests.batch.manifests import inputs, picture, refused, rows_of, sent

np: Any = pytest.importorskip("numpy")
pd: Any = pytest.importorskip("pandas")
pl: Any = pytest.importorskip("polars")
pa: Any = pytest.importorskip("pyarrow")
pq: Any = pytest.importorskip("pyarrow.parquet")


async def table(text: str, tmp_path: Path, name: str = "prompts.csv", endpoint: str = "images.generate") -> list[Any]:
    """The rows of a file of cells."""
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    return await rows_of(tmp_path / name, tmp_path, endpoint=endpoint)


def bodies(rows: list[Any]) -> list[Any]:
    """What would be sent, by id."""
    return [json.loads(row.body_json) for row in rows]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
async def test_csv_is_read_as_programs_write_it(separator: str, ends: str, mark: str, tmp_path: Path) -> None:
    """Separators of several countries, ends of lines and marks of several systems; rows are named by their line."""
    text = """custom_id,prompt,n,priority
fox,"A fox; red,
and "quick"\t!",2,

cat,A cat,,5
7,A dog,1
""".replace('"quick"', '""quick""')
    cells = list(csv.reader(text.splitlines(keepends=True)))
    path = tmp_path / "prompts.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(mark)
        csv.writer(file, delimiter=separator, lineterminator=ends).writerows(cells)

    rows = await rows_of(path, tmp_path, endpoint="images.generate")

    assert [("fox", "line 2", 0), ("cat", "line 5", 5), ("7", "line 6", 0)] == [
        (row.custom_id, row.where, row.priority) for row in rows
    ]
    assert [
        {"n": 2, "prompt": 'A fox; red,\nand "quick"\t!'},
        {"prompt": "A cat"},
        {"n": 1, "prompt": "A dog"},
    ] == bodies(rows)


@pytest.mark.parametrize(
    ("endpoint", "column", "cell", "value"),
    [
        ("images.generate", "n", " 3 ", 3),
        ("images.generate", "image_fidelity", "0.5", 0.5),
        ("images.generate", "image_fidelity", "1", 1),
        ("images.generate", "negative_prompt", " 12 ", " 12 "),
        ("images.generate", "watermark_info", '{"enabled": true}', {"enabled": True}),
        ("images.generate", "extra", '{"seed": 7}', {"seed": 7}),
        ("images.omni", "image_list", '[{"image": "https://e.com/a.png"}]', [{"image": "https://e.com/a.png"}]),
        ("videos.text_to_video", "duration", "5", "5"),
        ("videos.text_to_video", "multi_shot", "TRUE", True),
        ("videos.text_to_video", "multi_shot", "no", False),
    ],
)
async def test_cells_are_read_as_the_command_line_reads(
    endpoint: str, column: str, cell: str, value: object, tmp_path: Path
) -> None:
    """Numbers, switches, and JSON for what has parts; a text stays as it is."""
    name = f'"{cell.replace(chr(34), chr(34) * 2)}"'
    extra = ",shot_type" if column == "multi_shot" else ""
    filled = ",intelligence" if extra else ""

    (row,) = await table(f"custom_id,prompt,{column}{extra}\na,x,{name}{filled}\n", tmp_path, endpoint=endpoint)

    assert value == json.loads(row.body_json)[column]


@pytest.mark.parametrize(
    ("text", "where", "field", "told"),
    [
        ("prompt,n\nx,1\n", "line 1", "custom_id", "must be a column"),
        ("custom_id,n,n\nx,1,1\n", "line 1", "n", "must be one column, there are several named 'n'"),
        ("custom_id,prompt\na,one, two\n", "line 2", "CSV", "as many cells as there are columns, 2; it has 3"),
        ('custom_id,prompt\na,x\n\nb,"one\ntwo\n', "line 4", "CSV", "must be rows of cells (unexpected end of data)"),
        (f"custom_id,prompt\na,{'x' * 140_000}\n", "line 2", "CSV", "field larger than field limit"),
        ("custom_id,prompt,n\na,x,many\n", "line 2", "n", "must be a whole number"),
        ("custom_id,prompt,n\na,,1\n", "line 2", "prompt", "is required"),
        ("custom_id,prompt,watermark_info\na,x,yes\n", "line 2", "watermark_info", "must be JSON"),
        ("custom_id,prompt,promt\na,x,y\n", "line 2", "promt", "is not a field"),
        ("custom_id,prompt,endpoint\na,x,images.make\n", "line 2", "endpoint", "must be an endpoint"),
    ],
)
async def test_what_is_wrong_with_a_table_is_told(text: str, where: str, field: str, told: str, tmp_path: Path) -> None:
    """What is wrong with a column is told once, what is wrong with a row with its line."""
    (tmp_path / "prompts.csv").write_text(text, encoding="utf-8")

    (error,) = await refused(tmp_path / "prompts.csv", tmp_path, endpoint="images.generate")

    assert (where, field) == (error.where, error.field)
    assert told in error.rule


async def test_a_table_of_another_encoding_is_told(tmp_path: Path) -> None:
    """What spreadsheets save by default is not UTF-8; the line is named."""
    (tmp_path / "prompts.csv").write_bytes("custom_id,prompt\na,fox\nb,caf\u00e9\n".encode("cp1252"))

    (error,) = await refused(tmp_path / "prompts.csv", tmp_path, endpoint="images.generate")

    assert ("line 3", "text", "must be UTF-8, and byte 6 of the line, 0xe9, is not") == error[:1] + error[2:4]


async def test_rows_of_the_standard_library_are_rows(tmp_path: Path) -> None:
    """What csv.DictReader yields is text, and read as a CSV file is."""
    rows = csv.DictReader(["custom_id,prompt,n,negative_prompt", "a,x,2,"])

    (row,) = await rows_of(rows, tmp_path, endpoint="images.generate")

    assert {"n": 2, "prompt": "x"} == json.loads(row.body_json)


FLAT = {"custom_id": ["a", "b"], "prompt": ["x", "y"], "n": [2, None], "image_fidelity": [None, 0.5]}
NESTED = [
    {"custom_id": "a", "endpoint": "images.generate", "body": {"prompt": "x", "watermark_info": {"enabled": True}}},
    {
        "custom_id": "b",
        "endpoint": "images.omni",
        "body": {"prompt": "y", "image_list": [{"image": "https://e.com/a"}]},
    },
]
SENT = [{"n": 2, "prompt": "x"}, {"image_fidelity": 0.5, "prompt": "y"}]


@pytest.mark.parametrize(
    "frame",
    [
        lambda: pd.DataFrame(FLAT),
        lambda: pd.DataFrame(FLAT).convert_dtypes(),
        lambda: pd.DataFrame(FLAT).to_dict("records"),
        lambda: pl.DataFrame(FLAT),
        lambda: pl.LazyFrame(FLAT),
        lambda: pa.table(FLAT),
        lambda: pa.table(FLAT).to_pandas(types_mapper=pd.ArrowDtype),
        lambda: pa.table(FLAT).to_pylist(),
    ],
    ids=["pandas", "pandas-nullable", "pandas-dicts", "polars", "polars-lazy", "pyarrow", "pandas-arrow", "dicts"],
)
async def test_frames_are_rows(frame: Any, tmp_path: Path) -> None:
    """Of every library; what is missing is not given, and whole numbers stay whole where one of them is missing."""
    rows = await rows_of(frame(), tmp_path, endpoint="images.generate")

    assert SENT == bodies(rows)
    assert [("a", "row 1"), ("b", "row 2")] == [(row.custom_id, row.where) for row in rows]


@pytest.mark.parametrize(
    "frame",
    [
        lambda: pd.DataFrame(NESTED),
        lambda: pl.DataFrame(NESTED),
        lambda: pa.Table.from_pylist(NESTED),
        lambda: pa.Table.from_pylist(NESTED).to_pandas(),
        lambda: pa.Table.from_pylist([{**row, "body": json.dumps(row["body"])} for row in NESTED]),
    ],
    ids=["pandas", "polars", "pyarrow", "pandas-arrays", "json"],
)
async def test_columns_may_be_nested(frame: Any, tmp_path: Path) -> None:
    """A column may hold objects and lists, also where its rows have not the same fields, or JSON text."""
    rows = await rows_of(frame(), tmp_path)

    assert [row["body"] for row in NESTED] == bodies(rows)


async def test_parquet_is_read_in_pieces(tmp_path: Path) -> None:
    """A Parquet file is a manifest by its name; files in it begin in its folder."""
    (tmp_path / "cat.png").write_bytes(picture(1))
    columns = {"custom_id": list(map(str, range(2000))), "prompt": ["x"] * 2000, "image": ["cat.png"] + [None] * 1999}
    pq.write_table(pa.table(columns), tmp_path / "prompts.parquet", row_group_size=700)

    rows = await rows_of(tmp_path / "prompts.parquet", tmp_path, endpoint="images.generate")

    assert (2000, "row 2000") == (len(rows), rows[-1].where)
    assert base64.b64encode(picture(1)).decode() == sent(inputs(tmp_path).request_of(rows[0]))["image"]


async def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    """What only has the name is told as what cannot be read."""
    (tmp_path / "prompts.parquet").write_bytes(b"PAR1 no PAR1")

    with pytest.raises(InvalidRequest, match="must be a file that can be read"):
        await rows_of(tmp_path / "prompts.parquet", tmp_path)


@pytest.mark.parametrize(
    ("value", "column", "sent_as"),
    [
        (lambda: np.int64(3), "n", 3),
        (lambda: np.float32(0.5), "image_fidelity", 0.5),
        (lambda: np.array(0.5), "image_fidelity", 0.5),
        (lambda: Decimal("0.5"), "image_fidelity", 0.5),
        (lambda: Decimal(3), "n", 3),
        (lambda: 3.0, "n", 3),
        (lambda: np.str_("x"), "negative_prompt", "x"),
        (lambda: {"enabled": np.bool_(1)}, "watermark_info", {"enabled": True}),
        (lambda: float("nan"), "n", None),
        (lambda: np.float64("nan"), "n", None),
        (lambda: Decimal("sNaN"), "n", None),
        (lambda: pd.NA, "n", None),
        (lambda: pd.NaT, "n", None),
        (lambda: "", "negative_prompt", None),
    ],
)
async def test_values_of_tables_are_values(value: Any, column: str, sent_as: object, tmp_path: Path) -> None:
    """Scalars of numpy, decimals and all that stands for nothing become what Python has for them."""
    row = {"custom_id": "a", "prompt": "x", column: value()}

    (made,) = await rows_of([row], tmp_path, endpoint="images.generate")

    assert sent_as == json.loads(made.body_json).get(column)


@pytest.mark.parametrize("value", [Decimal("Infinity"), float("inf"), Decimal("1e99999")])
async def test_values_without_end_are_refused(value: object, tmp_path: Path) -> None:
    """What no JSON can write is no number."""
    (error,) = await refused(
        [{"custom_id": "a", "prompt": "x", "image_fidelity": value}], tmp_path, endpoint="images.generate"
    )

    assert "image_fidelity" == error.field


async def test_columns_may_hold_bytes_and_paths(tmp_path: Path) -> None:
    """Pictures in a table are pictures, whether their bytes or their paths are in it."""
    (tmp_path / "cat.png").write_bytes(picture(1))
    frame = pl.DataFrame({"custom_id": ["a"], "prompt": ["x"], "image": [picture(1)]})
    rows = [{"custom_id": "b", "prompt": "x", "image": tmp_path / "cat.png"}]
    views = [{"custom_id": "c", "prompt": "x", "image": memoryview(picture(1))}]

    found = [await rows_of(each, tmp_path, endpoint="images.generate") for each in (frame, rows, views)]

    assert 1 == len({row.body_sha256 for (row,) in found})


async def test_data_sets_are_rows(tmp_path: Path) -> None:
    """They are iterables of mappings; a column that is no field is told."""

    class Dataset:
        """As those of Hugging Face."""

        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Iterator[dict[str, Any]]:
            yield {"custom_id": np.int64(4), "prompt": "x", "n": np.int64(2), "seen": datetime.now(UTC)}

    (error,) = await refused(Dataset(), tmp_path, endpoint="images.generate")

    assert ("row 1", "seen") == (error.where, error.field)
    assert "is not a field" in error.rule


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (lambda: pd.Series([1]), "must be a data frame, or an iterable of rows; got 'Series'"),
        (lambda: pl.Series([1]), "must be a data frame, or an iterable of rows; got 'Series'"),
        (lambda: pa.array([1]), "must be a data frame, or an iterable of rows; got 'Int64Array'"),
        (lambda: pd.DataFrame([[1, 2]], columns=["custom_id", "custom_id"]), "must have columns of different names"),
        (lambda: pd.DataFrame([[1, 2]], columns=["custom_id", 5]), "row 1 ('1'): row: must have texts as keys; got 5"),
    ],
    ids=["pandas", "polars", "pyarrow", "twice", "numbered"],
)
async def test_other_tables_are_refused(frame: Any, told: str, tmp_path: Path) -> None:
    """What is of such a library and no frame is refused by its name, and so are columns that cannot be fields."""
    with pytest.raises(InvalidRequest) as caught:
        await rows_of(frame(), tmp_path)

    assert told in str(caught.value)


async def test_a_frame_without_ids_is_refused_once(tmp_path: Path) -> None:
    """A missing column is one mistake, and not as many as there are rows."""
    with pytest.raises(InvalidRequest, match="must be a column, which tells the rows apart"):
        await rows_of(pl.DataFrame({"prompt": ["x"] * 100}), tmp_path, endpoint="images.generate")


@pytest.mark.parametrize(
    ("package", "told"), [("narwhals", r"pip install 'kling-async\[frames\]'"), ("pyarrow", "pip install pyarrow")]
)
async def test_what_needs_a_package_says_so(
    package: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables need no package until one is read, and then it is named."""
    source = tmp_path / "prompts.parquet" if package == "pyarrow" else pl.DataFrame(FLAT)
    (tmp_path / "prompts.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(InvalidRequest, match=told):
        await rows_of(source, tmp_path)
