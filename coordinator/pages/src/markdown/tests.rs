//! What a README may do to a page, and what it may not.

use super::*;

fn rendered(text: &str) -> String {
    let place = Place {
        blob: "/ada/engine/blob/main".into(),
        raw: "/ada/engine/raw/main".into(),
        folder: "docs".into(),
    };
    render(text, &place, || true).expect("it can be rendered")
}

#[test]
fn it_reads_what_github_reads() {
    let html = rendered(
        "# Hello *you*\n\n- [x] done\n- [ ] not\n\n|a|b|\n|-|-:|\n|1|2|\n\n~~gone~~ www.example.test\n\nnote[^1]\n\n[^1]: the note\n\n> [!WARNING]\n> Hot.\n",
    );
    for part in [
        "<h1 id=\"hello-you\">Hello <em>you</em><a href=\"#hello-you\"",
        "type=\"checkbox\"",
        "<td align=\"right\">2</td>",
        "<del>gone</del>",
        "href=\"http://www.example.test\"",
        "<section class=\"footnotes\">",
        "class=\"footnote-ref\"",
        "<div class=\"markdown-alert markdown-alert-warning\">",
    ] {
        assert!(html.contains(part), "no {part} in {html}");
    }
    assert_eq!(html.matches("checked=\"\"").count(), 1, "{html}");
}

#[test]
fn code_has_colours_and_mathematics_and_diagrams_stay_as_they_were_written() {
    let html = rendered(
        "```rust\nfn main() {}\n```\n\n```mermaid\ngraph TD; A-->B;\n```\n\n$a_b + c_d$ and $$x^2$$\n\n---\n",
    );
    assert!(
        html.contains("<b class=\"k\">fn </b><b class=\"f\">main</b>"),
        "{html}"
    );
    assert!(html.contains("graph TD; A--&gt;B;"), "{html}");
    assert!(
        html.contains("<code>$a_b + c_d$</code>") && html.contains("<code>$$x^2$$</code>"),
        "{html}"
    );
}

#[test]
fn links_and_pictures_are_of_the_same_ref_and_foreign_pictures_are_links() {
    let html = rendered(
        "[a](x.md) ![b](/b.png) ![c](https://example.test/c.png) ![](https://example.test/d.png)\n\n<img src=\"e.png\" onerror=alert(1)><img alt=F src=https://example.test/f.png>",
    );
    assert!(
        html.contains("href=\"/ada/engine/blob/main/docs/x.md\""),
        "{html}"
    );
    assert!(html.contains("src=\"/ada/engine/raw/main/b.png\""), "{html}");
    assert!(html.contains("src=\"/ada/engine/raw/main/docs/e.png\""), "{html}");
    assert!(
        html.contains("<a href=\"https://example.test/c.png\" rel=\"nofollow noopener ugc\">c</a>"),
        "{html}"
    );
    assert!(
        !html.contains("src=\"http") && !html.contains("onerror"),
        "{html}"
    );
    assert!(html.contains("d.png") && html.contains("alt=\"F\""), "{html}");
}

#[test]
fn a_foreign_picture_in_a_link_leaves_its_words_there() {
    let html = rendered(
        "[![build](https://example.test/b.svg)](https://example.test/ci) [![](https://example.test/c.svg)](x.md)",
    );
    assert!(html.contains("rel=\"nofollow noopener ugc\">build</a>"), "{html}");
    assert!(
        html.contains(">c.svg</a>") && html.matches("<a ").count() == 2,
        "{html}"
    );
}

