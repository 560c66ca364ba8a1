//! Letters by both ways: what arrives, and what is said where a server does not take one.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use plue_mail::{Letter, Mailer};
use plue_tests::smtp::Mailbox;

const FROM: &str = "Plue <plue@plue.test>";
const NOW: i64 = 1_800_000_000_000;

fn letter() -> Letter {
    Letter {
        to: "ada@plue.test".to_owned(),
        subject: "Grüße".to_owned(),
        text: "A first line.\n.\nhttps://plue.test/-/reset?token=abc\n".to_owned(),
    }
}

#[tokio::test]
async fn a_letter_arrives_as_it_was_written() {
    let server = Mailbox::start().await.unwrap();
    let mailer = Mailer::smtp(&server.url(), FROM).unwrap();
    mailer.send(&letter(), "one", NOW).await.unwrap();
    let arrived = server.next().await.unwrap();
    assert_eq!(arrived.from, "plue@plue.test");
    assert_eq!(arrived.to, ["ada@plue.test"]);
    assert_eq!(arrived.header("Subject"), "=?utf-8?b?R3LDvMOfZQ==?=");
    assert_eq!(arrived.header("From"), "Plue <plue@plue.test>");
    assert_eq!(arrived.header("Message-ID"), "<one@plue.test>");
    assert_eq!(arrived.header("Date"), "Fri, 15 Jan 2027 08:00:00 +0000");
    // The line that is one dot is no end of the letter.
    assert_eq!(arrived.text().trim_end(), letter().text.trim_end());

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letters");
    let mailer = Mailer::folder(&path, FROM).unwrap();
    mailer.send(&letter(), "two", NOW).await.unwrap();
    let laid: Vec<_> = std::fs::read_dir(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(laid.len(), 1);
    assert_eq!(laid[0].file_name(), "001800000000000-two.eml");
    let text = std::fs::read_to_string(laid[0].path()).unwrap();
    assert!(
        text.contains("To: ada@plue.test\r\n") && text.ends_with("token=abc\r\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_is_away_busy_or_unwilling_is_told_apart() {
    let server = Mailbox::start().await.unwrap();
    let mailer = Mailer::smtp(&server.url(), FROM).unwrap();
    server.answer_next("451 4.3.0 later please");
    let busy = mailer.send(&letter(), "one", NOW).await.unwrap_err();
    assert!(!busy.is_final(), "{busy:?}");
    server.answer_next("550 5.1.1 nobody of that name");
    let refused = mailer.send(&letter(), "one", NOW).await.unwrap_err();
    assert!(refused.is_final(), "{refused:?}");
    let url = server.url();
    drop(server);
    let away = Mailer::smtp(&url, FROM).unwrap();
    let away = away.send(&letter(), "one", NOW).await.unwrap_err();
    assert!(!away.is_final(), "{away:?}");
}

#[tokio::test]
async fn a_letter_to_what_is_no_address_is_never_tried() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = Mailer::folder(folder.path(), FROM).unwrap();
    for to in ["ada@plue.test\r\nBcc: eve@evil.test", "ada", ""] {
        let letter = Letter {
            to: to.to_owned(),
            ..letter()
        };
        let refused = mailer.send(&letter, "one", NOW).await.unwrap_err();
        assert!(refused.is_final(), "{to:?}");
    }
    // What stands in the subject makes no header of its own.
    let letter = Letter {
        subject: "a\r\nBcc: eve@evil.test".to_owned(),
        ..letter()
    };
    mailer.send(&letter, "two", NOW).await.unwrap();
    let laid = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
    let text = std::fs::read_to_string(laid.path()).unwrap();
    assert!(!text.contains("\nBcc:"), "{text}");
}
