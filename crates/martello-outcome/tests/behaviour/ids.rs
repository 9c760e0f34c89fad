//! Which texts are valid ids.

use http::{HeaderValue, Request, Response};
use martello_outcome::{CallerId, InvalidId, TrackingId};
use proptest::prelude::*;

fn from_header(bytes: &[u8]) -> Result<TrackingId, InvalidId> {
    TrackingId::from_header(&HeaderValue::from_bytes(bytes).unwrap())
}

#[test]
fn an_id_is_1_to_128_bytes_of_visible_ascii() {
    let visible: Vec<u8> = (0x21..=0x7e).collect();
    assert_eq!(from_header(&visible).unwrap().as_str().as_bytes(), visible);
    assert_eq!(from_header(&[b'a'; 128]).unwrap().as_str().len(), TrackingId::MAX);
    assert!(from_header(&[b'a'; 129]).is_err());
    assert!(from_header(&[b'a'; 64 * 1024]).is_err());
    for none in [&b""[..], b" ", b"a b", b"a\tb", b"\x80", "é".as_bytes()] {
        assert!(from_header(none).is_err(), "{none:?}");
    }
    for none in ["a\nb", "a\rb", "a\0b", "a\u{1b}[0m", "a\u{7f}"] {
        assert!(none.parse::<CallerId>().is_err(), "{none:?}");
    }
}

#[test]
fn an_id_is_written_as_it_is() {
    let id: TrackingId = "5f1c-77".parse().unwrap();
    assert_eq!(format!("{id}|{id:>9}|{id:?}"), "5f1c-77|  5f1c-77|TrackingId(5f1c-77)");
    assert_eq!(id.to_header(), "5f1c-77");
}

#[test]
fn ids_are_found_where_the_layers_put_them() {
    let mut response = Response::new(());
    assert_eq!(TrackingId::of(&response), None);
    let id: TrackingId = "5f1c-77".parse().unwrap();
    response.extensions_mut().insert(id);
    assert_eq!(TrackingId::of(&response), Some(&id));

    let mut request = Request::new(());
    assert_eq!(CallerId::of(request.extensions()), None);
    let id: CallerId = "mine".parse().unwrap();
    request.extensions_mut().insert(id);
    assert_eq!(CallerId::of(request.extensions()), Some(id));
}

proptest! {
    #[test]
    fn text_and_header_agree_on_what_is_an_id(text in "\\PC{0,140}") {
        let parsed: Result<TrackingId, _> = text.parse();
        prop_assert_eq!(&parsed, &from_header(text.as_bytes()));
        if let Ok(id) = parsed {
            prop_assert_eq!(id.as_str(), text.as_str());
            prop_assert_eq!(TrackingId::from_header(&id.to_header()), Ok(id));
        }
    }
}
