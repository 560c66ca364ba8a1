//! The wallets that open the account.

use super::Section;
use crate::assets::Script;
use crate::forms::{Wrong, alert, button};
use crate::frame::{Frame, Viewer};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::html;

mod words {
    pub const TITLE: &str = "Wallets";
    pub const ABOUT: &str =
        "An Ethereum wallet signs you in by a signature: no password is typed, and nothing is paid or sent.";
    pub const NONE: &str = "No wallet opens your account.";
    pub const NONE_NEXT: &str = "In a browser that has one, a button here links it.";
    pub const REMOVE: &str = "Remove";
    pub const LINKED: &str = "Linked ";
    pub const USED: &str = "last used ";
    pub const UNUSED: &str = "never used";
}

/// One wallet.
#[derive(Clone, Debug)]
pub struct Wallet {
    /// Its address.
    pub address: String,
    /// When it was linked, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When somebody last signed in by it.
    pub last_used_at_ms: Option<i64>,
}

/// Writes the page.
pub fn page(frame: &Frame, viewer: &Viewer, wallets: &[Wallet], wrong: &Option<Wrong>) -> String {
    const ACTION: &str = "/-/settings/wallets";
    let body = html! {
        h1 { (words::TITLE) }
        p.muted { (words::ABOUT) }
        (alert(Wrong::elsewhere(wrong, &[])))
        @if wallets.is_empty() {
            div.empty { (icon(Icon::Token)) p { strong { (words::NONE) } } p { (words::NONE_NEXT) } }
        } @else {
            ul.rows {
                @for wallet in wallets {
                    li {
                        div.line {
                            code.name { (wallet.address) }
                            span.end-of-line {
                                (button(viewer, &format!("{ACTION}/{}/remove", wallet.address), words::REMOVE,
                                    &wallet.address, true))
                            }
                        }
                        p.meta {
                            (words::LINKED) (when(wallet.created_at_ms)) ", "
                            @match wallet.last_used_at_ms {
                                Some(ms) => { (words::USED) (when(ms)) },
                                None => (words::UNUSED),
                            }
                        }
                    }
                }
            }
        }
        (crate::wallet::link(viewer))
    };
    super::page_with(frame, Section::Wallets, &[Script::Wallet], &body)
}
