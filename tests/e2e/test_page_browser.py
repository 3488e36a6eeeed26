"""The interactive report in a real Chromium: sorting, filtering, switching, pointing, keys, themes."""

import shutil

import pytest

from command_line import STUCK_S
from emopress.report.page.page import write_page
from page_example import BENGALI, HOSTILE, VARIANTS, example

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    write_page(**example(), out=out)
    return out.as_uri()


@pytest.fixture
def opened(browser, address):
    """Return a function that opens the page; afterwards nothing may have gone wrong or out."""
    contexts, wrong = [], []

    def start(*, anchor="", viewport=DESKTOP, scheme="light", **more):
        context = browser.new_context(viewport=viewport, color_scheme=scheme, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(1000 * STUCK_S)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.on(
            "request",
            lambda request: (
                wrong.append(request.url)
                if request.url.split("#")[0] != address and not request.url.startswith("data:")
                else None
            ),
        )
        page.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective))"
        )
        page.goto(address + anchor)
        page.wait_for_selector("#pareto .mark-symbol path")
        page.wait_for_selector("#score[data-ready]")
        return page

    yield start
    for context in contexts:
        context.close()
    assert wrong == []


def names(page):
    return page.locator("#table tbody th a").all_inner_texts()


def column(page, key):
    place = page.evaluate(
        "key => [...document.querySelectorAll('#table thead th')].findIndex(th => th.dataset.key === key)",
        key,
    )
    cells = page.locator(f"#table tbody tr > :nth-child({place + 1})").all_inner_texts()
    return [text.split("\n")[0] for text in cells]


def point(page, variant):
    """Return the centre of a variant's mark in the Pareto figure, in sight."""
    return page.evaluate(
        """async name => {
          document.querySelector('#pareto').scrollIntoView({ behavior: 'instant', block: 'center' });
          await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
          const mark = [...document.querySelectorAll('#pareto .mark-symbol path')]
            .find(node => node.__data__.datum.variant === name);
          const box = mark.getBoundingClientRect();
          return [box.left + box.width / 2, box.top + box.height / 2]; }""",
        variant,
    )


def axis(page):
    return page.locator("#pareto .role-axis-title text").all_text_contents()


def test_the_first_screen_answers_for_both_data_sets(opened):
    for viewport in (DESKTOP, PHONE):
        page = opened(viewport=viewport)
        for number in range(2):
            answer = page.locator(".answer").nth(number)
            assert "teacher+trim+kd+int8" in answer.locator("h2").inner_text()
            for words in ("Costs", "How certain"):
                term = answer.locator("dt", has_text=words)
                value = answer.locator("dd").nth(0 if words == "Costs" else 1)
                assert term.is_visible()
                box = value.bounding_box()
                assert box["y"] + box["height"] <= viewport["height"], (viewport, number, words)
            sure = answer.locator("dd").nth(1).inner_text()
            assert "trained once" in sure
            folded = viewport is PHONE  # on a wide screen the script unfolds it
            assert answer.locator("details").evaluate("node => node.open") != folded
            assert ("not corrected" in sure) != folded
            assert answer.locator("dd", has_text="whose licence restricts use").is_visible()
            if folded:
                answer.locator("summary").click()
                assert answer.get_by_text("not corrected").is_visible()
                answer.locator("summary").click()


def test_sorting_by_every_column(opened):
    page = opened()
    assert names(page) == list(VARIANTS)
    for chip in ("Scores", "Cost", "Speed", "Paired tests", "Noise"):
        page.get_by_role("button", name=chip, exact=True).click()
    sorted_twice = page.evaluate(
        """() => [...document.querySelectorAll('#table thead th')].map(th => th.dataset.key).map(key => {
            const press = () => {
                document.querySelector(`#table th[data-key="${key}"] button`).click();
                const marked = document.querySelectorAll('#table thead th:not([aria-sort=none])');
                return [marked.length, marked[0].dataset.key, marked[0].getAttribute('aria-sort'),
                    [...document.querySelectorAll('#table tbody th a')].map(a => a.textContent)];
            };
            return [key, press(), press()];
        })"""
    )
    assert len(sorted_twice) > 20
    for key, (one, where, first, order), (_, _, second, other) in sorted_twice:
        assert (one, where) == (1, key) and {first, second} == {"ascending", "descending"}
        assert sorted(order) == sorted(other) == sorted(VARIANTS)
    page.locator("th[data-key=size_bytes] button").click()
    assert names(page)[:2] == ["linear+w8", "linear"]
    assert column(page, "size_bytes")[0] == "0.52 MB"
    page.locator("th[data-key=accuracy] button").click()
    assert names(page)[:2] == ["teacher", "teacher+trim"] and names(page)[-1] == "linear+w8"
    page.locator("th[data-key=speedup_over_pytorch] button").click()
    page.locator("th[data-key=speedup_over_pytorch] button").click()
    assert names(page)[-2:] == ["linear", "linear+w8"]  # an empty cell stands last either way


