//! A list whose copies share all but what was changed in one of them, as [`crate::by_name`] does for maps.

use std::fmt;
use std::ops::{Index, Range};
use std::slice;
use std::sync::Arc;

/// Items of a part.
const MOST: usize = 128;

/// The list. A copy costs a reference for each part, a change one or two parts.
///
/// Invariant: no part is empty or has more than [`MOST`] items, and two neighbours have more than half as many together.
#[derive(Clone)]
pub struct List<T> {
    parts: Vec<Part<T>>,
}

#[derive(Debug)]
struct Part<T> {
    items: Arc<Vec<T>>,
    /// Position behind its last item.
    end: usize,
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self {
            items: Arc::clone(&self.items),
            end: self.end,
        }
    }
}

impl<T> Part<T> {
    fn begin(&self) -> usize {
        self.end - self.items.len()
    }
}

/// See [`List::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    parts: slice::Iter<'a, Part<T>>,
    items: slice::Iter<'a, T>,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(item) = self.items.next() {
                return Some(item);
            }
            self.items = self.parts.next()?.items.iter();
        }
    }
}

impl<T> List<T> {
    /// Items.
    pub fn len(&self) -> usize {
        self.parts.last().map_or(0, |part| part.end)
    }

    /// True if there is no item.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The item at a position.
    pub fn get(&self, at: usize) -> Option<&T> {
        let part = self.parts.get(self.part_of(at))?;
        part.items.get(at - part.begin())
    }

    /// The last item.
    pub fn last(&self) -> Option<&T> {
        self.parts.last()?.items.last()
    }

    /// All items.
    pub fn iter(&self) -> Iter<'_, T> {
        items(&self.parts)
    }

    /// The items at these positions, as far as they are there.
    pub fn range(&self, range: Range<usize>) -> impl Iterator<Item = &T> {
        let parts = self.parts.get(self.part_of(range.start)..).unwrap_or_default();
        let before = parts.first().map_or(0, |part| range.start - part.begin());
        items(parts).skip(before).take(range.len())
    }

    /// Position of the part that this item is in.
    fn part_of(&self, at: usize) -> usize {
        self.parts.partition_point(|part| part.end <= at)
    }
}

fn items<T>(parts: &[Part<T>]) -> Iter<'_, T> {
    Iter {
        parts: parts.iter(),
        items: [].iter(),
    }
}

impl<T: Clone> List<T> {
    /// Puts others in the place of the items at these positions, which are there.
    pub fn splice(&mut self, range: Range<usize>, others: Vec<T>) {
        let mut first = self.part_of(range.start);
        let mut behind = self.part_of(range.end);
        if self
            .parts
            .get(behind)
            .is_some_and(|part| part.begin() < range.end)
        {
            behind += 1;
        }
        let (head, tail) = self.around(first, behind, &range);
        let mut items = [head, &others, tail].concat();
        if let Some(before) = first.checked_sub(1)
            && self.parts[before].items.len() + items.len() <= MOST
        {
            first = before;
            items.splice(..0, self.parts[before].items.iter().cloned());
        }
        if let Some(next) = self.parts.get(behind)
            && items.len() + next.items.len() <= MOST
        {
            behind += 1;
            items.extend(next.items.iter().cloned());
        }
        let new = parts_of(&items);
        self.parts.splice(first..behind.max(first), new);
        let mut end = 0;
        for part in &mut self.parts {
            end += part.items.len();
            part.end = end;
        }
    }

    /// Of the parts from `first` on and before `behind`, what lies before the range and what lies behind it.
    fn around(&self, first: usize, behind: usize, range: &Range<usize>) -> (&[T], &[T]) {
        let touched = self.parts.get(first..behind).unwrap_or_default();
        let head = touched
            .first()
            .map_or(&[][..], |part| &part.items[..range.start - part.begin()]);
        let tail = touched.last().map_or(&[][..], |part| {
            &part.items[part.items.len().min(range.end.saturating_sub(part.begin()))..]
        });
        (head, tail)
    }
}

/// As few parts as hold the items, and all about as large; their ends are still to be set.
fn parts_of<T: Clone>(items: &[T]) -> Vec<Part<T>> {
    let parts = items.len().div_ceil(MOST).max(1);
    let part = |items: &[T]| Part {
        items: Arc::new(items.to_vec()),
        end: 0,
    };
    items
        .chunks(items.len().div_ceil(parts).max(1))
        .map(part)
        .collect()
}

impl<T: Clone> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self { parts: Vec::new() };
        list.splice(0..0, items.into_iter().collect());
        list
    }
}

impl<T> Index<usize> for List<T> {
    type Output = T;

    /// # Panics
    /// When there is no such position, as with any list.
    fn index(&self, at: usize) -> &T {
        let part = &self.parts[self.part_of(at)];
        &part.items[at - part.begin()]
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T: PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other)
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

#[cfg(test)]
mod tests;