/// Stored scripts by way of Markdown, data addresses, diagrams and attributes: GHSA-jq8v,
/// GHSA-3w28, GHSA-6vxv, GHSA-26gq, GHSA-xh32, GHSA-xrcr.
#[test]
fn nothing_in_it_can_do_anything_ghsa_jq8v_3w28_6vxv_26gq_xh32_xrcr() {
    for hostile in [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java&#x0A;script:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
        "<a href=\" javascript:alert(1)\">x</a>",
        "<iframe src=//evil.test></iframe>",
        "<form action=//evil.test><input name=csrf><button>x</button></form>",
        "<style>body{display:none}</style>",
        "<div style=\"position:fixed;inset:0\">x</div>",
        "<base href=//evil.test>",
        "<meta http-equiv=refresh content=0;url=//evil.test>",
        "<link rel=stylesheet href=//evil.test>",
        "<object data=//evil.test></object><embed src=//evil.test>",
        "<video src=x onerror=alert(1)>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<p class=\"top skip\" data-key=c data-copy=x>x</p>",
        "```\"><script>alert(1)</script>\nx\n```",
        "```mermaid\ngraph TD; A[\"<img src=x onerror=alert(1)>\"]\n```",
        "# <img src=x onerror=alert(1)>",
        "[^<script>]: x\n\n[^<script>]",
        "| <script>alert(1)</script> |\n|-|\n",
        "> [!NOTE] <script>alert(1)</script>\n> x",
        "$<script>alert(1)</script>$",
        "---\na: <script>alert(1)</script>\n---\n",
    ] {
        let html = rendered(hostile);
        // Only what stands in a tag can do anything; a text has no tag in it.
        for tag in html.to_lowercase().split('<').skip(1) {
            let tag = tag.split_once('>').map_or(tag, |(tag, _)| tag);
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            let name = name.trim_start_matches('/');
            for forbidden in [
                "script", "svg", "math", "iframe", "form", "style", "base", "meta", "link", "object",
                "embed", "video", "button", "mi", "mglyph", "noscript",
            ] {
                assert_ne!(name, forbidden, "{hostile}: {html}");
            }
            for forbidden in [
                "style=",
                "data-",
                "class=\"top",
                "=\"javascript",
                "=\"data:",
                "=\"vbscript",
                "onerror=",
                "onload=",
                "name=\"csrf",
            ] {
                assert!(
                    !attributes.contains(forbidden),
                    "{forbidden} of {hostile} in {html}"
                );
            }
        }
    }
}

#[test]
fn no_anchor_is_taken_for_one_of_the_pages_own() {
    let html = rendered("## Content\n\n<a id=\"L10\" name=\"content\"></a> [x](#content)");
    assert!(
        !html.contains("id=\"content\"") && !html.contains("\"L10\""),
        "{html}"
    );
    assert!(html.contains("href=\"#user-content\""), "{html}");
}

#[test]
fn what_is_too_large_or_too_deep_is_refused() {
    let place = Place {
        blob: String::new(),
        raw: String::new(),
        folder: String::new(),
    };
    let tried = |text: &str| render(text, &place, || true);
    assert_eq!(tried(&"a".repeat(MAX_BYTES + 1)), Err(TooMuch::Size));
    assert_eq!(tried(&">".repeat(50_000)), Err(TooMuch::Nesting));
    assert_eq!(tried(&"> - ".repeat(20_000)), Err(TooMuch::Nesting));
}

#[test]
fn hostile_nesting_comes_to_an_end() {
    let html_in_it = rendered(&"<div><b id=1>".repeat(20_000));
    assert!(html_in_it.contains("&lt;div&gt;"), "it stands as its source");
    for hostile in [
        "[".repeat(50_000),
        "![[".repeat(20_000),
        "*a _b ".repeat(20_000),
        "`a``b```".repeat(10_000),
        "[a](".repeat(20_000),
        "<".repeat(100_000),
        "<!--".repeat(20_000),
        "&".repeat(100_000),
        "|a".repeat(20_000),
        "[^a]".repeat(20_000),
        "a**b".repeat(30_000),
        "$a$$".repeat(20_000),
    ] {
        let place = Place {
            blob: String::new(),
            raw: String::new(),
            folder: String::new(),
        };
        let _ = render(&hostile, &place, || true);
    }
}

#[test]
fn names_say_what_is_markdown() {
    assert!(is_markdown("README.md") && is_markdown("docs/a.Markdown"));
    assert!(!is_markdown("README") && !is_markdown("a.mdx.txt") && !is_markdown("md"));
}
