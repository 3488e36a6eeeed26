"""docs/bad-input.md lists what the tests try, and each of the four areas is there."""

import bad_commands
import bad_config
import bad_data
import bad_hub
import bad_input_page


def test_the_page_is_written_from_the_tables():
    assert bad_input_page.PAGE.read_text("utf-8") == bad_input_page.page(), "run `make docs`"


def test_what_is_tried_has_names_of_its_own():
    areas = [
        [bad_config.MISTAKES, bad_config.FILES, bad_config.REPEATS],
        [bad_data.FILES, bad_data.FORMS, bad_data.SETS],
        [bad_hub.CHECKPOINTS, bad_hub.CLASSIFIERS, bad_hub.MISFITS, bad_hub.HUBS],
        [bad_commands.SNAKEMAKE, bad_commands.TARGETS, bad_commands.PREDICT],
    ]
    for tables in areas:
        names = [name for table in tables for name in table]
        assert len(names) == len(set(names)) >= 5
    rows = [what for _, rows in bad_input_page.sections() for what, _ in rows]
    assert rows == [name for tables in areas for table in tables for name in table]
    assert len(rows) >= 60
    summary = bad_input_page.PAGE.with_name("reliability.md").read_text("utf-8")
    assert f"| {len(rows)} cases |" in summary