def test_filtering_by_text_and_chips(opened):
    page = opened()
    page.get_by_label("Find").fill("KD")
    assert names(page) == ["teacher+trim+kd+int8"]
    assert page.locator("#count").inner_text() == "1 of 7 variants"
    page.get_by_label("Find").fill("")
    page.locator("#runtimes").get_by_role("button", name="linear").click()
    assert names(page) == ["linear", "linear+w8"]
    page.wait_for_function(
        "() => [...document.querySelectorAll('#pareto .mark-symbol path')]"
        ".filter(node => node.__data__.datum.faint).length === 5"
    )
    page.locator("#looks").get_by_role("button", name="quantize, 8 bit").click()
    assert names(page) == ["linear+w8"]
    pressed = page.locator("#looks button[aria-pressed=true]")
    assert pressed.inner_text() == "quantize, 8 bit"
    pressed.click()
    page.locator("#runtimes button[aria-pressed=true]").click()
    assert len(names(page)) == 7


def test_groups_of_columns_are_switched(opened):
    page = opened()
    assert page.locator("th[data-key=ece]").count() == 0
    page.get_by_role("button", name="Scores", exact=True).click()
    assert page.locator("th[data-key=ece]").count() == 1
    page.get_by_role("button", name="Overview", exact=True).click()
    assert page.locator("th[data-key=size_bytes]").count() == 0
    page.get_by_role("button", name="Noise", exact=True).click()
    assert column(page, "accuracy_noise_20")[0] == "63.00"


def test_switching_data_set_and_axes(opened):
    page = opened()
    assert set(axis(page)) == {"Size of the shipped files, MB (log scale)", "Accuracy on test, %"}
    page.get_by_role("radio", name="Latency").check()
    page.get_by_role("radio", name="Macro F1").check()
    page.wait_for_function(
        "() => document.querySelector('#pareto').textContent.includes('Macro F1 on test')"
    )
    assert set(axis(page)) == {"Median time of one text, ms (log scale)", "Macro F1 on test, %"}
    assert "English" not in page.locator("#about").inner_text()
    page.get_by_role("radio", name="demo-en").check()
    about = page.locator("#about").inner_text()
    assert about.startswith("English <i>demo</i> (demo corpus: these numbers say nothing")
    assert page.locator(".matrix thead th").nth(2).inner_text() == HOSTILE[1]


def test_pointing_shows_the_row_and_clicking_picks_it(opened):
    page = opened()
    assert not page.locator("#tip").is_visible()
    x, y = point(page, "linear")
    page.mouse.move(x + 4, y - 3)
    told = page.locator("#tip").inner_text()
    assert told.startswith("linear\n") and "86.50 ± 0.25" in told and "2.05 MB" in told
    assert "linear baseline" in told
    box = page.locator("#tip").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 1280
    page.mouse.click(x, y)
    assert page.locator("#picked a").inner_text() == "linear"
    assert page.locator("tr.on").get_attribute("data-variant") == "linear"
    assert page.evaluate("location.hash") == "#real-bn/linear"
    assert page.locator("#pick").input_value() == "linear"
    page.mouse.move(2, 2)
    assert not page.locator("#tip").is_visible()


def test_the_figure_by_keyboard(opened):
    page = opened()
    page.locator("#pareto").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#tip strong").inner_text()
    seen = {first}
    for _ in range(6):
        page.keyboard.press("ArrowRight")
        seen.add(page.locator("#tip strong").inner_text())
    assert seen == set(VARIANTS)
    page.keyboard.press("Enter")
    chosen = page.locator("#tip strong").inner_text()
    assert page.locator("#picked a").inner_text() == chosen
    page.keyboard.press("Escape")
    assert not page.locator("#tip").is_visible()


