"""A results folder that moved to another path is the same study, with nothing to do."""


def test_nothing_to_do_after_a_move(copied):
    for path in (copied.folder / "workflow").rglob("*.py"):
        path.touch()  # as in a fresh clone, whose files are younger than the results
    assert copied.planned() == 0


def test_no_file_holds_the_path_it_was_made_at(undisturbed):
    path = str(undisturbed.folder)
    needles = [path.encode(), path.encode("utf-16-le"), str(undisturbed.folder.parent).encode()]
    files = [file for file in undisturbed.results.rglob("*") if file.is_file()]
    assert len(files) > 30
    for file in files:
        data = file.read_bytes()
        assert not any(needle in data for needle in needles), file


def test_no_file_is_a_link(undisturbed):
    assert not any(file.is_symlink() for file in undisturbed.results.rglob("*"))
