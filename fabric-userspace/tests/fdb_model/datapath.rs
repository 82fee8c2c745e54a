//! Where the agent's file looks for its neighbours.

#[path = "../../src/datapath/buckets.rs"]
#[allow(dead_code, reason = "the model does not need all of it")]
pub mod buckets;

pub mod mapped {
    /// Nothing of this kind is mapped here: the model has memory of its own.
    pub struct Mapped<T>(std::marker::PhantomData<T>);

    impl<T> Mapped<T> {
        pub(super) fn shared(&self, _: u32) -> Option<&T> {
            None
        }

        pub(super) fn len(&self) -> u32 {
            0
        }
    }
}
