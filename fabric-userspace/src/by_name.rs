//! A map by name whose copies share all but what was changed in one of them.
//!
//! A copy costs one reference for each [`MOST`] entries at most, a change one part of so many, and two copies are compared without
//! looking into the parts that they share. So one segment among 10,000 is changed at the price of a few hundred.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::iter::FusedIterator;
use std::ops::Index;
use std::slice;
use std::sync::Arc;

use crate::model::Name;

/// Entries of a part.
const MOST: usize = 128;

type Part<V> = Arc<Vec<(Name, V)>>;

/// The map. Iteration is by name.
///
/// Invariant: names ascend within a part and from part to part, and no part is empty.
#[derive(Clone, Debug)]
pub struct ByName<V> {
    parts: Vec<Part<V>>,
    len: usize,
}

impl<V> Default for ByName<V> {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            len: 0,
        }
    }
}

impl<V> ByName<V> {
    /// Entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of this name.
    pub fn get<Q: Ord + ?Sized>(&self, name: &Q) -> Option<&V>
    where
        Name: Borrow<Q>,
    {
        let part = self.parts.get(self.part_of(name))?;
        let at = place(part, name).ok()?;
        part.get(at).map(|(_, value)| value)
    }

    /// True if the name has a value.
    pub fn contains_key<Q: Ord + ?Sized>(&self, name: &Q) -> bool
    where
        Name: Borrow<Q>,
    {
        self.get(name).is_some()
    }

    /// All entries, by name.
    pub fn iter(&self) -> Iter<'_, V> {
        Iter {
            parts: self.parts.iter(),
            entries: [].iter(),
        }
    }

    /// All values, by name.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Position of the part that the name is in, if it is there.
    fn part_of<Q: Ord + ?Sized>(&self, name: &Q) -> usize
    where
        Name: Borrow<Q>,
    {
        let ends_before = |part: &Part<V>| part.last().is_some_and(|(last, _)| order(last, name).is_lt());
        self.parts.partition_point(ends_before)
    }
}

impl<V: Clone> ByName<V> {
    /// Puts a value in. Returns the one that was there.
    pub fn insert(&mut self, name: Name, value: V) -> Option<V> {
        if self.parts.is_empty() {
            self.parts.push(Arc::default());
        }
        let at = self.part_of(&name).min(self.parts.len() - 1);
        let part = Arc::make_mut(&mut self.parts[at]);
        match place(part, &name) {
            Ok(known) => Some(std::mem::replace(&mut part[known].1, value)),
            Err(free) => {
                part.insert(free, (name, value));
                if part.len() > MOST {
                    let rest = part.split_off(MOST / 2);
                    self.parts.insert(at + 1, Arc::new(rest));
                }
                self.len += 1;
                None
            }
        }
    }

    /// Takes a value out.
    pub fn remove<Q: Ord + ?Sized>(&mut self, name: &Q) -> Option<V>
    where
        Name: Borrow<Q>,
    {
        let at = self.part_of(name);
        let found = place(self.parts.get(at)?, name).ok()?;
        let part = Arc::make_mut(&mut self.parts[at]);
        let (_, value) = part.remove(found);
        if part.is_empty() {
            self.parts.remove(at);
        } else {
            self.join(at);
        }
        if let Some(before) = at.checked_sub(1) {
            self.join(before);
        }
        self.len -= 1;
        Some(value)
    }

    /// Makes one part of this one and the next if both are small: copies would cost more and more otherwise.
    fn join(&mut self, at: usize) {
        let Some([part, next]) = self.parts.get(at..at + 2) else {
            return;
        };
        if part.len() + next.len() <= MOST / 2 {
            let next = self.parts.remove(at + 1);
            Arc::make_mut(&mut self.parts[at]).extend(Arc::unwrap_or_clone(next));
        }
    }
}

