//! The form that a wallet of the browser fills in. It is hidden until its script has found one.

use crate::frame::Viewer;
use maud::{Markup, html};

mod words {
    pub const SIGN_IN: &str = "Sign in by wallet";
    pub const LINK: &str = "Link the wallet of this browser";
}

fn fields(label: &str) -> Markup {
    html! {
        input type="hidden" name="message" value="";
        input type="hidden" name="signature" value="";
        p.wrong role="status" data-said {}
        button.wide type="submit" { (label) }
    }
}

/// The form that signs in; `to` is where to go afterwards, and may be empty.
pub(crate) fn sign_in(to: &str) -> Markup {
    html! {
        form method="post" action="/-/wallet" data-wallet autocomplete="off" hidden {
            @if !to.is_empty() { input type="hidden" name="to" value=(to); }
            (fields(words::SIGN_IN))
        }
    }
}

/// The form that links a wallet to the viewer's account.
pub(crate) fn link(viewer: &Viewer) -> Markup {
    html! {
        form method="post" action="/-/settings/wallets" data-wallet autocomplete="off" hidden {
            (crate::forms::token(viewer))
            (fields(words::LINK))
        }
    }
}
