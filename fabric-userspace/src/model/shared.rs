//! A part of the document that successive documents share.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that copies of a document have in common until one of them changes it. So a change of one tenant among 10,000
/// copies one tenant, and what is shared is known to be the same without looking at it.
///
/// To JSON it is the value itself.
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// True if both are one value in memory. False says nothing.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: Clone> Shared<T> {
    /// The value, copied if somebody else has it too.
    pub fn into_inner(self) -> T {
        Arc::unwrap_or_clone(self.0)
    }
}

/// The parts of two lists between what they share at their beginnings and at their ends, and the length of the beginning.
pub(crate) fn between<'a, T>(
    old: &'a [Shared<T>],
    new: &'a [Shared<T>],
) -> (usize, &'a [Shared<T>], &'a [Shared<T>]) {
    let first = old
        .iter()
        .zip(new)
        .take_while(|(was, is)| was.is_same(is))
        .count();
    let (old, new) = (&old[first..], &new[first..]);
    let pairs = old.iter().rev().zip(new.iter().rev());
    let last = pairs.take_while(|(was, is)| was.is_same(is)).count();
    (first, &old[..old.len() - last], &new[..new.len() - last])
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self::from(T::default())
    }
}

impl<'a, T> IntoIterator for &'a Shared<Vec<T>> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T: Clone> IntoIterator for &'a mut Shared<Vec<T>> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || *self.0 == *other.0
    }
}

impl<T: Eq> Eq for Shared<T> {}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

impl<T: JsonSchema> JsonSchema for Shared<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(old: &[&Shared<u8>], new: &[&Shared<u8>]) -> (usize, Vec<u8>, Vec<u8>) {
        let list = |of: &[&Shared<u8>]| of.iter().copied().cloned().collect::<Vec<_>>();
        let (old, new) = (list(old), list(new));
        let values = |of: &[Shared<u8>]| of.iter().map(|one| **one).collect();
        let (first, was, is) = between(&old, &new);
        (first, values(was), values(is))
    }

    #[test]
    fn what_is_changed_is_a_copy() {
        let first = Shared::from(vec![1]);
        let mut second = first.clone();
        assert!(second.is_same(&first));
        second.push(2);
        assert_eq!((&*first, &*second), (&vec![1], &vec![1, 2]));
        assert_eq!(Shared::from(vec![1]), first);
    }

    #[test]
    fn only_what_lies_between_is_looked_at() {
        let [a, b, c, d] = [1, 2, 3, 4].map(Shared::from);
        assert_eq!(lists(&[&a, &b, &c], &[&a, &d, &c]), (1, vec![2], vec![4]));
        assert_eq!(lists(&[&a, &b], &[&a, &b, &c]), (2, vec![], vec![3]));
        assert_eq!(lists(&[&a, &a], &[&a]), (1, vec![1], vec![]));
        assert_eq!(lists(&[&a, &b], &[&b, &a]), (0, vec![1, 2], vec![2, 1]));
        assert_eq!(lists(&[], &[&a]), (0, vec![], vec![1]));
    }
}
