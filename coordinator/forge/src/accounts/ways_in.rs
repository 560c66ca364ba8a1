//! What opens an account: its owner must never be left outside by something that is taken away.

use crate::{Error, Forge};
use plue_store::Tx;
use plue_store::accounts::AccountRow;
use plue_store::{identities, wallets};

/// Refuses what has just been taken away in this transaction, where nothing else opens the
/// account.
pub(crate) async fn require_a_way_in(forge: &Forge, tx: &mut Tx<'_>, row: &AccountRow) -> Result<(), Error> {
    let by_letter = forge.sends_mail() && row.email_verified_at_ms.is_some();
    if row.password_hash.is_some()
        || by_letter
        || !wallets::of_account(tx, row.id).await?.is_empty()
        || !identities::of_account(tx, row.id).await?.is_empty()
    {
        return Ok(());
    }
    Err(Error::Refused(
        "nothing else opens your account; set a password first".to_owned(),
    ))
}
