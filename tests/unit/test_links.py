"""The link check finds what it is for: a dead link, a dead anchor, a page that nothing leads to."""

from pathlib import Path

import pytest

from local.links import Link, anchors_of, dead_links, links_of, lost_pages, pages, slug

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with an index, a page it leads to, and a picture: all well."""
    (tmp_path / "docs" / "pictures").mkdir(parents=True)
    (tmp_path / "docs" / "pictures" / "day.png").write_bytes(b"")
    (tmp_path / "README.md").write_text("# Stopwatch\n\nSee [the day](docs/day.md#a-day-in-brief).\n")
    (tmp_path / "docs" / "README.md").write_text("# Index\n\n- [the day](day.md), [here](#index)\n")
    (tmp_path / "docs" / "day.md").write_text(
        "# The day\n\n## A day, in brief\n\n![a day](pictures/day.png)\n\n[back](../README.md#stopwatch)\n"
    )
    return tmp_path


def plant(tree: Path, words: str) -> None:
    page = tree / "docs" / "day.md"
    page.write_text(f"{page.read_text()}\n{words}\n")


def test_nothing_is_wrong_with_this_repository() -> None:
    assert len(pages(ROOT)) > 15
    assert dead_links(ROOT) == []
    assert lost_pages(ROOT) == []


def test_nothing_is_wrong_where_every_link_leads_somewhere(tree: Path) -> None:
    assert dead_links(tree) == []
    assert lost_pages(tree) == []


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("See [it](nowhere.md).", "nowhere.md: there is no docs/nowhere.md"),
        ("See [it](pictures/night.png).", "pictures/night.png: there is no docs/pictures/night.png"),
        ("![it](night.png)", "night.png: there is no docs/night.png"),
        ('<img src="night.png" width="200">', "night.png: there is no docs/night.png"),
        ("See [it][1].\n\n[1]: nowhere.md", "nowhere.md: there is no docs/nowhere.md"),
        ("[![it](pictures/day.png)](nowhere.md)", "nowhere.md: there is no docs/nowhere.md"),
        ('See [it](nowhere.md "a title").', "nowhere.md: there is no docs/nowhere.md"),
        ("See [it](/day.md).", "/day.md: there is no day.md"),
        ("See [it](../../passwd).", "../../passwd leads out of the repository"),
        ("See [it](#nowhere).", "#nowhere: no heading of docs/day.md is called #nowhere"),
        (
            "See [it](#A-day-in-brief).",
            "#A-day-in-brief: no heading of docs/day.md is called #A-day-in-brief",
        ),
        ("See [it](../README.md#day).", "../README.md#day: no heading of README.md is called #day"),
    ],
)
def test_a_planted_dead_link_is_named(tree: Path, words: str, wrong: str) -> None:
    plant(tree, words)
    found = dead_links(tree)
    assert [problem.partition(": ")[2] for problem in found] == [wrong]
    assert found[0].startswith("docs/day.md:")


def test_a_dead_link_is_named_by_its_line(tree: Path) -> None:
    plant(tree, "```\ncode\n```\n<!-- a\ncomment --> `code\nof two lines` and [it](nowhere.md)")
    assert dead_links(tree) == ["docs/day.md:14: nowhere.md: there is no docs/nowhere.md"]


@pytest.mark.parametrize(
    "words",
    [
        "```\n[it](nowhere.md)\n```",
        "   ~~~~ text\n   [it](nowhere.md)\n   ```\n   [it](nowhere.md)\n   ~~~~",
        "Write `[it](nowhere.md)`, or ``[`it`](nowhere.md)``.",
        "Write `[it]\n(nowhere.md)`.",
        "<!-- [it](nowhere.md) -->",
        "See [it](https://example.com/nowhere.md#day) or [us](mailto:us@example.com).",
    ],
)
def test_what_is_code_or_elsewhere_is_not_followed(tree: Path, words: str) -> None:
    plant(tree, words)
    assert dead_links(tree) == []


def test_a_page_that_nothing_leads_to_is_named(tree: Path) -> None:
    (tree / "docs" / "adr").mkdir()
    (tree / "docs" / "adr" / "0001-lost.md").write_text("# Lost\n\n[to another](0002-lost-too.md)\n")
    (tree / "docs" / "adr" / "0002-lost-too.md").write_text("# Lost too\n\n[back](0001-lost.md)\n")
    assert lost_pages(tree) == [
        "docs/adr/0001-lost.md: nothing leads to this page from docs/README.md",
        "docs/adr/0002-lost-too.md: nothing leads to this page from docs/README.md",
    ]
    plant(tree, "See [the decision](adr/0001-lost.md).")
    assert lost_pages(tree) == []


def test_without_an_index_every_page_is_lost(tree: Path) -> None:
    (tree / "docs" / "README.md").unlink()
    assert lost_pages(tree) == ["docs/day.md: nothing leads to this page from docs/README.md"]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("How late is late", "how-late-is-late"),
        ("A strategy's day", "a-strategys-day"),
        ("`GET /account`, and more", "get-account-and-more"),
        ("Who may do what, and who did what", "who-may-do-what-and-who-did-what"),
        ("Buy & sell", "buy--sell"),
        ("The [day](day.md) in **brief**", "the-day-in-brief"),
        ("Größe 10 – 20", "größe-10--20"),
        ("snake_case and a-hyphen", "snake_case-and-a-hyphen"),
    ],
)
def test_a_heading_has_the_anchor_that_github_gives_it(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor


def test_equal_headings_are_numbered_and_own_anchors_count() -> None:
    text = '# Day\n\n## Day ##\n\n```\n# not a heading\n```\n\n# Day\n\n<a id="mine"></a>\n'
    assert anchors_of(text) == {"day", "day-1", "day-2", "mine"}


def test_links_come_in_the_order_of_their_lines() -> None:
    assert links_of("[one]: 1.md\n\n[two](2.md), ![three](3.png)\n") == [
        Link(1, "1.md"),
        Link(3, "2.md"),
        Link(3, "3.png"),
    ]
