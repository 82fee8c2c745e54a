//! The order of names: for lists that people read, and for choices among nodes or links, in which all nodes must agree.

use std::cmp::Ordering;

/// Order of names as people read them: `eth2` before `eth10`. Different texts are never equal.
pub fn natural(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left.as_bytes(), right.as_bytes());
    while let (Some(x), Some(y)) = (a.first(), b.first()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            compare_numbers(take_digits(&mut a), take_digits(&mut b))
        } else {
            let order = x.cmp(y);
            (a, b) = (&a[1..], &b[1..]);
            order
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len()).then_with(|| left.cmp(right))
}

fn take_digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    &digits[zeros..]
}

// As texts, because a name may hold a number that fits no integer type.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_names_are_compared_as_numbers() {
        let mut names = vec![
            "eth10",
            "eth2",
            "eth02",
            "eth",
            "eth2a",
            "a",
            "eth99999999999999999999999",
            "b1c10",
            "b1c9",
        ];
        names.sort_by(|a, b| natural(a, b));
        let expected = [
            "a",
            "b1c9",
            "b1c10",
            "eth",
            "eth02",
            "eth2",
            "eth2a",
            "eth10",
            "eth99999999999999999999999",
        ];
        assert_eq!(names, expected);
    }

    proptest::proptest! {
        #[test]
        fn the_order_is_total(a in "[a1-9.0]{0,6}", b in "[a1-9.0]{0,6}", c in "[a1-9.0]{0,6}") {
            assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                assert!(natural(&a, &c).is_le());
            }
        }
    }
}
