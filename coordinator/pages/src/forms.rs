//! The parts of forms: labelled fields that keep what was typed and say what is wrong beside it.
//!
//! A form posts without script. One for somebody who is signed in bears their token ([`token`]),
//! which the door compares with the session of the cookie.

use crate::frame::Viewer;
use crate::icons::{Icon, icon};
use maud::{Markup, Render, html};

/// The name of the hidden field with the token.
pub const TOKEN_FIELD: &str = "csrf";

/// What was wrong with a form that was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// The name of the field; none where it is the whole.
    pub field: Option<String>,
    /// What is wrong and what to do about it, as a sentence.
    pub text: String,
}

impl Wrong {
    /// What to say beside the field of this name.
    pub fn at<'a>(wrong: &'a Option<Self>, field: &str) -> Option<&'a str> {
        let wrong = wrong.as_ref()?;
        (wrong.field.as_deref() == Some(field)).then_some(wrong.text.as_str())
    }

    /// What to say before the form, because none of its fields is where it belongs.
    pub fn elsewhere<'a>(wrong: &'a Option<Self>, fields: &[&str]) -> Option<&'a str> {
        let wrong = wrong.as_ref()?;
        let beside = wrong
            .field
            .as_deref()
            .is_some_and(|field| fields.contains(&field));
        (!beside).then_some(wrong.text.as_str())
    }
}

/// The hidden field with the viewer's token.
pub fn token(viewer: &Viewer) -> Markup {
    html! { input type="hidden" name=(TOKEN_FIELD) value=(viewer.csrf); }
}

/// What is wrong with the whole of a form, told before it.
pub fn alert(text: Option<&str>) -> Markup {
    html! {
        @if let Some(text) = text {
            p.notice.wrong role="alert" { (icon(Icon::Warning)) span { (text) } }
        }
    }
}

/// What a field is for the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Password,
    Email,
    Url,
    Number,
    Area { rows: u8, code: bool },
}

/// A field with its label. Rendered by naming it in a template.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    name: &'a str,
    label: &'a str,
    kind: Kind,
    value: &'a str,
    hint: Option<&'a str>,
    wrong: Option<&'a str>,
    placeholder: Option<&'a str>,
    autocomplete: &'a str,
    required: bool,
    focus: bool,
    max_chars: Option<u32>,
}

impl<'a> Field<'a> {
    /// A line of text.
    pub const fn new(name: &'a str, label: &'a str) -> Self {
        Self {
            name,
            label,
            kind: Kind::Text,
            value: "",
            hint: None,
            wrong: None,
            placeholder: None,
            autocomplete: "off",
            required: false,
            focus: false,
            max_chars: None,
        }
    }

    const fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// A password; what was typed is never shown again.
    pub const fn password(self, autocomplete: &'a str) -> Self {
        self.kind(Kind::Password).autocomplete(autocomplete)
    }

    /// An address for mail.
    pub const fn email(self) -> Self {
        self.kind(Kind::Email).autocomplete("email")
    }

    /// A URL.
    pub const fn url(self) -> Self {
        self.kind(Kind::Url)
    }

    /// A number.
    pub const fn number(self) -> Self {
        self.kind(Kind::Number)
    }

    /// Several lines.
    pub const fn area(self, rows: u8) -> Self {
        self.kind(Kind::Area { rows, code: false })
    }

    /// Several lines of something that is no prose.
    pub const fn code_area(self, rows: u8) -> Self {
        self.kind(Kind::Area { rows, code: true })
    }

    /// What stands in it.
    pub const fn value(mut self, value: &'a str) -> Self {
        self.value = value;
        self
    }

