"""HTML as the text that its reader sees."""

import pytest

from pipeline.parse.html import html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("one<br>two<BR/>three<br /><br>four", "one\ntwo\nthree\n\nfour"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<div>one</div>\r\n\r\n <div>two\n  words</div>", "one\ntwo words"),
        ("<table><tr><td>a</td><td>b</td></tr> <tr><td>c</td></tr></table>", "a b\nc"),
        ("<ul><li><p>one</p></li><li>two</li></ul>after", "- one\n\n- two\n\nafter"),
        ("<ul><li><blockquote>one</blockquote></li></ul>", "-\n\n> one"),
        ("a<hr>b", "a\n----------\nb"),
        ("<b>bold</b> <i>words</i>&nbsp;&nbsp;end", "bold words end"),
        ("<font\n  color='red'>red</font\n> ink", "red ink"),
        ("1 < 2 & 3 &lt; 4 &amp;lt; &#8364; &#99999999999;", "1 < 2 & 3 < 4 &lt; € \ufffd"),
        ('<img alt="a > b">seen', "seen"),
        ("seen<a href='x", "seen"),
        ("<a <b>seen</b>", "seen"),
        ("a<!-- <p>no</p> -->b<!-->c", "abc"),
        ("<![if !mso]>shown<![endif]><?xml version='1'?>", "shown"),
        ("a\1\2b\x08", "ab"),
    ],
)
def test_text_is_laid_out_as_it_is_shown(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    "hidden",
    [
        '<span style="display: none">no</span>',
        "<div hidden>no <div>nor this</div></div>",
        '<p style="display:none">no<p>',
        '<td style="mso-hide:all">no</td>',
        '<SPAN STYLE="VISIBILITY:HIDDEN"><b>no</b></SPAN>',
        "<style>no</style><script>if (a<b) no</script>",
        "<select><option>no</select>",
        "<title>no</title>",
        '<svg><text>no</text></svg><object data="x"/>',
    ],
)
def test_what_is_hidden_is_no_text(hidden: str) -> None:
    assert html_to_text(f"seen {hidden} too") in {"seen too", "seen\n\ntoo"}


def test_quotes_are_marked_and_what_stands_between_them_is_not() -> None:
    html = "yes<blockquote><p>one<br>two</p><blockquote>old</blockquote></blockquote><p>no</p><blockquote>three"
    assert html_to_text(html) == "yes\n\n> one\n> two\n>\n>> old\n\nno\n\n> three"


def test_preformatted_text_keeps_its_lines_and_blanks() -> None:
    assert html_to_text("see<pre>a\n  b  <b>c</b>\r\n\td</pre>the   end") == "see\n\na\n  b  c\n d\n\nthe end"
    assert html_to_text("<blockquote><pre>a\n b</pre></blockquote>c") == "> a\n>  b\n\nc"


def test_an_unclosed_title_takes_nothing_with_it() -> None:
    assert html_to_text("<title>seen <p>all</p>") == "seen\n\nall"
