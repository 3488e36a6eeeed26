"""A results folder that moved to another path is the same study, with nothing to do."""


def test_the_project_works_in_a_folder_with_a_space_and_a_quote(undisturbed):
    """All fault tests begin with this run, jobs in processes of their own and all."""
    assert undisturbed.folder.name == "a user's study" and undisturbed.planned() == 0
    assert (undisturbed.results / "few/linear+int8-weights/seed0/bundle/bundle.json").is_file()


def test_nothing_to_do_after_a_move(copied):
    for path in (copied.folder / "workflow" / "scripts" / "emopress").rglob("*.py"):
        path.touch()  # Snakemake knows the library, an input, by its content
    assert copied.planned() == 0


def test_nothing_to_do_in_a_fresh_clone(copied):
    for path in (copied.folder / "workflow").rglob("*.py"):
        path.touch()  # the rules' scripts it judges by their time stamps
    done = copied.snakemake(options=["-n", "--rerun-triggers", "mtime", "params", "input"])
    assert "Nothing to be done" in done.stdout


def test_no_artifact_holds_the_path_it_was_made_at(undisturbed):
    """Logs do, of files that a job read or downloaded; nothing reads a log. Benchmarks have no known hash."""
    path = str(undisturbed.folder)
    needles = [path.encode(), path.encode("utf-16-le"), str(undisturbed.folder.parent).encode()]
    logs = undisturbed.results / "logs"
    files = [file for file in undisturbed.results.rglob("*") if file.is_file()]
    files = [file for file in files if not file.is_relative_to(logs)]
    benchmarks = [
        file for file in files if "benchmarks" in file.relative_to(undisturbed.results).parts
    ]
    assert benchmarks and len(files) - len(benchmarks) == len(undisturbed.expected) > 25
    for file in files:
        data = file.read_bytes()
        assert not any(needle in data for needle in needles), file


def test_no_file_is_a_link(undisturbed):
    assert not any(file.is_symlink() for file in undisturbed.results.rglob("*"))
