//! Queries of URLs: no value can add a pair of its own.

use std::fmt::Write;

/// `path` with a query; what is not an unreserved character (RFC 3986 §2.3) is percent-encoded.
pub fn with_query(path: &str, pairs: &[(&str, String)]) -> String {
    let mut url = path.to_owned();
    for (at, (key, value)) in pairs.iter().enumerate() {
        url.push(if at == 0 { '?' } else { '&' });
        url.push_str(key);
        url.push('=');
        for byte in value.bytes() {
            push(&mut url, byte);
        }
    }
    url
}

fn push(url: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        url.push(char::from(byte));
    } else {
        // Writing to a string does not fail.
        let _ = write!(url, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::with_query;

    #[test]
    fn a_value_cannot_add_a_pair_of_its_own() {
        let url = with_query(
            "/v1/fdb",
            &[("segment", "a&b=c d#é".to_owned()), ("x", "1".to_owned())],
        );
        assert_eq!(url, "/v1/fdb?segment=a%26b%3Dc%20d%23%C3%A9&x=1");
        assert_eq!(with_query("/v1/fdb", &[]), "/v1/fdb");
    }
}
