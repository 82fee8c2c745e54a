//! Positions in the lists of a [`super::Valid`]. They change with the document; what must last is named.

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident),+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(usize);

        impl $name {
            pub(crate) const fn new(index: usize) -> Self {
                Self(index)
            }

            /// Position in the list.
            pub const fn index(self) -> usize {
                self.0
            }
        }
    )+};
}

index! {
    /// Position in [`super::Valid::datacenters`].
    DatacenterIx,
    /// Position in [`super::Valid::nodes`].
    NodeIx,
    /// Position in [`super::Valid::links`].
    LinkIx,
    /// Position in [`super::Valid::segments`].
    SegmentIx
}