def test_a_path_by_keyboard_alone(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('th')?.dataset.key === 'size_bytes'"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    assert names(page)[0] == "linear+w8"
    assert page.locator("th[data-key=size_bytes]").get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")  # the focus is still on that heading
    assert names(page)[0] in ("teacher", "teacher+mag30")
    page.locator("#datasets input").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#about").inner_text().startswith("English")
    assert page.evaluate("document.activeElement.value") == "demo-en"


def test_a_variant_has_an_address(opened):
    page = opened(anchor="#demo-en/teacher+mag30")
    explorer = page.locator("#explorer")
    assert explorer.locator("h3.name").inner_text().strip() == "teacher+mag30"
    text = explorer.inner_text()
    assert "Against its teacher teacher: −1.00 points of accuracy" in text
    assert (
        "points of accuracy (95 % interval" in text
        and ", not shown (" in text
        and "simulated" in text
    )
    assert "amount: 0.3" in text and "zeros in the linear layers: 30 %" in text
    assert explorer.locator(".matrix tbody td").first.inner_text().split() == ["400", "86", "%"]
    assert page.locator("#own-noise .mark-symbol path").count() == 3 * 4
    page.locator("#pick").select_option("linear")
    assert page.evaluate("location.hash") == "#demo-en/linear"
    page.evaluate("location.hash = '#real-bn/teacher+trim'")
    page.wait_for_function("() => document.querySelector('#pick').value === 'teacher+trim'")
    assert page.locator("#about").inner_text().startswith("Bengali comments")
    page.evaluate("location.hash = '#no-such/thing'")
    assert page.locator("#pick").input_value() == "teacher+trim"
    # A name that every object of JavaScript has, and no variant: the data set's first is shown.
    page.evaluate("location.hash = '#demo-en/constructor'")
    page.wait_for_function("() => document.querySelector('#about').innerText.startsWith('English')")
    assert page.locator("#pick").input_value() == page.locator("#explorer h3.name").inner_text()


def test_lines_are_picked_in_their_legend(opened):
    page = opened()
    boxes = page.locator("#lines input")
    assert boxes.count() == 7
    before = page.locator("#noise .mark-symbol path").count()
    page.locator("#lines").get_by_label("teacher+int8").check()
    page.wait_for_function(
        f"() => document.querySelectorAll('#noise .mark-symbol path').length === {before + 4}"
    )
    assert page.locator("#lines input:focus").input_value() == "teacher+int8"
    page.locator("#lines").get_by_role("button", name="None").click()
    page.wait_for_selector("#loss .empty")
    assert "None of these variants was trained" in page.locator("#loss").inner_text()
    page.locator("#lines").get_by_label("linear", exact=True).check()
    page.wait_for_selector("#noise svg")
    assert page.locator("#loss .empty").is_visible()


def test_dark_by_system_and_by_button(opened):
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = opened(), opened(scheme="dark")
    assert light.evaluate(ground) == "rgb(246, 247, 249)"
    assert dark.evaluate(ground) == "rgb(16, 19, 23)"
    ink = "document.querySelector('#pareto .role-axis-label text').getAttribute('fill')"
    before = light.evaluate(ink)
    light.get_by_role("button", name="Dark").click()
    assert light.evaluate(ground) == "rgb(16, 19, 23)"
    light.wait_for_function(f"() => {ink} !== '{before}'")
    assert light.evaluate(ink) == dark.evaluate(ink)
    light.reload()
    light.wait_for_selector("#pareto .mark-symbol path")
    assert light.evaluate(ground) == "rgb(16, 19, 23)"
    light.get_by_role("button", name="Dark").click()
    assert light.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "false"


def test_a_phone_scrolls_tables_and_not_the_page(opened):
    page = opened(viewport=PHONE, has_touch=True)
    for details in page.locator("details").all():
        details.evaluate("node => { node.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    wide = page.locator(".scroll.main")
    assert wide.evaluate("node => node.scrollWidth > node.clientWidth")
    wide.evaluate("node => { node.scrollLeft = 150; }")
    first = page.locator("#table tbody th").first.bounding_box()
    assert abs(first["x"] - wide.bounding_box()["x"]) < 3  # the names stay in sight
    x, y = point(page, "linear+w8")
    page.touchscreen.tap(x, y)
    assert page.locator("#tip").inner_text().startswith("linear+w8")


def test_labels_stay_text_and_bengali_shows(opened):
    page = opened()
    assert page.locator(".matrix tbody th").all_inner_texts() == BENGALI
    assert page.locator(".matrix tbody th").first.bounding_box()["width"] > 10
    page.get_by_role("radio", name="demo-en").check()
    assert page.locator(".matrix tbody th").all_inner_texts() == HOSTILE
    assert page.locator("#explorer script").count() == 0


def test_without_scripts_the_answers_and_plain_tables_remain(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator(".answer").count() == 2
    assert page.locator("noscript table").count() == 2
    assert not page.locator("#app").is_visible()
    context.close()


def test_policy_is_at_work(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    for code in (
        "fetch('https://example.org')",
        "new Promise((_, no) => { const i = new Image(); i.onerror = no; i.src = 'https://example.org/x.png'; })",
    ):
        assert page.evaluate(f"{code}.then(() => 'sent', () => 'refused')") == "refused"
    inline = """() => { const script = document.createElement('script'); script.textContent = 'window.ran = 1';
        document.body.append(script); return window.ran ?? 'refused'; }"""
    assert page.evaluate(inline) == "refused"
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_reports_figures_are_drawn_in_both_themes_and_as_wide_as_there_is_room(opened, scheme):
    page = opened(scheme=scheme, viewport={"width": 600, "height": 800})
    page.wait_for_selector("[data-figure='real-bn-accuracy-bars'] svg text")
    page.wait_for_selector("[data-figure='demo-en-techniques'] svg text")
    seen = page.evaluate(
        """() => [...document.querySelectorAll("[data-figure] svg")].map((svg) => ({
            fill: svg.querySelector("text").getAttribute("fill"),
            ground: svg.querySelector(":scope > rect")?.getAttribute("fill") ?? "none",
            right: svg.getBoundingClientRect().right, room: svg.closest("figure").getBoundingClientRect().right,
        }))"""
    )
    assert len(seen) == 2
    for one in seen:
        assert one["fill"] == {"light": "#0072B2", "dark": "#4BA3E3"}[scheme]
        assert one["ground"] != "#FFFFFF" and one["right"] <= one["room"] <= 600