fn order<Q: Ord + ?Sized>(known: &Name, name: &Q) -> Ordering
where
    Name: Borrow<Q>,
{
    Borrow::<Q>::borrow(known).cmp(name)
}

/// Where the name is in a part, or would be.
fn place<V, Q: Ord + ?Sized>(part: &[(Name, V)], name: &Q) -> Result<usize, usize>
where
    Name: Borrow<Q>,
{
    part.binary_search_by(|(known, _)| order(known, name))
}

impl<V, Q: Ord + ?Sized> Index<&Q> for ByName<V>
where
    Name: Borrow<Q>,
{
    type Output = V;

    /// # Panics
    /// When the name has no value, as with any map.
    fn index(&self, name: &Q) -> &V {
        let part = &self.parts[self.part_of(name)];
        &part[place(part, name).unwrap_or(part.len())].1
    }
}

impl<V: Clone> FromIterator<(Name, V)> for ByName<V> {
    fn from_iter<I: IntoIterator<Item = (Name, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (name, value) in entries {
            map.insert(name, value);
        }
        map
    }
}

/// See [`ByName::iter`].
#[derive(Debug)]
pub struct Iter<'a, V> {
    parts: slice::Iter<'a, Part<V>>,
    entries: slice::Iter<'a, (Name, V)>,
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Name, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((name, value)) = self.entries.next() {
                return Some((name, value));
            }
            self.entries = self.parts.next()?.iter();
        }
    }
}

impl<V> FusedIterator for Iter<'_, V> {}

impl<'a, V> IntoIterator for &'a ByName<V> {
    type Item = (&'a Name, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Iter<'a, V> {
        self.iter()
    }
}

/// The names whose values are not the `same` in both, by name, with the values that they have.
pub(crate) fn differences<'a, V>(
    old: &'a ByName<V>,
    new: &'a ByName<V>,
    same: impl Fn(&V, &V) -> bool,
) -> impl Iterator<Item = (&'a Name, Option<&'a V>, Option<&'a V>)> {
    let (mut old, mut new) = (Walk::along(old), Walk::along(new));
    std::iter::from_fn(move || {
        loop {
            if let (Some(was), Some(is)) = (old.whole_part(), new.whole_part())
                && Arc::ptr_eq(was, is)
            {
                old.skip_part();
                new.skip_part();
                continue;
            }
            let order = match (old.peek(), new.peek()) {
                // Equal names most often are one text in memory, and are not read then.
                (Some((was, _)), Some((is, _))) if was == is => Ordering::Equal,
                (Some((was, _)), Some((is, _))) => was.cmp(is),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return None,
            };
            let was = if order.is_le() { old.next() } else { None };
            let is = if order.is_ge() { new.next() } else { None };
            match (was, is) {
                (Some((_, was)), Some((_, is))) if same(was, is) => {}
                (was, is) => {
                    let (name, _) = was.or(is)?;
                    return Some((name, was.map(|(_, value)| value), is.map(|(_, value)| value)));
                }
            }
        }
    })
}

/// Where a walk along a map is.
struct Walk<'a, V> {
    parts: &'a [Part<V>],
    /// In the first of them.
    at: usize,
}

impl<'a, V> Walk<'a, V> {
    fn along(map: &'a ByName<V>) -> Self {
        Self {
            parts: &map.parts,
            at: 0,
        }
    }

    /// The part that begins here.
    fn whole_part(&self) -> Option<&'a Part<V>> {
        self.parts.first().filter(|_| self.at == 0)
    }

    fn skip_part(&mut self) {
        self.parts = self.parts.get(1..).unwrap_or_default();
        self.at = 0;
    }

    fn peek(&self) -> Option<&'a (Name, V)> {
        self.parts.first()?.get(self.at)
    }

    fn next(&mut self) -> Option<&'a (Name, V)> {
        let entry = self.peek()?;
        self.at += 1;
        if self.parts.first().is_some_and(|part| self.at == part.len()) {
            self.skip_part();
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
