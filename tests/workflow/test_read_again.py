"""How a data set's files are read is no matter of how they are fetched: they are read again, and that alone."""

COUNTS = "results/data/mine/counts.json"


def test_another_way_of_reading_fetches_nothing(plan, miniature, tmp_path):
    rows = "".join(f"text {n};{1 + n % 2}.0\n" for n in range(60))
    (tmp_path / "mine.csv").write_text(f"text;label\n{rows}")
    file = {"name": "a.csv", "path": str(tmp_path / "mine.csv"), "delimiter": ";"}
    columns = {"numbered": {1: "joy", 2: "fear"}}
    entry = {
        "title": "Mine",
        "language": "en",
        "labels": ["joy", "fear"],
        "source": {"files": [file]},
        "columns": columns,
        "licence": "MIT",
    }
    miniature["datasets"] = {"mine": entry}
    plan(miniature, COUNTS, executor="local")
    assert plan(miniature, COUNTS).needed == set()
    file["quoting"] = "none"
    assert plan(miniature, COUNTS).needed == {"prepare_data"}
    del file["delimiter"]
    columns["delimiter"] = ";"
    assert plan(miniature, COUNTS).needed == {"prepare_data"}
    plan(miniature, COUNTS, executor="local")
    # Numbers that are equal are one, however they are written.
    columns["numbered"] = {2: "fear", 1.0: "joy"}
    assert plan(miniature, COUNTS).needed == set()