    /// A sentence about it.
    pub const fn hint(mut self, hint: &'a str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// What is wrong with it.
    pub const fn wrong(mut self, wrong: Option<&'a str>) -> Self {
        self.wrong = wrong;
        self
    }

    /// An example.
    pub const fn placeholder(mut self, placeholder: &'a str) -> Self {
        self.placeholder = Some(placeholder);
        self
    }

    /// What the browser may fill in (HTML's names).
    pub const fn autocomplete(mut self, what: &'a str) -> Self {
        self.autocomplete = what;
        self
    }

    /// It may not be empty.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The first that is typed in.
    pub const fn focus(mut self) -> Self {
        self.focus = true;
        self
    }

    /// The most characters.
    pub const fn max(mut self, chars: u32) -> Self {
        self.max_chars = Some(chars);
        self
    }
}

impl Render for Field<'_> {
    fn render(&self) -> Markup {
        let Self { name, wrong, .. } = *self;
        let (hint_id, wrong_id) = (format!("{name}-hint"), format!("{name}-wrong"));
        let described = match (self.hint, wrong) {
            (None, None) => None,
            (Some(_), None) => Some(hint_id.clone()),
            (None, Some(_)) => Some(wrong_id.clone()),
            (Some(_), Some(_)) => Some(format!("{wrong_id} {hint_id}")),
        };
        let invalid = wrong.map(|_| "true");
        // A person who is told of a mistake goes on where it is.
        let focus = self.focus || wrong.is_some();
        let kind = match self.kind {
            Kind::Password => "password",
            Kind::Email => "email",
            Kind::Url => "url",
            Kind::Number => "number",
            Kind::Text | Kind::Area { .. } => "text",
        };
        let value = if self.kind == Kind::Password {
            ""
        } else {
            self.value
        };
        html! {
            div.field {
                label for=(name) { (self.label) }
                @if let Kind::Area { rows, code } = self.kind {
                    textarea #(name) .mono[code] name=(name) rows=(rows) required[self.required] autofocus[focus]
                        spellcheck=[code.then_some("false")] autocomplete=(self.autocomplete)
                        placeholder=[self.placeholder] maxlength=[self.max_chars]
                        aria-describedby=[described] aria-invalid=[invalid] { "\n" (self.value) }
                } @else {
                    input #(name) type=(kind) name=(name) value=(value) required[self.required] autofocus[focus]
                        autocomplete=(self.autocomplete) placeholder=[self.placeholder] maxlength=[self.max_chars]
                        aria-describedby=[described] aria-invalid=[invalid];
                }
                @if let Some(wrong) = wrong { p.wrong #(wrong_id) { (icon(Icon::Warning)) (wrong) } }
                @if let Some(hint) = self.hint { p.hint #(hint_id) { (hint) } }
            }
        }
    }
}

/// One of several answers.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// What is sent.
    pub value: &'a str,
    /// What it is called.
    pub label: &'a str,
    /// What it means; may be empty.
    pub hint: &'a str,
}

/// One answer of several, all of them shown.
pub fn choices(name: &str, legend: &str, chosen: &str, all: &[Choice<'_>]) -> Markup {
    html! {
        fieldset.field {
            legend { (legend) }
            @for choice in all {
                label.choice {
                    input type="radio" name=(name) value=(choice.value) checked[choice.value == chosen];
                    span { (choice.label) @if !choice.hint.is_empty() { small { (choice.hint) } } }
                }
            }
        }
    }
}

/// Any of several answers.
pub fn checks(
    name: &str,
    legend: &str,
    chosen: &[String],
    all: &[Choice<'_>],
    wrong: Option<&str>,
) -> Markup {
    let wrong_id = format!("{name}-wrong");
    html! {
        fieldset.field aria-describedby=[wrong.map(|_| wrong_id.as_str())] {
            legend { (legend) }
            @if let Some(wrong) = wrong { p.wrong #(wrong_id) { (icon(Icon::Warning)) (wrong) } }
            div.many { @for choice in all {
                label.choice {
                    input type="checkbox" name=(name) value=(choice.value)
                        checked[chosen.iter().any(|chosen| chosen == choice.value)];
                    span { (choice.label) @if !choice.hint.is_empty() { small { (choice.hint) } } }
                }
            } }
        }
    }
}

/// One answer of several, in a list that opens.
pub fn select(name: &str, label: &str, chosen: &str, all: &[(&str, &str)]) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            select #(name) name=(name) {
                @for (value, label) in all {
                    option value=(value) selected[*value == chosen] { (label) }
                }
            }
        }
    }
}

/// A form that is one button.
pub fn button(viewer: &Viewer, action: &str, label: &str, describes: &str, danger: bool) -> Markup {
    html! {
        form.inline method="post" action=(action) {
            (token(viewer))
            button.small.danger[danger] type="submit" aria-label={ (label) ": " (describes) } { (label) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_keeps_what_was_typed_and_says_what_is_wrong() {
        let field = Field::new("name", "Name")
            .value("a\"b")
            .hint("Short.")
            .wrong(Some("Taken."));
        let html = field.render().into_string();
        assert!(html.contains("<label for=\"name\">Name</label>"), "{html}");
        assert!(html.contains("value=\"a&quot;b\""), "{html}");
        assert!(
            html.contains("aria-invalid=\"true\"")
                && html.contains("aria-describedby=\"name-wrong name-hint\"")
        );
        assert!(html.contains("id=\"name-wrong\"") && html.contains("Taken."));
        let password = Field::new("p", "P")
            .value("secret")
            .password("new-password")
            .render()
            .into_string();
        assert!(!password.contains("secret"));
        let area = Field::new("t", "T")
            .value("\n</textarea>")
            .area(3)
            .render()
            .into_string();
        assert!(
            area.contains("\n\n&lt;/textarea&gt;"),
            "a first line break is kept: {area}"
        );
    }

    #[test]
    fn what_no_field_is_to_blame_for_is_told_before_the_form() {
        let wrong = Some(Wrong {
            field: Some("name".into()),
            text: "Taken.".into(),
        });
        assert_eq!(Wrong::at(&wrong, "name"), Some("Taken."));
        assert_eq!(Wrong::at(&wrong, "other"), None);
        assert_eq!(Wrong::elsewhere(&wrong, &["name"]), None);
        assert_eq!(Wrong::elsewhere(&wrong, &["other"]), Some("Taken."));
        assert_eq!(Wrong::elsewhere(&None, &[]), None);
    }
}
