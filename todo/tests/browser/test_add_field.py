"""The field above the list, by hand, by pasting and with an input method."""

from __future__ import annotations

from playwright.async_api import Page, expect

from todo.store.query import Query

from .conftest import MARKS, Running, saving

pytestmark = MARKS

ALL = Query()

#: What a browser does when several lines are pasted into a field.
PASTE = """text => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    document.activeElement.dispatchEvent(
        new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
}"""


async def test_enter_adds_one_after_another(running: Running, page: Page) -> None:
    async with saving(running):
        await page.goto(running.web)
        field = page.get_by_label("What is to be done?")
        await expect(field).to_be_focused()
        for text in ("  Buy milk ", "Buy bread"):
            await page.keyboard.type(text)
            await page.keyboard.press("Enter")
            await expect(field).to_have_value("")
            await expect(field).to_be_focused()

        await expect(page.locator("#items .text")).to_have_text(["Buy bread", "Buy milk"])
        await expect(page.locator("#items [data-state=saved]")).to_have_count(2)
        await expect(page.locator("#left")).to_have_text("2 items left")
        assert {item.item for item in (await running.store.page(ALL)).items} == {
            "Buy milk",
            "Buy bread",
        }


async def test_what_cannot_be_an_item_stays_in_the_field(running: Running, page: Page) -> None:
    await page.goto(running.web)
    field = page.get_by_label("What is to be done?")
    for text, said in (
        ("   ", "Please enter what is to be done."),
        ("\u200b\u2060", "nothing of this text can be seen"),
        ("x" * 257, "257 characters"),
    ):
        await field.fill(text)
        await page.keyboard.press("Enter")
        await expect(page.locator("#new-error")).to_contain_text(said)
        await expect(field).to_have_value(text)
        await expect(field).to_have_attribute("aria-invalid", "true")
    await page.keyboard.press("End")
    await page.keyboard.press("Backspace")
    await expect(page.locator("#new-error")).to_be_empty()
    await page.keyboard.press("Enter")
    await expect(page.locator("#items .text")).to_have_text("x" * 256)


async def test_pasted_lines_are_offered_as_items(running: Running, page: Page) -> None:
    await page.goto(running.web)
    await page.evaluate(PASTE, "one\r\n  two\n\nthree\n")
    await expect(page.get_by_label("What is to be done?")).to_have_value("one two three")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Add 3 items")).to_be_hidden()
    await expect(page.get_by_label("What is to be done?")).to_be_focused()

    await page.keyboard.press("Control+a")
    await page.evaluate(PASTE, "one\r\n  two\n\nthree\n")
    await expect(page.get_by_role("button", name="Add 3 items")).to_be_focused()
    await page.keyboard.press("Enter")

    await expect(page.locator("#items .text")).to_have_text(["one", "two", "three"])
    await expect(page.get_by_label("What is to be done?")).to_be_focused()


async def test_enter_of_an_input_method_adds_nothing(running: Running, page: Page) -> None:
    await page.goto(running.web)
    devices = await page.context.new_cdp_session(page)
    await devices.send(
        "Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6}
    )
    enter = {"key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    await devices.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await devices.send("Input.insertText", {"text": "你好"})
    field = page.get_by_label("What is to be done?")
    await expect(field).to_have_value("你好")
    await expect(page.locator("#items .item")).to_have_count(0)

    await page.keyboard.press("Enter")
    await expect(page.locator("#items .text")).to_have_text("你好")


async def test_words_are_shown_as_chips_and_can_be_refused(running: Running, page: Page) -> None:
    await page.goto(running.web)
    await page.keyboard.type("Call mum tomorrow #family")
    chips = page.locator("#chips button")
    await expect(chips).to_have_text(["Tomorrow", "#family"])
    await page.keyboard.press("Enter")
    row = page.locator("#items .item").first
    await expect(row.locator(".text")).to_have_text("Call mum")
    await expect(row.locator(".due")).to_have_text("Tomorrow")
    await expect(row.locator(".tags")).to_have_text("#family")

    await page.keyboard.type("Watch tomorrow #family")
    await page.get_by_role("button", name="Not a due date: Tomorrow").click()
    await expect(chips).to_have_text(["#family"])
    await page.keyboard.press("Enter")
    await expect(row.locator(".text")).to_have_text("Watch tomorrow")
    await expect(row.locator(".due")).to_be_hidden()
    await expect(row.locator(".tags")).to_have_text("#family")


async def test_a_text_that_was_not_sent_survives_a_reload(running: Running, page: Page) -> None:
    await page.goto(running.web)
    await page.keyboard.type("half a thou")
    await page.reload()
    await expect(page.get_by_label("What is to be done?")).to_have_value("half a thou")


async def test_what_was_refused_stays_refused_however_fast_one_writes_on(
    running: Running, page: Page
) -> None:
    await page.goto(running.web)
    await page.keyboard.type("Read Tomorrow #news")
    for name in ("Not a due date: Tomorrow", "Not a tag: #news"):
        await page.get_by_role("button", name=name).click()
    # Nobody can have told by then what the words mean.
    await page.route("**/words?*", lambda route: route.abort())
    await page.keyboard.press("End")
    await page.keyboard.type(" now")
    async with page.expect_response("**/items") as answer:
        await page.keyboard.press("Enter")
    item = (await (await answer.value).json())["item"]
    assert (item["item"], item["due"], item["tags"]) == ("Read Tomorrow #news now", None, [])
    row = page.locator("#items .item").first
    await expect(row.locator(".text")).to_have_text("Read Tomorrow #news now")
    await expect(row.locator(".due")).to_be_hidden()
    await expect(row.locator(".tags")).to_be_empty()


async def test_what_was_refused_is_found_again_when_it_is_written_again(
    running: Running, page: Page
) -> None:
    await page.goto(running.web)
    await page.keyboard.type("Read Tomorrow")
    chips = page.locator("#chips button")
    await chips.click()
    await expect(chips).to_have_count(0)
    await page.get_by_label("What is to be done?").fill("Call")
    await page.keyboard.type(" mum tomorrow")
    await expect(chips).to_have_text(["Tomorrow"])
